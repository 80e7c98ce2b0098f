"""The built-in player as an engine: its process, what it reports, and what survives when something dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from players import ROOT, Notebook, conductor, event, until
from sonickube_tui.assemble import simulation
from sonickube_tui.engine.base import Alive, Failed, Lost, Report, Said, Started, Status
from sonickube_tui.engine.builtin import engine as engine_module
from sonickube_tui.engine.builtin import messages, parts
from sonickube_tui.engine.builtin.engine import BuiltIn
from sonickube_tui.engine.builtin.worker import AT_ONCE
from sonickube_tui.entry import Fate, Heard
from sonickube_tui.event import Kind
from sonickube_tui.music.mixer import Level
from sonickube_tui.music.voice import Voice
from sonickube_tui.settings import Settings

WORKER = [sys.executable, "-m", "sonickube_tui.engine.builtin.worker", "null", os.devnull]


class Desk:
    """An engine that runs, and the reports of each voice."""

    def __init__(self, samples: Sequence[Path] = ()) -> None:
        self.engine = BuiltIn("dummy", samples)
        self.reports: defaultdict[int | None, list[Report]] = defaultdict(list)
        self.statuses: list[Status] = []
        self._voices = 0

    async def run(self) -> None:
        await self.engine.run(lambda report: self.reports[report.voice].append(report), self.statuses.append)

    def play(self, text: str, **fields: object) -> int:
        self._voices += 1
        fields.setdefault("event", event(Kind.READY))
        self.engine.play(Voice(id=self._voices, snippet="test", **fields), text)  # type: ignore[arg-type]
        return self._voices

    def names(self, voice: int) -> list[str]:
        """Its reports, but for the signs of life, which come by the clock."""
        return [type(report).__name__ for report in self.reports[voice] if not isinstance(report, Alive)]

    async def ended(self, *voices: int) -> None:
        await until(lambda: all("Ended" in self.names(voice) for voice in voices))

    async def started(self, voice: int) -> None:
        await until(lambda: "Started" in self.names(voice))


def process(module: str) -> psutil.Process:
    """The player's process that runs a module."""
    return next(
        child
        for child in psutil.Process().children(recursive=True)
        if any(part.endswith(module) for part in child.cmdline())
    )


