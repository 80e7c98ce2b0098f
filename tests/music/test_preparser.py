"""What Sonic Pi's pre-parser makes of a text, by the source of 4.5.1."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonickube_tui.music.preparser import LISTS, PreParseError, preparse
from sonickube_tui.music.syntax import check

FRAGMENTS = [*LISTS, *'(),= \n\t_@.:"#é1x', " = ", "==", "(ring", "scale = 3"]

texts = st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join)


@pytest.mark.parametrize(
    ("text", "ruby"),
    [
        ("(ring 50, 60)", " ring(50, 60)"),
        ("(  ring 50, 60)", "   ring(50, 60)"),
        ("(ring, 50, 60)", " ring( 50, 60)"),
        ("(ring,50)", " ring(50)"),
        ("(ring , 50)", " ring(  50)"),
        ("(knit 1, 2, 3, 4,)", " knit(1, 2, 3, 4,)"),
        ("(chord_invert (chord :e3, :major), 1)", " chord_invert( chord(:e3, :major), 1)"),
        ("(ring\n  1,\n  2)", " ring(\n 1,\n  2)"),
        ("(\nring 1)", " \nring(1)"),
        ("puts '(ring 1)'", "puts ' ring(1)'"),
        ("ring(1, 2)", "ring(1, 2)"),
        ("(rings 1)", "(rings 1)"),
        ("testscale = 10", "testscale = 10"),
        ("a = scale == 3", "a = scale == 3"),
        ("play scale: 3", "play scale: 3"),
    ],
)
def test_a_text_is_read_as_sonic_pi_reads_it(text: str, ruby: str) -> None:
    assert preparse(text) == ruby


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ("play 60\nscale = 3", "scale", 2),
        ("ring  = [50, 60]", "ring", 1),
        ("\n\n@line =\n3", "line", 3),
        ("play 60\n# the scale = C", "scale", 2),
    ],
)
def test_a_name_of_a_list_is_no_variable(text: str, name: str, line: int) -> None:
    with pytest.raises(PreParseError, match=f"attempted to use: {name}$") as refused:
        preparse(text)
    assert refused.value.line == line
    problem = check(text)
    assert problem is not None
    assert problem.line == line


@pytest.mark.parametrize("text", ["puts (ring, 1, 2)", "x = (knit 1, 2, 3, 4,)\nplay x.tick"])
def test_what_is_no_ruby_until_then_is_a_snippet(text: str) -> None:
    assert check(text) is None


@given(texts)
@settings(deadline=None)
def test_every_line_stays_where_it_was(text: str) -> None:
    try:
        ruby = preparse(text)
    except PreParseError as refused:
        assert 1 <= refused.line <= text.count("\n") + 1
    else:
        assert ruby.count("\n") == text.count("\n")
