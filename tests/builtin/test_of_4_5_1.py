"""The language beside Sonic Pi 4.5.1: what its own source gave when run, and the names it documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from builtin.sandbox import failures, notes, played, ruby, said
from sonickube_tui.engine.builtin.score import Play, Said

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("sound")]

HERE = Path(__file__).parent

NAMES = (HERE / "names.txt").read_text("utf-8").split()
"""Every name that 4.5.1 or 5.0-beta-1 documents (`doc name:` in its `lang` folder)."""

EXPRESSIONS = [line.split("\t") for line in (HERE / "expressions.tsv").read_text("utf-8").splitlines()]
"""An expression, and what 4.5.1's `core.rb` and `lang/*.rb` answer; after `!`, the class of an error."""

RING_METHODS = """
    & * + - <=> == [] all? any? butlast choose compact drop drop_last each each_with_index empty? eql? filter
    first flat_map flatten index inspect join last length list_concat list_diff look map max min mirror notes
    pick ramp reflect repeat reverse ring rotate sample scale shuffle size sort stretch take take_last tick
    to_a to_ary to_s uniq values_at
"""
MAP_METHODS = """
    < <= == > >= [] any? assoc compact dig each each_key each_pair empty? eql? fetch fetch_values filter
    flatten has_key? has_value? include? inspect invert key key? keys length merge rassoc reject select size
    slice to_h to_s
"""
NOTE_METHODS = "inspect interval midi_note midi_string octave pitch_class to_h to_s"


def test_every_documented_name_is_in_or_refused() -> None:
    assert len(NAMES) > 230
    there = {name.strip(':"') for name in said("Language.public_instance_methods.each { |name| puts name }")}
    assert set(NAMES) - there == set()


@pytest.mark.parametrize(
    ("what", "methods"),
    [("ring(1)", RING_METHODS), ("scale(:c, :major)", RING_METHODS), ("chord(:c, :major)", RING_METHODS),
     ("map(a: 1)", MAP_METHODS), ("note_info(:c)", NOTE_METHODS)],
)  # fmt: skip
def test_what_lists_maps_and_notes_know(what: str, methods: str) -> None:
    assert said(f"puts %i({' '.join(methods.split())}).reject {{ |name| {what}.respond_to?(name) }}") == [
        "[]"
    ]


@pytest.mark.parametrize(("text", "answer"), EXPRESSIONS, ids=[text for text, _ in EXPRESSIONS])
def test_an_expression_gives_what_it_gives_there(text: str, answer: str) -> None:
    events = played(f"puts(({text}))")
    if answer.startswith("!"):
        assert [f"!{failed.error}" for failed in failures(events)] == [answer]
    else:
        assert [event.text for event in events if isinstance(event, Said)] == [answer]


SAY = "define(:say) { print vt, beat.round(4), current_bpm.round(4), current_bpm_mode, bt(3).round(4) }\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("use_bpm 37.5; sleep 0.5; say", ["0.8 0.5 37.5 37.5 4.8"]),
        ("density(2) { sleep 1; say; use_bpm 45; say }",
         ["0.5 0.5 120.0 120.0 1.5", "0.5 0.5 90.0 90.0 2.0", "1.1667 1.0 90.0 90.0 2.0",
          "1.1667 1.0 90.0 90.0 2.0"]),
        ("use_bpm 90; density(1.5) { with_bpm(60) { say }; say; sleep 3 }",
         ["0.0 0.0 90.0 90.0 2.0", "0.0 0.0 202.5 202.5 0.8889"]),
        ("use_bpm_mul 2; sleep 1; say; use_bpm 45; sleep 1; say",
         ["0.5 0.5 120.0 120.0 1.5", "1.1667 1.0 90.0 90.0 2.0"]),
        ("use_bpm 90; density(0.5) { time_warp(1) { say } }", ["1.3333 2.0 45.0 45.0 4.0"]),
        ("use_bpm :link; sleep 1; say; set_link_bpm! 120; sleep 1; say; use_bpm 90; sleep 1; link; say",
         ["1.0 1.0 60.0 :link 3.0", "1.5 2.0 120.0 :link 1.5", "4.5 8.0 120.0 :link 1.5"]),
        ("use_bpm 90; sleep 1; link; say; sleep 1; link 3, 1; say; link quantum: 8; say",
         ["4.0 4.0 60.0 :link 3.0", "7.0 7.0 60.0 :link 3.0", "8.0 8.0 60.0 :link 3.0"]),
    ],
)  # fmt: skip
def test_time_goes_as_it_goes_there(text: str, told: list[str]) -> None:
    events = played(SAY + text)
    assert not failures(events)
    lines = [
        " ".join(_short(part) for part in event.text.split()) for event in events if isinstance(event, Said)
    ]
    assert lines[: len(told)] == told


def _short(part: str) -> str:
    return part if part.startswith(":") else str(round(float(part), 4))