@pytest.fixture
async def desk(sound: None, tmp_path: Path) -> AsyncIterator[Desk]:
    """With a folder for samples in which there is a `hum.flac` of two seconds."""
    hum = 0.5 * np.sin(2 * np.pi * 220 * np.arange(88_200) / 44_100)
    soundfile.write(tmp_path / "hum.flac", hum, 44_100)
    desk = Desk([tmp_path])
    task = asyncio.create_task(desk.run())
    await until(lambda: desk.engine.status.sounding or task.done(), 60)
    assert desk.statuses == [Status(True, "built-in player")]
    yield desk
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.real
class TestEngine:
    async def test_a_voice_starts_is_done_and_ends(self, desk: Desk) -> None:
        voice = desk.play("use_synth :pluck\nplay 60, release: 0.2\nputs ev[:pod]\nsleep 0.2")
        await desk.ended(voice)
        assert desk.names(voice) == ["Started", "Said", "Done", "Ended"]
        started, said = desk.reports[voice][:2]
        assert isinstance(started, Started)
        assert 0 < started.after < 3
        assert started.job == voice
        assert isinstance(said, Said)
        assert "cart-1" in said.text
        assert desk.engine.last_packet
        assert desk.engine.last_packet.address == "sandboxed"
        assert desk.engine.last_packet.code.startswith("use_synth")

    async def test_a_failure_has_its_line(self, desk: Desk) -> None:
        voices = desk.play("play 60\nsleep 0.1\nplay nothing_of_the_kind"), desk.play("play 60\nsleep (")
        await desk.ended(*voices)
        lines = []
        for voice in voices:
            failure = next(report for report in desk.reports[voice] if isinstance(report, Failed))
            lines.append(failure.line)
            assert "\n" not in failure.error
        assert lines == [3, 2]
        assert desk.names(voices[0])[0] == "Started"

    async def test_a_runaway_snippet_holds_nobody_up(self, desk: Desk) -> None:
        drum = desk.play("loop { sample :bd_haus; sleep 0.25 }")
        await desk.started(drum)
        runaways = [desk.play("play 60\nwhile true; end") for _ in range(AT_ONCE - 1)]
        other = desk.play("play 60, release: 0.1")
        await desk.started(other)
        assert [desk.names(runaway) for runaway in runaways] == [[]] * len(runaways)
        await desk.ended(*runaways, other)
        for runaway in runaways:
            assert desk.names(runaway) == ["Started", "Failed", "Ended"]
            (failed,) = (report for report in desk.reports[runaway] if isinstance(report, Failed))
            assert (failed.error, failed.line) == ("Refused", 2)
        assert desk.names(other) == ["Started", "Done", "Ended"]
        assert desk.names(drum) == ["Started"]
        assert desk.engine.health == messages.Health(0, 0)

    async def test_what_is_stopped_before_it_is_worked_out_costs_nothing(self, desk: Desk) -> None:
        runaways = [desk.play("while true; end") for _ in range(10 * AT_ONCE)]
        desk.engine.stop(runaways)
        other = desk.play("play 60, release: 0.1")
        await desk.ended(*runaways, other)
        assert {tuple(desk.names(runaway)) for runaway in runaways} == {("Ended",)}
        started = desk.reports[other][0]
        assert isinstance(started, Started)
        assert started.after < 5

    async def test_a_live_loop_goes_on_until_it_is_stopped(self, desk: Desk) -> None:
        voice = desk.play('live_loop :drum do\n  sample :bd_haus\n  puts "beat"\n  sleep 0.25\nend')
        await until(lambda: desk.names(voice).count("Said") >= 24)
        assert "Ended" not in desk.names(voice)
        desk.engine.set_levels({voice: Level(0.0)})
        desk.engine.stop([voice])
        await desk.ended(voice)
        assert desk.engine.health.gaps == 0

    async def test_a_killed_worker_loses_no_voice(self, desk: Desk) -> None:
        """Neither one that sounds, nor one that was sent a moment before, nor one that waits."""
        sounding = desk.play('play 60, sustain: 3\nsleep 2\nputs "late"')
        others = [desk.play(f'puts "early"\nplay {50 + n}, sustain: 4\nsleep 4') for n in range(12)]
        for voice in (sounding, *others):
            await desk.started(voice)
        first = process("worker")
        fresh = desk.play("play 62, release: 0.2")
        first.kill()
        await asyncio.sleep(0)
        await desk.ended(sounding, fresh, *others)
        for voice in (sounding, *others):
            assert desk.names(voice) == ["Started", "Said", "Done", "Ended"]
        assert desk.engine.health.restarts <= 2  # They were taken up together, not one after the other.
        assert desk.names(fresh) == ["Started", "Done", "Ended"]
        assert process("worker").pid != first.pid
        assert desk.statuses == [Status(True, "built-in player")]

    async def test_a_file_is_played_also_by_the_worker_after_one_that_was_killed(self, desk: Desk) -> None:
        sounding = desk.play("sample :hum\nsleep 1\nputs sample_duration(:hum)")
        await desk.started(sounding)
        process("worker").kill()
        later, missing = desk.play('sample "hum.flac"'), desk.play('sleep 0.1\nsample "ham.flac"')
        await desk.ended(sounding, later, missing)
        assert desk.names(sounding) == ["Started", "Said", "Done", "Ended"]
        assert desk.names(later) == ["Started", "Done", "Ended"]
        (failed,) = [report for report in desk.reports[missing] if isinstance(report, Failed)]
        assert (failed.error, failed.line) == ("SampleError", 2)

    async def test_what_is_stopped_while_no_worker_runs_stays_silent(self, desk: Desk) -> None:
        voice = desk.play("play 60, sustain: 30\nsleep 30")
        await desk.started(voice)
        process("worker").kill()
        desk.engine.stop([voice])
        await desk.ended(voice)
        assert desk.names(voice) == ["Started", "Ended"]

    async def test_a_killed_engine_loses_no_voice(self, desk: Desk) -> None:
        voice = desk.play("play 60, sustain: 1\nsleep 0.5\nplay 64")
        await desk.started(voice)
        process("supercollider").kill()
        await desk.ended(voice)
        assert desk.names(voice) == ["Started", "Done", "Ended"]
        await until(lambda: desk.engine.health.restarts == 1)

    async def test_a_worker_that_hangs_is_begun_again(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine_module, "BEGIN_TIMEOUT", 1.0)
        process("worker").send_signal(signal.SIGSTOP)
        voice = desk.play("play 60")
        await until(lambda: desk.reports[voice] == [Lost(voice)])
        again = desk.play("play 60, release: 0.1")
        monkeypatch.setattr(engine_module, "BEGIN_TIMEOUT", 30.0)
        await desk.ended(again)
        assert desk.names(again) == ["Started", "Done", "Ended"]

    async def test_all_that_is_shipped_is_played(self, desk: Desk) -> None:
        files = sorted((ROOT / "snippets").rglob("*.rb"))
        voices = {}
        for file in files:
            voices[desk.play(file.read_text("utf-8"), count=3, health=0.5)] = file.name
            await asyncio.sleep(0.1)
        await desk.ended(*voices)
        for voice, name in voices.items():
            assert desk.names(voice) == ["Started", "Done", "Ended"], (name, desk.reports[voice])
        assert desk.engine.health == messages.Health(0, 0)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(1_500)
