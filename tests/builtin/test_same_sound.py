"""The built-in player and the real Sonic Pi with the same program: the same sound."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from players import ROOT
from sonic_pi import SonicPiServer, Sound, missing
from sonickube_tui.engine.builtin.files import Files
from sonickube_tui.engine.builtin.mix import RATE
from sonickube_tui.engine.builtin.offline import Take, offline
from sonickube_tui.engine.builtin.score import Ended
from sonickube_tui.engine.builtin.vm import Ruby, installed_ruby

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("sound"), pytest.mark.timeout(240)]

EVENT = {"namespace": "shop", "pod": "cart-1", "count": 3, "restarts": 2, "health": 0.5}

PROGRAMS = {
    "a note": ("play 60", 0.999),
    "envelopes in an envelope": ("synth :fm, note: 60", 0.999),
    "a slow oscillator": ("synth :mod_saw, note: 60", 0.999),
    "six channels": ("synth :hoover, note: 60", 0.999),
    # What sounds begins at a control block of 64 frames, so two notes must be whole blocks apart.
    "notes in time": (
        "use_synth :saw\nplay_chord [60, 64, 67], release: 0.5\nsleep 345 * 64 / 44100.0\nplay 72",
        0.99,
    ),
    "a sample": ("sample :bd_haus", 0.999),
    "a stereo sample, faster": ("sample :perc_bell, rate: 1.5", 0.999),
    "piano": ("use_synth :piano\nplay 60", 0.99),
    "an effect": ("with_fx :echo, phase: 0.25, decay: 2 do\n  play 72, release: 0.2\nend", 0.98),
    "a reverb": ("with_fx :reverb, room: 0.6 do\n  play 60, release: 0.3\nend", 0.98),
    "chance in an effect": (
        "with_fx :slicer, phase: 0.1, probability: 0.5 do\n  use_synth :saw\n  play 50, sustain: 1\nend",
        0.9,
    ),
    "too loud": ("play 60, amp: 6, release: 0.5", 0.98),
}


@pytest.fixture(scope="module")
def sonic_pi() -> Iterator[SonicPiServer]:
    if lack := missing():
        (pytest.fail if os.environ.get("SONICKUBE_REQUIRE_REAL") == "1" else pytest.skip)(lack)
    with SonicPiServer() as server:
        yield server


@pytest.fixture(scope="module")
def ruby() -> Ruby:
    return installed_ruby()


def ours(ruby: Ruby, program: str) -> Sound:
    ruby.start(1, program, EVENT, tempo=60.0, seed=0)
    events = ruby.advance(1, 30.0)
    assert isinstance(events[-1], Ended)
    return Sound(np.concatenate(list(offline([Take(at=0.0, run=1, events=events)]))).astype(float), RATE)


def theirs(server: SonicPiServer, program: str, seconds: float) -> Sound:
    fields = ", ".join(f"{key}: {value!r}" for key, value in EVENT.items())
    server.start_recording()
    time.sleep(0.3)
    server.run(f"use_debug false\nuse_random_seed 0\nev = {{{fields}}}\n{program}")
    time.sleep(min(seconds, 4) + 2.0)
    return server.stop_recording()


def likeness(original: Sound, copy: Sound) -> float:
    """The correlation of two sounds where they fit best."""
    whole, part = original.samples[:, 0], copy.sounding(0.005).samples[:, 0]
    size = len(whole) + len(part)
    fit = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)
    lag = int(fit[: len(whole)].argmax())
    common = min(len(part), len(whole) - lag)
    return float(np.corrcoef(whole[lag : lag + common], part[:common])[0, 1])


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_sounds_the_same(sonic_pi: SonicPiServer, ruby: Ruby, name: str) -> None:
    program, least = PROGRAMS[name]
    copy = ours(ruby, program)
    original = theirs(sonic_pi, program, copy.seconds)
    assert likeness(original, copy) > least
    assert copy.loudness == pytest.approx(original.loudness, rel=0.05)
    assert sonic_pi.errors == []


@pytest.mark.parametrize(
    "call",
    [
        '"{folder}/tom_1.flac"',
        '"{folder}/deep/hum.ogg", rate: 0.5, finish: 0.5',
        '"{folder}", 1, lpf: 90',
        '"{folder}/", "TOM", 1, beat_stretch: 0.5',
        '"{folder}/**", :hum',
        '"{folder}/**", /tom/, ->(found) {{ found.last }}, pitch_stretch: 1',
    ],
)
def test_a_file_sounds_the_same(sonic_pi: SonicPiServer, tmp_path: Path, call: str) -> None:
    """Chosen as the real one chooses it, whatever its format, rate and channels."""
    folder, decoded = tmp_path / "drums", tmp_path / "decoded"
    (folder / "deep").mkdir(parents=True)
    decoded.mkdir()
    for name, rate, channels in (
        ("tom_1.flac", 22_050, 1),
        ("tom_2.wav", 48_000, 2),
        ("deep/hum.ogg", RATE, 1),
    ):
        noise = np.random.default_rng(len(name) + rate).normal(0, 0.1, (rate // 2, channels)).cumsum(axis=0)
        soundfile.write(folder / name, noise / np.abs(noise).max() / 2, rate)
    program = f"sample {call.format(folder=folder)}"
    files = Files([folder], decoded)
    with closing(installed_ruby(files)) as ruby:
        copy = ours(ruby, program)
    original = theirs(sonic_pi, f"load_samples '{folder}/**'\n{program}", copy.seconds)
    assert likeness(original, copy) > 0.99
    assert copy.loudness == pytest.approx(original.loudness, rel=0.05)
    assert sonic_pi.errors == []


@pytest.mark.parametrize("name", ["classic/crash_loop", "classic/ready", "zen/bee", "zen/crow"])
def test_a_shipped_snippet_is_as_loud_bright_and_long(sonic_pi: SonicPiServer, ruby: Ruby, name: str) -> None:
    """Where modulations run free, no two runs of Sonic Pi itself are the same samples."""
    program = (ROOT / "snippets" / f"{name}.rb").read_text("utf-8")
    copy = ours(ruby, program)
    original = theirs(sonic_pi, program, copy.seconds)
    assert copy.loudness == pytest.approx(original.loudness, rel=0.2)
    assert copy.sounding().centroid == pytest.approx(original.sounding().centroid, rel=0.1)
    assert copy.sounding().seconds == pytest.approx(original.sounding().seconds, abs=0.1)
