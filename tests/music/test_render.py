"""From a voice to Ruby's text: what the cluster says stays data. What Ruby makes of it: tests/sound."""

from __future__ import annotations

import base64
import math
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from players import event
from sonickube_tui.event import Event, Kind
from sonickube_tui.music.mixer import Level
from sonickube_tui.music.render import (
    Reply,
    event_data,
    readable,
    render,
    render_hello,
    render_levels,
    render_running,
    render_stop,
)
from sonickube_tui.music.syntax import check
from sonickube_tui.music.voice import Voice

REPLY = Reply("127.0.0.1", 4711, "5e0c9f3a71b24d88")

PACKED = re.compile(r'sk_text\.call\("([A-Za-z0-9+/=]*)"\)')

TRAPS = [
    '#{system("touch gone")}',
    '"; system("touch gone"); "',
    '")); system("touch gone") #',
    "`touch gone`",
    "\nsystem 'touch gone'\n",
    "\\",
    '\\"',
    "__END__",
    "=begin\n",
    "{prefix}{0}{}%s",
    "\0",
    "\u2028\ufeff🦛",
    'sk_text.call("c3RhcnQ=")',
]

hostile = st.text() | st.lists(st.sampled_from(TRAPS), max_size=4).map("".join)

hostile_events = st.builds(
    Event,
    at=st.floats(allow_nan=False, allow_infinity=False),
    cluster=hostile,
    namespace=hostile,
    pod=hostile,
    uid=hostile,
    kind=st.sampled_from(list(Kind)),
    owner=hostile,
    node=hostile,
    reason=hostile,
    message=hostile,
    restarts=st.integers(0, 2**31),
)


def voice(about: Event | None = None, **fields: object) -> Voice:
    return Voice(**{"id": 7, "event": about or event(), "snippet": "ready", **fields})  # type: ignore[arg-type]


def unpack(code: str) -> list[str]:
    return [base64.b64decode(packed).decode() for packed in PACKED.findall(code)]


@given(hostile_events, hostile)
@settings(deadline=None)
def test_nothing_of_an_event_or_a_snippet_is_in_the_code_but_packed(about: Event, snippet: str) -> None:
    code = render(voice(about), snippet, REPLY)
    assert PACKED.sub("", code) == PACKED.sub("", render(voice(), "play 60", REPLY))
    assert code.isascii()
    data, text = unpack(code)
    assert msgspec.json.decode(data) == event_data(voice(about))
    assert text == snippet


@given(hostile_events, hostile)
@settings(deadline=None)
def test_for_people_it_is_unpacked_and_without_the_secret(about: Event, snippet: str) -> None:
    code = render(voice(about), snippet, REPLY)
    shown = readable(code)
    for text in unpack(code):
        assert f"\n{text}\n" in shown
    assert REPLY.secret in code
    assert REPLY.secret not in shown


def test_for_people_the_data_is_shown_as_it_is() -> None:
    shown = readable(render(voice(event(message="no such file: /sonickube/data/x")), "play 60", REPLY))
    assert "no such file: /sonickube/data/x" in shown


def test_a_snippet_finds_the_event_in_ev() -> None:
    about = event(
        Kind.CRASH_LOOP,
        owner="Deployment/cart",
        node="node-a",
        reason="CrashLoopBackOff",
        message="back-off 10s",
        restarts=4,
        seen=14,
    )
    assert event_data(voice(about, count=3, health=1 / 3)) == {
        "cluster": "test",
        "namespace": "shop",
        "pod": "cart-1",
        "owner": "Deployment/cart",
        "node": "node-a",
        "kind": "crash_loop",
        "severity": "critical",
        "reason": "CrashLoopBackOff",
        "message": "back-off 10s",
        "restarts": 4,
        "seen": 14,
        "count": 3,
        "health": 0.333,
        "at": 1.0,
    }


def test_half_of_a_surrogate_pair_does_not_stop_the_music() -> None:
    code = render(voice(event(message="a\ud800b")), "puts 'c\udfffd'", REPLY)
    data, snippet = unpack(code)
    assert msgspec.json.decode(data)["message"] == "a?b"
    assert snippet == "puts 'c?d'"


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"level": Level()}, "job_mixer(sk_job).ctl_now(amp: 0.3)"),
        ({"level": Level(0.5)}, "job_mixer(sk_job).ctl_now(amp: 0.15)"),
        ({"level": Level(0.5)}, "with_fx(:pan, pre_amp: 0.707107, pan: 0)"),
        ({"level": Level(0.5, -1.0)}, "job_mixer(sk_job).ctl_now(amp: 0.15)"),
        ({"level": Level(0.5, -1.0)}, ".call(sk_job, job_mixer(sk_job), 1,-1)"),
        ({"level": Level(0.5, 1.0)}, "with_fx(:pan, pre_amp: 0.5, pan: 1)"),
        ({"level": Level(0.0)}, "job_mixer(sk_job).ctl_now(amp: 0)"),
        ({"level": Level(1e-9)}, "job_mixer(sk_job).ctl_now(amp: 0)"),
        ({"tempo": 92.5}, "use_bpm 92.5\n"),
        ({"tempo": 120.0}, "use_bpm 120\n"),
        ({"id": 42}, "use_random_seed 42\n"),
    ],
)
def test_what_the_voice_says_is_in_the_code(fields: dict[str, object], line: str) -> None:
    assert line in render(voice(**fields), "play 60", REPLY)


