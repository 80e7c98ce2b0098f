"""What the sandbox ends is told with its line, whatever Ruby was doing when it was ended."""

from __future__ import annotations

import re
from functools import cache

import pytest

from builtin.sandbox import ended, failures, new_ruby, notes, played
from sonickube_tui.engine.builtin.vm import Ruby

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("sound")]

TIME = ("Refused", "took longer than 0.3 s to work out")
MEMORY = ("NoMemoryError", "failed to allocate memory")
STACK = ("SystemStackError", "stack level too deep")
EXIT = ("SystemExit", "exit")
CROWD = ("Refused", "more than 2000 sounds and changes in one second")

Case = tuple[str, tuple[str, str], str]
"""A name, class and message of the failure, and a snippet whose lines that may be told end with `# here`."""

CASES: list[Case] = [
    ("empty loop", TIME, "play 60\nwhile true; end # here"),
    ("loop", TIME, "n = 0\nwhile true # here\n  n += 1 # here\nend"),
    ("after a call on the line", TIME, "def f\n  1\nend\nf; while true; end # here"),
    ("after a block on the line", TIME, "3.times do\n  n = 1\nend; 1.upto(1.0 / 0) { } # here"),
    ("block", TIME, "\n1.upto(Float::INFINITY) do |n| # here\n  n.to_s # here\nend"),
    ("function", TIME, "define(:a) do\n  while true; end # here\nend\n\na"),
    ("thread", TIME, "in_thread do\n  sleep 1\n  while true; end # here\nend\nsleep 3"),
    ("second thread", TIME, "in_thread do\n  play 60 while sleep 0.1\nend\nsleep 1\nwhile true; end # here"),
    ("fiber", TIME, "Fiber.new do\n  while true; end # here\nend.resume"),
    ("enumerator", TIME, "e = Enumerator.new do |y|\n  while true; end # here\nend\ne.next"),
    ("effect", TIME, "with_fx :echo do\n  play 60\n  while true; end # here\nend"),
    ("rescue", TIME, "begin\n  raise 'x'\nrescue => e\n  while true; end # here\nend"),
    ("ensure", TIME, "begin\n  play 60\nensure\n  while true; end # here\nend"),
    ("rescued for ever", TIME, "\nloop { begin; sleep 1e-9; rescue Exception; end } # here"),
    ("sleeps of nothing", TIME, "play 60\nloop do # here\n  sleep 1e-9 # here\nend"),
    ("real sleep", TIME, "play 60\nKernel.sleep 100 # here"),
    ("eval", TIME, "play 60\neval 'while true; end' # here"),
    ("pattern", TIME, "x = 'a' * 40\n(x + 'b') =~ /^(a+)+\\1$/ # here"),
    ("great numbers", TIME, "play 60\n3 ** 100_000_000 # here"),
    ("within C", TIME, "a = [*1..3000]\na.permutation.to_a # here"),
    ("within the language", TIME, "play 60\ntime_warp(0) { } while true # here"),
    ("objects", TIME, "play 60\nwhile true; Object.new; end # here"),
    ("objects, tidied each time", TIME, "GC.stress = true\nwhile true; Object.new; end # here"),
    ("texts", TIME, "play 60\nwhile true; 'a' + 'b' * 1000; end # here"),
    ("one text", MEMORY, "play 60\nx = 'a' * 300_000_000 # here"),
    ("a text that doubles", MEMORY, "a = 'x'\na += a while true # here"),
    ("texts that are kept", MEMORY, "a = []\na << 'x' * 1_000_000 while true # here"),
    ("one list", MEMORY, "play 60\nArray.new(100_000_000) { |n| n.to_s } # here"),
    ("memory after a call on the line", MEMORY, "def f\n  1\nend\na = 'x' * 200_000_000\nf; a += a # here"),
    ("memory in a thread", MEMORY, "in_thread do\n  sleep 1\n  'a' * 300_000_000 # here\nend"),
    ("memory within the language", MEMORY, "play 60\nscale(:c4, :major, num_octaves: 10_000_000) # here"),
    ("rescued memory", MEMORY, "begin\n  'a' * 300_000_000 # here\nrescue NoMemoryError\n  play 60\nend"),
    ("threads", MEMORY, "play 60\n100_000.times { in_thread { sleep 1 } } # here"),
    ("a function in itself", STACK, "play 60\ndef f(n) = f(n + 1) # here\nf(0)"),
    ("a block in itself", STACK, "play 60\ndef f(&) = [1].each { f(&) } # here\nf { }"),
    ("exit", EXIT, "play 60\nexit # here"),
    ("exit!", EXIT, "play 60\nexit! # here"),
    ("Process.exit!", EXIT, "play 60\nProcess.exit! 1 # here"),
    ("sounds", CROWD, "sleep 1\n5000.times { play 60 } # here"),
    ("words", CROWD, "sleep 1\n5000.times { puts 1 } # here"),
]


