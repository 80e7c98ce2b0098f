"""What Sonic Pi says to its window, as 3.2.2 sends it, becomes lines for people."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonickube_tui.engine.log_port import LogLine, read_log

SERVER = "/usr/lib/sonic-pi/app/server/ruby/lib/sonicpi"
IN_SNIPPET = f"""\
snippet:3:in `block (2 levels) in __spider_eval&#39;
eval:in `eval&#39;
{SERVER}/runtime.rb:781:in `eval&#39;
snippet:1:in `block in __spider_eval&#39;"""
ELSEWHERE = f"{SERVER}/lang/core.rb:2194:in `block in live_loop&#39;\neval:9:in `my-snippet:4&#39;"
UNDEFINED = """\
[buffer eval, line 1] - NameError
Thread death!
 undefined local variable or method `nonsense&#39; for Runtime:SonicPiLang"""
ILL = """\
[buffer eval, line 1] - RuntimeError
Thread death +--&gt; :live_loop_x
 &lt;b&gt;&quot;ill&quot; &amp; &#39;x&#39;"""
SYNTAX = """\
[buffer eval, line 781] - SyntaxError
Thread death!
 eval: syntax error, unexpected &#39;)&#39;
play )
     ^
"""


@pytest.mark.parametrize(
    ("address", "args", "lines"),
    [
        ("/log/info", [1, "Welcome to Sonic Pi v3.2.2"], [LogLine("Welcome to Sonic Pi v3.2.2")]),
        ("/log/info", [0, "Loaded sample\n"], [LogLine("Loaded sample")]),
        ("/log/multi_message", [7, '""', "0.1", 1, 1, "[3]"], [LogLine("[3]", 7)]),
        (
            "/log/multi_message",
            [7, ":live_loop_x", "2.5", 3, 0, "synth :beep, {note: 60.0}", 1, '"two"', 2, " three \n"],
            [LogLine("synth :beep, {note: 60.0}", 7), LogLine('"two"', 7), LogLine("three", 7)],
        ),
        (
            "/error",
            [8, UNDEFINED, IN_SNIPPET, 1],
            [LogLine("NameError in a thread: undefined local variable or method `nonsense'", 8, True, 3)],
        ),
        (
            "/error",
            [8, ILL, ELSEWHERE, 1],
            [LogLine("RuntimeError in live_loop_x: <b>\"ill\" & 'x'", 8, True)],
        ),
        (
            "/error",
            [8, "[eval] - ThreadError\n too late", "", -1],
            [LogLine("ThreadError too late", 8, True)],
        ),
        (
            "/error",
            [8, SYNTAX, ELSEWHERE, 781],
            [LogLine("SyntaxError in a thread: eval: syntax error, unexpected ')' play ) ^", 8, True)],
        ),
        (
            "/exited-with-boot-error",
            ["Server Exception:\n no jack\n"],
            [LogLine("Server Exception:\n no jack", error=True)],
        ),
    ],
)
def test_a_message_becomes_its_lines(address: str, args: list[Any], lines: list[LogLine]) -> None:
    assert list(read_log(address, args)) == lines


def test_a_syntax_error_says_nothing_of_sonic_pis_own_place() -> None:
    args = [9, "[buffer eval, line 2] \n syntax error, unexpected &#39;)&#39;", "play )", 2, "2"]
    [line] = read_log("/syntax_error", args)
    assert line == LogLine("syntax error, unexpected ')'", 9, error=True)


@pytest.mark.parametrize(
    "text",
    ["Starting run 7", "Completed run 7", "Stopping run 7", "Defining fn :brook", "Redefining fn :brook"],
)
def test_what_it_says_of_every_run_is_left_out(text: str) -> None:
    assert not list(read_log("/log/info", [0, text]))


@pytest.mark.parametrize(
    ("address", "args"),
    [
        ("", []),
        ("/ack", ["x"]),
        ("/runs/all-completed", []),
        ("/exited", []),
        ("/log/infos", [1, "Hello"]),
        ("/log/info", []),
        ("/log/info", ["Hello"]),
        ("/log/info", [1, 2]),
        ("/log/info", [1, b"Hello"]),
        ("/log/multi_message", [7, "", "0.0"]),
        ("/log/multi_message", ["7", "", "0.0", 1, 1, "text"]),
        ("/log/multi_message", [7, "", "0.0", 1, 1]),
        ("/error", [7, "text", "trace"]),
        ("/error", [7, "text", None, 3]),
        ("/error", [None, "text", "trace", 3]),
        ("/syntax_error", []),
        ("/syntax_error", ["text"]),
        ("/exited-with-boot-error", []),
        ("/exited-with-boot-error", [3]),
    ],
)
def test_what_is_unknown_or_of_another_form_says_nothing(address: str, args: list[Any]) -> None:
    assert not list(read_log(address, args))


ADDRESSES = ["/log/info", "/log/multi_message", "/error", "/syntax_error", "/exited-with-boot-error"]
ARGUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(ADDRESSES) | st.text(), st.lists(ARGUMENTS, max_size=8))
def test_any_address_and_arguments_are_read_without_harm(address: str, args: list[Any]) -> None:
    assert all(isinstance(line.text, str) for line in read_log(address, args))


@given(st.text(), st.text(), st.integers())
def test_any_text_of_an_error_is_one_line_of_an_error(text: str, trace: str, line: int) -> None:
    [said] = read_log("/error", [7, text, trace, line])
    assert said.error
    assert "\n" not in said.text
