"""A recorded incident, told by a server to a reflector: the reviewed lists, whatever breaks on the way.

tests/data/incident.events.txt has what the pods' states tell. What several of them add up to comes between:
tests/data/incident.reflector.txt has that alone.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from listening import Observer
from recorded import Line, RecordedServer, incident
from sonickube_tui.cluster import reflector
from sonickube_tui.cluster.connect import plain
from sonickube_tui.cluster.ledger import Ledger
from sonickube_tui.cluster.pod import Bookmark, decode_watch_event
from sonickube_tui.cluster.reflector import Reflector
from sonickube_tui.event import Event, Kind, Link

DATA = Path(__file__).parent.parent / "data"
ALONE = (DATA / "incident.events.txt").read_text().splitlines()
TOGETHER = (DATA / "incident.reflector.txt").read_text().splitlines()
COMPANY = {"Flapping", "NodeLost"}
"""The reasons of what several states add up to."""

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("hasty")]


class Replay:
    """The incident as it goes on, and what the reflector tells of it."""

    def __init__(self, server: RecordedServer, follower: Reflector, observer: Observer) -> None:
        self.server, self.reflector, self.observer = server, follower, observer
        self.now = 0.0
        self.told: list[str | Event] = []
        """Marks, and the events between them."""
        self._told = self._seen = self._taken = 0

    def clock(self) -> float:
        """The time of the recording."""
        return self.now

    def monotonic(self) -> float:
        """The time that passes here: pauses between tries are real."""
        return time.monotonic()

    async def tell(self, line: Line, *, heard: bool = True) -> None:
        """The next line of the recording, until it is seen, unless nobody can hear it."""
        self.now = line.at
        if line.mark:
            self.told.append(f"# {line.mark}")
            return
        assert line.event
        await self.server.tell(line)
        self._told += line.event["type"] != "BOOKMARK"
        if heard and line.event["type"] != "BOOKMARK":
            await self.observer.until(lambda: len(self.observer.sights) > self._seen)
            self._seen += 1
        self.keep()

    async def come_back(self, *, forget: bool) -> None:
        """Let the server answer again, and wait until all that it knows is seen."""
        self.server.back(forget=forget)
        if forget:
            latest = str(self.server.version)
            await self.observer.until(
                lambda: self.observer.link is Link.WATCHING and self.server.watches[-1] == latest
            )
        else:
            await self.observer.until(lambda: len(self.observer.sights) == self._told)
        self._seen = len(self.observer.sights)
        self.keep()

    def keep(self) -> None:
        """Put down what came in."""
        self.told += self.observer.events[self._taken :]
        self._taken = len(self.observer.events)

    @property
    def lines(self) -> list[str]:
        """What was told, as in the reviewed lists."""
        return [
            entry
            if isinstance(entry, str)
            else f"{entry.namespace}/{entry.pod} {entry.kind} {entry.reason}".rstrip()
            for entry in self.told
        ]


@asynccontextmanager
async def replaying(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Replay]:
    async with RecordedServer() as server, plain(server.url, "test") as api:
        follower = Reflector(api)
        async with Observer(follower.run()) as observer:
            await observer.until_watching()
            replay = Replay(server, follower, observer)
            monkeypatch.setattr(reflector, "time", Clock(replay))
            yield replay


class Clock:
    """What the reflector sees of `time`."""

    def __init__(self, replay: Replay) -> None:
        self.time, self.monotonic = replay.clock, replay.monotonic


def company(line: str) -> bool:
    """Whether a line tells what several states add up to."""
    return line.split()[-1] in COMPANY


def marks(line: str) -> bool:
    return line.startswith("#")


@pytest.mark.parametrize("fault", ["", "end", "drop"])
async def test_the_incident_is_told_as_reviewed_whatever_ends_its_watches(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    async with replaying(monkeypatch) as replay:
        for number, line in enumerate(incident()):
            if fault and number % 25 == 7:
                if fault == "end":
                    await replay.server.end()
                else:
                    replay.server.drop()
            await replay.tell(line)
        assert [line for line in replay.lines if not company(line)] == ALONE
        assert [line for line in replay.lines if company(line) or marks(line)] == TOGETHER
        assert replay.server.lists == 1
        assert (len(replay.server.watches) > 10) is bool(fault)


async def with_gaps(replay: Replay, first: int, *, forget: bool) -> set[str]:
    """Play it all, and of every 50 lines 12 from the `first` on while nobody can hear; uids in those."""
    unheard = set()
    lines = list(incident())
    for number, line in enumerate(lines):
        place = number % 50 - first
        if place == 0:
            replay.server.away()
        gone = 0 <= place < 12
        if gone and line.event:
            unheard.add(line.event["object"]["metadata"].get("uid", ""))
        await replay.tell(line, heard=not gone)
        if place == 11 or (gone and line is lines[-1]):
            await replay.come_back(forget=forget)
    return unheard


async def test_what_a_server_told_in_vain_is_heard_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async with replaying(monkeypatch) as replay:
        await with_gaps(replay, 20, forget=False)
        told = [line for line in replay.lines if not company(line) and not marks(line)]
        assert told == [line for line in ALONE if not marks(line)]
        assert replay.server.lists == 1


@pytest.mark.parametrize("first", [3, 20, 37])
async def test_what_was_forgotten_meanwhile_collapses_into_what_lists_tell(
    monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """Nothing is told twice, and nothing is missing but what came and went, or is told by what came of it."""
    async with replaying(monkeypatch) as replay:
        unheard = await with_gaps(replay, first, forget=True)
        assert replay.server.lists > 5
        assert replay.reflector.pods == replay.server.pods
        ours, theirs = kinds(replay.observer.events), kinds(undisturbed())
        assert ours.keys() <= theirs.keys()
        for uid, life in theirs.items():
            if uid not in unheard:
                assert ours[uid] == life
            elif uid in ours:
                assert ours[uid] <= life
                for once in (Kind.CREATED, Kind.DELETED):
                    assert ours[uid][once] == life[once] <= 1
            else:
                assert life[Kind.DELETED]  # It came and went.


def undisturbed() -> list[Event]:
    """What is told to who hears every line."""
    ledger = Ledger("test", lambda namespace: True)
    list(ledger.end(0.0))
    told = [
        item
        for line in incident()
        if line.event and not isinstance(change := decode_watch_event(json.dumps(line.event)), Bookmark)
        for item in ledger.hear(change, line.at)
    ]
    return [item for item in told if isinstance(item, Event)]


def kinds(events: list[Event]) -> dict[str, Counter[Kind]]:
    """How often what happened to each pod, by uid, but for what several states add up to."""
    lives: dict[str, Counter[Kind]] = {}
    for event in events:
        if event.reason not in COMPANY:
            lives.setdefault(event.uid, Counter())[event.kind] += 1
    return lives
