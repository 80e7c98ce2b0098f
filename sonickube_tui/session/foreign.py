"""Streams of pods that others have written, as the lines of a session."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from typing import Literal

import msgspec

from sonickube_tui.session.deriving import Change, Deriving, lines_of
from sonickube_tui.session.format import (
    DIGITS,
    FORMAT,
    LINE_LIMIT,
    EventLine,
    Header,
    Line,
    MarkLine,
    PodLine,
)
from sonickube_tui.session.lines import TOO_LONG, Faults, Raw

BASELINE = 16 * 2**20
"""Bytes of pods that are held back at most, until the newest of those that were there before is known."""

PODS = 200_000
"""So many pods are told apart; a cluster may have 150,000."""

Sort = Literal["session", "incident", "kubectl"]


class _Glance(msgspec.Struct, gc=False):
    """As much of a line as tells whose it is."""

    is_: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="is")
    ts: msgspec.Raw = msgspec.Raw()
    type: msgspec.Raw = msgspec.Raw()
    kind: msgspec.Raw = msgspec.Raw()


_glance = msgspec.json.Decoder(_Glance).decode


def recognise(line: bytes) -> Sort | None:
    """Whose format a line is of; None when it could be anything."""
    if line.rstrip() == b"{":
        return "kubectl"
    try:
        seen = _glance(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if bytes(seen.is_):
        return "session"
    if bytes(seen.ts):
        return "incident"
    return "kubectl" if bytes(seen.type) or bytes(seen.kind) else None


class _Told(msgspec.Struct, gc=False):
    """`{"type", "object"}`, as a watch tells it."""

    type: str = ""
    object: msgspec.Raw = msgspec.Raw()


class _IncidentLine(msgspec.Struct, gc=False):
    """`{"ts", "resource", "event"}` or `{"ts", "mark"}`; `ts` is Unix time in seconds."""

    ts: float
    resource: str = ""
    event: _Told | None = None
    mark: str | None = None


_decode_incident = msgspec.json.Decoder(_IncidentLine).decode


def incident(raws: Iterable[Raw], cluster: str, deriving: Deriving, faults: Faults) -> Iterator[Line]:
    """A recorded watch of several resources, of which the pods are taken, and marks.

    A pod that is ADDED but was created before the recording began was there before.
    """
    derive = deriving()
    began: float | None = None
    last = 0.0
    for raw in _good(raws, faults):
        try:
            line = _decode_incident(raw.data or b"")
            if began is None:
                began = last = line.ts
                yield Header(format=FORMAT, at=began, clusters=(cluster,))
            last = max(last, line.ts)
            t = round(last - began, DIGITS)
            if line.mark is not None:
                yield MarkLine(t=t, at=last, text=line.mark)
            elif line.resource == "pods" and line.event and line.event.type in _CHANGES:
                pod = bytes(line.event.object)
                change = _CHANGES[line.event.type]
                if change == "ADDED" and _seconds(_decode_times(pod).metadata.creation_timestamp) < began - 1:
                    change = "LISTED"
                yield from lines_of(list(derive(last, cluster, change, pod)), t)
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            faults.add(raw.number, _why(error))


_CHANGES: dict[str, Change] = {"ADDED": "ADDED", "MODIFIED": "MODIFIED", "DELETED": "DELETED"}


def _good(raws: Iterable[Raw], faults: Faults) -> Iterator[Raw]:
    """The lines that hold something, and not too much."""
    for raw in raws:
        if raw.data is None:
            faults.add(raw.number, TOO_LONG)
        elif raw.data and not raw.data.isspace():
            yield raw


def _why(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


class _Times(msgspec.Struct, gc=False, rename="camel"):
    """The times that a state or a condition may tell."""

    started_at: str | None = None
    finished_at: str | None = None
    last_transition_time: str | None = None


class _ContainerTimes(msgspec.Struct, gc=False, rename="camel"):
    state: dict[str, _Times | None] | None = None
    last_state: dict[str, _Times | None] | None = None


class _StatusTimes(msgspec.Struct, gc=False, rename="camel"):
    conditions: list[_Times] | None = None
    container_statuses: list[_ContainerTimes] | None = None
    init_container_statuses: list[_ContainerTimes] | None = None


class _MetadataTimes(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None


class _PodTimes(msgspec.Struct, gc=False, rename="camel"):
    """Whose pod it is, and all that it says about when something happened to it."""

    metadata: _MetadataTimes = msgspec.field(default_factory=_MetadataTimes)
    status: _StatusTimes | None = None
    kind: str = ""

    def newest(self, most: float) -> float:
        """The newest of its times that is not after `most`, in Unix seconds; 0.0 when it has none."""
        metadata, status = self.metadata, self.status or _StatusTimes()
        deleted = _seconds(metadata.deletion_timestamp) - (metadata.deletion_grace_period_seconds or 0)
        containers = chain(status.container_statuses or (), status.init_container_statuses or ())
        states = chain.from_iterable((c.state or {}, c.last_state or {}) for c in containers)
        parts = chain(status.conditions or (), chain.from_iterable(state.values() for state in states))
        told = chain.from_iterable((p.started_at, p.finished_at, p.last_transition_time) for p in parts if p)
        times = (_seconds(metadata.creation_timestamp), deleted, *map(_seconds, told))
        return max((at for at in times if at <= most), default=0.0)


_decode_times = msgspec.json.Decoder(_PodTimes).decode
_decode_told = msgspec.json.Decoder(_Told).decode


def _seconds(timestamp: str | None) -> float:
    """Unix seconds of an RFC 3339 time; 0.0 when it is none."""
    try:
        return max(0.0, datetime.fromisoformat(timestamp).timestamp()) if timestamp else 0.0
    except (ValueError, OverflowError):
        return 0.0


def kubectl(raws: Iterable[Raw], cluster: str, deriving: Deriving, faults: Faults) -> Iterator[Line]:
    """What `kubectl get pods -w -o json` wrote, with or without `--output-watch-events`.

    It has no times: an object is as old as the newest time that it names, and never older than the one
    before. The pods that kubectl lists first were there before: they are all of the time of the newest.
    """
    derive = deriving()
    known: set[tuple[str, str]] = set()
    held: list[Line] = []
    room = BASELINE
    began: float | None = None
    last = 0.0
    listing = True
    for raw in documents(raws, faults):
        try:
            told = _decode_told(raw.data or b"")
            pod = bytes(told.object) or raw.data or b""
            times = _decode_times(pod)
            key = (times.metadata.namespace, times.metadata.name)
            change = _CHANGES.get(told.type) if told.type else _guess(times, key in known)
            if times.kind != "Pod" or change is None:
                continue
            before, last = last, max(last, times.newest(time.time()))
            listing = listing and change == "ADDED" and key not in known
            items = list(derive(last, cluster, "LISTED" if listing else change, pod))
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            faults.add(raw.number, _why(error))
            continue
        if change == "DELETED":
            known.discard(key)
        elif len(known) < PODS:
            known.add(key)
        if (listing or not last) and room > 0:
            lines = list(lines_of(items, 0.0))
            held += lines
            room -= sum(len(bytes(line.pod)) for line in lines if isinstance(line, PodLine))
            continue
        if began is None:
            began = before or last
            yield from _beginning(cluster, began, held)
            held.clear()
        yield from lines_of(items, round(last - began, DIGITS))
    if began is None:
        yield from _beginning(cluster, last or time.time(), held)


def _beginning(cluster: str, at: float, held: list[Line]) -> Iterator[Line]:
    """The header, and what was held back until its time was known."""
    yield Header(format=FORMAT, at=at, clusters=(cluster,))
    for line in held:
        match line:
            case PodLine():
                yield msgspec.structs.replace(line, at=at)
            case EventLine():
                yield EventLine(event=msgspec.structs.replace(line.event, at=at))


def _guess(times: _PodTimes, known: bool) -> Change:
    """What became of a pod that no type is told of; one whose grace period is 0 is gone."""
    metadata = times.metadata
    if metadata.deletion_timestamp and metadata.deletion_grace_period_seconds == 0:
        return "DELETED"
    return "MODIFIED" if known else "ADDED"


def documents(raws: Iterable[Raw], faults: Faults) -> Iterator[Raw]:
    """JSON objects: one on a line, or indented to a last `}` at the left edge; numbered by the first line."""
    first: Raw | None = None
    parts: list[bytes] = []
    size = 0
    for raw in _good(raws, faults):
        data = raw.data or b""
        if first is not None and data[:1] not in b" \t}":
            # It broke off: what is indented has nothing else at its left edge.
            faults.add(first.number, "it is not whole")
            first = None
        if first is None:
            if data.rstrip() != b"{":
                yield raw
                continue
            first, parts, size = raw, [], 0
        parts.append(data)
        size += len(data)
        if size > LINE_LIMIT:
            faults.add(first.number, TOO_LONG)
            first = None
        elif data[:1] == b"}":
            yield Raw(first.offset, first.number, b"\n".join(parts))
            first = None
    if first is not None:
        faults.add(first.number, "it is not whole")
