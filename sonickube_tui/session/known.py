"""What a recording that begins now has to begin with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, cast

import msgspec

from sonickube_tui.event import Connection, Item, Sight
from sonickube_tui.music.mixer import Channel
from sonickube_tui.session.format import (
    ConnectionLine,
    Line,
    MixLine,
    PodLine,
    SnippetLine,
    ThemeLine,
)


class _Metadata(Protocol):
    namespace: str
    name: str


class _Pod(Protocol):
    metadata: _Metadata


class Known:
    """The pods as last seen, and the mix, theme and snippets as they are."""

    def __init__(self) -> None:
        self.pods: dict[tuple[str, str, str], Sight] = {}
        self.connections: dict[str, Connection] = {}
        self.mix: tuple[Channel, ...] = ()
        self.dimmed = False
        self.theme = ""
        self.snippets: dict[str, str] = {}

    def copy(self) -> Known:
        """A copy that goes its own way."""
        twin = Known()
        twin.pods, twin.connections = self.pods.copy(), self.connections.copy()
        twin.mix, twin.dimmed, twin.theme = self.mix, self.dimmed, self.theme
        twin.snippets = self.snippets.copy()
        return twin

    def feed(self, item: Item | Line) -> None:
        """Take in what a source delivered, or what the user did."""
        match item:
            case Sight():
                metadata = cast(_Pod, item.pod).metadata
                key = (item.cluster, metadata.namespace, metadata.name)
                if item.change == "DELETED":
                    self.pods.pop(key, None)
                else:
                    self.pods[key] = item
            case Connection():
                self.connections[item.cluster] = item
            case MixLine():
                self.mix, self.dimmed = item.channels, item.dimmed
            case ThemeLine():
                self.theme = item.name
            case SnippetLine():
                self.snippets[item.name] = item.text

    @property
    def clusters(self) -> tuple[str, ...]:
        """The clusters that have told of themselves."""
        return tuple(self.connections)

    def lines(self, t: float, at: float) -> Iterator[Line]:
        """All of it as lines of the time `t`, in seconds, and the Unix time `at`."""
        yield from (SnippetLine(t=t, at=at, name=name, text=text) for name, text in self.snippets.items())
        if self.mix or self.dimmed:
            yield MixLine(t=t, at=at, channels=self.mix, dimmed=self.dimmed)
        yield from (ConnectionLine(t=t, connection=connection) for connection in self.connections.values())
        for sight in self.pods.values():
            yield pod_line(msgspec.structs.replace(sight, change="LISTED"), t)


def pod_line(sight: Sight, t: float) -> PodLine:
    """A pod as it stands in a file."""
    return PodLine(
        t=t,
        at=sight.at,
        cluster=sight.cluster,
        change=sight.change,
        pod=msgspec.Raw(msgspec.json.encode(sight.pod)),
    )
