"""Opens what the user names as a session: one plain file that is indexed, whatever it was.

A session that is plain is used where it is. All else is written into a file without a name, in a thread, and
can be played as soon as its first lines are there.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from sonickube_tui.errors import UserError
from sonickube_tui.session.deriving import Deriving
from sonickube_tui.session.feed import UNPACKED
from sonickube_tui.session.format import Line
from sonickube_tui.session.index import Index
from sonickube_tui.session.lines import Faults, Lines
from sonickube_tui.session.spool import Input, Spool, spool_folder


class Opened:
    """A session that can be played: `file` is a descriptor of plain lines, `index` where things are in it."""

    def __init__(self, name: str, file: int, spool: Spool | None = None) -> None:
        self.name = name
        """What the user calls it."""
        self.file = file
        self._spool = spool
        self.index = Index(file, written=lambda: spool is None or spool.caught_up.is_set())
        self.index.start()
        if spool:
            spool.start()

    @property
    def progress(self) -> float:
        """How much of it can be played and sought, 0 to 1."""
        spooled = self._spool.progress if self._spool else 1.0
        return self.index.progress * spooled

    @property
    def caught_up(self) -> bool:
        """Whether all of it that is there can be played; what grows may still go on."""
        return self.index.caught_up.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has caught up; whether it has."""
        return self.index.caught_up.wait(timeout)

    @property
    def problem(self) -> str:
        """Why not all of it can be read, as one line; else empty."""
        return (self._spool.problem if self._spool else "") or self.index.problem

    @property
    def faults(self) -> Faults:
        """The bad lines up to now, by their numbers in what the user named."""
        return self._spool.faults if self._spool and not self._spool.copies else self.index.faults

    def lines(self) -> Iterator[Line]:
        """All lines that can be played by now, with their times. Raises UserError and OSError as `Lines`."""
        for found in Lines(self.file).read():
            yield msgspec.structs.replace(found.line, t=found.t)

    def close(self) -> None:
        """End what goes on in the background, and close the file."""
        if self._spool:
            self._spool.close()
        self.index.close()
        os.close(self.file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_session(
    paths: Sequence[Path],
    *,
    deriving: Deriving | None = None,
    fresh: bool = False,
    follow: bool = True,
    limit: int = UNPACKED,
) -> Opened:
    """Open what the paths name as one session; `-` is stdin.

    `deriving` tells the events of streams that are no sessions, and with `fresh` those of sessions too, by
    what they hold of the pods. With `follow`, one session that grows is read on. `limit` is in bytes: what
    unpacks to more is not read further. Raises UserError when a file cannot be opened or is none of these.
    """
    inputs: list[Input] = []
    try:
        for path in paths:  # One by one, so that those that are open get closed when the next fails.
            inputs += [Input(path, limit=limit, alone=len(paths) == 1)]
        first = inputs[0]
        name = first.feed.name if len(inputs) == 1 else f"{len(inputs)} sessions"
        if len(inputs) == 1 and first.sort == "session" and first.feed.in_place and not fresh:
            return Opened(name, first.feed.file)
        folder = spool_folder()
        try:
            # Without a name from the start: nobody else can open it, and it goes with the program.
            with tempfile.TemporaryFile(dir=folder) as spool:
                file = os.dup(spool.fileno())
        except OSError as error:
            raise UserError(f"the session finds no room in {folder}: {error.strerror}; set TMPDIR") from None
        follow = follow and len(inputs) == 1 and first.sort == "session"
        return Opened(name, file, Spool(inputs, file, deriving, fresh=fresh, follow=follow, limit=limit))
    except BaseException:
        for one in inputs:
            one.feed.close()
        raise
