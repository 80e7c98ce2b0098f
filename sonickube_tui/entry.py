"""What the conductor tells those who watch it: every event as an entry that changes with its fate."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sonickube_tui.engine.base import Said
from sonickube_tui.event import Connection, Event, Severity
from sonickube_tui.music.snippets import Change


class Fate(StrEnum):
    """What became of an event on its way to the engine."""

    WAITING = "waiting"
    SENT = "sent"
    MERGED = "merged"
    MUTED = "muted"
    SILENT = "silent"
    UNMAPPED = "unmapped"
    DROPPED = "dropped"
    PAST = "past"
    """It happened before the moment from which a session is replayed."""


class Heard(StrEnum):
    """What became of a voice that was sent, as the engine reported it or as we did it."""

    NOTHING = ""
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"
    STOPPED = "stopped"

    @property
    def final(self) -> bool:
        """Whether nothing more is expected of it."""
        return self in (Heard.DONE, Heard.FAILED, Heard.LOST, Heard.STOPPED)


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event and what became of it; each change makes a new entry with the same `seq`.

    `count` is the number of events its voice stands for, `after` the seconds from sending to the engine's
    first report, `line` the snippet's line of a failure (0 when unknown), `problem` one line for people.
    """

    seq: int
    event: Event
    fate: Fate = Fate.WAITING
    count: int = 1
    snippet: str = ""
    heard: Heard = Heard.NOTHING
    after: float = 0.0
    problem: str = ""
    line: int = 0


class Notice(msgspec.Struct, frozen=True, gc=False):
    """Something to tell the user that is not about one event."""

    severity: Severity
    text: str


class Listener:
    """What the conductor tells those who watch it; override what is of interest."""

    def entry(self, entry: Entry) -> None:
        """An entry is new, or has changed."""

    def connection(self, connection: Connection) -> None:
        """The source stands differently with its cluster."""

    def restored(self, first: int) -> None:
        """A session goes on at another moment: only entries from the number `first` on are of it."""

    def notice(self, notice: Notice) -> None:
        """There is something to say."""

    def snippet_changed(self, change: Change) -> None:
        """A snippet's file was saved, made or deleted."""

    def said(self, said: Said) -> None:
        """The engine wrote something into its log."""