@pytest.mark.parametrize(("bpm", "beat"), [(60, 1.0), (90, 60 / 90), (120, 0.5), (37.5, 1.6)])
def test_tuplets_share_a_beat(bpm: float, beat: float) -> None:
    events = played(f"use_bpm {bpm}\ntuplets([60, [62, 64], 65, [67, 69, 71]], swing: 0.2) {{ |n| play n }}")
    assert not failures(events)
    beats = [0, 1, 1.5 + 0.2, 2, 3, 3 + 1 / 3, 3 + 2 / 3]
    expected = dict(zip([60, 62, 64, 65, 67, 69, 71], beats, strict=True))
    assert {note: at for at, note in notes(events)} == {
        note: pytest.approx(at * beat, abs=1e-5) for note, at in expected.items()
    }


def test_the_link_clock_is_one_for_all_threads_of_a_run() -> None:
    text = "use_bpm :link\nin_thread { 3.times { play 60; sleep 1 } }\nsleep 0.5\nset_link_bpm! 120"
    assert notes(played(text)) == [(0, 60), (0.75, 60), (1.25, 60)]


def test_a_thread_takes_the_link_clock_from_a_cue() -> None:
    text = "in_thread { sync_bpm :go; puts current_bpm_mode; sleep 1; play 60 }\n"
    text += "sleep 1\nset_link_bpm! 120\nuse_bpm :link\ncue :go"
    events = played(text)
    assert [event.text for event in events if isinstance(event, Said)] == [":link"]
    assert notes(events) == [(1.5, 60)]


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("use_random_source :pink", "MissingError", "take :white, or let Sonic Pi play this"),
        ("with_random_source(:perlin) { rand }", "MissingError", "take :white"),
        ("use_random_source :blue", "ArgumentError", "please use one of :white, :pink"),
        ("synth :winwood_lead", "MissingError", "take :dpulse, or let Sonic Pi play this"),
        ("use_synth :winwood_lead\nplay_chord [60, 64]", "MissingError", "take :dpulse"),
        ("with_fx(:record) { play 60 }", "MissingError", "let Sonic Pi play this"),
        ("synth :sound_in", "MissingError", "it has no microphone"),
        ("math_scale 0.5, 0, 1, 10, 20", "MissingError", "Sonic Pi does not load it either"),
        ("load_synthdef 'mine.scsyndef'", "MissingError", "synth_names"),
        ("use_bpm 0", "ArgumentError", "a positive value or :link"),
        ("set_link_bpm! 5", "ArgumentError", "20 -> 999"),
        ("time_warp(1) { sync :a }", "TimeTravelError", "sync within a time_warp"),
        ("time_warp(1) { get :a }", "TimingError", "time_warp into the future"),
        ("in_thread(delay: :a) { play 60 }", "ArgumentError", "delay: opt must be a number"),
        ("play play(60)", "RuntimeError", "a note to play"),
        ("loop { time_warp(1) { sleep 1 } }", "ZeroTimeLoopError", "did not sleep"),
    ],
)
def test_what_is_refused_says_what_to_do(text: str, error: str, told: str) -> None:
    (failed,) = failures(played(text))
    assert failed.error == error
    assert told in failed.message


@pytest.mark.parametrize(
    ("synth", "note"),
    [("beep", 52), ("chipbass", 60), ("sc808_bassdrum", 32), ("sc808_cowbell", 79.59), ("rhodey", 69)],
)
def test_a_synth_plays_its_own_note(synth: str, note: float) -> None:
    assert notes(played(f"synth :{synth}")) == [(0, note)]


def test_a_random_source_is_handed_on_and_given_back() -> None:
    text = "puts current_random_source, with_random_source(:white) { rand }, rand"
    assert said(text) == [":white 0.75006103515625 0.733917236328125"]


@pytest.mark.parametrize(
    ("group", "size"),
    [("bd", 14), ("hat", 20), ("sn", 4), ("loop", 17), ("tabla", 26), ("mehackit", 11), ("arovane", 5)],
)
def test_sample_lists_are_those_of_4_5_1(group: str, size: int) -> None:
    assert said(f"puts sample_names(:{group}).size") == [str(size)]


def test_lists_of_synths_and_effects_are_those_of_4_5_1() -> None:
    assert said("puts synth_names.size, fx_names.size") == ["66 42"]


def test_samples_that_came_later_play_by_name() -> None:
    assert said("puts all_sample_names.size, sample_groups.size") == ["191 16"]
    (play,) = [event for event in played("sample :bd_jazz") if isinstance(event, Play)]
    assert play.sample == "bd_jazz"


def test_loops_of_one_name_in_two_voices_do_not_share_a_thing() -> None:
    """Each voice is a run of its own: loops, cues, values and functions stay in it."""
    loop = "live_loop(:x) {{ play {note}; set :n, {note}; sleep 1 }}\n"
    loop += "in_thread {{ sync :x; sleep 0.5; play get(:n) + 1 }}"
    by = ruby()
    for run, note in ((1, 60), (2, 70)):
        by.start(run, loop.format(note=note), {}, tempo=60.0, seed=0)
    first, second = by.advance(1, 1.9), by.advance(2, 1.9)
    assert not failures(first) + failures(second)
    assert notes(first) == [(0, 60), (1, 60), (1.5, 61)]
    assert notes(second) == [(0, 70), (1, 70), (1.5, 71)]
    by.stop(1)
    assert notes(by.advance(2, 2.9)) == [(2, 70)]
    by.stop(2)
