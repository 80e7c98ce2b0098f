"""What Sonic Pi says to its window, as 3.2.2 sends it, becomes lines for people."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message_builder import build_msg

from sonickube_tui.engine.log_port import HELD, LogLine, LogPort, read_log

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
        ("/log/multi_message", [7, ":live_loop_x__sk7", "0.1", 1, 1, ":x__sk7"], [LogLine(":x", 7)]),
        (
            "/error",
            [8, ILL.replace("_x", "_x__sk8"), ELSEWHERE, 1],
            [LogLine("RuntimeError in live_loop_x: <b>\"ill\" & 'x'", 8, True)],
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
        ("/exited-with-boot-error", ["Server Exception:\n no jack\n"]),
    ],
)
def test_what_is_unknown_or_of_another_form_says_nothing(address: str, args: list[Any]) -> None:
    assert not list(read_log(address, args))


# Who is believed.

SERVER_SAYS, STRANGER_SAYS = ("127.0.0.1", 40001), ("127.0.0.1", 40002)


def port() -> tuple[LogPort, list[bytes]]:
    heard: list[bytes] = []
    return LogPort(heard.append), heard


def test_nothing_is_passed_on_before_its_sender_is_known_and_then_in_order_what_the_server_said() -> None:
    log, heard = port()
    for number in range(5):
        log.datagram_received(b"server %d" % number, SERVER_SAYS)
        log.datagram_received(b"stranger %d" % number, STRANGER_SAYS)
    assert heard == []
    log.datagram_received(build_msg("/ack", log.proof).dgram, SERVER_SAYS)
    log.datagram_received(b"stranger", STRANGER_SAYS)
    log.datagram_received(b"server", SERVER_SAYS)
    assert heard == [*(b"server %d" % number for number in range(5)), b"server"]


@pytest.mark.parametrize(
    ("address", "args"),
    [
        ("/ack", []),
        ("/ack", ["sonickube"]),
        ("/ack", ["proof", 1]),
        ("/ac", ["proof"]),
        ("/error", ["proof"]),
    ],
)
def test_who_does_not_say_the_proof_again_is_not_believed(address: str, args: list[Any]) -> None:
    log, heard = port()
    args = [log.proof if arg == "proof" else arg for arg in args]
    log.datagram_received(build_msg(address, args).dgram, STRANGER_SAYS)
    log.datagram_received(b"stranger", STRANGER_SAYS)
    assert heard == []


def test_a_flood_of_strangers_before_takes_the_room_of_early_words_and_no_more() -> None:
    log, heard = port()
    for number in range(10 * HELD):
        log.datagram_received(b"x" * 100, ("127.0.0.1", 1024 + number))
    log.datagram_received(build_msg("/ack", log.proof).dgram, SERVER_SAYS)
    log.datagram_received(b"server", SERVER_SAYS)
    assert heard == [b"server"]


def test_two_windows_have_proofs_of_their_own() -> None:
    assert port()[0].proof != port()[0].proof


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (['Server Exception:\n no jack\n ["/a.rb:1:in `x\'", "b"]'], "Server Exception: no jack"),
        (['["only a trace"]'], "it said nothing of why"),
        ([3], ""),
        ([], ""),
    ],
)
def test_why_it_could_not_start_is_what_was_said_by_one_who_proves_nothing(
    args: list[Any], reason: str
) -> None:
    log, heard = port()
    log.datagram_received(b"rubbish", SERVER_SAYS)
    log.datagram_received(build_msg("/exited-with-boot-error", args).dgram, SERVER_SAYS)
    assert log.boot_error == reason
    log.datagram_received(build_msg("/ack", log.proof).dgram, SERVER_SAYS)
    assert (log.boot_error, len(heard)) == ("", 2)


ADDRESSES = ["/log/info", "/log/multi_message", "/error", "/syntax_error"]
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
