"""Writes what is no plain session into one: unpacked, from other formats, merged, derived again."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

import msgspec

from sonickube_tui.errors import UserError
from sonickube_tui.session.deriving import Deriving, again
from sonickube_tui.session.feed import Feed
from sonickube_tui.session.foreign import Sort, incident, kubectl, recognise
from sonickube_tui.session.format import FORMAT, EventLine, Header, Line, MarkLine, PodLine, decode, encode
from sonickube_tui.session.index import BREATH
from sonickube_tui.session.lines import Cutter, Faults, Raw, Reading
from sonickube_tui.session.merging import merged

GLANCE = 20
"""So many lines are looked at to tell what a file is."""

BATCH = 1 << 18
"""Bytes that are written at once."""

PIECES = 100
"""So many pieces of a file are kept while it is not known what it is; the longest line has fewer."""

SOON = 0.2
"""Seconds after which less than that is written."""


class Spool:
    """Writes what the inputs hold into a plain file, in a thread."""

    def __init__(
        self,
        inputs: Sequence[Input],
        file: int,
        deriving: Deriving | None,
        *,
        fresh: bool,
        follow: bool,
        limit: int,
    ) -> None:
        self._inputs = inputs
        self._file = file
        self._deriving = deriving
        self._fresh = fresh
        self._room = limit
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._batch = bytearray()
        self._written = time.monotonic()
        self._problem = ""
        self.copies = len(inputs) == 1 and inputs[0].sort == "session" and not fresh
        """Whether the bytes are taken over as they are."""
        self.caught_up = threading.Event()
        if follow:
            inputs[0].feed.follow(self._idle, self._stop)

    @property
    def progress(self) -> float:
        """How much of the inputs was read, 0 to 1; of a pipe nobody knows."""
        if self.caught_up.is_set():
            return 1.0
        size = sum(one.feed.size for one in self._inputs)
        return min(1.0, sum(one.feed.read for one in self._inputs) / max(1, size))

    @property
    def faults(self) -> Faults:
        """The bad lines of all inputs up to now."""
        return Faults.together(one.faults for one in self._inputs)

    @property
    def problem(self) -> str:
        """Why not all of the inputs could be read, as one line."""
        return self._problem or next((one.feed.problem for one in self._inputs if one.feed.problem), "")

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """End writing, and close the inputs."""
        self._stop.set()
        self._thread.join()
        for one in self._inputs:
            one.feed.close()

    def _run(self) -> None:
        try:
            if self.copies:
                for piece in self._inputs[0].pieces():
                    self._put(piece)
            else:
                sessions = [one.lines(self._deriving, self._fresh) for one in self._inputs]
                for line in sessions[0] if len(sessions) == 1 else merged(sessions):
                    self._put(encode(line))
            self._flush()
        except UserError as error:
            self._problem = str(error)
        except OSError as error:
            self._problem = f"the session finds no room in {spool_folder()}: {error.strerror}"
        except _Stopped:
            pass
        finally:
            self.caught_up.set()

    def _put(self, data: bytes) -> None:
        self._batch += data
        if len(self._batch) >= BATCH or time.monotonic() - self._written > SOON:
            self.caught_up.clear()
            self._flush()

    def _flush(self) -> None:
        self._room -= len(self._batch)
        if self._room < 0:
            raise UserError("the sessions are larger than may be opened; trim them first")
        while self._batch:
            del self._batch[: os.write(self._file, self._batch)]
        self._written = time.monotonic()
        if self._stop.wait(BREATH):
            raise _Stopped

    def _idle(self) -> None:
        """All of an input that grows was read."""
        self._flush()
        self.caught_up.set()


class _Stopped(Exception):
    """Nobody wants the rest."""


class Input:
    """A file whose format is known by its beginning."""

    def __init__(self, path: Path, *, limit: int, alone: bool) -> None:
        self.feed = Feed(path, limit=limit)
        self.faults = Faults("" if alone else self.feed.name)
        try:
            self._pieces = self.feed.pieces()
            self._seen: list[bytes] = []
            self.sort = self._recognise()
        except BaseException:
            self.feed.close()
            raise
        self._cluster = "kubectl" if self.feed.name == "stdin" else path.name.partition(".")[0]

    def _recognise(self) -> Sort:
        cutter = Cutter()
        for piece in self._pieces:
            self._seen.append(piece)
            for raw in cutter.feed(piece):
                if sort := self._recognised(raw):
                    return sort
            if cutter.number > GLANCE or len(self._seen) > PIECES:
                break
        if (rest := cutter.rest()) and (sort := self._recognised(rest)):
            return sort
        if not any(self._seen):
            raise UserError(f"{self.feed.name} is empty: nothing was recorded")
        raise UserError(
            f"{self.feed.name} is no session: its first line is neither of a recording nor of "
            "kubectl get pods -w -o json"
        )

    def _recognised(self, raw: Raw) -> Sort | None:
        sort = recognise(raw.data or b"")
        if sort == "session":
            with suppress(ValueError):
                try:
                    decode(raw.data or b"")
                except UserError as error:
                    raise UserError(f"{self.feed.name}, line {raw.number}: {error}") from None
        return sort

    def pieces(self) -> Iterator[bytes]:
        """All bytes, unpacked."""
        return chain(self._seen, self._pieces)

    def lines(self, deriving: Deriving | None, fresh: bool) -> Iterator[Line]:
        """The lines of a session that it holds; with `fresh` their events are derived again."""
        if self.sort == "session":
            lines = own(self._raws(), self.faults)
            return again(lines, deriving) if fresh and deriving else lines
        if deriving is None:
            raise UserError(f"{self.feed.name} is no recording of SonicKube's")
        read = incident if self.sort == "incident" else kubectl
        return read(self._raws(), self._cluster, deriving, self.faults)

    def _raws(self) -> Iterator[Raw]:
        cutter = Cutter()
        for piece in self.pieces():
            yield from cutter.feed(piece)
        if rest := cutter.rest():
            yield rest


def spool_folder() -> str:
    """Where large files go that are soon forgotten: /tmp is often memory."""
    large = Path("/var/tmp")
    return os.environ.get("TMPDIR") or (str(large) if os.access(large, os.W_OK) else tempfile.gettempdir())


def own(raws: Iterable[Raw], faults: Faults) -> Iterator[Line]:
    """The lines of a session, with times that never go back; the first is a header, whatever it begins with.

    Raises UserError for a header of another format.
    """
    reading = Reading(faults=faults)
    began = False
    for raw in raws:
        found = reading.take(raw, raw.offset, raw.number)
        if found is None:
            continue
        if not began and not isinstance(found.line, Header):
            faults.add(raw.number, "a session begins with a header, and this is none")
            yield Header(format=FORMAT, at=max(0.0, _wall(found.line) - found.t))
        if not began or not isinstance(found.line, Header):
            yield msgspec.structs.replace(found.line, t=found.t)
        began = True


def _wall(line: Line) -> float:
    match line:
        case EventLine():
            return line.event.at
        case PodLine() | MarkLine():
            return line.at
        case _:
            return 0.0
