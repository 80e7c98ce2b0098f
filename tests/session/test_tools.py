"""What is done with sessions on the command line."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner, Result

from session import made
from sonickube_tui.cluster.again import Again
from sonickube_tui.errors import UserError
from sonickube_tui.event import Kind
from sonickube_tui.session import commands
from sonickube_tui.session.format import (
    ConnectionLine,
    EventLine,
    GapLine,
    Header,
    Line,
    MarkLine,
    MixLine,
    PodLine,
    SnippetLine,
    encode,
)
from sonickube_tui.session.opening import open_session
from sonickube_tui.session.tools import ChannelUse, KindUse, check, encoded, to_kubectl, write

INCIDENT = Path(__file__).parents[1] / "data" / "incident.jsonl.gz"


def run(*arguments: object) -> Result:
    group: click.Group = commands.group(Again)
    return CliRunner().invoke(group, list(map(str, arguments)))


def ok(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output + str(result.exception)
    return result.output


def read(path: Path) -> list[Line]:
    with open_session([path], deriving=Again, follow=False) as session:
        assert session.wait(60)
        assert (session.problem, session.faults.total) == ("", 0)
        return list(session.lines())


def names(pods: list[PodLine]) -> dict[str, str]:
    """Versions by name of what pods are left when these lines have been told."""
    left: dict[str, str] = {}
    for line in pods:
        metadata = json.loads(bytes(line.pod))["metadata"]
        key = f"{metadata['namespace']}/{metadata['name']}"
        left[key] = metadata["resourceVersion"]
        if line.change == "DELETED":
            del left[key]
    return left


@pytest.mark.parametrize("start", ["0s", "10m", "50%"])
def test_a_trimmed_session_plays_alone_and_begins_as_it_was_there(tmp_path: Path, start: str) -> None:
    lines = list(made.lines(5, 800))
    source = made.save(tmp_path / "s.jsonl", lines)
    out = tmp_path / "out.jsonl.gz"
    ok("trim", source, out, "--from", start, "--to", "90%")
    trimmed = read(out)
    end = lines[-1].t
    began = {"0s": 0.0, "10m": 600.0, "50%": 0.5 * end}[start]

    header = trimmed[0]
    assert isinstance(header, Header) and header.at == pytest.approx(made.BEGAN + began)
    kept = [line for line in lines if began <= line.t <= 0.9 * end and not isinstance(line, Header)]
    assert [made.plain(line) | {"t": 0} for line in trimmed[-len(kept) :]] == [
        made.plain(line) | {"t": 0} for line in kept
    ]
    assert [line.t for line in trimmed[-len(kept) :]] == pytest.approx([line.t - began for line in kept])

    state = trimmed[1 : -len(kept)]
    before = [line for line in lines if line.t < began]
    want_mix = next((line for line in reversed(before) if isinstance(line, MixLine)), None)
    got_mix = next((line for line in state if isinstance(line, MixLine)), None)
    assert (want_mix and want_mix.channels) == (got_mix and got_mix.channels)
    assert {line.name: line.text for line in state if isinstance(line, SnippetLine)} == {
        line.name: line.text for line in before if isinstance(line, SnippetLine)
    }
    listed = [line for line in state if isinstance(line, PodLine)]
    assert all(line.change == "LISTED" and line.t == 0.0 for line in listed)
    assert names(listed) == names([line for line in before if isinstance(line, PodLine)])
    assert {type(line) for line in state} <= {MixLine, SnippetLine, PodLine, ConnectionLine}


def test_pieces_that_are_merged_again_have_every_event_once(tmp_path: Path) -> None:
    lines = list(made.lines(6, 600))
    source = made.save(tmp_path / "s.jsonl", lines)
    cut = lines[300].t + 0.125
    for name, between in (("a", ("0s", f"{cut}s")), ("b", (f"{cut}s", "100%"))):
        ok("trim", source, tmp_path / f"{name}.jsonl", "--from", between[0], "--to", between[1])
    ok("merge", tmp_path / "b.jsonl", tmp_path / "a.jsonl", tmp_path / "ab.jsonl.zst")

    def events(of: list[Line]) -> list[tuple[float, object]]:
        return [(round(line.t, 3), line.event) for line in of if isinstance(line, EventLine)]

    assert events(read(tmp_path / "ab.jsonl.zst")) == events(lines)


def test_what_is_converted_to_kubectl_and_back_is_the_same_story(tmp_path: Path) -> None:
    ok("convert", INCIDENT, tmp_path / "own.jsonl")
    ok("convert", tmp_path / "own.jsonl", tmp_path / "watch.json", "--to", "kubectl")
    ok("convert", tmp_path / "watch.json", tmp_path / "back.jsonl.gz")
    own, back = read(tmp_path / "own.jsonl"), read(tmp_path / "back.jsonl.gz")

    def pods(lines: list[Line]) -> list[tuple[str, object]]:
        found = [line for line in lines if isinstance(line, PodLine) and line.change != "LISTED"]
        return [(line.change, json.loads(bytes(line.pod))) for line in found]

    # Those that kubectl tells first were there before.
    assert pods(back) == pods(own)[-len(pods(back)) :] and len(pods(back)) > 300
    told = [json.loads(line) for line in (tmp_path / "watch.json").read_text().splitlines()]
    assert {line["object"]["kind"] for line in told} == {"Pod"}
    assert {line["type"] for line in told} == {"ADDED", "MODIFIED", "DELETED"}


def test_kubectl_lines_are_json_whatever_the_pod() -> None:
    for pod in (b"{}", b' {"metadata":{}} ', b"{ }"):
        line = PodLine(at=1, cluster="c", change="LISTED", pod=msgspec.Raw(pod))
        (told,) = to_kubectl([line])
        assert json.loads(told)["object"] == {"apiVersion": "v1", "kind": "Pod"} | json.loads(pod)


def test_deriving_again_gives_the_same_under_the_same_rules(tmp_path: Path) -> None:
    ok("convert", INCIDENT, tmp_path / "one.jsonl")
    ok("convert", tmp_path / "one.jsonl", tmp_path / "two.jsonl", "--derive-again")
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


def test_redact_leaves_no_name(tmp_path: Path) -> None:
    ok("redact", INCIDENT, tmp_path / "out.jsonl")
    data = (tmp_path / "out.jsonl").read_text()
    assert "crash_loop" in data
    assert not [name for name in ('"shop', '"cart-', '"node-2"', '"rollout') if name in data]


def test_info_tells_what_a_session_holds_and_what_is_bad(tmp_path: Path) -> None:
    lines = [*made.lines(1, 300), GapLine(t=1e6, lost=7, problem="disk full")]
    path = made.save(tmp_path / "s.jsonl", lines)
    with path.open("ab") as out:
        out.write(b'hello \x1b[2J\n{"is":"song","t":1}\n{"is":"mark","t')
    told = json.loads(ok("info", path, "--json"))
    assert told["lines"]["event"] == sum(isinstance(line, EventLine) for line in lines)
    assert (told["lost"], told["bad"], told["unknown"], told["tail"]) == (7, 1, 1, 15)
    assert told["seconds"] == 1e6
    assert sum(told["kinds"].values()) == told["lines"]["event"]
    text = ok("info", path)
    for wanted in (
        "prod",
        "zen",
        "277:46:40",
        "7 lines found no room",
        "line 303",
        "1 lines of kinds",
        "15 bytes",
    ):
        assert wanted in text


def test_info_lets_nothing_through_that_steers_a_terminal(tmp_path: Path) -> None:
    evil = "\x1b]0;evil\x07\x9b2J\n\u2028"
    lines: list[Line] = [
        Header(format=1, at=made.BEGAN, theme=evil, version=evil, clusters=(evil,)),
        MarkLine(t=1.0, text=evil),
    ]
    text = ok("info", made.save(tmp_path / "s.jsonl", lines))
    assert all(char.isprintable() or char == "\n" for char in text)


def test_check_says_what_plays_and_how_busy_it_is() -> None:
    def at(t: float, kind: Kind, namespace: str) -> EventLine:
        return EventLine(t=t, event=made.event(kind, t, namespace))

    lines = [
        *(at(float(t), Kind.READY, "shop") for t in range(0, 100, 2)),
        *(at(120.0 + t / 10, Kind.CRASHED, "shop") for t in range(40)),
        at(500.0, Kind.OOM_KILLED, "batch"),
    ]
    found = check(lines, {Kind.READY: "bell", Kind.CRASHED: ""}.get)
    assert found.kinds == (
        KindUse(Kind.READY, 50, "bell"),
        KindUse(Kind.CRASHED, 40, ""),
        KindUse(Kind.OOM_KILLED, 1, None),
    )
    assert found.channels == (ChannelUse("shop", 90, 40, 120.0), ChannelUse("batch", 1, 1, 480.0))
    text = "\n".join(commands.describe_check(found))
    for wanted in ("bell.rb", "silent", "no snippet", "busiest minute 40 at 0:02:00"):
        assert wanted in text


def test_an_output_is_new_its_owners_and_whole_or_not_there(tmp_path: Path) -> None:
    source = made.save(tmp_path / "s.jsonl", made.lines(1, 50))
    ok("convert", source, tmp_path / "out.jsonl")
    assert stat.S_IMODE((tmp_path / "out.jsonl").stat().st_mode) == 0o600
    result = run("convert", source, tmp_path / "out.jsonl")
    assert isinstance(result.exception, UserError) and "there already" in str(result.exception)

    def failing() -> list[bytes]:
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="No space left"):
        write((line for lines in ([b"a\n"], None) for line in (lines or failing())), tmp_path / "half.jsonl")
    assert not (tmp_path / "half.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--from", "yesterdays"], "is no moment"),
        (["--from", "5m", "--to", "4m"], "nothing of"),
        (["--from", "900h"], "not in the session"),
    ],
)
def test_a_piece_that_is_not_there_is_told(tmp_path: Path, arguments: list[str], why: str) -> None:
    source = made.save(tmp_path / "s.jsonl", made.lines(1, 200))
    result = run("trim", source, tmp_path / "out.jsonl", *arguments)
    assert isinstance(result.exception, UserError) and why in str(result.exception)
    assert not (tmp_path / "out.jsonl").exists()


def test_bad_lines_are_told_and_the_good_ones_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"".join(map(encode, made.lines(1, 50))) + b"hello\n" * 20)
    text = ok("convert", path, tmp_path / "out.jsonl")
    assert "left out: line 52" in text and "10 more bad lines" in text
    assert len(read(tmp_path / "out.jsonl")) == 51


def test_lines_are_written_as_they_are(tmp_path: Path) -> None:
    lines = list(made.lines(1, 50))
    assert write(encoded(lines), tmp_path / "out.jsonl") == 51
    assert (tmp_path / "out.jsonl").read_bytes() == b"".join(map(encode, lines))
