"""What kubectl writes, as a source: cut into objects, read, and told as events."""

from __future__ import annotations

import json
import os
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonickube_tui.cluster import kubectl
from sonickube_tui.cluster.kubectl import Document, Documents, Story, follow, read
from sonickube_tui.cluster.patterns import parse
from sonickube_tui.cluster.vigil import STUCK_AFTER
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event, Kind, Link, Sight

Json = dict[str, Any]
LEAVING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def pod(name: str = "cart", version: int = 1, **metadata: object) -> Json:
    known = {"name": name, "namespace": "shop", "uid": name, "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": known | metadata}


def ready(name: str = "cart", version: int = 2) -> Json:
    return pod(name, version) | {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}


def compact(kind: str, thing: object) -> bytes:
    return json.dumps({"type": kind, "object": thing}, separators=(",", ":")).encode() + b"\n"


def indented(thing: object) -> bytes:
    return json.dumps(thing, indent=4).encode() + b"\n"


def cut(stream: bytes, size: int = 1 << 16) -> list[Document]:
    """The documents of a stream that comes in pieces of some bytes."""
    documents = Documents()
    pieces = (stream[start : start + size] for start in range(0, len(stream), size))
    return [*(document for piece in pieces for document in documents.feed(piece)), *documents.end()]


# Cut


@given(
    st.lists(st.tuples(st.dictionaries(st.text(), st.text() | st.lists(st.integers())), st.booleans())),
    st.integers(1, 50),
)
def test_every_object_comes_out_whole_wherever_the_stream_is_cut(
    things: list[tuple[Json, bool]], size: int
) -> None:
    stream = b"".join(
        indented(thing) if many else json.dumps(thing).encode() + b"\n" for thing, many in things
    )
    assert [json.loads(document.data) for document in cut(stream, size)] == [thing for thing, _ in things]


@given(st.binary(max_size=300), st.integers(1, 50))
def test_whatever_comes_it_is_cut_alike_and_read_or_refused(stream: bytes, size: int) -> None:
    documents = cut(stream, size)
    assert documents == cut(stream)
    for document in documents:
        with suppress(ValueError, msgspec.DecodeError):
            read(document.data)


def test_objects_are_numbered_by_their_first_line() -> None:
    stream = b'{"a": 1}\n\n' + indented({"b": 2}) + b"hello\n" + b'{"c": 3}'
    assert [(document.line, document.data[:5]) for document in cut(stream)] == [
        (1, b'{"a":'), (3, b"{\n   "), (6, b"hello"), (7, b'{"c":')
    ]  # fmt: skip


def test_an_object_that_breaks_off_does_not_take_the_next_ones_with_it() -> None:
    whole = compact("ADDED", pod())
    for broken in (whole[:40] + b"\n", indented(pod())[:40] + b"\n"):
        first, *others = cut(broken + whole + indented(pod()))
        assert first.data == broken
        assert [bool(read(document.data)) for document in others] == [True, True]


def test_an_object_that_is_too_large_is_refused_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubectl, "LIMIT", 1_000)
    assert len(cut(indented(pod()) * 100)) == 100
    with pytest.raises(UserError, match="line 2 of stdin"):
        cut(compact("ADDED", pod()) + b"x" * 1_001, 100)
    with pytest.raises(UserError, match="line 2 of stdin"):
        cut(compact("ADDED", pod()) + b"{\n" + b"    1,\n" * 200, 100)


# Read


def test_typed_and_untyped_pods_are_read() -> None:
    for told, kind in ((read(compact("DELETED", pod())), "DELETED"), (read(indented(pod())), "")):
        assert told is not None
        assert (told.type, told.pod.key) == (kind, ("shop", "cart"))


@pytest.mark.parametrize(
    "other",
    [
        compact("ADDED", {"kind": "Node", "metadata": {"name": "node-a"}, "status": {"phase": 3}}),
        compact("ERROR", {"kind": "Status", "code": 410}),
        indented({"kind": "Secret", "type": "Opaque"}),
        b"{}\n",
    ],
)
def test_other_kinds_are_passed_over(other: bytes) -> None:
    assert read(other) is None


