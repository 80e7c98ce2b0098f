"""The same house without a screen: a JSON object for each event on stdout, everything else on stderr."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import BinaryIO

import msgspec

from sonickube_tui.conductor import Conductor
from sonickube_tui.engine.base import Said
from sonickube_tui.engine.bridge import MEANING
from sonickube_tui.entry import Entry, Fate, Heard, Listener, Notice
from sonickube_tui.event import Connection, Item, Kind, Link
from sonickube_tui.music.snippets import Change
from sonickube_tui.plain import plain_lines
from sonickube_tui.signals import on_signals

LISTING_EVERY = 2.0
"""Seconds between two lines on a list that comes in; its pages come faster than anybody reads."""


class _Printer(Listener):
    """Writes an event once nothing more is expected of it: its fate, and what became of its voice."""

    def __init__(self, conductor: Conductor, out: BinaryIO | None, closed: asyncio.Event) -> None:
        self._conductor = conductor
        self._out = out
        self._closed = closed
        self._links: dict[str, tuple[Link, str]] = {}
        self._listings: dict[str, float] = {}
        self._sounding: dict[int, Entry] = {}
        self._lines = bytearray()
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
        self._flush()

    def _write(self, entry: Entry) -> None:
        if self._closed.is_set():
            return
        self.kinds[entry.event.kind] += 1
        if self._out is None:
            return
        if not self._lines:
            # What comes in one turn of the loop leaves together.
            asyncio.get_running_loop().call_soon(self._flush)
        self._lines += msgspec.json.encode(_line(entry)) + b"\n"

    def _flush(self) -> None:
        lines, self._lines = self._lines, bytearray()
        if self._out is None or not lines:
            return
        try:
            self._out.write(lines)
            self._out.flush()
        except (BrokenPipeError, ValueError):
            # Whoever read our lines has had enough, as in `sonickube --headless | head`.
            self._closed.set()

    def connection(self, connection: Connection) -> None:
        cluster, link, detail = connection.cluster, connection.link, connection.detail
        if link is Link.LISTING:
            if connection.at - self._listings.get(cluster, 0.0) >= LISTING_EVERY:
                self._listings[cluster] = connection.at
                whole = f" of {connection.expected:,}" if connection.expected else ""
                _say(f"{cluster}: listing, {connection.pods:,}{whole} pods")
        elif self._links.get(cluster) != (link, detail):
            pods = f", {connection.pods:,} pods" if link is Link.WATCHING else ""
            _say(f"{cluster}: {link}{pods}" + (f": {detail}" if detail else ""))
        self._links[cluster] = (link, detail)

    def notice(self, notice: Notice) -> None:
        _say(notice.text)
        status = self._conductor.engine.status
        if status.paste and notice.text == status.advice:
            _say(f"{MEANING}\n\n{status.paste}")

    def said(self, said: Said) -> None:
        _say(f"engine: {said.text}")

    def snippet_changed(self, change: Change) -> None:
        _say(change.message)


def _say(text: str) -> None:
    print(f"sonickube: {plain_lines(text)}", file=sys.stderr, flush=True)


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
        "seen": event.seen,
        "count": entry.count,
        "snippet": entry.snippet,
        "fate": entry.fate,
        "heard": entry.heard,
        "after_ms": round(1000 * entry.after, 1),
        "problem": entry.problem,
        "line": entry.line,
    }


async def run(
    conductor: Conductor, source: AsyncIterator[Item], seconds: float | None = None, *, quiet: bool = False
) -> None:
    """Play until the source ends, `seconds` are over, a signal says so, or nobody reads stdout any more.

    With `quiet` stdout stays empty. Raises what the source raises; the summary is printed in any case.
    """
    stop = asyncio.Event()
    printer = conductor.listener = _Printer(conductor, None if quiet else sys.stdout.buffer, stop)
    on_signals(stop.set, "SIGINT", "SIGTERM")
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
    if conductor.player:
        lines.append(f"{conductor.player}: {heard or 'nothing heard'}")
    if advice := conductor.engine.status.advice:
        lines.append(advice)
    lines += [f"{count:>7,}  {kind.words}" for kind, count in kinds.most_common()]
    return "\n".join(lines)
