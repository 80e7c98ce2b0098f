"""Redaction: no name comes through, and the session is still the same story."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from session import made
from sonickube_tui.cluster.again import Again
from sonickube_tui.event import Connection, Event, Kind, Link
from sonickube_tui.music.mixer import Channel
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
    ThemeLine,
    encode,
)
from sonickube_tui.session.opening import open_session
from sonickube_tui.session.recorder import Recorder
from sonickube_tui.session.redact import PLAIN_WORDS, Redactor

INCIDENT = Path(__file__).parents[1] / "data" / "incident.jsonl.gz"


@pytest.fixture(scope="module")
def incident() -> list[Line]:
    with open_session([INCIDENT], deriving=Again, follow=False) as session:
        assert session.wait(60)
        return list(session.lines())


def strings(value: Any) -> Iterator[str]:
    """All texts in a JSON value, but the names of fields."""
    match value:
        case dict():
            yield from strings(list(value.values()))
        case list():
            for part in value:
                yield from strings(part)
        case str():
            yield value


def names() -> set[str]:
    """All that the recorded cluster calls something: names, uids, images, labels, addresses."""
    found: set[str] = set()
    with gzip.open(INCIDENT) as lines:
        for line in lines:
            told = json.loads(line)
            found.add(told.get("mark", ""))
            if told.get("resource") == "pods":
                pod = told["event"]["object"]
                meta = pod.get("metadata", {})
                found.update(
                    meta.get("labels", {}), strings(meta.get("labels", {})), strings(pod.get("spec", {}))
                )
                found.update(str(meta.get(field, "")) for field in ("name", "namespace", "uid"))
                found.update(owner["name"] for owner in meta.get("ownerReferences", ()))
    return {name for name in found if len(name) > 3} - PLAIN_WORDS - {"pod-template-hash"}


def test_no_name_of_the_cluster_is_in_a_redacted_session(incident: list[Line]) -> None:
    secret = names()

    def told(lines: Iterable[Line]) -> str:
        return "\n".join(text for line in lines for text in strings(json.loads(encode(line))))

    before, after = told(incident), told(Redactor().lines(incident))
    assert len([name for name in secret if name in before]) > 100
    # By chance an alias begins as a name ends: `node-3` and five signs more is no name.
    assert [name for name in secret if re.search(rf"{re.escape(name)}(?![a-z2-7]{{5}})", after)] == []


def test_the_same_name_has_the_same_alias_all_through_a_file_and_another_in_the_next(
    incident: list[Line],
) -> None:
    def aliases(redactor: Redactor) -> dict[tuple[str, str], set[tuple[str, str]]]:
        found: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        before = [line for line in incident if isinstance(line, EventLine)]
        after = [line for line in redactor.lines(incident) if isinstance(line, EventLine)]
        for one, other in zip(before, after, strict=True):
            for field in ("cluster", "namespace", "pod", "uid", "owner", "node"):
                found[field, getattr(one.event, field)].add((field, getattr(other.event, field)))
        return found

    first, second = aliases(Redactor()), aliases(Redactor())
    assert all(len(alias) == 1 for alias in first.values())
    assert len({next(iter(alias)) for alias in first.values()}) == len(first)
    assert all(first[key] != second[key] for key in first if key[1])


def test_a_redacted_session_tells_the_same_story(incident: list[Line]) -> None:
    redacted = list(Redactor().lines(incident))
    assert [(line.t, type(line)) for line in redacted] == [(line.t, type(line)) for line in incident]

    def story(lines: list[Line]) -> list[tuple[Kind, int, str]]:
        return [
            (line.event.kind, line.event.restarts, line.event.reason)
            for line in lines
            if isinstance(line, EventLine)
        ]

    assert story(redacted) == story(incident)
    for line in redacted:
        if isinstance(line, EventLine) and line.event.owner.startswith("Deployment/"):
            assert line.event.pod.startswith(line.event.owner.removeprefix("Deployment/") + "-")


def test_redacted_pods_give_the_redacted_events_again(incident: list[Line], tmp_path: Path) -> None:
    path = made.save(tmp_path / "s.jsonl", Redactor().lines(incident))

    def told(fresh: bool) -> list[Event]:
        with open_session([path], deriving=Again, fresh=fresh, follow=False) as session:
            assert session.wait(60)
            events = [line.event for line in session.lines() if isinstance(line, EventLine)]
            return [msgspec.structs.replace(event, message="") for event in events]

    assert told(fresh=True) == told(fresh=False)


SECRET = "zanzibar"
HOSTILE: list[Line] = [
    Header(format=1, at=made.BEGAN, version=SECRET, theme=SECRET, clusters=(SECRET, f"arn:aws/{SECRET}")),
    ThemeLine(name=SECRET),
    SnippetLine(name=SECRET, text=f"play 60 if ev[:pod] == '{SECRET}'"),
    MarkLine(text=f"deploy of {SECRET}"),
    GapLine(lost=1, problem=f"/home/{SECRET} is full"),
    MixLine(channels=(Channel(SECRET), Channel(f"{SECRET}/{SECRET}"), Channel(f"a/{SECRET}/x-{SECRET}"))),
    ConnectionLine(
        connection=Connection(at=1, cluster=SECRET, link=Link.WATCHING, detail=f"https://{SECRET}")
    ),
    EventLine(
        event=Event(
            at=1,
            cluster=SECRET,
            namespace=SECRET,
            pod=f"x-{SECRET}-1",
            uid=SECRET,
            kind=Kind.CRASHED,
            owner=f"{SECRET}/{SECRET}",
            node=SECRET,
            reason=SECRET,
            message=f"no {SECRET}",
            prefix=f"{SECRET}/",
        )
    ),
    EventLine(
        event=Event(
            at=1, cluster=SECRET, namespace="sonickube", pod=SECRET, uid="sonickube", kind=Kind.SOURCE_LOST
        )
    ),
    EventLine(
        event=Event(at=1, cluster=SECRET, namespace="nodes", pod=SECRET, uid=SECRET, kind=Kind.NODE_READY)
    ),
]
S = SECRET
PODS = [
    {"metadata": {"name": S, "annotations": {S: S}, "labels": {S: S, "app": S}}},
    {"metadata": {"ownerReferences": [{"kind": S, "name": S}], "managedFields": [{S: 1}]}},
    {"spec": {"containers": [{"env": [{"name": "A", "value": S}]}], "nodeName": S, S: 1}},
    {"status": {"conditions": [{"type": S, "status": "True", "reason": S, "message": S}]}},
    {"status": {"containerStatuses": [{"name": S, "image": S, "state": {S: {"reason": S}}}]}},
    {"status": {"startedAt": f"2026-01-01T00:00:00Z{S}", "phase": [S, [S]], "reason": {S: 1}}},
    {"name": {"name": {"labels": S, "status": f"True {S}"}}},
    S,
    [S],
]


def pod_line(pod: bytes, cluster: str = "c") -> PodLine:
    return PodLine(at=1, cluster=cluster, change="ADDED", pod=msgspec.Raw(pod))


def test_wherever_a_name_is_put_it_does_not_come_through() -> None:
    pods = [pod_line(msgspec.json.encode(pod), SECRET) for pod in PODS]
    lines = [*HOSTILE, *pods]
    assert all(SECRET in encode(line).decode() for line in lines)
    after = list(map(encode, Redactor().lines(lines)))
    assert len(after) == len(lines) - 2, "themes of one's own and snippets are left out"
    assert [line for line in after if SECRET in line.decode()] == []


def test_pods_that_are_none_cost_their_line_only() -> None:
    deep = b'{"status":' * 5000 + b"1" + b"}" * 5000
    lines = [pod_line(pod) for pod in (deep, b'{"a":"\xff"}', b"{}")]
    assert len(list(Redactor().lines(lines))) == 1


def test_a_mix_is_of_the_channels_that_its_events_have() -> None:
    event = made.event(namespace="shop")
    several = msgspec.structs.replace(event, prefix="prod/")
    for one in (event, several, made.event(Kind.NODE_READY, namespace="nodes")):
        mix = MixLine(channels=(Channel(one.channel),))
        told, mixed = Redactor().lines([EventLine(event=one), mix])
        assert isinstance(told, EventLine) and isinstance(mixed, MixLine)
        assert told.event.channel == mixed.channels[0].name


def test_what_is_recorded_redacted_never_had_names_on_the_disk(tmp_path: Path) -> None:
    recorder = Recorder()
    recorder.item(Connection(at=1, cluster=SECRET, link=Link.WATCHING))
    recorder.snippet("bell", f"play :{SECRET}")
    recorder.start(tmp_path / "s.jsonl", redact=True)
    recorder.item(made.event(namespace=SECRET))
    recorder.mark(SECRET)
    recorder.stop()
    data = (tmp_path / "s.jsonl").read_bytes()
    assert SECRET not in data.decode()
    with open_session([tmp_path / "s.jsonl"]) as session:
        assert session.wait(30)
        assert Counter(type(line).__name__ for line in session.lines()) == {
            "Header": 1, "ConnectionLine": 1, "EventLine": 1, "MarkLine": 1,
        }  # fmt: skip
