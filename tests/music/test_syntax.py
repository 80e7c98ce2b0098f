"""What is Ruby and what is not, and in which line it stops to be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from players import ROOT
from sonickube_tui.music.syntax import check

SNIPPETS = sorted((ROOT / "snippets").glob("*/*.rb"))

GOOD = {
    "nothing": "",
    "only a comment": "# hush\n##| play 60\n",
    "a play": "play 60",
    "the event": "play 60 + ev[:restarts], amp: ev[:health]",
    "a block with effects": "with_fx :reverb, room: 0.9 do\n  sample :ambi_lunar_land, rate: 0.4\nend\n",
    "arguments over two lines": "play 60,\n  amp: 2, # loud\n  release: 3\n",
    "a loop in braces": "4.times { |i| play 60 + i; sleep 0.25 }",
    "a ring": "notes = (ring :c4, :e4, :g4).tick\nplay notes if one_in 3\n",
    "a lambda": "->(x) { x + 1 }.(60)",
    "text in text": 'puts "#{1 + "#{2}".to_i}"',
    "a heredoc": "puts <<~EOF\n  play (60\nEOF\n",
    "a pattern": "case ev\nin {kind: 'ready', count: Integer => n} if n > 1\n  play n\nelse\nend\n",
    "words and signs": "p %w[a (b], ?a, :'c d', /e\\//",
    "a method without end": "def up(n) = n + 12\nplay up 60",
    "lines from Windows": "if true\r\n  play 60\r\nend\r\n",
    "names and texts from anywhere": "ñandú = '🦛'\nputs ñandú",
    "a part that Ruby does not read": "play 60\n__END__\n(((",
    "a comment over lines": "=begin\nplay (60\n=end\nplay 60\n",
}

BAD = {
    "a bracket too many": ("play 60\nplay 61)\nplay 62\n", 2, ")"),
    "a brace too many": ("play 60\n\n}\n", 3, "}"),
    "a bracket too few": ("play 60\nplay (61\n", 2, "(61"),
    "a hash left open": ("play 60\nx = {a: 1\n", 2, "missing '}'"),
    "a block left open": ("play 60\nlive_loop :a do\n  play 61\n", 2, "do"),
    "an if left open": ("play 60\n\nif one_in 3\n  play 61\nelse\n", 3, "if one_in 3"),
    "a text left open": ('play 60\nputs "hush\nplay 61\n', 2, '"'),
    "a comma missing": ("play 60\nplay :c4 release: 3\n", 2, ":c4"),
    "a comma at the end": ("play 60,\n", 1, ","),
    "an operator without its right side": ("play 60\nx = 1 +", 2, "missing 'identifier'"),
    "two operators": ("play 60\nplay 61\nplay 62 +* 3\n", 3, "+* 3"),
    "two faults": ("play 60)\nplay 61)\n", 1, ")"),
    "lines from Windows": ("play 60\r\nplay 61)\r\n", 2, ")"),
    "after signs from anywhere": ("puts '🦛\u2028'\nplay 61)\n", 2, ")"),
    "not a text at all": ("\x00\x01\x02", 1, "\\x00"),
}

FRAGMENTS = [
    *"()[]{}|\"'`#@$:;,.?%&*=<>\\/\n\t\0 ",
    *("do", "end", "if", "def", "case", "in", "while", "begin", "rescue", "->", "<<~A", "A", "%w(", "#{"),
    *("play", ":c4", "60", "ev[:count]", "x", "__END__", "=begin\n", "=end\n", "\ud800", "🦛"),
]

texts = st.one_of(
    st.text(st.characters(exclude_categories=())),
    st.lists(st.sampled_from(FRAGMENTS), max_size=60).map("".join),
    st.lists(st.sampled_from(FRAGMENTS), max_size=60).map(" ".join),
)


@pytest.mark.parametrize("name", GOOD)
def test_this_is_ruby(name: str) -> None:
    assert check(GOOD[name]) is None


@pytest.mark.parametrize("name", BAD)
def test_this_is_not_ruby_and_the_line_is_told(name: str) -> None:
    text, line, sign = BAD[name]
    problem = check(text)
    assert problem is not None
    assert problem.line == line
    assert sign in problem.message


@pytest.mark.parametrize("file", SNIPPETS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_shipped_snippet_is_ruby(file: Path) -> None:
    assert check(file.read_text("utf-8")) is None


def test_snippets_are_shipped() -> None:
    assert {file.parent.name for file in SNIPPETS} >= {"classic", "zen"}


def is_fine(text: str) -> None:
    problem = check(text)
    if problem is not None:
        assert 1 <= problem.line <= text.count("\n") + 1
        assert len(problem.message.splitlines()) == 1


@given(texts)
@settings(deadline=None)
def test_any_text_is_ruby_or_has_a_line_that_is_not(text: str) -> None:
    is_fine(text)


@given(st.sampled_from(SNIPPETS).map(lambda file: file.read_text("utf-8")), st.data())
@settings(deadline=None)
def test_a_snippet_while_it_is_typed_is_ruby_or_has_a_line_that_is_not(
    text: str, data: st.DataObject
) -> None:
    is_fine(text[: data.draw(st.integers(0, len(text)))])


def test_a_long_message_is_cut() -> None:
    problem = check(f"if {'a' * 1000}\n  play 60\n")
    assert problem is not None
    assert len(problem.message) < 60


def test_a_fault_deep_inside_is_found() -> None:
    assert check("[" * 3000 + "=" + "]" * 3000) is not None


@pytest.mark.parametrize("text", ["play 60\nend\n", "4.times do\n  play 60\nend\nend\n"])
def test_an_end_too_many_is_not_ruby(text: str) -> None:
    assert check(text) is not None