def test_reports_go_to_our_port_under_our_secret() -> None:
    for code in (
        render(voice(), "play 60", REPLY),
        render_hello(REPLY),
        render_running([7, 12], 3, REPLY),
    ):
        assert 'SonicPi::OSC::UDPClient.new("127.0.0.1", 4711)' in code
        assert '"/sonickube/5e0c9f3a71b24d88/' in code


@pytest.mark.parametrize(
    ("levels", "line"),
    [
        ({}, "{}"),
        ({7: Level()}, "{7=>[0.3,1.414214,0]}"),
        ({7: Level(0.0), 8: Level(1.9953)}, "{7=>[0,1.414214,0],8=>[0.59859,1.414214,0]}"),
        ({7: Level(0.5, -1.0), 8: Level(1.0, 1.0)}, "{7=>[0.15,1,-1],8=>[0.3,1,1]}"),
        ({7: Level(1.0, 0.5)}, "{7=>[0.3,1.118034,0.409666]}"),
    ],
)
def test_levels_go_to_the_mixers_of_their_jobs(levels: dict[int, Level], line: str) -> None:
    assert f"\nsk_levels = {line}\n" in render_levels(levels)


@given(st.floats(-1, 1))
def test_with_sonic_pis_own_law_a_pan_turns_down_one_ear_only(pan: float) -> None:
    line = render_levels({7: Level(1.0, pan)}).partition("=>[")[2]
    amp, place = map(float, line[: line.index("]")].split(",")[1:])
    angle = (place + 1) * math.pi / 4
    left, right = amp * math.cos(angle), amp * math.sin(angle)
    assert (left, right) == pytest.approx((min(1, 1 - pan), min(1, 1 + pan)), abs=1e-5)
    assert max(left, right) == pytest.approx(1, abs=1e-5)


def test_in_the_middle_a_run_is_not_panned() -> None:
    assert "fx_pan" not in render(voice(), "play 60", REPLY)


def test_stop_names_its_jobs_and_no_others() -> None:
    assert render_stop([7, 12]) == "[7,12].each { |j| __stop_job j }"
    assert render_stop(iter(())) == "[].each { |j| __stop_job j }"


@pytest.mark.parametrize(
    "code",
    [
        render(voice(), "play 60", REPLY),
        render_hello(REPLY),
        render_running([7, 12], 3, REPLY),
        render_hello(Reply("::1", 1, "s")),
        render_levels({}),
        render(voice(level=Level(0.5, -0.3)), "play 60", REPLY),
        render_levels({7: Level(0.5), 8: Level(0.0, -1.0)}),
        render_stop([7, 12]),
    ],
)
def test_what_is_rendered_is_ruby_and_shown_without_the_secret(code: str) -> None:
    assert check(code) is None
    assert REPLY.secret not in readable(code)


@pytest.mark.parametrize("code", [render_levels({7: Level(0.5, 0.3)}), render_stop([7]), "", "play 60"])
def test_code_without_data_is_shown_as_it_is(code: str) -> None:
    assert readable(code) == code


@pytest.mark.parametrize(
    ("host", "secret"),
    [
        ("", "s"),
        ("localhost", "s"),
        ("127.0.0.1\n", "s"),
        ('127.0.0.1"', "s"),
        ("#{1}", "s"),
        ("127.0.0.1", ""),
        ("127.0.0.1", "s\n"),
        ("127.0.0.1", "a/b"),
        ("127.0.0.1", "a b"),
        ("127.0.0.1", 'a"'),
        ("127.0.0.1", "#{1}"),
    ],
)
def test_a_reply_is_refused_what_could_leave_its_place_in_the_code(host: str, secret: str) -> None:
    with pytest.raises(ValueError, match="a numeric host and a plain secret"):
        Reply(host, 4711, secret)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "fe80::1:2"])
def test_a_numeric_host_and_a_plain_secret_make_an_address(host: str) -> None:
    assert Reply(host, 4711, "a1_B").prefix == "/sonickube/a1_B/"