@cache
def strict() -> Ruby:
    """A Ruby that is soon tired of waiting."""
    return new_ruby(seconds=0.3)


@cache
def patient() -> Ruby:
    """A Ruby that waits until memory is used up."""
    return new_ruby(seconds=30.0)


def lines(text: str) -> list[int]:
    """The lines that may be told."""
    return [number for number, line in enumerate(text.splitlines(), 1) if re.search(r"# here$", line)]


@pytest.mark.parametrize(("failure", "text"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_ended_tells_its_line(failure: tuple[str, str], text: str) -> None:
    by = strict() if failure is TIME else patient()
    events = played(text, by=by)
    (failed,) = failures(events)
    assert (failed.error, failed.message) == failure
    assert failed.line in lines(text)
    assert ended(events)
    assert notes(played("play 60", by=by)) == [(0, 60)]


@pytest.mark.parametrize(
    "text",
    [
        "a = []\nwhile true # here\n  a = [] if a.size > 1000 # here\n  a << 'x' * 100 # here\n"
        "  in_thread { play 60 } if a.size == 1000 # here\nend",
        "5.times do\n  in_thread do\n    loop { sleep 1e-9; 'x' * 2000 } # here\n  end\nend",
        "h = {}\nwhile true # here\n  h[rand] = rand.to_s # here\n  h.clear if h.size > 9999 # here\nend",
    ],
    ids=["memory and threads", "between threads", "texts"],
)
def test_time_may_run_out_at_any_moment(text: str) -> None:
    """Also while memory is tidied, or Ruby changes from thread to thread: the line is right each time."""
    by = new_ruby(seconds=0.1)
    for _ in range(20):
        (failed,) = failures(played(text, by=by))
        assert failed.error == "Refused"
        assert failed.line in lines(text)


def test_a_thread_that_spoiled_its_stack_ends_alone() -> None:
    """Each `rescue` leaves something on the stack of this Ruby, until there is no room to tell of it."""
    events = played(
        "in_thread do\n  loop { begin; raise 'x'; rescue; end; sleep 1e-4 }\nend\nsleep 1\nplay 60"
    )
    (failed,) = failures(events)
    assert failed.error == "SystemStackError"
    assert 0 < failed.at < 1
    assert notes(events) == [(1, 60)]


def test_a_run_that_goes_on_tells_its_line() -> None:
    by = strict()
    by.start(1, "play 60\nsleep 2\nplay 61\nsleep 2\nwhile true; end", {}, tempo=60, seed=0)
    assert notes(by.advance(1, 1.0)) == [(0, 60)]
    assert notes(by.advance(1, 3.0)) == [(2, 61)]
    (failed,) = failures(by.advance(1, 5.0))
    assert failed.line == 5


@pytest.mark.parametrize(
    "text",
    [
        "Object.send(:remove_const, :Score)\nwhile true; end",
        "def caller(*) = ['snippet:99']\nmodule ::Score; def self.here = 'x'; end\nwhile true; end",
        "module ::Score; def self.here\n  while true; end\n  end\nend\nwhile true; end",
        "module ::Score; def self.here = 10**100; end\nwhile true; end",
        "class ::Array; def filter_map = raise('no'); end\nwhile true; end",
    ],
)
def test_no_line_is_better_than_a_made_up_one(text: str) -> None:
    events = played(text, by=strict())
    (failed,) = failures(events)
    assert (failed.error, failed.line) == ("Refused", 0)
    assert ended(events)
