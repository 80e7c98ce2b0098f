"""Which channels are heard, and how loud."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonickube_tui.event import Severity
from sonickube_tui.music.mixer import MAX_DB, MIN_DB, Channel, Level, Mixer

names = st.text(max_size=5)


def some_mixers(soloed: st.SearchStrategy[bool]) -> st.SearchStrategy[Mixer]:
    channels = st.builds(Channel, names, st.floats(MIN_DB, MAX_DB), st.booleans(), soloed, st.floats(-1, 1))
    return st.lists(channels, unique_by=lambda channel: channel.name).map(lambda some: Mixer(tuple(some)))


mixers = some_mixers(soloed=st.booleans())


def level(mixer: Mixer, name: str) -> float:
    return mixer.level(name, Severity.INFO).amp


def levels(mixer: Mixer) -> dict[str, float]:
    return {channel.name: level(mixer, channel.name) for channel in mixer}


@pytest.mark.parametrize(
    ("strips", "heard"),
    [
        ({"a": "", "b": ""}, "ab"),
        ({"a": "M", "b": ""}, "b"),
        ({"a": "M", "b": "M"}, ""),
        ({"a": "S", "b": ""}, "a"),
        ({"a": "S", "b": "S", "c": ""}, "ab"),
        ({"a": "S", "b": "M"}, "a"),
        ({"a": "MS", "b": ""}, "a"),
        ({"a": "MS", "b": "S", "c": "M"}, "ab"),
    ],
)
def test_with_any_solo_the_soloed_are_heard_and_otherwise_the_unmuted(
    strips: dict[str, str], heard: str
) -> None:
    mixer = Mixer(tuple(Channel(name, muted="M" in on, soloed="S" in on) for name, on in strips.items()))
    assert [name for name in strips if mixer.audible(name)] == list(heard)


@given(mixers)
def test_a_channel_is_as_loud_as_its_fader_or_not_heard_at_all(mixer: Mixer) -> None:
    soloed = {channel.name for channel in mixer if channel.soloed}
    unmuted = {channel.name for channel in mixer if not channel.muted}
    assert mixer.soloing == bool(soloed)
    for channel in mixer:
        assert mixer.audible(channel.name) == (channel.name in (soloed or unmuted))
        assert level(mixer, channel.name) == (channel.gain if mixer.audible(channel.name) else 0.0)


@pytest.mark.parametrize("severity", Severity)
def test_a_dimmed_desk_is_lower_for_all_but_what_is_critical(severity: Severity) -> None:
    mixer = Mixer((Channel("shop", 6.0), Channel("batch", muted=True)), dim_db=-20.0)
    before = mixer.level("shop", severity)
    mixer.dimmed = True
    dim = 1.0 if severity is Severity.CRITICAL else 0.1
    assert mixer.level("shop", severity).amp == pytest.approx(before.amp * dim)
    assert mixer.level("batch", severity).amp == 0.0
    mixer.dimmed = False
    assert mixer.level("shop", severity) == before


@given(some_mixers(soloed=st.just(False)), st.data())
def test_clearing_solos_gives_the_mix_back_as_it_was(mixer: Mixer, data: st.DataObject) -> None:
    before, mix = list(mixer), levels(mixer)
    for name in data.draw(st.lists(st.sampled_from(list(mix)))) if mix else []:
        mixer.toggle_solo(name)
    mixer.clear_solos()
    assert (list(mixer), levels(mixer), mixer.soloing) == (before, mix, False)


@given(mixers, names)
def test_mute_and_solo_pressed_twice_change_nothing(mixer: Mixer, name: str) -> None:
    before = mixer[name]
    mixer.toggle_mute(name)
    mixer.toggle_solo(name)
    assert (mixer[name].muted, mixer[name].soloed) == (not before.muted, not before.soloed)
    mixer.toggle_mute(name)
    mixer.toggle_solo(name)
    assert mixer[name] == before


@given(st.lists(names))
def test_a_channel_appears_when_it_is_named_and_stands_in_order(named: list[str]) -> None:
    mixer = Mixer()
    for name in named:
        assert mixer[name] == Channel(name, gain_db=0.0, muted=False, soloed=False)
    assert [channel.name for channel in mixer] == sorted(set(named))
    assert len(mixer) == len(set(named))


@pytest.mark.parametrize(
    ("gain_db", "gain"),
    [(0.0, 1.0), (6.0, 1.9953), (-6.0, 0.5012), (-20.0, 0.1), (-47.5, 0.0042)],
)
def test_decibels_are_linear_amplitude(gain_db: float, gain: float) -> None:
    assert Channel("shop", gain_db).gain == pytest.approx(gain, abs=1e-4)


def test_a_fader_at_its_bottom_is_silence() -> None:
    mixer = Mixer()
    mixer.set_gain("shop", MIN_DB)
    assert mixer.audible("shop")
    assert level(mixer, "shop") == 0.0
    mixer.nudge("shop", 0.5)
    assert level(mixer, "shop") > 0.0


@given(st.floats(MIN_DB, MAX_DB), st.floats(MIN_DB, MAX_DB))
def test_a_higher_fader_is_never_quieter(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert Channel("shop", low).gain <= Channel("shop", high).gain <= 10 ** (MAX_DB / 20)


@given(mixers, names, st.lists(st.floats(allow_nan=False)))
def test_a_fader_stops_at_the_ends_of_its_travel(mixer: Mixer, name: str, nudges: list[float]) -> None:
    for by_db in nudges:
        aim = mixer[name].gain_db + by_db
        mixer.nudge(name, by_db)
        assert mixer[name].gain_db == max(MIN_DB, min(MAX_DB, aim))


@given(mixers, names, st.floats())
def test_a_fader_moves_nothing_but_itself(mixer: Mixer, name: str, gain_db: float) -> None:
    channel, others = mixer[name], [strip for strip in mixer if strip.name != name]
    mixer.set_gain(name, gain_db)
    assert [strip for strip in mixer if strip.name != name] == others
    assert mixer[name] == Channel(name, mixer[name].gain_db, channel.muted, channel.soloed, channel.pan)


@given(mixers, names, st.floats(allow_nan=False))
def test_a_pan_stops_at_its_ends_and_moves_nothing_but_itself(mixer: Mixer, name: str, pan: float) -> None:
    channel, others = mixer[name], [strip for strip in mixer if strip.name != name]
    mixer.set_pan(name, pan)
    assert [strip for strip in mixer if strip.name != name] == others
    assert mixer[name] == Channel(name, channel.gain_db, channel.muted, channel.soloed, mixer[name].pan)
    assert mixer[name].pan == max(-1, min(1, pan))
    assert mixer.level(name, Severity.INFO) == Level(level(mixer, name), mixer[name].pan)


@given(st.lists(st.sampled_from((-0.1, 0.1)), max_size=60))
def test_steps_of_a_pan_there_and_back_meet_the_centre(steps: list[float]) -> None:
    mixer, tenths = Mixer(), 0
    for by in steps:
        mixer.nudge_pan("shop", by)
        tenths = max(-10, min(10, tenths + round(10 * by)))
        assert mixer["shop"].pan == tenths / 10


@pytest.mark.parametrize("pan", [-1.01, 1.01, math.inf, math.nan])
def test_a_pan_beyond_the_ears_is_refused(pan: float) -> None:
    with pytest.raises(ValueError, match="pan must be between -1 and 1, not "):
        Channel("shop", pan=pan)


@pytest.mark.parametrize("gain_db", [MIN_DB - 0.1, MAX_DB + 0.1, math.inf, -math.inf, math.nan])
def test_a_channel_off_the_scale_is_refused(gain_db: float) -> None:
    with pytest.raises(ValueError, match="gain_db must be between -48 and 6, not "):
        Channel("shop", gain_db)