@pytest.mark.parametrize("seconds", [120, pytest.param(600, marks=pytest.mark.soak)])
async def test_an_incident_plays_without_a_gap_and_takes_no_more_memory(sound: None, seconds: int) -> None:
    engine, notebook = BuiltIn("dummy"), Notebook()
    desk = conductor(engine, notebook)  # type: ignore[arg-type]
    sizes, used = [], []
    async with asyncio.timeout(2 * seconds + 20):
        player = asyncio.create_task(desk.run(simulation(Settings(), "incident", 1)))
        await until(lambda: engine.status.sounding)
        family = [process("worker"), process("supercollider")]
        for _ in range(seconds):
            await asyncio.sleep(1)
            sizes.append(sum(process.memory_info().rss for process in family))
            used.append(sum(sum(process.cpu_times()[:2]) for process in family))
        player.cancel()
        await asyncio.gather(player, return_exceptions=True)
    sent = [entry for entry in notebook.last().values() if entry.fate is Fate.SENT]
    print(f"{len(sent)} voices, {(used[-1] - used[0]) / seconds:.0%} of a core, {sizes[-1] / 2**20:.0f} MB")
    assert len(sent) > seconds / 2
    assert not [entry for entry in sent if entry.heard in (Heard.FAILED, Heard.LOST)]
    assert engine.health == messages.Health(0, 0)
    assert max(sizes[-5:]) < 1.1 * max(sizes[5:10])


async def test_without_its_parts_it_is_silent_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "missing", lambda: ["Ruby not installed: sonickube sound install"])
    desk = Desk()
    task = asyncio.create_task(desk.run())
    await until(lambda: desk.statuses)
    assert desk.statuses == [Status(False, "built-in player", "Ruby not installed: sonickube sound install")]
    with pytest.raises(ConnectionError, match="sonickube sound install"):
        desk.play("play 60")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_process_that_cannot_go_on_says_why(
    sound: None, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))  # For the process only: it finds no Ruby there.
    monkeypatch.setattr(parts, "missing", list)
    desk = Desk()
    task = asyncio.create_task(desk.run())
    await until(lambda: desk.statuses, 60)
    assert not desk.statuses[0].sounding
    assert "No such file" in desk.statuses[0].advice
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def gone(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.real
@pytest.mark.parametrize("how", ["closed", "killed"])
def test_it_ends_with_the_console(sound: None, how: str) -> None:
    """Also when the console is killed: nothing is left to make sound."""
    console = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess, sys; p = subprocess.Popen({WORKER!r}, stdin=-1, stdout=-1); "
            "p.stdout.read(5); print(p.pid, flush=True); sys.stdin.read(); p.stdin.close(); p.wait()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert console.stdin
    assert console.stdout
    worker = psutil.Process(int(console.stdout.readline()))
    wait_for(worker.children)
    family = [worker, *worker.children()]
    if how == "killed":
        os.kill(console.pid, signal.SIGKILL)
    console.stdin.close()
    wait_for(lambda: all(gone(process) for process in family))
    console.wait()
    console.stdout.close()
