"""The sandbox: what a snippet may not do, what it costs, and that no run disturbs another."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import wasmtime

from builtin.sandbox import EVENT, ended, failures, new_ruby, notes, played, programs, ruby, said
from sonickube_tui.engine.builtin.score import Done, Effect, EffectEnd, Play
from sonickube_tui.engine.builtin.vm import PRELUDE, Ruby

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("sound")]


@pytest.fixture(scope="module")
def strict() -> Ruby:
    """A Ruby that is soon tired of waiting."""
    return new_ruby(seconds=0.3)


@pytest.mark.parametrize(
    "text",
    [
        "File.read('/etc/passwd')",
        "File.write('/tmp/sonickube', 'x')",
        "Dir.children('/')",
        "IO.popen('ls')",
        "open('|ls')",
        "`ls`",
        "system 'ls'",
        "exec 'ls'",
        "fork",
        "spawn 'ls'",
        "require 'socket'",
        "Process.kill 9, 1",
        "Thread.new { }",
        "exit",
        "exit!",
        "abort 'x'",
        "eval 'File.read(%q(/etc/passwd))'",
        "IO.select [$stdin]",
    ],
)
def test_nothing_outside_can_be_reached(text: str) -> None:
    events = played(f"play 60\n{text}\nplay 62")
    assert len(failures(events)) == 1
    assert ended(events)
    assert (0, 62) not in notes(events)


def test_nothing_of_this_program_is_seen() -> None:
    assert said("puts ENV.to_h.size, Dir.glob('/**/*').size, $stdin.read.to_s") == ['0 0 ""']


@pytest.mark.parametrize(
    "text",
    [
        "while true; end",
        "a = 0\na += 1 while true",
        "loop { sleep 0.0000001 }",
        "loop { begin; sleep 0.0000001; rescue Exception; end }",
        "1.upto(Float::INFINITY) { |n| n }",
        "in_thread { while true; end }",
        "Kernel.sleep 100",
        "GC.disable\nwhile true; Object.new; end",
        "at_exit { while true; end }\nwhile true; end",
        "define(:a) { b }\ndefine(:b) { 5.times { sleep 0 } while true }\na",
    ],
)
def test_nothing_runs_for_ever(text: str, strict: Ruby) -> None:
    began = time.monotonic()
    events = played(text, by=strict)
    assert time.monotonic() - began < 10
    (failed,) = failures(events)
    assert (failed.error, failed.message) == ("Refused", "took longer than 0.3 s to work out")
    assert ended(events)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a = []\na << 'x' * 1_000_000 while true", "NoMemoryError"),
        ("a = 'x'\na += a while true", "NoMemoryError"),
        ("def f(n) = f(n + 1)\nf(0)", "SystemStackError"),
        ("def f(&) = [1].each { f(&) }\nf { }", "SystemStackError"),
        ("5000.times { play 60 }", "Refused"),
        ("5000.times { puts 1 }", "Refused"),
        ("100_000.times { in_thread { sleep 1 } }", "NoMemoryError"),
    ],
)
def test_nothing_grows_without_end(text: str, error: str) -> None:
    events = played(text)
    assert [event.error for event in failures(events)] == [error]
    assert ended(events)


@pytest.mark.parametrize(
    "text",
    [
        "Object.send(:remove_const, :Score)\nplay 60",
        "module Wire; def self.write(*) = 'junk'; end",
        "module Wire; def self.write(*) = 5; end",
        "class Integer; def +(other) = raise('no'); end\nplay 60",
        "class String; undef to_s; end\nraise 'x'",
        "Scheduler.halt",
        "module Score; def self.take(*) = [{ type: :Play }]; end\nplay 60",
        "class Object; def method_missing(*) = 1; end\nnothing",
        "Score.add(:Play, 0r, node: 1, synth: 'sonic-pi-mixer', args: {})",
        "Score.add(:Play, 0r, node: 1, synth: 'sonic-pi-beep', args: {}, sample: '../x')",
        "Score.add(:Play, 0r, node: 1, synth: 'sonic-pi-beep', args: { note: Float::NAN })",
        "Score.add(:Control, 0r, node: 1, args: { note: Float::INFINITY })",
        "Score.add(:Said, 0r, text: 'x' * 20_000_000)",
        "Score.add(:Nothing, 0r)",
        "class Strand; def time = Float::NAN; end\nplay 60",
    ],
)
def test_a_snippet_harms_nobody_but_itself(text: str) -> None:
    assert ended(played(text))
    assert notes(played("play 60\nsleep 1\nplay :e4")) == [(0, 60), (1, 64)]


def test_runs_know_nothing_of_each_other() -> None:
    by = ruby()
    first = "$shared = 1\ndefine(:mine) { 1 }\nset :x, 1\nplay 60\nsleep 2\nplay 61"
    by.start(1, first, {}, tempo=60, seed=0)
    by.start(2, "sleep 1\nputs $shared.inspect, respond_to?(:mine), get(:x).inspect", {}, tempo=60, seed=0)
    assert notes(by.advance(1, 0.5)) == [(0, 60)]
    second = by.advance(2, 5)
    assert not failures(second)
    assert '"nil" false "nil"' in repr(second)
    assert notes(by.advance(1, 5)) == [(2, 61)]


def test_a_run_goes_on_where_it_stopped() -> None:
    text = "live_loop(:a) { play 60 + tick; sleep 0.4 }\nwith_fx(:reverb) { play 40; sleep 3 }\nplay 41"
    at_once = played(text, until=9.0)
    by = ruby()
    by.start(1, text, EVENT, tempo=60, seed=0)
    in_parts = [event for until in (0.1, 0.4, 1.0, 1.0, 2.5, 7.77, 9.0) for event in by.advance(1, until)]
    by.stop(1)
    assert in_parts == at_once
    assert len(at_once) > 20


def test_events_come_in_order_and_not_before_their_time() -> None:
    by = ruby()
    by.start(1, "time_warp(3) { play 60 }\nplay 61\nsleep 2\nplay 62\nsleep 2\nplay 63", {}, tempo=60, seed=0)
    assert notes(by.advance(1, 1.0)) == [(0, 61)]
    assert notes(by.advance(1, 2.5)) == [(2, 62)]
    last = by.advance(1, 9.0)
    assert notes(last) == [(3, 60), (4, 63)]
    assert ended(last)


def test_a_run_that_is_over_is_forgotten() -> None:
    by = ruby()
    by.start(1, "play 60", {}, tempo=60, seed=0)
    assert ended(by.advance(1, 1.0))
    with pytest.raises(KeyError):
        by.advance(1, 2.0)


def test_a_thread_that_waits_for_nobody_does_not_keep_the_run() -> None:
    events = played("in_thread { sync :never; play 60 }\nplay 62")
    assert ended(events)
    assert notes(events) == [(0, 62)]


def test_a_snippet_that_is_done_may_have_threads_left() -> None:
    events = played("in_thread { sleep 2; play 60 }\nsleep 1")
    assert [(type(event), event.at) for event in events][:2] == [(Done, 1.0), (Play, 2.0)]


def test_data_stays_data() -> None:
    nasty = '"; play 99 #{play 98} \\ \0 \u2028 ♪ `ls` %x(ls)'
    events = played("puts ev[:pod].size, ev[:pod].encoding, ev[:pod][-5..]\nplay 60", event={"pod": nasty})
    assert not failures(events)
    assert notes(events) == [(0, 60)]
    assert f'{len(nasty)} #<Encoding:UTF-8> "x(ls)"' in repr(events)


def test_a_run_that_is_ended_leaves_the_others_alone(strict: Ruby) -> None:
    strict.start(1, "loop { play 60; sleep 1 }", {}, tempo=60, seed=0)
    strict.start(2, "play 50\nwhile true; end", {}, tempo=60, seed=0)
    assert notes(strict.advance(1, 0.5)) == [(0, 60)]
    assert ended(strict.advance(2, 0.5))
    assert notes(strict.advance(1, 2.5)) == [(1, 60), (2, 60)]
    strict.stop(1)


@pytest.mark.parametrize(
    "text",
    [
        "with_fx(:echo) { with_fx(:reverb) { play 60; in_thread { sync :never } } }",
        "with_fx(:echo) { with_fx(:reverb) { sleep 1; while true; end } }",
        "with_fx(:echo) { with_fx(:reverb) { sleep 1; sleep 0.0000001 while true } }",
        "with_fx(:echo) { with_fx(:reverb) { sleep 1; raise 'x' } }",
        "with_fx(:echo) { with_fx(:reverb) { sleep 1; exit! } }",
    ],
)
def test_every_effect_has_its_end(text: str, strict: Ruby) -> None:
    strict.start(1, text, {}, tempo=60, seed=0)
    events = strict.advance(1, 0.5)
    if not ended(events):
        events += strict.advance(1, 60.0)
    assert ended(events)
    outer, inner = [event.node for event in events if isinstance(event, Effect)]
    assert [event.node for event in events if isinstance(event, EffectEnd)] == [inner, outer]


def test_a_run_that_goes_on_for_hours_does_not_grow() -> None:
    by = ruby()
    by.start(
        1, "live_loop(:a) { with_fx(:echo) { play 60; puts tick, rand; sleep 4 } }", {}, tempo=60, seed=0
    )
    sizes = []
    for hour in range(4):
        for second in range(0, 3600, 2):
            by.advance(1, hour * 3600 + second)
        sizes.append(by.memory(1))
    by.stop(1)
    assert sizes[3] - sizes[1] < 0.02 * sizes[1]


def test_a_number_that_is_none_is_refused() -> None:
    for value in ("Float::NAN", "Float::INFINITY", "-1e999"):
        (failed,) = failures(played(f"play 60\nplay 60, amp: {value}"))
        assert (failed.error, failed.line) == ("ArgumentError", 2)


def test_the_prelude_is_loaded_as_a_whole() -> None:
    here = Path(__file__).parents[2] / "sonickube_tui/engine/builtin/prelude"
    assert sorted(PRELUDE) == sorted(file.stem for file in here.glob("*.rb"))


def test_a_shipped_snippet_is_quick() -> None:
    took = []
    for text in programs().values():
        began = time.process_time()
        played(text, until=5.0)
        took.append(time.process_time() - began)
    assert sorted(took)[len(took) // 2] < 0.2


def test_a_wrong_module_is_refused(tmp_path: Path) -> None:
    wasm = tmp_path / "ruby.wasm"
    wasm.write_bytes(b"no module")
    with pytest.raises(wasmtime.WasmtimeError):
        Ruby(wasm, cache=tmp_path, instruments={}, samples={})
