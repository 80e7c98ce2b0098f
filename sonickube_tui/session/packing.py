"""Compression by the file's name: gzip by `.gz`, zstd by `.zst`; all of it in streams and within limits."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import Any, Protocol

from sonickube_tui.errors import UserError

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
"""What compressed files begin with."""


class Packer(Protocol):
    """Compresses a stream."""

    def pack(self, data: bytes) -> bytes:
        """What comes out of adding so much; often nothing yet."""

    def flush(self) -> bytes:
        """The rest of what was added, so that a reader has all of it."""

    def end(self) -> bytes:
        """The end of the stream."""


class Unpacker(Protocol):
    """Decompresses a stream."""

    def unpack(self, data: bytes, most: int) -> bytes:
        """At most so many bytes of what comes out of adding so much; with no data, of what is left.

        Raises ValueError when the stream is damaged.
        """

    @property
    def hungry(self) -> bool:
        """Whether more data is needed for more to come out."""

    @property
    def whole(self) -> bool:
        """Whether the stream has come to a proper end."""


def packer(path: Path) -> Packer:
    """What compresses a file of that name. Raises UserError when zstd is not installed."""
    if path.suffix == ".gz":
        return _Gzip()
    return _Zstd() if path.suffix == ".zst" else _Plain()


def unpacker(beginning: bytes) -> Unpacker | None:
    """What decompresses a file that begins so; None when it is not compressed. Raises UserError."""
    if beginning.startswith(GZIP):
        return _Gunzip()
    return _Unzstd() if beginning.startswith(ZSTD) else None


class _Plain:
    def pack(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""

    def end(self) -> bytes:
        return b""


class _Gzip:
    def __init__(self) -> None:
        self._zlib = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)

    def pack(self, data: bytes) -> bytes:
        return self._zlib.compress(data)

    def flush(self) -> bytes:
        return self._zlib.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._zlib.flush()


class _Gunzip:
    """One stream after the other: gzip files may be put together."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._left = b""
        self.whole = False

    def unpack(self, data: bytes, most: int) -> bytes:
        data = self._left + data
        if self._zlib.eof:
            data = data.lstrip(b"\0")  # Padding, as tapes and some tools leave it.
            if not data:
                self._left = b""
                return b""
            self._zlib = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            out = self._zlib.decompress(data, most)
        except zlib.error as error:
            raise ValueError(f"its gzip stream is damaged ({error})") from None
        self._left = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
        self.whole = self._zlib.eof
        return out

    @property
    def hungry(self) -> bool:
        return not self._left


class _Zstd:
    def __init__(self) -> None:
        self._zstd = _zstd().ZstdCompressor()

    def pack(self, data: bytes) -> bytes:
        return bytes(self._zstd.compress(data))

    def flush(self) -> bytes:
        return bytes(self._zstd.flush(self._zstd.FLUSH_BLOCK))

    def end(self) -> bytes:
        return bytes(self._zstd.flush(self._zstd.FLUSH_FRAME))


class _Unzstd:
    """One frame after the other, as in gzip."""

    def __init__(self) -> None:
        self._module = _zstd()
        self._zstd = self._module.ZstdDecompressor()
        self._left = b""
        self.whole = False

    def unpack(self, data: bytes, most: int) -> bytes:
        data = self._left + data
        if self._zstd.eof:
            if not data:
                return b""
            self._zstd = self._module.ZstdDecompressor()
        try:
            out = bytes(self._zstd.decompress(data, most))
        except self._module.ZstdError as error:
            raise ValueError(f"its zstd stream is damaged ({error})") from None
        self._left = self._zstd.unused_data if self._zstd.eof else b""
        self.whole = self._zstd.eof
        return out

    @property
    def hungry(self) -> bool:
        return not self._left and (self._zstd.eof or self._zstd.needs_input)


def _zstd() -> Any:
    """Python's own zstd, or before 3.14 its backport."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        raise UserError(
            "zstd is not installed: pip install 'sonickube-tui[zstd]', or use .gz in place of .zst"
        ) from None
    return zstd
