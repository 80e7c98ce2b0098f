"""What `kubectl get pods -w -o json` writes, as a source. Pure but for the reading at the end.

With `--output-watch-events` kubectl writes a compact `{"type", "object"}` on each line, without it one
indented object after the other. The pods that exist already come first, as ADDED, and nothing says where
they end.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress

import msgspec

from sonickube_tui.cluster.lifecycle import event
from sonickube_tui.cluster.patterns import Wanted
from sonickube_tui.cluster.pod import Pod
from sonickube_tui.cluster.vigil import Vigil
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event, Item, Link, Sight

LIMIT = 64 * 2**20
"""Bytes that one object may have; a pod has some ten thousand."""

BASELINE = 2.0
"""Seconds from the first object on in which ADDED means that a pod was there before; and of a pause that ends
the first burst."""

PIECE = 1 << 16
"""Bytes read at once."""


class Document(msgspec.Struct, frozen=True):
    """What should be one JSON object, and the number of the line where it begins, from 1."""

    line: int
    data: bytes


class Documents:
    """Cuts a stream into JSON objects: one on a line, or indented to a last `}` at the left edge."""

    def __init__(self) -> None:
        self._number = 0
        self._rest = bytearray()
        self._open = bytearray()
        self._first = 0

    def feed(self, piece: bytes) -> Iterator[Document]:
        """The objects that this piece completes. Raises UserError when one has more than LIMIT bytes."""
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._keep(end)
            line = bytes(self._rest)
            self._rest.clear()
            yield from self._line(line)
        self._keep(rest)

    def end(self) -> Iterator[Document]:
        """What is left when the stream has ended."""
        yield from self._line(bytes(self._rest))
        if self._open:
            yield self._close()

    def _keep(self, part: bytes) -> None:
        self._rest += part
        if len(self._open) + len(self._rest) > LIMIT:
            line = self._first if self._open else self._number + 1
            raise UserError(
                f"line {line} of stdin is larger than {LIMIT / 2**20:g} MB: this is no stream of pods; "
                "use kubectl get pods -w -o json --output-watch-events"
            )

    def _line(self, line: bytes) -> Iterator[Document]:
        self._number += 1
        if self._open and line.strip() and line[:1] not in b" \t}":
            yield self._close()  # It broke off: what is indented has nothing else at its left edge.
        if not self._open:
            if not line.strip():
                return
            self._first = self._number
        self._open += line + b"\n"
        ended = line.rstrip().endswith(b"}") if self._first == self._number else line[:1] == b"}"
        if ended or self._open[:1] != b"{":
            yield self._close()

    def _close(self) -> Document:
        document = Document(self._first, bytes(self._open))
        self._open.clear()
        return document


class Told(msgspec.Struct, frozen=True):
    """A pod, and what kubectl says of it: ADDED, MODIFIED, DELETED, or nothing."""

    type: str
    pod: Pod


class _Envelope(msgspec.Struct):
    kind: str = ""
    type: str = ""
    object: msgspec.Raw = msgspec.Raw()


class _Kind(msgspec.Struct):
    kind: str = ""


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_kind = msgspec.json.Decoder(_Kind).decode
_decode_pod = msgspec.json.Decoder(Pod).decode


def read(data: bytes) -> Told | None:
    """One object of the stream; None when it is not about a pod. Raises ValueError when it is not JSON."""
    try:
        outer = _decode_envelope(data)
        inner = bytes(outer.object)
        kind = _decode_kind(inner).kind if inner else outer.kind
        if kind != "Pod":
            return None
        return Told(outer.type if inner else "", _decode_pod(inner or data))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


class Story:
    """What happens to the pods of one stream, in `wanted` namespaces; times are passed in, in Unix seconds.

    The first burst is silent: an unknown pod that is ADDED was there before, if that comes within BASELINE
    seconds of the first object, or after it as long as nothing was MODIFIED or DELETED and the stream did not
    pause for so long. Without types, unknown is ADDED and known is MODIFIED; a pod whose grace period
    is 0 is gone.
    """

    def __init__(self, cluster: str, wanted: Wanted) -> None:
        self._cluster = cluster
        self._wanted = wanted
        self._pods: dict[tuple[str, str], Pod] = {}
        self._vigil = Vigil()
        self._began: float | None = None
        self._last = 0.0
        self._burst = True

    @property
    def pods(self) -> int:
        """How many pods are known now."""
        return len(self._pods)

    def hear(self, told: Told, now: float) -> Iterator[Event | Sight]:
        """What one object of the stream tells: the sight of its pod, unless it is no news, and events."""
        new = told.pod
        old = self._pods.get(new.key)
        kind = told.type or _guess(old, new)
        before = self._baseline(kind, now)
        if not self._wanted.has(new.metadata.namespace):
            return
        if kind == "DELETED":
            if last := self._pods.pop(new.key, new if told.type else None):
                yield from self._vigil.tell(last, None, at=now, cluster=self._cluster, last=new)
        elif kind in ("ADDED", "MODIFIED"):
            self._pods[new.key] = new
            # What is MODIFIED was there before, even if kubectl was asked to keep silent about that.
            if old or (kind == "ADDED" and not before):
                yield from self._vigil.tell(old, new, at=now, cluster=self._cluster)
            else:
                yield Sight(at=now, cluster=self._cluster, change="LISTED", pod=new)

    def overdue(self, now: float) -> Iterator[Event]:
        """What has taken too long by now; to be asked every second or so."""
        for pod, change in self._vigil.overdue(now):
            yield event(pod, change, at=now, cluster=self._cluster)

    def _baseline(self, kind: str, now: float) -> bool:
        """Whether a pod that is ADDED now was there before."""
        if self._began is None:
            self._began = self._last = now
        if kind in ("MODIFIED", "DELETED") or now - self._last > BASELINE:
            self._burst = False
        self._last = now
        return self._burst or now - self._began <= BASELINE


def _guess(old: Pod | None, new: Pod) -> str:
    if new.metadata.deletion_timestamp and new.metadata.deletion_grace_period_seconds == 0:
        return "DELETED"
    return "MODIFIED" if old else "ADDED"


async def follow(file: int, cluster: str, wanted: Wanted) -> AsyncIterator[Item]:
    """What happens to the pods of the stream that a file descriptor gives, to its end.

    What cannot be read is passed over and told in the detail of a Connection, with its line number. Raises
    UserError when the file cannot be read, or holds a line over LIMIT bytes.
    """
    documents, story = Documents(), Story(cluster, wanted)
    told = Connection(
        at=time.time(), cluster=cluster, link=Link.CONNECTING, detail="waiting for what kubectl writes"
    )
    detail = ""

    def watching() -> Connection:
        nonlocal told
        told = Connection(at=time.time(), cluster=cluster, link=Link.WATCHING, pods=story.pods, detail=detail)
        return told

    def hear(found: Iterable[Document]) -> Iterator[Item]:
        nonlocal detail
        for document in found:
            try:
                if pod := read(document.data):
                    yield from story.hear(pod, time.time())
            except (ValueError, msgspec.DecodeError) as error:
                detail = f"line {document.line} is not what kubectl -o json writes, passed over: {error}"
                yield watching()
        begun = story.pods > 0 and told.link is Link.CONNECTING
        if begun or (told.pods != story.pods and time.time() - told.at >= 1.0):
            yield watching()

    yield told
    async for piece in _pieces(file):
        for item in hear(documents.feed(piece)):
            yield item
        for late in story.overdue(time.time()):
            yield late
    for item in hear(documents.end()):
        yield item


async def _pieces(file: int) -> AsyncIterator[bytes]:
    """What a file descriptor gives, piece by piece to its end; an empty one after each second without any.

    A thread reads, since the loop cannot wait for a regular file.
    """
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    room = threading.Semaphore(16)

    def reading() -> None:
        piece: bytes | OSError = b" "
        with suppress(RuntimeError):  # The loop is closed: nobody listens any more.
            while piece and not isinstance(piece, OSError):
                room.acquire()
                try:
                    piece = os.read(file, PIECE)
                except OSError as error:
                    piece = error
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

    threading.Thread(target=reading, name="stdin", daemon=True).start()
    while True:
        try:
            async with asyncio.timeout(1.0):
                piece = await pieces.get()
        except TimeoutError:
            yield b""
            continue
        if isinstance(piece, OSError):
            raise UserError(f"stdin cannot be read: {piece.strerror}")
        if not piece:
            return
        room.release()
        await asyncio.sleep(0)  # What has piled up must not hold up the screen.
        yield piece
