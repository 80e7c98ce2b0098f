"""Who listens to an API server: by a wire that can be cut, what is asked for, and what is told.

Knows nothing of pytest.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import Self

from players import until
from sonickube_tui.cluster.connect import Api
from sonickube_tui.event import Connection, Event, Item, Kind, Link, Sight

STARTED = [Kind.CREATED, Kind.SCHEDULED, Kind.STARTED, Kind.READY]
"""What is told of a pod that starts, until it is ready."""

GONE = [Kind.TERMINATING, Kind.DELETED]
"""What is told of one that is deleted at once."""


class Wire:
    """A connection to a port of loopback by way of another `port`, that can be cut; use with `async with`.

    While it is `down`, who comes is turned away.
    """

    def __init__(self, to: int) -> None:
        self._to = to
        self.down = False
        self._ends: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def cut(self, *, down: bool = False) -> None:
        """Break all connections off, and stay `down` or not."""
        self.down = down
        for end in self._ends:
            end.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        for source, target in ((reader, far_writer), (far_reader, writer)):
            self._ends.add(target)
            pump = asyncio.create_task(self._pump(source, target))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while data := await source.read(65_536):
                    target.write(data)
                    await target.drain()
        finally:
            self._ends.discard(target)
            target.close()


class Diary:
    """What an API client asks for and gets: tokens of lists, versions of watches and bookmarks, errors.

    A list that comes as a stream is a list without a token, and a watch without a version.
    """

    def __init__(self, api: Api, **instead: str) -> None:
        """`instead` are parts of a query that are asked for otherwise, or when empty not at all."""
        self.lists: list[str] = []
        self.watches: list[str] = []
        self.bookmarks: list[str] = []
        self.errors: list[int] = []
        self.asked = 0
        """How often a list was asked for as a stream."""
        self.streams = False
        """Whether one came so."""
        self._instead = instead
        self._get, self._lines = api.get, api.lines
        api.get, api.lines = self.get, self.lines  # type: ignore[method-assign]

    async def get(self, path: str, **query: str) -> bytes:
        self.lists.append(query.get("continue", ""))
        return await self._get(path, **{**query, **self._instead})

    async def lines(self, path: str, *, idle: float, begun: bool, **query: str) -> AsyncGenerator[bytes]:
        streams = "sendInitialEvents" in query
        self.asked += streams
        if not streams:
            self.watches.append(query["resourceVersion"])
        kept = {**query, **self._instead, "resourceVersion": query["resourceVersion"]}
        async with aclosing(self._lines(path, idle=idle, begun=begun, **kept)) as lines:
            async for line in lines:
                if streams and not line:  # It is not refused.
                    self.streams = True
                    self.lists.append("")
                    self.watches.append("")
                if line.startswith(b'{"type":"BOOKMARK"'):
                    self.bookmarks.append(json.loads(line)["object"]["metadata"]["resourceVersion"])
                if line.startswith(b'{"type":"ERROR"'):
                    self.errors.append(json.loads(line)["object"]["code"])
                yield line


class Observer:
    """All that a reflector or a source tells, as an async context manager."""

    def __init__(self, stream: AsyncIterator[Item]) -> None:
        self.events: list[Event] = []
        self.links: list[Connection] = []
        self.items: list[Item] = []
        self._stream = stream

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _hear(self) -> None:
        async for item in self._stream:
            self.items.append(item)
            if isinstance(item, Event):
                self.events.append(item)
            elif isinstance(item, Connection):
                self.links.append(item)

    async def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Wait for a condition. Raises what the stream raises meanwhile."""
        await until(lambda: self.task.done() or condition(), seconds)
        if self.task.done():
            self.task.result()

    async def until_watching(self, pods: int | None = None) -> None:
        """Wait until it watches, knowing so many pods."""
        await self.until(
            lambda: (
                self.links
                and self.links[-1].link is Link.WATCHING
                and (pods is None or self.links[-1].pods == pods)
            )
        )

    async def until_told_of(self, pod: str, kind: Kind = Kind.CREATED) -> None:
        """Wait until something has happened to a pod."""
        await self.until(lambda: any(e.pod == pod and e.kind is kind for e in self.events))

    @property
    def lives(self) -> dict[str, list[Kind]]:
        """What happened to each pod, by uid, in order."""
        lives: defaultdict[str, list[Kind]] = defaultdict(list)
        for event in self.events:
            lives[event.uid].append(event.kind)
        return dict(lives)

    def of(self, pod: str) -> list[Kind]:
        """What happened to the pods of that name, in order."""
        return [event.kind for event in self.events if event.pod == pod]

    @property
    def link(self) -> Link | None:
        """How it stands with its cluster."""
        return self.links[-1].link if self.links else None

    @property
    def detail(self) -> str:
        """What it says of that."""
        return self.links[-1].detail if self.links else ""

    @property
    def sights(self) -> list[tuple[str, str]]:
        """What was seen of which pod, in order."""
        return [(item.change, item.pod.metadata.name) for item in self.items if isinstance(item, Sight)]

    def pods(self, kind: Kind = Kind.CREATED) -> list[str]:
        """The pods that it happened to, in order."""
        return [event.pod for event in self.events if event.kind is kind]
