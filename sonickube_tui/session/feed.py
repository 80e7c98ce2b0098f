"""The bytes of an input, unpacked and within limits, to its end or as long as it grows."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from sonickube_tui.errors import UserError
from sonickube_tui.session.lines import PIECE
from sonickube_tui.session.packing import Unpacker, unpacker

UNPACKED = 8 * 2**30
"""Bytes that an input may unpack to."""

RATIO, RATIO_FROM = 200, 16 * 2**20
"""What unpacks to so many times its size, and to so many bytes, is no session: those shrink 10 to 50-fold."""

POLL = 0.5
"""Seconds after which an input is looked at again that may have grown."""


class Feed:
    """One input: a file, or stdin when the path is `-`. At most `limit` bytes are unpacked."""

    def __init__(self, path: Path, *, limit: int = UNPACKED) -> None:
        self.name = "stdin" if str(path) == "-" else str(path)
        self.problem = ""
        """Why it ended before its end, as one line; else empty."""
        self.read = 0
        """Bytes of the input that were read."""
        self.packed = False
        """Whether it is compressed; known once the first piece was read."""
        self._limit = limit
        self._idle: Callable[[], None] | None = None
        self._stop = threading.Event()
        try:
            flags = os.O_RDONLY | os.O_CLOEXEC
            self.file = os.dup(0) if str(path) == "-" else os.open(path, flags)
        except OSError as error:
            raise UserError(f"the session {self.name} cannot be opened: {error.strerror}") from None
        status = os.fstat(self.file)
        if stat.S_ISDIR(status.st_mode):
            os.close(self.file)
            raise UserError(f"{self.name} is a folder; name the session file in it")
        self.regular = stat.S_ISREG(status.st_mode)

    def follow(self, idle: Callable[[], None], stop: threading.Event) -> None:
        """From now on a file has no end, until `stop` is set; `idle` is called when all of it was read."""
        if self.regular:
            self._idle, self._stop = idle, stop

    @property
    def size(self) -> int:
        """Bytes that the input has, as far as that is known."""
        return os.fstat(self.file).st_size

    @property
    def in_place(self) -> bool:
        """Whether it can be read where it is, at any place."""
        return self.regular and not self.packed

    def close(self) -> None:
        """Close the input."""
        os.close(self.file)

    def pieces(self) -> Iterator[bytes]:
        """The bytes, unpacked; where the input goes bad it ends, and `problem` says why.

        Raises UserError when what unpacks it is not installed.
        """
        pieces = self._pieces()
        first = b""
        while len(first) < 4 and (piece := next(pieces, None)):
            first += piece
        unpack = unpacker(first)
        self.packed = unpack is not None
        if unpack is None:
            yield first
            yield from pieces
            return
        unpacked = 0
        try:
            for out in _unpacked(unpack, first, pieces):
                unpacked += len(out)
                if unpacked > self._limit or (unpacked > RATIO_FROM and unpacked > RATIO * self.read):
                    self.problem = (
                        f"{self.name} unpacks to more than {unpacked / 2**20:,.0f} MB from "
                        f"{self.read / 2**20:,.1f} MB: that is no session, or a larger one than may be opened"
                    )
                    return
                yield out
        except ValueError as error:
            self.problem = f"{self.name}: {error}; what came before that is there"
        if not unpack.whole and not self.problem:
            self.problem = f"{self.name} breaks off in the middle; what came before that is there"

    def _pieces(self) -> Iterator[bytes]:
        while True:
            try:
                piece = os.read(self.file, PIECE)
            except OSError as error:
                self.problem = f"{self.name} cannot be read: {error.strerror}"
                return
            self.read += len(piece)
            if piece:
                yield piece
            elif self._idle and not self._stop.is_set():
                self._idle()
                self._stop.wait(POLL)
            else:
                return


def _unpacked(unpack: Unpacker, first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    piece: bytes | None = first
    while piece is not None:
        while True:
            if out := unpack.unpack(piece, PIECE):
                yield out
            piece = b""
            if unpack.hungry and len(out) < PIECE:
                break
        piece = next(pieces, None)
