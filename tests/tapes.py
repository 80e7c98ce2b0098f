"""Session files for tests, written line by line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from players import event
from sonickube_tui.event import Event, Kind
from sonickube_tui.session.format import FORMAT, EventLine, Header, Line, MarkLine, encode

BEGAN = 1_700_000_000.0
"""The Unix time at which all of them begin."""


def header(**fields: object) -> Header:
    """The first line of a session."""
    return Header(format=FORMAT, at=BEGAN, **fields)  # type: ignore[arg-type]


def happened(t: float, kind: Kind = Kind.READY, namespace: str = "shop", pod: str = "") -> EventLine:
    """An event at `t`, of a pod that is named after it."""
    return EventLine(t=t, event=event(kind, namespace, pod or f"pod-{t:g}"))


def marked(t: float, text: str) -> MarkLine:
    """A mark at `t`."""
    return MarkLine(t=t, at=BEGAN + t, text=text)


def write(path: Path, lines: Iterable[Line], *, begin: bool = True) -> Path:
    """A session of a header and these lines; without `begin` they are added to the file."""
    with path.open("wb" if begin else "ab") as file:
        for line in [header(), *lines] if begin else lines:
            file.write(encode(line))
    return path


def pods(events: Iterable[Event]) -> list[str]:
    """Whom the events are about."""
    return [event.pod for event in events]
