"""A session on the way that a cluster's events take: scenes set the conductor back, the mix is as it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

import msgspec

from sonickube_tui.conductor import Conductor
from sonickube_tui.entry import Notice
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event, Item, Severity
from sonickube_tui.music.mixer import Channel, Mixer
from sonickube_tui.session.format import (
    ConnectionLine,
    EventLine,
    GapLine,
    MarkLine,
    MixLine,
    SnippetLine,
)
from sonickube_tui.session.lines import Found, Lines, Place
from sonickube_tui.session.player import Player
from sonickube_tui.session.state import Scene

CONTEXT = 50
"""How many events from before a moment are told with it."""

CONTEXT_BYTES = 1 << 16
"""Bytes that are read for them at most."""

LONGEST = 1_000
"""Characters of a text from a file; whoever wrote it may have meant ill."""

LATEST = 1e10
"""Unix time that an event may have: what is beyond no calendar shows."""

GLANCE = 0.5
"""Seconds between two looks at what is wrong with the file."""


class Replay:
    """What a player plays, as a source for the conductor.

    The recorded mix is followed until the listener mixes himself. With `its_snippets` the texts that the
    session holds are played in place of the installed ones: they are code of whoever recorded it. `context`
    tells with each scene what happened right before it.
    """

    def __init__(
        self,
        player: Player,
        conductor: Conductor,
        *,
        own_mix: bool = False,
        its_snippets: bool = False,
        context: bool = True,
    ) -> None:
        self.player = player
        self.conductor = conductor
        self.follows_mix = not own_mix
        """Whether the mix is the recorded one."""
        self._recorded_mix: tuple[tuple[Channel, ...], bool] = ((), False)
        self._its_snippets = its_snippets
        self._snippets: dict[str, str] = {}
        self._context = context

    async def items(self) -> AsyncIterator[Item]:
        """The events and connections of the session when they are due. Raises what the player raises."""
        telling = asyncio.create_task(self._tell_troubles())
        try:
            async for what in self.player.run():
                if isinstance(what, Scene):
                    await self._restore(what)
                    for connection in what.connections.values():
                        yield _tame_connection(connection)
                elif item := self._heed(what):
                    yield item
        finally:
            telling.cancel()

    def mixed(self) -> None:
        """The listener has mixed: from now on the mix is his own."""
        self.follows_mix = False

    def follow_mix(self) -> None:
        """Back to the recorded mix."""
        self.follows_mix = True
        self._mix(*self._recorded_mix, [channel.name for channel in self.conductor.mixer])

    async def _restore(self, scene: Scene) -> None:
        conductor = self.conductor
        before = await asyncio.to_thread(self._before, scene.place) if self._context else []
        self._lend(dict(scene.snippets))
        conductor.connections.clear()
        conductor.restore(scene.health(scene.t), before)
        self._mix(scene.mix, scene.dimmed, scene.channels)

    def _before(self, place: Place) -> list[Event]:
        start = max(0, place.offset - CONTEXT_BYTES)
        try:
            lines = list(Lines(self.player.session.file, Place(start, began=place.began)).read(place.offset))
        except (OSError, UserError):
            return []
        return [
            tame(found.line.event, found.line.event.at)
            for found in lines
            if isinstance(found.line, EventLine)
        ][-CONTEXT:]

    def _heed(self, found: Found) -> Item | None:
        """Follow what the line tells; the item in it, if there is one."""
        match found.line:
            case EventLine(event=event):
                return tame(event, self.player.began + found.t)
            case ConnectionLine(connection=connection):
                return _tame_connection(connection)
            case MixLine() as line:
                self._mix(line.channels, line.dimmed, [channel.name for channel in self.conductor.mixer])
            case SnippetLine() as line:
                self._lend(self._snippets | {line.name: line.text})
            case MarkLine(text=text):
                self._say(Severity.OK, f"mark: {text[:LONGEST]}")
            case GapLine() as line:
                self._say(Severity.WARNING, f"{line.lost:,} lines are missing here: {line.problem[:LONGEST]}")
        return None

    def _mix(self, channels: tuple[Channel, ...], dimmed: bool, names: Iterable[str]) -> None:
        """Set the recorded mix; the channels of these names are there in any case."""
        self._recorded_mix = channels, dimmed
        if self.follows_mix:
            self.conductor.mixer = Mixer(channels, dim_db=self.conductor.mixer.dim_db)
            self.conductor.mixer.dimmed = dimmed
            self.conductor.remix()
        for name in names:
            self.conductor.mixer[name]

    def _lend(self, snippets: dict[str, str]) -> None:
        self._snippets = snippets
        if self._its_snippets:
            self.conductor.library.lend(snippets)

    async def _tell_troubles(self) -> None:
        """Say once what of the session cannot be read."""
        session, told = self.player.session, set[str]()
        while True:
            for trouble in self._troubles():
                if trouble not in told:
                    told.add(trouble)
                    name = "" if trouble.startswith(session.name) else f"{session.name}: "
                    self._say(Severity.WARNING, name + trouble)
            await asyncio.sleep(GLANCE)

    def _troubles(self) -> Iterator[str]:
        session = self.player.session
        if problem := session.problem or self.player.problem:
            yield problem
        faults = session.faults
        if faults.total and session.caught_up:
            count = f"{faults.total:,} lines are" if faults.total > 1 else "a line is"
            yield f"{count} no good and passed over, first {faults.first[0]}"

    def _say(self, severity: Severity, text: str) -> None:
        self.conductor.listener.notice(Notice(severity, text))


def tame(event: Event, at: float) -> Event:
    """The event with texts of bounded length, and with the time `at` if its own is on no calendar."""
    changes: dict[str, object] = {
        name: value[:LONGEST] for name in _TEXTS if len(value := getattr(event, name)) > LONGEST
    }
    if not 0 <= event.at <= LATEST:
        changes["at"] = min(LATEST, max(0.0, at))
    return msgspec.structs.replace(event, **changes) if changes else event


_TEXTS = ("cluster", "namespace", "pod", "uid", "owner", "node", "reason", "message", "prefix")


def _tame_connection(connection: Connection) -> Connection:
    return msgspec.structs.replace(
        connection, cluster=connection.cluster[:LONGEST], detail=connection.detail[:LONGEST]
    )
