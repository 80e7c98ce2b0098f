"""What has sounded makes room: nothing is dropped, and nothing counts as sounding, when all is silent."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from command import command, environment
from crowd import MIXER_KEYS
from players import Notebook, at_work, conductor, event, score, until
from sonic_pi import VERSIONS, SonicPiServer, Version
from sonickube_tui.conductor import Conductor
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.entry import Fate, Heard
from sonickube_tui.event import Kind
from sonickube_tui.ui.app import Console

pytestmark = [pytest.mark.real, pytest.mark.timeout(480)]


@asynccontextmanager
async def conducting(server: SonicPiServer) -> AsyncIterator[Conductor]:
    """A conductor with the shipped theme that has found the server."""
    desk = conductor(SonicPi(Ways(named=server.address, required=True)), Notebook())  # type: ignore[arg-type]
    async with at_work(desk.run(score()), lambda: desk.engine.status.sounding):
        yield desk


async def test_after_forty_critical_voices_and_a_silence_the_next_all_sound(sonic_pi: SonicPiServer) -> None:
    async with conducting(sonic_pi) as desk:
        for number in range(40):
            desk.take(event(Kind.CRASH_LOOP, f"ns-{number}"))
        await until(lambda: desk.heard[Heard.DONE] + desk.heard[Heard.STOPPED] == 40, 60)
        await asyncio.sleep(11)
        await asyncio.to_thread(sonic_pi.start_recording)
        await asyncio.sleep(1)
        assert desk.sounding == 0
        silence = await asyncio.to_thread(sonic_pi.stop_recording)
        before = desk.heard[Heard.DONE]
        await asyncio.to_thread(sonic_pi.start_recording)
        for number in range(20):
            desk.take(event(Kind.READY, f"next-{number}"))
        await until(lambda: desk.heard[Heard.DONE] == before + 20, 60)
        await until(lambda: desk.sounding == 0)
        sound = await asyncio.to_thread(sonic_pi.stop_recording)
    assert desk.fates == {Fate.SENT: 60}
    assert silence.peak == 0
    assert sound.sounding().rms > 0.01
    assert sonic_pi.errors == []


def lasting(version: Version, seconds: int, *marks: pytest.MarkDecorator) -> object:
    group = pytest.mark.xdist_group(f"demo-{version}")
    name = f"{seconds // 60} minutes of {version}"
    return pytest.param(version, seconds, marks=[group, *marks], id=name)


@pytest.mark.timeout(4200)
@pytest.mark.parametrize(
    ("version", "seconds"),
    [
        lasting("4.5.1", 180),
        *(lasting(version, 180, pytest.mark.soak) for version in VERSIONS if version != "4.5.1"),
        lasting("5.x", 3600, pytest.mark.soak),
    ],
)
def test_the_demo_goes_on_and_drops_nothing(version: Version, seconds: int, tmp_path: Path) -> None:
    with SonicPiServer(version=version) as server:
        demo = command("demo", "--headless", "--for", str(seconds), "--sonic-pi", server.named)
        done = subprocess.run(demo, env=environment(tmp_path), capture_output=True, text=True)
        errors = server.errors
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    fates = Counter(event["fate"] for event in events)
    assert fates["sent"] > seconds / 2
    assert [event["problem"] for event in events if event["fate"] == "dropped"] == []
    assert {event["heard"] for event in events if event["fate"] == "sent"} <= {"done", "started", "stopped"}
    assert errors == []


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_after_two_thousand_voices_every_key_of_the_mixer_works(
    sonic_pi: SonicPiServer, tmp_path: Path
) -> None:
    engine = SonicPi(Ways(named=sonic_pi.address, required=True))
    desk = conductor(engine, Notebook())  # type: ignore[arg-type]
    app = Console(desk, score(), save_to=tmp_path, keep_mix=lambda: None)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(lambda: engine.status.sounding)
        for number in range(2000):
            desk.take(event(Kind.READY, f"ns-{number % 200}"))
            await asyncio.sleep(0.12)
        await pilot.press("tab", *MIXER_KEYS)
        await until(lambda: desk.sounding == 0)
    assert desk.fates == {Fate.SENT: 2000}
    assert sonic_pi.errors == []
