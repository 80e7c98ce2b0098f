"""An API server that tells a recorded incident again: its watch lines, and lists of what there is by then."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Self

import msgspec
from aiohttp import web

from kube import Json

INCIDENT = Path(__file__).parent / "data" / "incident.jsonl.gz"


class Line(msgspec.Struct, frozen=True):
    """What was recorded at a time, in Unix seconds: a pod's watch event, or a mark between them."""

    at: float
    mark: str = ""
    event: Json | None = None

    @property
    def version(self) -> int:
        """The resourceVersion that the event brought about."""
        assert self.event
        return int(self.event["object"]["metadata"]["resourceVersion"])


def incident() -> Iterator[Line]:
    """The pods' part of the recorded incident: 144 s of a real cluster in trouble."""
    with gzip.open(INCIDENT, "rt") as lines:
        for line in map(json.loads, lines):
            if "mark" in line:
                yield Line(line["ts"], mark=line["mark"])
            elif line["resource"] == "pods":
                yield Line(line["ts"], event=line["event"])


class RecordedServer:
    """Serves what has been told so far on `url`, as an async context manager; one `tell` after the other.

    As 1.20 it does not send lists as streams.
    """

    def __init__(self) -> None:
        self.lists = 0
        self.watches: list[str] = []
        self._told: list[Line] = []
        self._pods: dict[tuple[str, str], Json] = {}
        self.version = 1
        self._oldest = 0
        self._changed = asyncio.Condition()
        self._ends = 0
        self._transports: set[asyncio.Transport] = set()
        self._open = asyncio.Event()
        self._open.set()

    @property
    def pods(self) -> int:
        """How many pods there are."""
        return len(self._pods)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/api/v1/pods", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def tell(self, line: Line) -> None:
        """Let what was recorded happen."""
        assert line.event
        self._told.append(line)
        self.version = line.version
        pod = line.event["object"]
        key = (pod["metadata"].get("namespace", ""), pod["metadata"].get("name", ""))
        if line.event["type"] == "DELETED":
            del self._pods[key]
        elif line.event["type"] != "BOOKMARK":
            self._pods[key] = pod
        await self._wake()

    async def end(self) -> None:
        """End all watches cleanly."""
        self._ends += 1
        await self._wake()

    def drop(self) -> None:
        """Break all connections off in the middle of a word."""
        for transport in self._transports:
            transport.abort()

    def away(self) -> None:
        """Break all connections off, and answer nobody until it is `back`."""
        self._open.clear()
        self.drop()

    def back(self, *, forget: bool) -> None:
        """Answer again; who comes with an older version than now gets a 410 when all is forgotten."""
        if forget:
            self._oldest = self.version
        self._open.set()

    def _has_news(self, since: int, ends: int) -> bool:
        return self.version > since or self._ends > ends

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await self._open.wait()
        if "sendInitialEvents" in request.query:
            status = {"kind": "Status", "code": 422, "reason": "Invalid", "message": "not known in 1.20"}
            return web.json_response(status, status=422)
        if "watch" in request.query:
            return await self._watch(request)
        self.lists += 1
        metadata = {"resourceVersion": str(self.version)}
        return web.json_response(
            {"kind": "PodList", "metadata": metadata, "items": list(self._pods.values())}
        )

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        since = int(request.query["resourceVersion"])
        self.watches.append(str(since))
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        assert request.transport
        self._transports.add(request.transport)
        ends = self._ends
        try:
            if since < self._oldest:
                status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
                await response.write(msgspec.json.encode({"type": "ERROR", "object": status}) + b"\n")
                return response
            while True:
                news = [line for line in self._told if line.version > since]
                for line in news:
                    await response.write(msgspec.json.encode(line.event) + b"\n")
                    since = line.version
                if not news and self._ends > ends:
                    return response
                async with self._changed:
                    await self._changed.wait_for(partial(self._has_news, since, ends))
        finally:
            self._transports.discard(request.transport)
