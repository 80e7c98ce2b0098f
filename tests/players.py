"""An engine and a few events for tests of what lies before the engine; sound itself is tested on Sonic Pi."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sonickube_tui.conductor import Conductor
from sonickube_tui.engine.base import Done, Ended, Packet, Report, Started, Status
from sonickube_tui.entry import Entry, Listener, Notice
from sonickube_tui.event import Event, Item, Kind
from sonickube_tui.music.mixer import Level
from sonickube_tui.music.snippets import Change, Library
from sonickube_tui.music.theme import Theme, read_theme
from sonickube_tui.music.voice import Voice

ROOT = Path(__file__).parent.parent


class PaperEngine:
    """An engine that writes down what it is asked to play, and reports as if it had played it."""

    def __init__(self, *, sounding: bool = True, reports: bool = True) -> None:
        self.status = Status(sounding, "paper", "" if sounding else "nobody plays")
        self.last_packet: Packet | None = None
        self.reports = reports
        self.played: list[tuple[Voice, str]] = []
        self.levels: dict[int, Level] = {}
        self.stopped: list[int] = []
        self.report: Callable[[Report], None] = lambda report: None

    async def run(self, report: Callable[[Report], None], changed: Callable[[Status], None]) -> None:
        self.report = report
        changed(self.status)
        await asyncio.Event().wait()

    def play(self, voice: Voice, snippet: str) -> None:
        self.played.append((voice, snippet))
        self.last_packet = Packet("/run-code", 800 + len(snippet), snippet)
        if self.reports:
            loop = asyncio.get_running_loop()
            loop.call_soon(self.report, Started(voice.id, 100 + voice.id, 0.004))
            loop.call_soon(self.report, Done(voice.id))

    def end(self, voice: int) -> None:
        self.report(Ended(voice))

    def set_levels(self, levels: Mapping[int, Level]) -> None:
        self.levels.update(levels)

    def stop(self, jobs: Iterable[int]) -> None:
        self.stopped += jobs


class Notebook(Listener):
    """A listener that keeps all it was told."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.notices: list[Notice] = []
        self.changes: list[Change] = []

    def entry(self, entry: Entry) -> None:
        self.entries.append(entry)

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    def snippet_changed(self, change: Change) -> None:
        self.changes.append(change)

    def last(self) -> dict[int, Entry]:
        """The latest entry of each event."""
        return {entry.seq: entry for entry in self.entries}


def event(kind: Kind = Kind.READY, namespace: str = "shop", pod: str = "cart-1", **fields: object) -> Event:
    """An event with the fields that matter to the test."""
    return Event(at=1.0, cluster="test", namespace=namespace, pod=pod, uid=pod, kind=kind, **fields)  # type: ignore[arg-type]


def classic() -> Theme:
    """The shipped theme `classic`."""
    return read_theme(ROOT / "themes" / "classic.toml")


def conductor(engine: PaperEngine, listener: Listener, **parts: object) -> Conductor:
    """A conductor with the shipped theme and snippets."""
    parts.setdefault("theme", classic())
    parts.setdefault("library", Library([ROOT / "snippets" / "classic"]))
    return Conductor(engine=engine, listener=listener, **parts)  # type: ignore[arg-type]


async def score(*items: Item, then_wait: bool = True) -> AsyncIterator[Item]:
    """A source that plays the items at once and then keeps still."""
    for item in items:
        yield item
    if then_wait:
        await asyncio.Event().wait()


@asynccontextmanager
async def at_work(job: Coroutine[Any, Any, None], ready: Callable[[], object]) -> AsyncIterator[None]:
    """Something that runs until it is cancelled at the end; it is ready, or has ended, when this begins."""
    task = asyncio.create_task(job)
    try:
        await until(lambda: ready() or task.done())
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait for a condition; the limit is generous because the machine may be busy."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
