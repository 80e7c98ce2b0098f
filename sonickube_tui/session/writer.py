"""Turns what was heard into the lines of one file after the other."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event, Item, Sight
from sonickube_tui.session.format import (
    DIGITS,
    FORMAT,
    ConnectionLine,
    EventLine,
    GapLine,
    Header,
    Line,
    encode,
)
from sonickube_tui.session.known import Known, pod_line
from sonickube_tui.session.redact import Redactor
from sonickube_tui.session.sink import Sink


class Gap(msgspec.Struct, frozen=True):
    """So many items found no room, because of `problem`; `known` is what was known after them."""

    lost: int
    problem: str
    known: Known


Entry = tuple[float, Item | Line | Gap]
"""What is to be written, and when it came, in seconds of the monotonic clock."""


class Writer:
    """Writes one recording; every part of it begins with all that is known then, and replays alone.

    A part ends when it has `part_bytes` (0: never); of all parts the last `keep` stay (0: all).
    """

    def __init__(
        self,
        sink: Sink,
        known: Known,
        version: str,
        redactor: Redactor | None,
        part_bytes: int = 0,
        keep: int = 0,
    ) -> None:
        self._sink = sink
        self._first = sink.path
        self._parts = [sink.path]
        self._number = 0
        self._known = known
        self._version = version
        self._redactor = redactor
        self._part_bytes = part_bytes
        self._keep = keep
        self._written = 0
        self._began = time.monotonic()
        self._last = self._began
        self._begun = False
        self.unwritable = 0
        """Lines that cannot be JSON."""

    @property
    def size(self) -> int:
        """Bytes on the disk in all parts so far."""
        return self._written + self._sink.size

    def drain(self) -> None:
        """Write what an earlier attempt could not. Raises OSError."""
        self._sink.write()

    def write(self, entries: Sequence[Entry]) -> None:
        """Write what came. Raises OSError; what is not written then is written by `drain`."""
        if not entries:
            return
        if self._part_bytes and self._sink.size >= self._part_bytes:
            self._next_part()
        # The first thing that comes tells which cluster it is.
        first = entries[0][1]
        if not self._begun:
            self._begin((first.cluster,) if isinstance(first, Connection) else ())
        for at, what in entries:
            self._last = at
            self._add(what, round(max(0.0, at - self._began), DIGITS))
        self._sink.flush()

    def close(self) -> None:
        """Write the end of the file. Raises OSError."""
        if not self._begun:
            self._begin()
        self._sink.close()

    def _begin(self, clusters: tuple[str, ...] = ()) -> None:
        self._begun = True
        at = time.time() - (time.monotonic() - self._began)
        header = Header(
            format=FORMAT,
            at=at,
            version=self._version,
            theme=self._known.theme,
            clusters=tuple(dict.fromkeys((*self._known.clusters, *clusters))),
        )
        self._put([header, *self._known.lines(0.0, at)])

    def _add(self, what: Item | Line | Gap, t: float) -> None:
        match what:
            case Gap():
                self._known = what.known
                now = time.time()
                self._put([GapLine(t=t, at=now, lost=what.lost, problem=what.problem)])
                self._put(self._known.lines(t, now))
                return
            case Event():
                line: Line = EventLine(t=t, event=what)
            case Connection():
                line = ConnectionLine(t=t, connection=what)
            case Sight():
                line = pod_line(what, t)
            case _:
                line = msgspec.structs.replace(what, t=t)
        if not isinstance(what, Event):
            self._known.feed(what)
        self._put([line])

    def _put(self, lines: Iterable[Line]) -> None:
        if self._redactor is not None:
            lines = self._redactor.lines(lines)
        for line in lines:
            try:
                self._sink.add(encode(line))
            except UnicodeEncodeError:
                self.unwritable += 1  # A file's or the terminal's bytes that are no text.

    def _next_part(self) -> None:
        """Begin another file; without one, this one grows on."""
        path, self._number = _next_free(self._first, self._number)
        try:
            new = Sink(path)
        except UserError:
            return
        with suppress(OSError):  # All of it but the end mark is on the disk.
            self._sink.close()
        self._written += self._sink.size
        self._sink = new
        self._parts.append(path)
        self._began, self._begun = self._last, False
        while self._keep and len(self._parts) > self._keep:
            with suppress(OSError):
                self._parts.pop(0).unlink()


def _next_free(first: Path, number: int) -> tuple[Path, int]:
    """The name of the next part, `name.1.jsonl.gz` after `name.jsonl.gz`, and its number."""
    packed = first.suffix if first.suffix in (".gz", ".zst") else ""
    plain = Path(first.name.removesuffix(packed))
    while True:
        number += 1
        path = first.with_name(f"{plain.stem}.{number}{plain.suffix}{packed}")
        if not path.exists():
            return path, number
