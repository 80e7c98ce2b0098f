"""Sessions that the real Sonic Pi plays and records: the files are measured."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile

import tapes
from command import command, environment, sonickube
from sonic_pi import SonicPiServer, Sound, Version
from sonickube_tui.engine.recording import LEAD
from sonickube_tui.music.mixer import Channel
from sonickube_tui.music.render import Reply
from sonickube_tui.session.format import Line, MixLine

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

SILENCE = 0.002
"""Level below which nobody hears anything."""


def tape(folder: Path, *lines: Line, snippet: str = "play 60, release: 0.3") -> list[str]:
    """What bounces a session of these lines on Sonic Pi into out.wav, but for where that is."""
    (folder / "snippets").mkdir()
    (folder / "snippets" / "ready.rb").write_text(snippet)
    session = tapes.write(folder / "session.jsonl", lines)
    return [
        "bounce", str(session), str(folder / "out.wav"), "--engine", "sonic-pi",
        "--snippets", str(folder / "snippets"),
    ]  # fmt: skip


def at(server: SonicPiServer) -> list[str]:
    return ["--sonic-pi", server.named]


def read(file: Path) -> Sound:
    return Sound(*soundfile.read(file))


def late(version: Version) -> float:
    """Seconds that all of a file is late: under 5.x's rules, scsynth still writes its empty buffer first and
    begins half a second after it is told to, which SuperSonic does not, and so is not undone.
    """
    return LEAD / 44_100 - 0.5 if version == "5.x" else 0.0


def moments(version: Version, *told: float) -> Any:
    """The moments of a session, to be found in a file; under 5.x's rules scsynth's answer is late as well."""
    return pytest.approx([moment + late(version) for moment in told], abs=0.3 if version == "5.x" else 0.1)


def begins(sound: Sound) -> list[float]:
    """When something begins after a silence of half a second, in seconds."""
    loud = np.flatnonzero(sound.envelope(0.01) > SILENCE) * 0.01
    return [float(loud[0]), *(float(after) for before, after in pairwise(loud) if after - before > 0.5)]


def still_records(server: SonicPiServer) -> bool:
    """Whether Sonic Pi records what it is told to play, as before."""
    server.start_recording()
    server.run("play 60")
    time.sleep(1)
    return server.stop_recording().peak > SILENCE


def depth(server: SonicPiServer) -> str:
    """How Sonic Pi would write a sample of its next recording."""

    def code(reply: Reply) -> str:
        told = "@mod_sound_studio.instance_variable_get(:@sample_format)"
        return f'osc_send "{reply.host}", {reply.port}, "{reply.prefix}depth", {told}'

    [told] = server.ask(code) or [""]
    return str(told)


def recording(folder: Path, seconds: float = 2.0) -> Callable[[], bool]:
    """Whether a bounce into out.wav has been recorded for so long."""
    file = folder / ".out.wav.wav"
    return lambda: file.is_file() and file.stat().st_size > seconds * 44_100 * 4


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def files(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if "out" in file.name}


def test_each_event_is_at_its_moment_and_the_muted_are_not_there(
    sonic_pi: SonicPiServer, tmp_path: Path
) -> None:
    muted = MixLine(t=0.0, channels=(Channel("ops", muted=True),))
    lines = [muted, tapes.happened(1.0), tapes.happened(3.0, namespace="ops")]
    lines += [tapes.happened(4.0, namespace="web"), tapes.happened(5.0), tapes.happened(9.0)]
    done = sonickube(
        tmp_path, *tape(tmp_path, *lines), *at(sonic_pi), "--only", "shop", "--only", "ops", "--to", "8s",
        "--bits", "24",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 voices, 1 events unheard" in done.stdout
    assert files(tmp_path) == {"out.wav"}
    assert soundfile.info(tmp_path / "out.wav").subtype == "PCM_24"
    assert begins(read(tmp_path / "out.wav")) == moments(sonic_pi.version, 1.0, 5.0)
    assert not sonic_pi.errors
    assert depth(sonic_pi) == "int16"
    assert still_records(sonic_pi)


def test_it_is_faster_rings_out_and_is_made_flac(sonic_pi: SonicPiServer, tmp_path: Path) -> None:
    bounce = tape(tmp_path, tapes.happened(4.0), tapes.happened(8.0), snippet="play 60\nsleep 2\nplay 60")
    out = tmp_path / 'out "#{1}" ü.flac'  # Sonic Pi gets the name, and must not read it as code.
    bounce[2] = str(out)
    done = sonickube(tmp_path, *bounce, *at(sonic_pi), "--speed", "4", "--from", "2s")
    assert done.returncode == 0, done.stderr
    sound = read(out)
    assert soundfile.info(out).format == "FLAC"
    begin = late(sonic_pi.version)
    assert begins(sound) == moments(sonic_pi.version, 0.5)
    # The second note of the second voice.
    assert sound.between(begin + 3.5, begin + 4.0).peak > SILENCE
    assert sound.envelope()[-1] < SILENCE


def test_ctrl_c_keeps_what_there_is(sonic_pi: SonicPiServer, tmp_path: Path) -> None:
    bounce = tape(tmp_path, *(tapes.happened(t) for t in (1.0, 60.0)))
    process = subprocess.Popen(
        command(*bounce, *at(sonic_pi)), env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    )
    wait_for(recording(tmp_path, 5.0))
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "1 voices; stopped early" in said
    assert files(tmp_path) == {"out.wav"}
    assert begins(read(tmp_path / "out.wav")) == moments(sonic_pi.version, 1.0)
    assert still_records(sonic_pi)


def test_what_a_killed_bounce_left_running_is_ended_by_the_next_command(
    sonic_pi: SonicPiServer, tmp_path: Path
) -> None:
    bounce = tape(tmp_path, *(tapes.happened(t) for t in (1.0, 60.0)))
    console = ["demo", "--headless", "--for", "1", "--engine", "sonic-pi", *at(sonic_pi)]
    process = subprocess.Popen(command(*bounce, *at(sonic_pi)), env=environment(tmp_path))
    wait_for(recording(tmp_path))
    assert "left running" not in sonickube(tmp_path, *console).stderr
    process.kill()
    process.wait()
    raw = tmp_path / ".out.wav.wav"
    wait_for(recording(tmp_path, raw.stat().st_size / 44_100 / 4 + 2))
    ended = f"a bounce had left running; what there is of it is in {raw}"
    assert ended in sonickube(tmp_path, *console).stderr
    size = raw.stat().st_size
    time.sleep(2)
    assert raw.stat().st_size == size
    assert soundfile.info(raw).frames > 0
    assert "left running" not in sonickube(tmp_path, *console).stderr
    assert still_records(sonic_pi)


def test_somebody_elses_recording_is_left_alone(sonic_pi: SonicPiServer, tmp_path: Path) -> None:
    sonic_pi.start_recording()
    sonic_pi.run("play 60")
    done = sonickube(tmp_path, *tape(tmp_path, tapes.happened(1.0)), *at(sonic_pi))
    assert done.returncode == 2
    assert "sonickube: Sonic Pi is recording already: stop that first" in done.stderr
    assert files(tmp_path) == set()
    assert sonic_pi.stop_recording().peak > SILENCE


def test_a_recording_that_somebody_stops_is_kept_so_far(sonic_pi: SonicPiServer, tmp_path: Path) -> None:
    bounce = tape(tmp_path, *(tapes.happened(t) for t in (1.0, 60.0)))
    process = subprocess.Popen(
        command(*bounce, *at(sonic_pi)), env=environment(tmp_path), stderr=subprocess.PIPE, text=True
    )
    wait_for(recording(tmp_path, 5.0))
    sonic_pi.run("recording_stop")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "sonickube: Sonic Pi has recorded nothing for 5 s" in said
    assert "out.wav has the first" in said
    assert files(tmp_path) == {"out.wav"}
    assert begins(read(tmp_path / "out.wav")) == moments(sonic_pi.version, 1.0)
    assert still_records(sonic_pi)


def test_a_recording_that_does_not_come_to_us_is_told(sonic_pi: SonicPiServer, tmp_path: Path) -> None:
    bounce = tape(tmp_path, *(tapes.happened(t) for t in (1.0, 60.0)))
    process = subprocess.Popen(
        command(*bounce, *at(sonic_pi)), env=environment(tmp_path), stderr=subprocess.PIPE, text=True
    )
    wait_for(recording(tmp_path))
    (tmp_path / ".out.wav.wav").unlink()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "sonickube: Sonic Pi has recorded nothing for 5 s" in said
    assert files(tmp_path) == set()
    assert still_records(sonic_pi)


def test_when_sonic_pi_dies_the_file_has_what_it_recorded(version: Version, tmp_path: Path) -> None:
    bounce = tape(tmp_path, *(tapes.happened(t) for t in (1.0, 60.0)))
    (tmp_path / "home").mkdir()
    server = SonicPiServer(tmp_path / "home", version)
    server.start()
    try:
        process = subprocess.Popen(
            command(*bounce, *at(server)), env=environment(tmp_path), stderr=subprocess.PIPE, text=True
        )
        wait_for(recording(tmp_path, 5.0))
    finally:
        server.kill()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "sonickube: Sonic Pi does not answer any more" in said
    assert files(tmp_path) == {"out.wav"}
    assert begins(read(tmp_path / "out.wav")) == moments(version, 1.0)


def test_one_that_it_starts_is_ended_with_it(version: Version, app: Path, tmp_path: Path) -> None:
    starts = ("--audio", "dummy", "--sonic-pi-app", str(app))
    done = sonickube(tmp_path, *tape(tmp_path, tapes.happened(1.0)), *starts)
    assert done.returncode == 0, done.stderr
    assert begins(read(tmp_path / "out.wav")) == moments(version, 1.0)
    homes = (process.info["environ"] or {} for process in psutil.process_iter(["environ"]))
    assert str(tmp_path) not in [home.get("HOME") for home in homes]
