"""Lines of files that may be anything: memory for one line, and every bad one told by its number."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import msgspec

from sonickube_tui.errors import UserError
from sonickube_tui.session.format import LINE_LIMIT, Header, Line, UnknownLine, decode

PIECE = 1 << 18
"""Bytes read at once."""

FIRST_FAULTS = 10
"""How many bad lines are told one by one; the others are counted."""


WHY_LENGTH = 200
"""Characters of what is wrong with a line: it may quote the line."""


class Fault(msgspec.Struct, frozen=True, gc=False):
    """A line that could not be read: its `number` counts from 1, `why` is one line for people."""

    number: int
    why: str
    file: str = ""

    def __str__(self) -> str:
        return f"{self.file}{self.file and ', '}line {self.number}: {self.why}"


class Faults:
    """The bad lines of a file: how many, and the first of them; and how many of unknown kinds.

    `file` is named where there are several.
    """

    def __init__(self, file: str = "") -> None:
        self.total = 0
        self.first: list[Fault] = []
        self.unknown = 0
        self._file = file

    def add(self, number: int, why: str) -> None:
        """Count a bad line."""
        self.total += 1
        if len(self.first) < FIRST_FAULTS:
            self.first.append(Fault(number, why[:WHY_LENGTH], self._file))

    @staticmethod
    def together(all_faults: Iterable[Faults]) -> Faults:
        """The bad lines of several files."""
        sum_ = Faults()
        for faults in all_faults:
            sum_.total += faults.total
            sum_.unknown += faults.unknown
            sum_.first += faults.first
        return sum_


class Raw(msgspec.Struct, frozen=True, gc=False):
    """A line without its end; `data` is None when it is longer than may be. `offset` is in bytes."""

    offset: int
    number: int
    data: bytes | None


class Cutter:
    """Cuts a stream of bytes into lines."""

    def __init__(self, offset: int = 0, number: int = 1, limit: int = LINE_LIMIT) -> None:
        self.offset = offset
        """Where the first line begins that has not ended yet."""
        self.number = number
        self._limit = limit
        self._rest = bytearray()
        self._over = 0

    def feed(self, piece: bytes) -> Iterator[Raw]:
        """The lines that end in this piece."""
        parts = piece.split(b"\n")
        last = parts.pop()
        for part in parts:
            if self._rest or self._over:
                self._keep(part)
                data = None if self._over else bytes(self._rest)
                size = self._over or len(self._rest)
                self._rest.clear()
                self._over = 0
            else:
                data = part if len(part) <= self._limit else None
                size = len(part)
            raw = Raw(self.offset, self.number, data)
            self.offset += size + 1
            self.number += 1
            yield raw
        self._keep(last)

    def rest(self) -> Raw | None:
        """What stands behind the last line end."""
        if self._over:
            return Raw(self.offset, self.number, None)
        return Raw(self.offset, self.number, bytes(self._rest)) if self._rest else None

    def _keep(self, part: bytes) -> None:
        if self._over or len(self._rest) + len(part) > self._limit:
            self._over = (self._over or len(self._rest)) + len(part)
            self._rest.clear()
        else:
            self._rest += part


TOO_LONG = f"it is longer than {LINE_LIMIT / 2**20:g} MB"


class Place(msgspec.Struct, frozen=True, gc=False):
    """Between two lines of a session file: all that reading on from there takes.

    `offset` is in bytes, `number` that of the next line, `t` the time of the last one in seconds. `began` is
    the Unix time at t 0; `shift` is what the times of the part that is being read are late by, when files
    were put together.
    """

    offset: int = 0
    number: int = 1
    t: float = 0.0
    began: float = 0.0
    shift: float = 0.0


class Found(msgspec.Struct, frozen=True, gc=False):
    """A line of a session file, and where it begins. `t` never goes back, whatever the line says."""

    offset: int
    number: int
    t: float
    line: Line


class Reading:
    """Makes of raw lines what they say, one after the other, from a place on."""

    def __init__(self, place: Place | None = None, faults: Faults | None = None) -> None:
        self.place = place or Place()
        """Behind the last line."""
        self.faults = faults or Faults()

    def take(self, raw: Raw, offset: int, number: int) -> Found | None:
        """What a line says, with offset and number of the next one; None when that is nothing.

        Raises UserError for a header of another format.
        """
        place = self.place
        line = self._decoded(raw)
        if line is None:
            self.place = Place(offset, number, place.t, place.began, place.shift)
            return None
        began, shift = place.began, place.shift
        if isinstance(line, Header):
            if not began:
                began = line.at
            # Files that were put together: what follows is as much later as its header says.
            shift = max(0.0, line.at - began)
        t = max(place.t, line.t + shift)
        self.place = Place(offset, number, t, began, shift)
        return Found(raw.offset, raw.number, t, line)

    def _decoded(self, raw: Raw) -> Line | None:
        if raw.data is None:
            self.faults.add(raw.number, TOO_LONG)
            return None
        if not raw.data or raw.data.isspace():
            return None
        try:
            return decode(raw.data)
        except UnknownLine:
            self.faults.unknown += 1
        except ValueError as error:
            self.faults.add(raw.number, str(error))
        except UserError as error:
            raise UserError(f"line {raw.number}: {error}") from None
        return None


class Lines:
    """Reads a session file on from a place. The file's own position is not used: threads may share it."""

    def __init__(self, file: int, place: Place | None = None) -> None:
        self._file = file
        self._reading = Reading(place)
        self.tail = 0
        """Bytes at the end of the file that are no whole line, when last read to there."""

    @property
    def place(self) -> Place:
        """Where the next line begins; what follows it is not there yet, or broken off."""
        return self._reading.place

    @property
    def faults(self) -> Faults:
        """The bad lines up to now."""
        return self._reading.faults

    def read(self, until: int | None = None) -> Iterator[Found]:
        """The lines from the place on to the end of the file, or those that begin before offset `until`.

        May be called again, also when it was left early. Raises UserError for a header of another format,
        OSError when the file cannot be read.
        """
        cutter = Cutter(self.place.offset, self.place.number)
        at = self.place.offset
        skip = at > 0 and os.pread(self._file, 1, at - 1) != b"\n"
        while until is None or cutter.offset < until:
            piece = os.pread(self._file, PIECE, at)
            if not piece:
                yield from self._rest(cutter)
                return
            at += len(piece)
            if skip and piece[:1] == b"\n":
                # The line before was read when its end was not there yet.
                piece = piece[1:]
                cutter.offset += 1
            skip = False
            for raw in cutter.feed(piece):
                if until is not None and raw.offset >= until:
                    return
                if found := self._reading.take(raw, cutter.offset, cutter.number):
                    yield found

    def _rest(self, cutter: Cutter) -> Iterator[Found]:
        """A last line without an end counts if it is whole."""
        rest = cutter.rest()
        self.tail = 0
        if rest is None:
            return
        if rest.data is not None and _whole(rest.data):
            if found := self._reading.take(rest, rest.offset + len(rest.data), rest.number + 1):
                yield found
        else:
            self.tail = max(0, os.fstat(self._file).st_size - rest.offset)


def _whole(data: bytes) -> bool:
    try:
        decode(data)
    except ValueError:
        return False
    return True


def line_at(file: int, offset: int) -> Line | None:
    """The line that begins at an offset, or None when it is no good."""
    return next((found.line for found in Lines(file, Place(offset)).read(offset + 1)), None)
