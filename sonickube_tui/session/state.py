"""What a session was like at a moment: what the lines before it add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from sonickube_tui.event import Connection, Severity
from sonickube_tui.music.health import HALF_LIFE, Health
from sonickube_tui.music.mixer import Channel
from sonickube_tui.session.format import (
    ConnectionLine,
    EventLine,
    Header,
    MixLine,
    SnippetLine,
    ThemeLine,
)
from sonickube_tui.session.lines import Found, Place, line_at

CHANNELS = 10_000
"""So many channels are told apart; what happens on further ones is counted, and hurts nobody's health."""

NAMES = 1_000
NAME_LENGTH = 500
"""So many snippets and clusters are kept apart, and names of so many characters."""

TEXTS = 16 * 2**20
"""Characters of snippets and details that a scene holds at most."""

LEAST_PAIN = 1e-3
"""Pain that has faded to this is no longer kept."""


class Scene(msgspec.Struct, frozen=True):
    """A session at `t`, in seconds: what was so before the first line at or after it that is no header.

    `place` is where that line is: `Lines(file, scene.place)` reads on. `theme` is empty when no line named
    one. `mix` and `dimmed` are the last that was recorded, `snippets` texts by name, `pains` a channel's pain
    (its health is 1 / (1 + pain)), `channels` all that were named, in the order of their first event.
    """

    t: float
    place: Place
    theme: str
    mix: tuple[Channel, ...]
    dimmed: bool
    snippets: Mapping[str, str]
    connections: Mapping[str, Connection]
    pains: Mapping[str, float]
    channels: tuple[str, ...]

    @property
    def at(self) -> float:
        """Unix time at `t`, in seconds."""
        return self.place.began + self.t

    def health(self, now: float) -> Health:
        """How well the channels are, for a clock that stands at `now` seconds."""
        health = Health()
        for channel, pain in self.pains.items():
            health.suffer(now, channel, pain)
        return health


class State:
    """What the lines up to one add up to: where the lines are that still hold, and whom it hurts."""

    def __init__(self, latest: dict[str, int] | None = None, names: Iterable[str] = ()) -> None:
        self.latest = latest or {}
        """Where the last line of each sort is, in bytes. Replaced when it changes, never changed."""
        self.names = list(names)
        """The channels, in the order of their first event."""
        self._numbers = {name: number for number, name in enumerate(self.names)}
        self._health = Health()
        self._hurt: set[str] = set()

    def feed(self, found: Found) -> None:
        """Take in the next line."""
        line = found.line
        if isinstance(line, EventLine):
            name = line.event.channel
            if name not in self._numbers:
                if len(self.names) >= CHANNELS or len(name) > NAME_LENGTH:
                    return
                self._numbers[name] = len(self.names)
                self.names.append(name)
            if line.event.severity.rank >= Severity.WARNING.rank:
                self._health.feed(found.t, line.event)
                self._hurt.add(name)
        elif (key := _key(found)) and (
            key in self.latest or (len(self.latest) < NAMES and len(key) <= NAME_LENGTH)
        ):
            self.latest = self.latest | {key: found.offset}

    def pains(self, t: float) -> dict[int, float]:
        """The pain at `t` of all channels that still have some, by the channel's place in `names`."""
        pains = {name: 1 / self._health.of(t, name) - 1 for name in self._hurt}
        self._hurt = {name for name, pain in pains.items() if pain >= LEAST_PAIN}
        return {self._numbers[name]: pains[name] for name in self._hurt}


def _key(found: Found) -> str:
    """Of which sort a line is that holds until the next of its sort; empty for all other lines."""
    match found.line:
        case Header() if found.line.theme:
            return "theme"
        case ThemeLine():
            return "theme"
        case MixLine():
            return "mix"
        case SnippetLine():
            return f"snippet {found.line.name}"
        case ConnectionLine():
            return f"connection {found.line.connection.cluster}"
        case _:
            return ""


def scene(file: int, t: float, place: Place, state: State, pains: Mapping[str, float]) -> Scene:
    """Put a scene together by reading the lines that hold. Raises OSError."""
    theme, dimmed = "", False
    mix: tuple[Channel, ...] = ()
    snippets: dict[str, str] = {}
    connections: dict[str, Connection] = {}
    room = TEXTS
    for offset in state.latest.values():
        match line_at(file, offset):
            case Header(theme=name) | ThemeLine(name=name):
                theme = name
            case MixLine() as line:
                mix, dimmed = line.channels, line.dimmed
            case SnippetLine() as line if len(line.text) <= room:
                room -= len(line.text)
                snippets[line.name] = line.text
            case ConnectionLine(connection=connection) if len(connection.detail) <= room:
                room -= len(connection.detail)
                connections[connection.cluster] = connection
    return Scene(
        t=t,
        place=place,
        theme=theme,
        mix=mix,
        dimmed=dimmed,
        snippets=snippets,
        connections=connections,
        pains=pains,
        channels=tuple(state.names),
    )


def faded(pain: float, seconds: float) -> float:
    """What is left of a pain after so many seconds."""
    return float(pain * 0.5 ** (seconds / HALF_LIFE))
