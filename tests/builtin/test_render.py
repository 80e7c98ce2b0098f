"""Scores on SuperCollider's engine, measured: pitch, level, envelope, effects, a crash that nobody hears."""

from __future__ import annotations

import os
import signal
import wave
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from sonic_pi import Sound
from sonickube_tui.engine.builtin import parts, synths
from sonickube_tui.engine.builtin.instruments import instruments
from sonickube_tui.engine.builtin.mix import BLOCK, RATE, Samples
from sonickube_tui.engine.builtin.render import STRIPS, Resources, Scribe
from sonickube_tui.engine.builtin.score import Control, Effect, EffectEnd, Ended, Kill, Play, ScoreEvent
from sonickube_tui.engine.builtin.stage import Stage

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("sound")]


def beep(at: float = 0.0, note: float = 60.0, node: int = 1, place: int = 0, **args: float) -> Play:
    return Play(at, node, "sonic-pi-beep", {"note": note, **args}, place)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def rendered(stage: Stage, seconds: float) -> Samples:
    count = round(seconds * RATE / BLOCK / 4) + 1
    return np.concatenate([stage.render(4 * BLOCK) for _ in range(count)])


def of(samples: Samples, strip: int = 0) -> Sound:
    return Sound(samples[:, 2 * strip : 2 * strip + 2].astype(np.float64), RATE)


def heard(stage: Stage, events: Sequence[ScoreEvent], seconds: float) -> Sound:
    """A run alone, from its beginning."""
    strip = stage.start(1)
    stage.write(1, events)
    return of(rendered(stage, seconds), strip)


def test_a_note_has_its_pitch_level_and_envelope(stage: Stage) -> None:
    samples = rendered(stage, 0.1)
    assert not samples.any()
    sound = heard(stage, [beep(), Ended(0.0)], 2.0)
    assert sound.between(0.1, 0.9).pitch == pytest.approx(261.6, abs=1.5)
    # 1 at the middle of two ears, then the run's mixer at 0.3.
    assert sound.peak == pytest.approx(0.3 * np.sqrt(0.5), rel=0.1)
    level = sound.between(0.05, 1.0).envelope(0.1)
    assert (np.diff(level) < 0).all()
    assert level[-1] < 0.2 * level[0]
    end = stage.end(1)
    assert end is not None
    assert sound.between((end - stage.begin(1)) / RATE).peak < 1e-6


def test_amplitudes_add_up_until_the_limiter(stage: Stage) -> None:
    for run, amp in enumerate((0.5, 1.0, 100.0)):
        stage.start(run)
        stage.write(run, [beep(amp=amp), Ended(0.0)])
    samples = rendered(stage, 0.5)
    soft, plain, loud = (of(samples, run).peak for run in range(3))
    assert plain == pytest.approx(2 * soft, rel=0.02)
    assert loud < 1.0


def test_other_runs_are_exactly_silent(stage: Stage) -> None:
    stage.start(1)
    stage.start(2)
    stage.write(1, [beep(), Ended(0.0)])
    samples = rendered(stage, 0.5)
    assert of(samples, 0).peak > 0.1
    assert not samples[:, 2:].any()


def test_two_notes_are_as_far_apart_as_written(stage: Stage) -> None:
    events = [beep(0.0, release=0.1), beep(0.5, node=2, release=0.1), Ended(0.5)]
    sound = heard(stage, events, 1.5)
    assert sound.onsets == 2
    first, second = sound.between(0, 0.4).samples, sound.between(0.5, 0.9).samples
    # Sonic Pi's synths begin at a control block, 64 frames.
    lags = range(-64, 65)
    best = max(np.corrcoef(first[64:4000, 0], second[64 + lag : 4000 + lag, 0])[0, 1] for lag in lags)
    assert best > 0.999


def test_a_control_slides_and_a_kill_ends(stage: Stage) -> None:
    events = [
        beep(sustain=25.0, release=0.0, note_slide=0.5),
        Control(0.5, 1, {"note": 72.0}),
        Kill(2.0, 1),
        Ended(2.0),
    ]
    sound = heard(stage, events, 3.0)
    assert sound.between(0.1, 0.5).pitch == pytest.approx(261.6, abs=3)
    assert sound.between(1.2, 1.9).pitch == pytest.approx(523.3, abs=3)
    assert sound.between(1.8, 1.95).peak > 0.1
    assert sound.between(2.2).peak < 1e-4
    assert stage.end(1) == pytest.approx(stage.begin(1) + 2.1 * RATE, abs=BLOCK)


