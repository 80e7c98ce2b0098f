"""Whatever the cluster calls its pods: Ruby gets it byte by byte as data, and none of it ever runs."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from players import event
from sonic_pi import SonicPiServer
from sonickube_tui.engine.osc import unpack
from sonickube_tui.event import Event, Kind
from sonickube_tui.music.mixer import Level
from sonickube_tui.music.render import Reply, event_data, render
from sonickube_tui.music.voice import Voice

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

FIELDS = ("cluster", "namespace", "pod", "owner", "node", "reason", "message")

CANARY = "sonickube-canary"

TRAPS = (
    '#{system("touch $HOME/CANARY")}',
    '"; system("touch CANARY"); "',
    "`touch CANARY`",
    "');exec 'touch CANARY' #",
    '") rescue system("touch CANARY") #',
    "\nsystem 'touch CANARY'\n",
    "\\",
    '\\"',
    "\\u0023{1}",
    "__END__",
    "=begin\n=end",
    "<<EOF\nEOF\n",
    "%w(a b)",
    "\0",
    "a\0b",
    "\r\n",
    "\x04\x1a\x7f",
    "\u2028\u2029\ufeff",
    "🦛👩‍🚀 ñ Ω 日本",
    "ring = 1",
    "12:34:56",
    "live_loop :a do",
    "{}{0}{id}%s$HOME~",
    "c3RhcnQ=",
    "ev[:pod]",
    "x" * 10_000,
    "",
)

hostile = st.one_of(
    st.sampled_from(TRAPS),
    st.text(max_size=60),
    st.lists(st.sampled_from(TRAPS[:-2]), max_size=5).map("".join),
)

events = st.builds(
    event,
    st.sampled_from(Kind),
    message=hostile,
    restarts=st.integers(0, 2**31),
    **{
        field: hostile.filter(lambda text: len(text) < 500)
        for field in ("namespace", "pod", "owner", "reason")
    },
)


def play_back(server: SonicPiServer, voices: list[Voice], snippet: str) -> dict[int, dict[str, list[object]]]:
    """Run a snippet for each voice; what it and the run around it reported, by voice and name.

    The snippet finds the reports' port at `PORT` and its voice's number at `VOICE` in its text.
    """
    heard: dict[int, dict[str, list[object]]] = {voice.id: {} for voice in voices}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inbox:
        inbox.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        inbox.bind(("127.0.0.1", 0))
        inbox.settimeout(0.03)
        port = inbox.getsockname()[1]
        waiting = [
            render(
                voice,
                snippet.replace("PORT", str(port)).replace("VOICE", str(voice.id)),
                Reply("127.0.0.1", port, "test"),
            )
            for voice in voices
        ]
        end = time.monotonic() + 30
        while time.monotonic() < end and not all({"done", "failed"} & set(heard[v.id]) for v in voices):
            if waiting:
                server.run(waiting.pop())
            with suppress(TimeoutError):
                while True:
                    address, (voice_id, *arguments) = unpack(inbox.recv(65536)) or ("", [0])
                    if voice_id in heard:
                        heard[voice_id][address.rpartition("/")[2]] = arguments
    return heard


SEND_BACK = f"""\
back = SonicPi::OSC::UDPClient.new("127.0.0.1", PORT)
texts = %i[{" ".join(FIELDS)}].map {{ |key| ev[key] }}
back.send("/back/texts", VOICE, texts.map {{ |t| t.encoding.name + " " + t.unpack("H*")[0] }}.join(","))
back.send("/back/numbers", VOICE, [ev[:kind], ev[:restarts], ev[:count], ev[:health], ev[:at]].join(" "))
"""


@settings(
    max_examples=8,
    deadline=None,
    print_blob=True,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
        HealthCheck.function_scoped_fixture,  # It is one server for all.
    ],
)
@given(st.lists(events, min_size=20, max_size=30))
def test_data_arrives_byte_by_byte_and_never_runs(sonic_pi: SonicPiServer, happened: list[Event]) -> None:
    voices = [
        Voice(id=n, event=about, snippet="x", count=n, level=Level(0.0), health=0.5)
        for n, about in enumerate(happened, 1)
    ]
    heard = play_back(sonic_pi, voices, SEND_BACK)
    for voice in voices:
        reports = heard[voice.id]
        assert "failed" not in reports, reports
        data = event_data(voice)
        sent = ",".join(f"UTF-8 {str(data[field]).encode().hex()}" for field in FIELDS)
        assert reports["texts"] == [sent]
        assert reports["numbers"] == [f"{voice.event.kind} {voice.event.restarts} {voice.count} 0.5 1.0"]
    assert not list(sonic_pi.home.rglob("*canary*"))
    assert sonic_pi.errors == []


def test_the_canary_would_be_seen(sonic_pi: SonicPiServer) -> None:
    canary = sonic_pi.home / CANARY
    voice = Voice(id=1, event=event(), snippet="x")
    play_back(sonic_pi, [voice], f'system("touch {canary}")')
    assert canary.is_file()
    canary.unlink()


def test_half_a_character_is_replaced(sonic_pi: SonicPiServer) -> None:
    """JSON may escape a lone surrogate; UTF-8 cannot carry one."""
    voice = Voice(id=1, event=event(pod="a\ud800b", message="\udfff"), snippet="x")
    reports = play_back(sonic_pi, [voice], SEND_BACK)[1]
    texts = bytes.fromhex(str(reports["texts"][0]).split(",")[FIELDS.index("pod")].split(" ")[1])
    assert texts == b"a?b"


@pytest.mark.parametrize(
    "trap",
    [t for t in TRAPS if t and not set(t) & set("\0\n\x04") and "ring =" not in t and len(t) < 500],
)
def test_a_snippet_arrives_as_it_was_written(sonic_pi: SonicPiServer, trap: str) -> None:
    """Whatever stands in a comment, the lines below it keep their numbers."""
    voice = Voice(id=1, event=event(), snippet="x")
    snippet = f"# first\n# {trap}\n\n\nraise 'with \"quotes\"' # {trap}\n"
    assert play_back(sonic_pi, [voice], snippet)[1]["failed"] == ["RuntimeError", 'with "quotes"', 5]


@pytest.mark.parametrize(
    ("snippet", "error", "message", "line"),
    [
        ('play 60\nraise "\\xff half"', "RuntimeError", "? half", 2),
        ('raise "a\\0b"', "RuntimeError", "ab", 1),
        ('raise "wide".encode("utf-16le")', "RuntimeError", "wide", 1),
        ("x = Class.new(StandardError) { def message; nil; end }\nraise x", "#<Class:", "", 2),
        ("raise 'long' * 1000", "RuntimeError", "long" * 100, 1),
        ("x = 1\ndef deep; deep; end\ndeep", "SystemStackError", "stack level too deep", 2),
        ("# ring = 1", "SonicPi::PreParser::PreParseError", "You may not use", 0),
        ("play 60\nexit", "SystemExit", "exit", 2),
    ],
)
def test_whatever_a_snippet_raises_is_told(
    sonic_pi: SonicPiServer, snippet: str, error: str, message: str, line: int
) -> None:
    reports = play_back(sonic_pi, [Voice(id=1, event=event(), snippet="x", level=Level(0.0))], snippet)[1]
    told, said, at = reports["failed"]
    assert str(told).startswith(error)
    assert str(said).startswith(message)
    assert (at, len(str(said)) <= 400) == (line, True)


def test_stop_is_not_a_failure(sonic_pi: SonicPiServer) -> None:
    reports = play_back(sonic_pi, [Voice(id=1, event=event(), snippet="x")], "stop\nplay 72")[1]
    assert "done" in reports
