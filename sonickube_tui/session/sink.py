"""A session file that is being written: whole lines, compressed by its name, for its owner's eyes only."""

from __future__ import annotations

import os
from pathlib import Path

from sonickube_tui.errors import UserError
from sonickube_tui.session.packing import packer


class Sink:
    """Writes a file that was not there before, with mode 0600; or stdout when the path is `-`.

    What cannot be written is kept and tried again: a file never has half a line before a whole one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._packer = packer(path)
        self._pending = bytearray()
        self.size = 0
        """Bytes in the file."""
        try:
            if str(path) == "-":
                self._file = os.dup(1)
            else:
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise UserError(f"{path} is there already, and is not written over; name another file") from None
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}") from None

    @property
    def pending(self) -> int:
        """Bytes that are not in the file yet."""
        return len(self._pending)

    def add(self, lines: bytes) -> None:
        """Take whole lines."""
        self._pending += self._packer.pack(lines)

    def flush(self) -> None:
        """Write all that was taken, so that it can be read. Raises OSError; nothing is lost by that."""
        self._pending += self._packer.flush()
        self.write()

    def write(self) -> None:
        """Write what is ready to be. Raises OSError as `flush` does."""
        while self._pending:
            written = os.write(self._file, self._pending)
            del self._pending[:written]
            self.size += written

    def close(self) -> None:
        """Write the end, and close the file. Raises OSError when the end could not be written."""
        try:
            self._pending += self._packer.end()
            self.write()
        finally:
            os.close(self._file)
