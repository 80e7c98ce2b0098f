"""The language by table, as Sonic Pi's own documentation and source tell it; and the page about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from builtin.sandbox import failures, notes, played, said
from sonickube_tui.engine.builtin import language
from sonickube_tui.engine.builtin.score import Control, Effect, EffectEnd, Kill, Play, Said

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("sound")]

PAGE = Path(__file__).parents[2] / "docs/player-language.md"


@pytest.mark.parametrize("name", language.names())
def test_what_is_in_is_there(name: str) -> None:
    assert said(f"puts respond_to?(:{name})") == ["true"]


def test_the_table_has_all_there_is() -> None:
    there = set(said("Language.public_instance_methods.each { |name| puts name }"))
    there = {name.strip(':"') for name in there}
    assert there == {*language.names(), *language.NO_EFFECT, *language.MIXER, *language.NOT_IN}


@pytest.mark.parametrize("name", language.NOT_IN)
def test_what_is_not_in_says_so_at_its_line(name: str) -> None:
    (failed,) = failures(played(f"play 60\n{name} 1, :a, b: 2"))
    assert (failed.error, failed.line) == ("MissingError", 2)
    assert failed.message.startswith(f"{name} is not in the built-in player: ")


@pytest.mark.parametrize("name", language.NO_EFFECT)
def test_what_has_no_effect_runs_its_block(name: str) -> None:
    assert notes(played(f"{name}(1) {{ play 60 }}\n{name} true\nplay 62")) == [(0, 60), (0, 62)]


def test_the_page_tells_what_the_table_has() -> None:
    assert PAGE.read_text("utf-8") == language.page(), "write language.page() to docs/player-language.md"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("play 60", [(0, 60)]),
        ("play :c4\nsleep 0.5\nplay 'e4'", [(0, 60), (0.5, 64)]),
        ("use_bpm 120\nplay 60\nsleep 1\nplay 62", [(0, 60), (0.5, 62)]),
        ("play [60, 64]\nplay nil\nplay :r", [(0, 60), (0, 64)]),
        ("play 60, on: false\nplay 61, on: true", [(0, 61)]),
        ("play_pattern_timed [60, 62, 64], [0.5, 1]", [(0, 60), (0.5, 62), (1.5, 64)]),
        ("play_pattern [60, 62]", [(0, 60), (1, 62)]),
        ("use_transpose 2\nplay 60\nwith_octave(1) { play 60 }", [(0, 62), (0, 74)]),
        ("in_thread { sleep 1; play 60 }\nplay 62", [(0, 62), (1, 60)]),
        ("at([1, 2]) { |t| play 60 + t }", [(1, 61), (2, 62)]),
        ("density(2) { play 60; sleep 1 }", [(0, 60), (0.5, 60)]),
        ("time_warp(0.5) { play 60 }\nplay 62", [(0, 62), (0.5, 60)]),
        ("3.times { |n| play 60 + n; sleep 0.1 }", [(0, 60), (0.1, 61), (0.2, 62)]),
        ("live_loop(:a) { play 60; sleep 1; stop if vt >= 2 }", [(0, 60), (1, 60)]),
        ("live_loop(:a, init: 60) { |n| play n; sleep 1; n + 1 }", [(n, 60 + n) for n in range(5)]),
        ("live_loop(:a, delay: 3) { play 60; sleep 1 }", [(3, 60), (4, 60)]),
        ("in_thread { sync :go; play 60 }\nsleep 1\ncue :go", [(1, 60)]),
        ("in_thread { v = sync :go; play v[:n] }\nsleep 1\ncue :go, n: 62", [(1, 62)]),
        ("in_thread(name: :a) { play 60 }\nin_thread(name: :a) { play 62 }", [(0, 60)]),
        ("with_fx(:echo, reps: 2) { play 60; sleep 1 }", [(0, 60), (1, 60)]),
        ("synth :sine, note: :a4", [(0, 69)]),
        ("play_nested_pattern [60, [62, 64]]", [(0, 60), (1, 62), (1.5, 64)]),
        ("stop\nplay 60", []),
    ],
)  # fmt: skip
def test_which_notes_when(text: str, expected: list[tuple[float, float]]) -> None:
    events = played(text, until=4.5)
    assert not failures(events)
    assert notes(events) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ring(1, 2, 3)[4]", "2"),
        ("(ring 1, 2).mirror", "(ring 1, 2, 2, 1)"),
        ("(ring 1, 2, 3).reflect", "(ring 1, 2, 3, 2, 1)"),
        ("(ring 1, 2, 3).take_last(2)", "(ring 2, 3)"),
        ("(ring 1, 2, 3)[1..2]", "(ring 2, 3)"),
        ("(ring 1, 2).take(5)", "(ring 1, 2, 1, 2, 1)"),
        ("ring", "(ring)"),
        ("spread(3, 8)", "(ring true, false, false, true, false, false, true, false)"),
        ("spread(0, 2, rotate: 1)", "(ring false, false)"),
        ("knit(:a, 2, :b, 1)", "(ring :a, :a, :b)"),
        ("range(1, 3)", "(ring 1.0, 2.0)"),
        ("line(0, 1, steps: 2)", "(ring 0.0, 0.5)"),
        ("[1, 2, 3].tick + [1, 2, 3].tick", "3"),
        ("scale(:c4, :minor)", "(ring 60, 62, 63, 65, 67, 68, 70, 72)"),
        ("chord(:c4, '7')", "(ring 60, 64, 67, 70)"),
        ("chord_degree(:v, :c4, :major, 3)", "(ring 67, 71, 74)"),
        ("degree(:iii, :c4, :major)", "64"),
        ("note(:c, octave: 2)", "36"),
        ("note_info(:eb4).midi_string", '"Eb4"'),
        ("midi_to_hz(69)", "440.0"),
        ("rand", "0.75006103515625"),
        ("4.times.map { rand }.last", "0.24249267578125"),
        ("use_random_seed(5); a = rand; use_random_seed(5); a == rand", "true"),
        ("set(:x, [1]); get(:x)", "[1]"),
        ("get(:nothing, 7)", "7"),
        ("factor?(4, 2)", "true"),
        ("quantise(13.3, 0.1)", "13.3"),
        ("sample_duration(:loop_garzul)", "8.0"),
        ("sample_names(:ambi).to_a.include?(:ambi_drone)", "true"),
        ("play(60, amp: 0.5).args['amp']", "0.5"),
        ("map(a: 1)[:a]", "1"),
        ("(define(:double) { |n| n * 2 }; double(4))", "8"),
        ("ev[:pod]", '"ledger-0"'),
        ("Math.sqrt(16)", "4.0"),
    ],
)
def test_what_calls_give(text: str, expected: str) -> None:
    assert said(f"puts(({text}))", seed=0) == [expected]


def test_the_mixer_is_the_consoles_and_a_run_says_so_once() -> None:
    text = (
        "set_volume! 9\nset_mixer_control! lpf: 30, lpf_slide: 2\nreset_mixer!\nputs current_volume\nplay 60"
    )
    events = played(text)
    assert [event.text for event in events if isinstance(event, Said)] == [
        "set_volume!: the console's mixer decides",
        "5",
    ]
    assert notes(events) == [(0, 60)]


@pytest.mark.parametrize("name", [name for name in language.MIXER if name.endswith("!")])
def test_each_call_to_the_mixer_is_taken(name: str) -> None:
    assert said(f"{name} 1")[0].startswith(name)


@pytest.mark.parametrize("tempo", [60.0, 120.0, 90.0])
def test_a_change_of_an_effect_is_in_beats_and_notes(tempo: float) -> None:
    """As of a sound: `control` in `sound.rb` of 4.5.1, and `info` in its `synthnodeproxy.rb`."""
    text = """
      with_fx :rlpf do |fx|
        control fx, cutoff: :c7, cutoff_slide: 2
        control mix: 0.5, mix_slide: 1
        control fx, amp: 1, slide: 4
        fx.control amp: 0, amp_slide: 1
        sleep 1
        with_fx(:autotuner) { |tuner| control tuner, note: :e4, note_slide: 2 }
      end
    """
    beat = 60 / tempo
    first, second, third, plain, tuned = (
        event.args for event in played(text, tempo=tempo) if isinstance(event, Control)
    )
    assert first == {"cutoff": 96, "cutoff_slide": pytest.approx(2 * beat)}
    assert second == {"mix": 0.5, "mix_slide": pytest.approx(beat)}
    slides = {"amp", "mix", "pre_mix", "pre_amp", "cutoff", "res"}
    assert third == {"amp": 1} | {f"{name}_slide": pytest.approx(4 * beat) for name in slides}
    assert plain == {"amp": 0, "amp_slide": 1}
    assert tuned == {"note": 64, "note_slide": pytest.approx(2 * beat)}


@pytest.mark.parametrize("limit", [0.3, 1.0, 60.0])
def test_an_effect_comes_before_what_was_warped_to_before_it(limit: float) -> None:
    text = """
      time_warp 0.5 do
        with_fx :echo do
          time_warp(-0.25) { with_fx(:reverb) { play 60 } }
          play 64
        end
      end
      sleep 70
    """
    events = [event for event in played(text, until=limit) if isinstance(event, Effect | Play)]
    assert [(event.at, event.node, event.place) for event in events] == [
        (0.5, 1, 0),
        (0.25, 2, 1),
        (0.25, 3, 2),
        (0.5, 4, 1),
    ][: 3 if limit < 0.5 else 4]


def test_the_time_is_the_events_and_goes_on_with_the_beats() -> None:
    text = "puts current_time\nsleep 1\nputs current_time.to_f, current_time.is_a?(Time)"
    assert said(text, tempo=120.0) == ["2026-01-01 00:00:01.500 +0000", "1767225602.0 true"]


@pytest.mark.parametrize(
    "call", ["sample :bd, pick", "sample :bd", "sample :bd, pick(3), amp: 2", "sample nil"]
)
def test_a_sample_that_is_not_there_is_skipped(call: str) -> None:
    events = played(f"n = {call}\ncontrol n, amp: 1\nputs n.blank_node?\nplay 60")
    assert not failures(events)
    skipped, blank = [event.text for event in events if isinstance(event, Said)]
    assert skipped.endswith("no match found, skipping.")
    assert blank == "true"
    assert notes(events) == [(0, 60)]


def test_an_effect_ends_when_its_threads_have() -> None:
    text = "with_fx(:reverb, room: 0.2) { play 60; in_thread { sleep 2; play 62 }; sleep 1 }\nplay 64"
    events = played(text)
    (effect,) = [event for event in events if isinstance(event, Effect)]
    inside = {event.args["note"]: event.place for event in events if isinstance(event, Play)}
    assert inside == {60: effect.node, 62: effect.node, 64: 0}
    (end,) = [event for event in events if isinstance(event, EffectEnd)]
    assert (end.at, end.node, end.tail) == (2.0, effect.node, 3.0)


@pytest.mark.parametrize(
    ("effect", "tail"),
    [
        (":reverb", 7.0),
        (":reverb, room: 1", 11.0),
        (":echo, decay: 4", 4.0),
        (":gverb", 3.0),
        (":ping_pong", 1.661),
        (":ping_pong, feedback: 1", 60.0),
        (":ping_pong, feedback: 2", 60.0),
        (":ping_pong, feedback: -1", 60.0),
        (":ping_pong, feedback: 0", 0.0),
        (":lpf", 1.0),
        (":lpf, kill_delay: 5", 5.0),
        (":lpf, kill_delay: -5", 0.0),
        (":lpf, kill_delay: 1e9", 60.0),
    ],
)
def test_an_effect_rings_on(effect: str, tail: float) -> None:
    (end,) = [event for event in played(f"with_fx({effect}) {{ play 60 }}") if isinstance(event, EffectEnd)]
    assert end.tail == pytest.approx(tail, abs=0.001)


def test_a_block_that_fails_ends_its_effect() -> None:
    events = played("in_thread { with_fx(:echo) { play 60; raise 'oh' } }\nsleep 1\nplay 62")
    assert [event.message for event in failures(events)] == ["oh"]
    assert [event.tail for event in events if isinstance(event, EffectEnd)] == [2.0]
    assert notes(events) == [(0, 60), (1, 62)]


def test_changes_of_one_sound_follow_each_other() -> None:
    events = played("s = play 60, release: 4\ncontrol s, note: 62\ncontrol s, amp: 0.5, pan: 1\nkill s")
    changes = [event for event in events if isinstance(event, Control | Kill)]
    assert [event.at for event in changes] == pytest.approx([0.005, 0.01, 0.015])
    changed = [event.args for event in changes if isinstance(event, Control)]
    assert changed == [{"note": 62}, {"amp": 0.5, "pan": 1}]


def test_a_chord_shares_its_level() -> None:
    events = played("play_chord [60, 64, 67], amp: 0.9")
    assert [event.args["amp"] for event in events if isinstance(event, Play)] == pytest.approx([0.3] * 3)


@pytest.mark.parametrize(
    ("text", "player"), [("", "basic_stereo"), (", lpf: 80", "basic_stereo"), (", start: 0.5", "stereo")]
)
def test_the_simplest_player_plays_a_sample(text: str, player: str) -> None:
    (play,) = [event for event in played(f"sample :loop_amen{text}") if isinstance(event, Play)]
    assert (play.synth, play.sample) == (f"sonic-pi-{player}_player", "loop_amen")


def test_threads_of_one_time_run_elder_first() -> None:
    text = "3.times { |n| in_thread { sleep 1; puts n } }\nsleep 1\nputs :main"
    assert [event.text for event in played(text) if isinstance(event, Said)] == [":main", "0", "1", "2"]


@pytest.mark.parametrize(
    ("text", "error", "line"),
    [
        ("play 60\nplay :x9", "InvalidNoteError", 2),
        ("\n\nuse_synth :nope\nplay 1", "RuntimeError", 4),
        ("play 60 if", "SyntaxError", 1),
        ("play 60\nscale = 3\n", "PreParseError", 2),
        ("puts (ring\n  1, 2)\noh", "NameError", 3),
        ("# encoding: none", "ArgumentError", 1),
        ("loop do\n  play 60\nend", "ZeroTimeLoopError", 1),
        ("define :f do\n  1 / 0\nend\nsleep 1\nf", "ZeroDivisionError", 2),
        ("with_fx :nope do\nend", "RuntimeError", 1),
        ("live_loop :a do\n  sleep 1\n  oops\nend", "NameError", 3),
        ("live_loop :a do\nend", "ZeroTimeLoopError", 1),
        ("sync '/osc/x'", "MissingError", 1),
        ("sample '/home/me/kick.wav'", "SampleError", 1),
        ("sample :loop_amen, onset: 1", "MissingError", 1),
        ("play 60, amp: 0.0 / 0", "ArgumentError", 1),
        ("define(:play) { }", "ArgumentError", 1),
        ("live_loop(:a, sync: :a) { sleep 1 }", "LiveLockError", 1),
    ],
)
def test_mistakes_are_told_with_their_line(text: str, error: str, line: int) -> None:
    (failed,) = failures(played(text))
    assert (failed.error, failed.line) == (error, line)
    assert failed.message