def test_an_effect_sounds_rings_on_and_is_freed(stage: Stage) -> None:
    dry = [beep(release=0.2), Ended(0.0)]
    wet = [
        Effect(0.0, 1, "sonic-pi-fx_reverb", {"room": 0.9, "mix": 1.0}),
        beep(release=0.2, node=2, place=1),
        EffectEnd(0.0, 1, 2.0),
        Ended(0.0),
    ]
    for run, events in enumerate((dry, wet)):
        stage.start(run)
        stage.write(run, events)
    samples = rendered(stage, 3.0)
    after = [of(samples, run).between(0.5, 1.5).rms for run in range(2)]
    assert after[1] > 1000 * after[0]
    end = stage.end(1)
    assert end == pytest.approx((0.2 + 2.0 + 0.1) * RATE, abs=BLOCK)
    assert not of(samples, 1).between((end + BLOCK) / RATE).samples.any()


@pytest.mark.parametrize(
    ("effect", "early"), [("tremolo", 0.0), ("slicer", 0.0), ("pitch_shift", 0.005), ("reverb", 0.5)]
)
def test_an_effect_begins_when_it_does_in_sonic_pi(effect: str, early: float) -> None:
    name = f"sonic-pi-fx_{effect}"
    commands = Scribe(0, RATE, Resources()).write([Effect(0.5, 1, name, {}), beep(0.5, node=2, place=1)])
    began, note = (next(one for one in commands if word in one.message) for word in (name.encode(), b"beep"))
    assert note.frame - began.frame == pytest.approx(early * RATE, abs=1)


def test_effects_sound_in_one_another(stage: Stage) -> None:
    """What is in a silent effect within another is silent; its neighbour in the outer one is not."""
    events = [
        Effect(0.0, 1, "sonic-pi-fx_level", {"amp": 0.5}),
        Effect(0.0, 2, "sonic-pi-fx_level", {"amp": 0.0}, place=1),
        beep(0.0, 60.0, node=3, place=2, release=0.3),
        beep(0.6, 72.0, node=4, place=1, release=0.3),
        beep(1.2, 72.0, node=5, release=0.3),
        Control(1.8, 2, {"amp": 1.0}),
        beep(1.8, 72.0, node=6, place=2, release=0.3),
        EffectEnd(1.8, 2, 0.0),
        EffectEnd(1.8, 1, 0.0),
        Ended(1.8),
    ]
    sound = heard(stage, events, 3.0)
    inner, outer, alone, opened = (sound.between(at, at + 0.5).peak for at in (0.0, 0.6, 1.2, 1.8))
    assert inner < 1e-4
    assert outer == pytest.approx(0.5 * alone, rel=0.05)
    assert opened == pytest.approx(outer, rel=0.05)


def test_what_begins_before_its_effect_goes_through_it(stage: Stage) -> None:
    """Also an effect in an effect. What began as soon as it was asked for hears it from its beginning."""
    events = [
        beep(0.0, 60.0, node=1, release=0.2),
        Effect(1.0, 2, "sonic-pi-fx_reverb", {"mix": 0.0, "amp": 0.5}),
        Effect(0.9, 3, "sonic-pi-fx_reverb", {"mix": 0.0, "amp": 0.5}, place=2),
        beep(0.8, 60.0, node=4, place=3, release=0.2),
        EffectEnd(1.0, 3, 0.0),
        EffectEnd(1.0, 2, 0.0),
        Ended(1.0),
    ]
    sound = heard(stage, events, 3.0)
    alone, through = sound.between(0.0, 0.1).peak, sound.between(0.8, 0.9).peak
    assert through == pytest.approx(0.25 * alone, rel=0.05)


def test_what_begins_before_an_effect_on_time_is_heard_from_then_on(stage: Stage) -> None:
    events = [
        Effect(0.5, 1, "sonic-pi-fx_level", {}),
        beep(0.25, node=2, place=1, release=1.0),
        EffectEnd(0.5, 1, 0.0),
        Ended(0.5),
    ]
    sound = heard(stage, events, 2.0)
    assert sound.between(0.25, 0.49).peak == 0.0
    assert sound.between(0.52, 1.0).peak > 0.01


def test_a_loop_of_effects_never_runs_out_of_buses(stage: Stage) -> None:
    stage.start(1)
    for turn in range(1500):
        at, node = turn * 0.01, 1 + 2 * turn
        stage.write(
            1,
            [
                Effect(at, node, "sonic-pi-fx_level", {}),
                beep(at, node=node + 1, place=node, release=0.005),
                EffectEnd(at, node, 0.01),
            ],
        )
    assert of(rendered(stage, 15.0)).between(14.0, 14.9).rms > 0.01


