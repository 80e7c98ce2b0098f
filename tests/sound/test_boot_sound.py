"""A Sonic Pi that we start: from nothing to a sound, and nothing left of it afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from command import command, environment
from players import Notebook, conductor, event, score, until
from sonic_pi import Recorder, installed, missing
from sonickube_tui.conductor import Conductor
from sonickube_tui.engine import boot
from sonickube_tui.engine.boot import BootedServer
from sonickube_tui.engine.installed import installations
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.entry import Entry, Heard
from sonickube_tui.event import Kind
from sonickube_tui.music.snippets import Library

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


def booted(app: Path, folder: Path, snippets: dict[str, str], notebook: Notebook) -> Conductor:
    """A conductor whose engine starts a Sonic Pi of its own."""
    own = folder / "snippets"
    own.mkdir()
    for name, text in snippets.items():
        (own / f"{name}.rb").write_text(text)
    engine = SonicPi(
        Ways(
            running=False,
            installed=installations(app),
            audio="dummy",
            folder=folder / "engine",
            required=True,
        )
    )
    return conductor(engine, notebook, library=Library([own]))  # type: ignore[arg-type]


async def test_from_nothing_to_a_sound_and_to_nothing_again(app: Path, tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    notebook = Notebook()
    desk = booted(app, tmp_path, {"ready": "play 60, sustain: 0.5\nputs 'for the log'"}, notebook)
    playing = asyncio.create_task(desk.run(score()))
    try:
        await until(lambda: desk.engine.status.sounding or playing.done(), 90)
        assert "(started by us)" in desk.engine.status.name
        assert desk.engine.status.ceiling == pytest.approx(43, abs=1)
        engine = desk.engine
        assert isinstance(engine, SonicPi)
        assert engine._address
        family = {process.name() for process in psutil.Process().children(recursive=True)}
        assert {"jackd", "scsynth", "beam.smp"} <= family
        recorder = Recorder(engine._address, tmp_path)
        await asyncio.to_thread(recorder.start_recording)
        desk.take(event(Kind.READY))
        await until(lambda: desk.heard[Heard.DONE])
        await asyncio.sleep(1.5)
        sound = await asyncio.to_thread(recorder.stop_recording)
        assert sound.sounding().rms > 0.01
        await until(lambda: any("for the log" in said.text and said.voice == 1 for said in desk.log))
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
    assert set(psutil.Process().children(recursive=True)) == before
    assert not list((tmp_path / "engine" / "running").iterdir())


async def test_a_daemon_waits_for_us_as_long_as_we_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lack := missing():
        (pytest.fail if os.environ.get("SONICKUBE_REQUIRE_REAL") == "1" else pytest.skip)(lack)
    monkeypatch.setenv("SONIC_PI_RHYTHM", "0.1")
    monkeypatch.setattr(boot, "KEEP_ALIVE", 0.1 * boot.KEEP_ALIVE)
    [installation] = installations(installed(tmp_path, "5.x"))
    server = BootedServer(installation, "dummy", tmp_path / "engine", lambda datagram: None)
    try:
        await server.start()
        await asyncio.sleep(12)  # A tenth of 40 s and five times 10, and some more.
        assert server.alive
        assert server._keeping
        server._keeping.cancel()
        await until(lambda: not server.alive, 30)
    finally:
        await server.stop()


FAILURES = {
    "created": ("play 60\nnonsense_here", 2, "NameError"),
    "scheduled": ("play 60\nin_thread do\n  sleep 0.2\n  nonsense_there\nend", 4, "NameError in a thread"),
    "started": (
        "live_loop :sick do\n  sleep 0.2\n  raise 'ill'\nend",
        3,
        "RuntimeError in live_loop_sick: ill",
    ),
    "ready": ("play 60\nplay chord(:e3", 2, "syntax"),
}


async def test_errors_are_tied_to_their_voice_and_line_in_threads_and_loops_too(
    app: Path, tmp_path: Path
) -> None:
    notebook = Notebook()
    desk = booted(app, tmp_path, {}, notebook)
    playing = asyncio.create_task(desk.run(score()))
    try:
        await until(lambda: desk.engine.status.sounding or playing.done(), 90)
        failed: dict[str, Entry] = {}
        for name, (text, _, _) in FAILURES.items():
            desk.audition(event(Kind(name)), name, text)
        await until(lambda: desk.heard[Heard.FAILED] >= len(FAILURES))
        failed = {entry.snippet: entry for entry in notebook.entries if entry.heard is Heard.FAILED}
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
    for name, (_, line, says) in FAILURES.items():
        assert failed[name].line == line, failed[name]
        assert says in failed[name].problem


async def test_stopping_one_namespace_leaves_the_others_alone(app: Path, tmp_path: Path) -> None:
    notebook = Notebook()
    forever = "live_loop :on do\n  play 72, release: 0.1\n  sleep 0.1\nend"
    desk = booted(app, tmp_path, {"ready": "play 48, sustain: 30", "created": forever}, notebook)
    playing = asyncio.create_task(desk.run(score()))
    try:
        await until(lambda: desk.engine.status.sounding or playing.done(), 90)
        engine = desk.engine
        assert isinstance(engine, SonicPi)
        assert engine._address
        recorder = Recorder(engine._address, tmp_path)
        await asyncio.to_thread(recorder.start_recording)
        desk.take(event(Kind.READY, "shop"))
        desk.take(event(Kind.CREATED, "batch"))
        await until(lambda: desk.heard[Heard.DONE] == 2)
        await asyncio.sleep(2)
        both = recorder.recorded - 1
        desk.stop_sound("batch")
        await asyncio.sleep(2)
        one = recorder.recorded - 1
        desk.stop_sound()
        await asyncio.sleep(2.5)
        none = recorder.recorded - 1
        sound = await asyncio.to_thread(recorder.stop_recording)
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
    low, high = 130.8, 523.3
    together, alone, after = (sound.between(start, start + 0.8) for start in (both, one, none))
    assert together.strength(high) > 20 * alone.strength(high)
    assert alone.strength(low) == pytest.approx(together.strength(low), rel=0.1)
    assert after.peak == 0
    assert {entry.event.namespace: entry.heard for entry in notebook.last().values()} == {
        "shop": Heard.DONE,
        "batch": Heard.DONE,
    }


DEMO = command("demo", "--headless", "--engine", "boot", "--audio", "dummy", "--sonic-pi-app")


@contextmanager
def console(app: Path, home: Path) -> Iterator[subprocess.Popen[str]]:
    """A headless console that has started a Sonic Pi and heard something from it."""
    process = subprocess.Popen(
        [*DEMO, str(app)], env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    try:
        for line in process.stdout:
            if '"heard":"done"' in line:
                break
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def gone(processes: list[psutil.Process]) -> Callable[[], bool]:
    return lambda: not any(process.is_running() and process.status() != "zombie" for process in processes)


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()


def test_sigterm_ends_all_that_was_started(app: Path, tmp_path: Path) -> None:
    with console(app, tmp_path) as process:
        family = psutil.Process(process.pid).children(recursive=True)
        assert {"jackd", "scsynth", "beam.smp"} <= {member.name() for member in family}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert gone(family)()


def test_what_a_crash_left_is_ended_at_the_next_start(app: Path, tmp_path: Path) -> None:
    with console(app, tmp_path) as process:
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
    assert not gone(family)()
    with console(app, tmp_path) as process:
        assert wait_for(gone(family))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


async def test_two_that_are_started_have_each_a_jack_of_its_own(app: Path, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    one = installations(app)[0]
    servers = [BootedServer(one, "dummy", folder, lambda datagram: None) for folder in folders]
    try:
        jacks = [await server._start_jack() for server in servers]
    finally:
        for server in servers:
            await server.stop()
    assert jacks[0]["JACK_DEFAULT_SERVER"] != jacks[1]["JACK_DEFAULT_SERVER"]
