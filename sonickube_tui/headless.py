"""The same house without a screen: a JSON object for each event on stdout, everything else on stderr."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO

import msgspec

from sonickube_tui.conductor import Conductor
from sonickube_tui.engine.base import Said
from sonickube_tui.entry import Entry, Fate, Heard, Listener, Notice
from sonickube_tui.event import Connection, Item, Kind, Link
from sonickube_tui.music.snippets import Change


class _Printer(Listener):
    """Writes an event once nothing more is expected of it: its fate, and what became of its voice."""

    def __init__(self, conductor: Conductor, out: BinaryIO, closed: asyncio.Event) -> None:
        self._conductor = conductor
        self._out = out
        self._closed = closed
        self._link: tuple[Link, str] | None = None
        self._sounding: dict[int, Entry] = {}
        self.kinds: Counter[Kind] = Counter()

    def entry(self, entry: Entry) -> None:
        if entry.heard is Heard.FAILED:
            _say(f"#{entry.seq} {entry.snippet}.rb failed at line {entry.line}: {entry.problem}")
        if entry.fate is Fate.SENT and not entry.heard.final:
            self._sounding[entry.seq] = entry
        elif entry.fate is Fate.SENT:
            # A thread of the snippet may fail after its end: that is told above, and the line is out.
            if self._sounding.pop(entry.seq, None) is not None:
                self._write(entry)
        elif entry.fate is not Fate.WAITING:
            self._write(entry)

    def finish(self) -> None:
        """Write those whose voices still sound."""
        for entry in self._sounding.values():
            self._write(entry)

    def _write(self, entry: Entry) -> None:
        if self._closed.is_set():
            return
        self.kinds[entry.event.kind] += 1
        try:
            self._out.write(msgspec.json.encode(_line(entry)) + b"\n")
            self._out.flush()
        except (BrokenPipeError, ValueError):
            # Whoever read our lines has had enough, as in `sonickube --headless | head`.
            self._closed.set()

    def connection(self, connection: Connection) -> None:
        news = (connection.link, connection.detail)
        if news != self._link and connection.link is not Link.LISTING:
            pods = f", {connection.pods:,} pods" if connection.link is Link.WATCHING else ""
            detail = f": {connection.detail}" if connection.detail else ""
            _say(f"{connection.cluster}: {connection.link}{pods}{detail}")
        self._link = news

    def notice(self, notice: Notice) -> None:
        _say(notice.text)
        if self._conductor.engine.status.paste:
            _say(f"\n\n{self._conductor.engine.status.paste}")

    def said(self, said: Said) -> None:
        _say(f"Sonic Pi: {said.text}")

    def snippet_changed(self, change: Change) -> None:
        _say(change.message)


def _say(text: str) -> None:
    print(f"sonickube: {text}", file=sys.stderr, flush=True)


def _line(entry: Entry) -> dict[str, object]:
    event = entry.event
    at = datetime.fromtimestamp(event.at, UTC).isoformat(timespec="milliseconds")
    return {
        "seq": entry.seq,
        "at": at.replace("+00:00", "Z"),
        "cluster": event.cluster,
        "namespace": event.namespace,
        "pod": event.pod,
        "kind": event.kind,
        "severity": event.severity,
        "reason": event.reason,
        "message": event.message,
        "count": entry.count,
        "snippet": entry.snippet,
        "fate": entry.fate,
        "heard": entry.heard,
        "after_ms": round(1000 * entry.after, 1),
        "problem": entry.problem,
        "line": entry.line,
    }


async def run(conductor: Conductor, source: AsyncIterator[Item], seconds: float | None = None) -> None:
    """Play until the source ends, `seconds` are over, a signal says so, or nobody reads stdout any more.

    Raises what the source raises; the summary is printed in any case.
    """
    stop = asyncio.Event()
    printer = conductor.listener = _Printer(conductor, sys.stdout.buffer, stop)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows has no signal handlers on its loop.
            loop.add_signal_handler(number, stop.set)
    began = time.monotonic()
    playing = asyncio.create_task(conductor.run(source))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({playing, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if playing.done():
            playing.result()
    finally:
        stopped.cancel()
        playing.cancel()
        await asyncio.gather(playing, stopped, return_exceptions=True)
        printer.finish()
        _say(_summary(conductor, printer.kinds, time.monotonic() - began))


def _summary(conductor: Conductor, kinds: Counter[Kind], seconds: float) -> str:
    fates = ", ".join(f"{count:,} {fate}" for fate, count in conductor.fates.most_common())
    heard = ", ".join(
        f"{conductor.heard[heard]:,} {word}"
        for heard, word in ((Heard.STARTED, "heard"), (Heard.FAILED, "failed"), (Heard.LOST, "lost"))
        if conductor.heard[heard]
    )
    lines = [f"{conductor.events:,} events in {seconds:.1f} s" + (f": {fates}" if fates else "")]
    if conductor.engine.status.sounding:
        lines.append(f"{conductor.engine.status.name}: {heard or 'nothing heard'}")
    elif advice := conductor.engine.status.advice:
        lines.append(advice)
    lines += [f"{count:>7,}  {kind.words}" for kind, count in kinds.most_common()]
    return "\n".join(lines)