def test_a_sample_is_its_file(stage: Stage) -> None:
    play = Play(0.0, 1, "sonic-pi-basic_stereo_player", {}, sample="perc_bell")
    sound = heard(stage, [play, Ended(0.0)], 2.0)
    with wave.open(str(parts.sample_file("perc_bell"))) as file:
        original = np.frombuffer(file.readframes(RATE), "<i2").reshape(-1, 2) / 32768
    mono, played = original[:, 0], sound.samples[:, 0]
    lag = int(np.correlate(played, mono, "valid").argmax())
    # The mixer's filters turn the phase of what is low.
    assert np.corrcoef(mono, played[lag : lag + len(mono)])[0, 1] > 0.97


@pytest.mark.parametrize("args", [{}, {"attack": 0.3, "release": 0.2, "sustain": 0.4}])
def test_every_synth_is_heard_and_ends_when_it_says(stage: Stage, args: dict[str, float]) -> None:
    known = instruments(parts.synthdefs())
    names = sorted({one.name for short, one in known.items() if "fx_" not in short and "player" not in short})
    for half in (names[::2], names[1::2]):
        for run, name in enumerate(half):
            assert run == stage.start(run)
            stage.write(run, [Play(0.0, 1, name, args)])
        samples = rendered(stage, 8.0)
        for run, name in enumerate(half):
            sound, end = of(samples, run), synths.seconds(Play(0.0, 1, name, args))
            assert sound.peak > 0.01, name
            assert sound.between(end + 0.1).peak < 1e-3, name
            stage.drop(run)
        assert not samples[:, 2 * len(half) :].any()  # Nothing sounds on another's output.


def test_a_crash_changes_nothing(stage: Stage) -> None:
    events = [
        Effect(0.0, 1, "sonic-pi-fx_echo", {"phase": 0.2}),
        Play(0.0, 2, "sonic-pi-noise", {"release": 0.4}, place=1),
        Play(0.0, 3, "sonic-pi-prophet", {"sustain": 1.5}),
        Play(0.8, 4, "sonic-pi-basic_stereo_player", {}, sample="bd_haus"),
        Play(0.9, 5, "sonic-pi-noise", {"release": 0.4}, place=1),
        EffectEnd(0.9, 1, 0.5),
        Ended(0.9),
    ]
    stage.start(1)
    stage.write(1, events)
    whole = rendered(stage, 2.0)
    other = Stage()
    try:
        other.start(1)
        other.write(1, events)
        before = rendered(other, 0.7)
        os.kill(other.world.pid, signal.SIGKILL)
        after = rendered(other, 1.2)
        assert other.worlds == 2
        assert other.lost == []
    finally:
        other.close()
    broken = np.concatenate([before, after])
    assert np.array_equal(broken, whole[: len(broken)])


def test_what_kills_the_engine_again_and_again_is_given_up(stage: Stage) -> None:
    stage.start(1)
    stage.write(1, [beep(sustain=60.0)])
    rendered(stage, 0.1)
    stage.start(2)
    for _ in range(3):
        os.kill(stage.world.pid, signal.SIGKILL)
        rendered(stage, 0.1)
    assert stage.lost == [2]
    assert of(rendered(stage, 0.2)).peak > 0.1


def test_a_run_can_begin_in_its_middle(stage: Stage) -> None:
    events = [beep(0.0, 60.0, release=0.3), beep(1.0, 72.0, node=2, sustain=1.0), Ended(1.0)]
    whole = heard(stage, events, 3.5)
    strip = stage.start(2, late=round(1.5 * RATE))
    stage.write(2, events)
    rest = of(rendered(stage, 1.0), strip)
    assert rest.between(0.0, 0.4).pitch == pytest.approx(523.3, abs=3)
    assert rest.between(0.0, 0.4).rms == pytest.approx(whole.between(1.5, 1.9).rms, rel=0.02)


def test_when_all_strips_are_taken_the_eldest_makes_room(stage: Stage) -> None:
    for run in range(STRIPS):
        stage.start(run)
        stage.write(run, [beep(sustain=60.0)])
    rendered(stage, 0.1)
    strip = stage.start(STRIPS)
    samples = rendered(stage, 0.3)
    assert stage.lost == [0]
    assert strip == 0
    assert of(samples, 0).between(0.1).peak < 1e-6
    assert of(samples, 1).peak > 0.1


def test_a_late_score_is_done_at_once(stage: Stage) -> None:
    """What Ruby was too slow for is heard as soon as it comes."""
    stage.start(1)
    rendered(stage, 1.0)
    stage.write(1, [beep(0.5), Ended(0.5)])
    assert of(rendered(stage, 0.5)).peak > 0.1
    assert stage.worlds == 1