# Told


class Teller:
    """A story with a clock of its own."""

    def __init__(self, *namespaces: str) -> None:
        self.story = Story("prod", parse(namespaces))
        self.now = 1_000.0
        self.sights: list[tuple[str, str]] = []

    def hear(self, kind: str, thing: Json, after: float = 0.0) -> list[tuple[str, Kind]]:
        self.now += after
        told = read(compact(kind, thing) if kind else indented(thing))
        assert told is not None
        items = list(self.story.hear(told, self.now))
        self.sights += [(item.change, item.pod.metadata.name) for item in items if isinstance(item, Sight)]
        return [(item.pod, item.kind) for item in items if isinstance(item, Event)]


def test_what_comes_first_is_silent_and_its_changes_are_told() -> None:
    teller = Teller()
    assert teller.hear("ADDED", pod("cart")) == []
    assert teller.hear("ADDED", pod("till")) == []
    assert teller.hear("MODIFIED", ready("cart"), after=10) == [("cart", Kind.READY)]
    assert teller.hear("ADDED", pod("new")) == [("new", Kind.CREATED)]
    gone = teller.hear("DELETED", pod("till", 3, **LEAVING))
    assert gone[-1] == ("till", Kind.DELETED)
    assert teller.story.pods == 2


def test_a_first_burst_is_silent_however_long_it_takes() -> None:
    teller = Teller()
    assert [teller.hear("ADDED", pod(f"cart-{n}"), after=1.0) for n in range(10)] == [[]] * 10


def test_after_a_pause_a_pod_that_is_added_is_news() -> None:
    teller = Teller()
    teller.hear("ADDED", pod("cart"))
    assert teller.hear("ADDED", pod("new"), after=60) == [("new", Kind.CREATED)]


def test_in_the_first_seconds_a_change_does_not_end_the_baseline() -> None:
    teller = Teller()
    teller.hear("ADDED", pod("cart"))
    teller.hear("MODIFIED", ready("cart"))
    assert teller.hear("ADDED", pod("till"), after=1) == []
    assert teller.hear("ADDED", pod("new"), after=1.5) == [("new", Kind.CREATED)]


def test_a_kubectl_that_is_started_again_repeats_nothing() -> None:
    teller = Teller()
    teller.hear("ADDED", pod("cart"))
    teller.hear("MODIFIED", ready("cart"), after=60)
    assert teller.hear("ADDED", ready("cart"), after=600) == []
    assert teller.hear("ADDED", pod("cart", 3)) == [("cart", Kind.UNREADY)]


def test_a_pod_that_is_changed_and_was_never_added_was_there_before() -> None:
    teller = Teller()
    assert teller.hear("MODIFIED", ready("cart")) == []
    assert teller.hear("MODIFIED", pod("cart", 3)) == [("cart", Kind.UNREADY)]


def test_without_types_changes_come_from_what_was_known() -> None:
    teller = Teller()
    assert teller.hear("", pod("cart")) == []
    assert teller.hear("", ready("cart"), after=10) == [("cart", Kind.READY)]
    assert teller.hear("", pod("new")) == [("new", Kind.CREATED)]
    assert teller.hear("", pod("cart", 3, **LEAVING, deletionGracePeriodSeconds=30))
    last = pod("cart", 4, **LEAVING, deletionGracePeriodSeconds=0)
    assert teller.hear("", last) == [("cart", Kind.DELETED)]
    assert teller.hear("", last) == []
    assert list(teller.story.overdue(teller.now + 1e9)) == []


