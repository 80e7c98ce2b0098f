"""CRuby as a WebAssembly module: compiled once, booted once, copied for every run. Knows no music.

What the module may do is what it is given: no folder, no network, no environment, no waiting, `MEMORY` bytes.
It may ask one who answers: what it writes to its standard output is the question, and it reads the answer
from its standard input.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import itertools
import platform
import struct
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import wasmtime

MEMORY = 256 * 1024 * 1024
"""Bytes that an instance may use."""

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes that an instance may answer: ten times what the liveliest run has to tell."""

_FOR_EVER = 2**40
_SPARE = 32 * 1024 * 1024
_PAGE = 4096
_WASM_PAGE = 65536
_EBADF = 8
_ENOSYS = 52
_IN, _OUT = 0, 1
_ASYNCIFY = {1: "asyncify_stop_unwind", 2: "asyncify_stop_rewind"}


class RubyError(Exception):
    """Our own Ruby raised: a snippet broke it, or it is not what it should be."""


class Instance:
    """One instance of the module: one Ruby, or the room for one.

    `answer` is whom it may ask; it tells whether the answer took work, which is not on the asker's time.
    """

    def __init__(
        self,
        engine: wasmtime.Engine,
        module: wasmtime.Module,
        answer: Callable[[bytes], tuple[bytes, bool]] = lambda _question: (b"", False),
    ) -> None:
        self._answer = answer
        self._told = b""
        self._ticks = _FOR_EVER
        self._handles: dict[int, int] = {}
        self._numbers = itertools.count(1)
        self._store = wasmtime.Store(engine)
        self._store.set_limits(memory_size=MEMORY)
        self.limit(self._ticks)
        self._store.set_wasi(wasmtime.WasiConfig())
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        linker.allow_shadowing = True
        for wanted in module.imports:
            name, kind = wanted.name or "", wanted.type
            if wanted.module != "wasi_snapshot_preview1" or name in ("poll_oneoff", "fd_read", "fd_write"):
                assert isinstance(kind, wasmtime.FuncType)
                linker.define_func(wanted.module, name, kind, self._host(name))
        exports = linker.instantiate(self._store, module).exports(self._store)
        self._exports: dict[str, Any] = {name.split(":")[0]: exports[name] for name in exports}
        self._memory: wasmtime.Memory = self._exports["memory"]

    def boot(self) -> None:
        """Start Ruby, as `ruby -e _=0` would."""
        self._call("_initialize")
        arguments = [b"ruby", b"--disable-gems", b"-EUTF-8", b"-e_=0"]
        told = b"".join(struct.pack("<II", self._put(word), len(word)) for word in arguments)
        self._call("ruby-init", self._put(told), len(arguments))
        self._end_without_memory()

    def limit(self, ticks: int) -> None:
        """From now on it may work for so many ticks of the engine's epoch; then it is interrupted."""
        self._ticks = ticks
        self._store.set_epoch_deadline(ticks)

    def revive(self) -> None:
        """Let it answer though it was ended in the midst of its work: on the stack that it left.

        It gets some memory beyond `MEMORY`, which may be used up. If it was saving or restoring its stack, as
        it does when it tidies its memory or changes fibers, that is over.
        """
        self._store.set_limits(memory_size=MEMORY + _SPARE)
        if over := _ASYNCIFY.get(self._call("asyncify_get_state")):
            self._call(over)

    def run(self, code: str) -> None:
        """Evaluate Ruby of ours. Raises RubyError with what Ruby raised."""
        self._drop(self._evaluate(code))

    def ask(self, code: str) -> bytes:
        """Evaluate Ruby of ours whose value is a string."""
        handle = self._evaluate(code)
        answer = self._text(handle)
        self._drop(handle)
        return answer

    def difference_from(self, other: Instance) -> Image:
        """What must be written into the memory of another instance to make it this one."""
        mine, theirs = self._read(0, self.size), other._read(0, other.size)
        theirs += bytes(len(mine) - len(theirs))
        spans: list[tuple[int, int]] = []
        for at in range(0, len(mine), _PAGE):
            if mine[at : at + _PAGE] != theirs[at : at + _PAGE]:
                joined = spans and spans[-1][1] == at
                spans.append((spans.pop()[0] if joined else at, at + _PAGE))
        return Image(len(mine), [(start, mine[start:end]) for start, end in spans], self._handles)

    def become(self, image: Image) -> None:
        """Take the memory of another instance."""
        self._handles = dict(image.handles)
        self._numbers = itertools.count(max(image.handles, default=0) + 1)
        self._memory.grow(self._store, (image.size - self.size) // _WASM_PAGE)
        start = ctypes.addressof(self._memory.data_ptr(self._store).contents)
        for at, data in image.spans:
            ctypes.memmove(start + at, data, len(data))

    def close(self) -> None:
        """Give the memory back now, not when Python finds the time."""
        self._store.close()

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return self._memory.data_len(self._store)

    def _end_without_memory(self) -> None:
        """Have Ruby exit where it stands when its memory is out, so that it can be asked where that was.

        It raises a NoMemoryError that knows no place, kept before the SystemStackError in its table of
        special exceptions (vm_core.h), and exits when that is not there (`rb_memerror` in gc.c).
        """
        told = self.ask(
            "[NoMemoryError, SystemStackError].map { |kind| "
            "Kernel.instance_method(:to_s).bind_call(ObjectSpace.each_object(kind).first)[/0x(\\h+)/, 1] "
            "}.join(' ')"
        )
        pair = struct.pack("<II", *(int(address, 16) for address in told.split()))
        memory = self._read(0, self.size)
        if memory.count(pair) == 1:
            self._memory.write(self._store, bytes(4), memory.index(pair))

    def _evaluate(self, code: str) -> int:
        data = code.encode()
        result = self._call("rb-eval-string-protect", self._put(data), len(data))
        handle, failed = struct.unpack("<II", self._read(result, 8))
        if failed:
            raise RubyError(self._message())
        return int(handle)

    def _message(self) -> str:
        """What Ruby raised, as far as it can still say."""
        error = self._call("rb-errinfo")
        self._call("rb-clear-errinfo")
        name = b"message"
        method = self._call("rb-intern", self._put(name), len(name))
        result = self._call("rb-funcallv-protect", error, method, 0, 0)
        handle, failed = struct.unpack("<II", self._read(result, 8))
        return "Ruby cannot go on" if failed else self._text(int(handle)).decode("utf-8", "replace")

    def _text(self, handle: int) -> bytes:
        where = self._call("rstring-ptr", handle)
        at, size = struct.unpack("<II", self._read(where, 8))
        if size > MAX_ANSWER:
            raise RubyError(f"an answer of {size} bytes")
        text = self._read(at, size)
        self._call("cabi_post_rstring-ptr", where)
        return text

    def _drop(self, handle: int) -> None:
        self._call("canonical_abi_drop_rb-abi-value", self._handles.pop(handle))

    def _call(self, name: str, *arguments: int) -> int:
        return self._exports[name](self._store, *arguments)  # type: ignore[no-any-return]

    def _put(self, data: bytes) -> int:
        at = self._call("cabi_realloc", 0, 0, 4, len(data) + 1)
        self._memory.write(self._store, data + b"\0", at)
        return at

    def _read(self, at: int, size: int) -> bytes:
        return bytes(self._memory.read(self._store, at, at + size))

    def _host(self, name: str) -> Any:
        """What the module asks of us: to keep its handles. The rest (JavaScript, waiting) it does not get."""
        if name.startswith("resource_new"):
            return self._keep
        if name.startswith("resource_get"):
            return lambda handle: self._handles[handle]
        if name.startswith("resource_drop"):
            return lambda _handle: None
        if name == "fd_read":
            return self._read_in
        if name == "fd_write":
            return self._written
        if name == "poll_oneoff":
            return lambda *_: _ENOSYS

        def refused(*_: Any) -> Any:
            raise wasmtime.WasmtimeError(f"{name} is not there")

        return refused

    def _written(self, file: int, parts: int, count: int, size: int) -> int:
        """WASI's `fd_write`: a question, or what nobody hears."""
        question = b"".join(self._read(at, length) for at, length in self._parts(parts, count))
        if file == _OUT:
            self._told, worked = self._answer(question)
            if worked:
                self.limit(self._ticks)
        self._memory.write(self._store, struct.pack("<I", len(question)), size)
        return 0

    def _read_in(self, file: int, parts: int, count: int, size: int) -> int:
        """WASI's `fd_read`: the rest of the last answer."""
        if file != _IN:
            return _EBADF
        read = 0
        for at, length in self._parts(parts, count):
            part, self._told = self._told[:length], self._told[length:]
            self._memory.write(self._store, part, at)
            read += len(part)
        self._memory.write(self._store, struct.pack("<I", read), size)
        return 0

    def _parts(self, at: int, count: int) -> list[tuple[int, int]]:
        return list(struct.iter_unpack("<II", self._read(at, 8 * count)))

    def _keep(self, value: int) -> int:
        handle = next(self._numbers)
        self._handles[handle] = value
        return handle


class Image(msgspec.Struct, frozen=True, gc=False):
    """The memory of a booted Ruby: its size, its handles, and where and how it is not a fresh instance's."""

    size: int
    spans: list[tuple[int, bytes]]
    handles: dict[int, int]


def compiled(engine: wasmtime.Engine, wasm: Path, cache: Path) -> wasmtime.Module:
    """The module as machine code: kept, because compiling it takes long."""
    data = wasm.read_bytes()
    version = importlib.metadata.version("wasmtime")
    sum_ = hashlib.sha256(data).hexdigest()[:16]
    kept = cache / f"ruby-{sum_}-wasmtime-{version}-{platform.machine()}.cwasm"
    with suppress(OSError, wasmtime.WasmtimeError):
        return wasmtime.Module.deserialize_file(engine, str(kept))
    module = wasmtime.Module(engine, data)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=cache, delete=False) as file:
        file.write(module.serialize())
    Path(file.name).replace(kept)
    return module
