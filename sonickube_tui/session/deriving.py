"""Events told anew: by what was recorded of the pods, under the rules of today.

What is kept of a pod, and what happened to it, is not this room's to know: whoever opens a session passes
in a `Derive` for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol

import msgspec

from sonickube_tui.event import Event, Item, Kind, Sight
from sonickube_tui.session.format import EventLine, Line, PodLine
from sonickube_tui.session.known import pod_line

OF_NO_POD = frozenset(
    (
        Kind.NODE_NOT_READY,
        Kind.NODE_PRESSURE,
        Kind.NODE_READY,
        Kind.NODE_RELIEVED,
        Kind.SOURCE_LOST,
        Kind.SOURCE_BACK,
    )
)
"""What happens to nodes, and to our connection."""

Change = Literal["LISTED", "ADDED", "MODIFIED", "DELETED"]


class Derive(Protocol):
    """Tells what happened to pods, one after the other, under the rules of today."""

    def __call__(self, at: float, cluster: str, change: Change, pod: bytes) -> Iterable[Item]:
        """The pod as it is kept, and the events that its change tells.

        `at` is Unix time in seconds, `pod` the API server's JSON. Raises ValueError or msgspec.DecodeError
        when that is none.
        """


Deriving = Callable[[], Derive]
"""Begins to derive: a `Derive` remembers the pods of one session."""


def again(lines: Iterable[Line], deriving: Deriving) -> Iterator[Line]:
    """The lines of a session with the events that its pods tell under the rules of today.

    What was told of nodes and of the source itself stays: no pod tells that.
    """
    derive = deriving()
    for line in lines:
        match line:
            case PodLine():
                try:
                    items = list(derive(line.at, line.cluster, line.change, bytes(line.pod)))
                except (ValueError, msgspec.DecodeError, RecursionError):
                    continue
                yield from lines_of(items, line.t)
            case EventLine() if line.event.kind not in OF_NO_POD:
                pass
            case _:
                yield line


def lines_of(items: Iterable[Item], t: float) -> Iterator[Line]:
    """What a `Derive` tells, as lines of the time `t` in seconds."""
    for item in items:
        if isinstance(item, Sight):
            yield pod_line(item, t)
        elif isinstance(item, Event):
            yield EventLine(t=t, event=item)