def test_pods_are_seen_before_what_happened_to_them() -> None:
    teller = Teller()
    teller.hear("ADDED", pod("cart"))
    teller.hear("MODIFIED", ready("till"))
    teller.hear("MODIFIED", ready("cart"), after=60)
    teller.hear("ADDED", ready("cart"))  # kubectl is started again.
    teller.hear("", pod("new"))
    teller.hear("DELETED", pod("new", 5))
    assert teller.sights == [
        ("LISTED", "cart"),
        ("LISTED", "till"),
        ("MODIFIED", "cart"),
        ("ADDED", "new"),
        ("DELETED", "new"),
    ]
    told = read(compact("DELETED", ready("cart", 7)))
    assert told is not None
    first, *events = teller.story.hear(told, teller.now)
    assert isinstance(first, Sight)
    assert first.pod == told.pod
    assert [event.kind for event in events if isinstance(event, Event)] == [Kind.TERMINATING, Kind.DELETED]


def test_namespaces_choose_among_what_kubectl_writes() -> None:
    teller = Teller("team-*")
    teller.hear("ADDED", pod("cart"))
    teller.hear("ADDED", pod("till", namespace="team-a"))
    assert teller.story.pods == 1
    assert teller.hear("MODIFIED", ready("cart")) == []
    assert teller.sights == [("LISTED", "till")]


def test_what_takes_too_long_is_told_without_another_line() -> None:
    teller = Teller()
    teller.hear("ADDED", pod("cart"))
    teller.hear("MODIFIED", pod("cart", 2, deletionTimestamp="1970-01-01T00:16:40Z"))
    assert [event.kind for event in teller.story.overdue(teller.now + 31)] == [Kind.STUCK_TERMINATING]


# Followed


async def everything(stream: bytes) -> tuple[list[Event], list[Connection]]:
    """What is told of a stream that ends."""
    with TemporaryFile() as file:
        file.write(stream)
        file.seek(0)
        told = [item async for item in follow(file.fileno(), "prod", parse(()))]
    events = [item for item in told if isinstance(item, Event)]
    return events, [item for item in told if isinstance(item, Connection)]


async def test_it_tells_what_it_waits_for_and_ends_with_the_stream() -> None:
    events, links = await everything(compact("ADDED", pod()) + compact("MODIFIED", ready())[:-1])
    assert [(event.cluster, event.kind) for event in events] == [("prod", Kind.READY)]
    assert [link.link for link in links] == [Link.CONNECTING, Link.WATCHING]


async def test_pods_are_counted_once_the_first_of_them_are_read() -> None:
    _, links = await everything(b"".join(compact("ADDED", pod(f"cart-{n}")) for n in range(20)))
    assert [link.pods for link in links] == [0, 20]


async def test_lines_that_cannot_be_read_are_named_and_passed_over() -> None:
    bad_pod = compact("MODIFIED", pod() | {"metadata": 3})
    deep = b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    lines = [compact("ADDED", pod()), b"hello\n", b"\xff\xfe\n", bad_pod, deep, b"{]}\n", b'"text"\n']
    events, links = await everything(b"".join([*lines, compact("MODIFIED", ready())]))
    assert [event.kind for event in events] == [Kind.READY]
    named = [link.detail.split(" is not ")[0] for link in links if link.detail.startswith("line")]
    assert named == [f"line {number}" for number in range(2, 8)]


async def test_a_line_is_told_as_soon_as_it_is_written_and_silence_holds_nothing_up() -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, compact("ADDED", pod()))
        async with aclosing(follow(reading, "prod", parse(()))) as stream:
            kinds = []
            async for item in stream:
                if isinstance(item, Event):
                    kinds.append(item.kind)
                elif isinstance(item, Connection) and item.link is Link.WATCHING:
                    # It is stuck a second from now, when nothing is written any more.
                    since = datetime.now(UTC) - timedelta(seconds=STUCK_AFTER - 1)
                    late = pod("cart", 2, deletionTimestamp=since.isoformat())
                    os.write(writing, compact("MODIFIED", late))
                if Kind.STUCK_TERMINATING in kinds:
                    break
        assert kinds == [Kind.TERMINATING, Kind.STUCK_TERMINATING]
    finally:
        os.close(writing)


async def test_a_stdin_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(UserError, match="stdin cannot be read"):
        async for _ in follow(folder, "prod", parse(())):
            pass
    os.close(folder)
