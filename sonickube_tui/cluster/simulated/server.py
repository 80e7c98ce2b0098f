"""The API server on loopback: as much of Kubernetes over HTTP as a client that watches pods needs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import TracebackType

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from sonickube_tui.cluster.simulated import listing, query
from sonickube_tui.cluster.simulated.status import ApiError
from sonickube_tui.cluster.simulated.store import EVENTS, NAMESPACES, NODES, PODS, Resource
from sonickube_tui.cluster.simulated.watch import Watch, error_line
from sonickube_tui.cluster.simulated.world import World

TICK = 0.02
"""Seconds between the world's small steps: short enough to sound in time, long enough to write in batches."""
LONGEST_STEP = 0.5
"""Seconds made up for when the event loop was held up; a laptop that slept must not wake to a barrage."""
BOOKMARK_PERIOD = 10.0
"""Virtual seconds between two bookmarks."""
BATCH = 256
"""Changes looked at between two writes of a watch."""

VERSION = {
    "major": "1",
    "minor": "31",
    "gitVersion": "v1.31.0+simulated",
    "gitTreeState": "clean",
    "platform": "linux/amd64",
}


class SimulatedCluster:
    """A small cluster behind an unauthenticated API server on 127.0.0.1, as an async context manager.

    The world begins to move with the first watch of pods, so a first list always shows the same pods.
    `speed` is how many seconds of the world pass in a real one. Raises ValueError for an unknown scenario.
    """

    def __init__(self, scenario: str = "incident", seed: int = 1, *, speed: float = 1.0) -> None:
        self._open(World(scenario, seed=seed, epoch=time.time()), speed, streams_lists=True)

    @classmethod
    def from_world(cls, world: World, *, speed: float = 1.0, streams_lists: bool = True) -> SimulatedCluster:
        """Serve a world that somebody else drives, too; with or without the feature WatchList."""
        cluster = cls.__new__(cls)
        cluster._open(world, speed, streams_lists=streams_lists)
        return cluster

    def _open(self, world: World, speed: float, *, streams_lists: bool) -> None:
        self.world = world
        self._streams_lists = streams_lists
        self.url = ""
        self._speed = speed
        self._watched = asyncio.Event()
        self._watches: dict[Watch, asyncio.Transport | None] = {}

    async def __aenter__(self) -> SimulatedCluster:
        app = web.Application(middlewares=[_failures_as_status])
        app.add_routes(
            [
                web.get("/version", _version),
                *(web.get(f"/api/v1/{r.plural}", self._serve(r)) for r in (NAMESPACES, NODES, PODS, EVENTS)),
                *(
                    web.get(f"/api/v1/namespaces/{{namespace}}/{r.plural}", self._serve(r))
                    for r in (PODS, EVENTS)
                ),
                web.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", _access_review),
            ]
        )
        # A watcher that goes away must not wait here for a change that it will not read.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._moving = asyncio.create_task(self._move(), name="simulated cluster")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._moving.cancel()
        self.drop_watches()
        await self._runner.cleanup()
        with contextlib.suppress(asyncio.CancelledError):
            await self._moving

    def drop_watches(self) -> None:
        """Break the connection of every open watch, as a network that fails."""
        for transport in self._watches.values():
            if transport:
                transport.abort()

    async def _move(self) -> None:
        """Let the world's time pass with the real one, and end watches that cannot follow."""
        await self._watched.wait()
        clock = asyncio.get_running_loop().time
        before = clock()
        while True:
            await asyncio.sleep(TICK)
            now = clock()
            self.world.advance(min(now - before, LONGEST_STEP) * self._speed)
            before = now
            for watch, transport in self._watches.items():
                # One that does not read cannot be told in words that it is over.
                if watch.lags and transport:
                    transport.abort()

    def _serve(self, resource: Resource) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._answer(request, resource, request.match_info.get("namespace", ""))

        return serve

    async def _answer(self, request: web.Request, resource: Resource, namespace: str) -> web.StreamResponse:
        asked = query.parse(request.query, resource, namespace, streams_lists=self._streams_lists)
        if not asked.watch:
            return web.Response(body=listing.page(self.world.store, asked), content_type="application/json")
        watch = Watch(
            self.world.store,
            asked.selection,
            asked.since,
            initial=asked.initial,
            mark=bool(asked.initial and asked.bookmarks),
        )
        if resource is PODS:
            self._watched.set()
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        # A watcher may leave while we write to it.
        with contextlib.suppress(ConnectionResetError):
            await response.prepare(request)
            self._watches[watch] = request.transport
            try:
                await self._stream(response, watch, asked)
            finally:
                del self._watches[watch]
        return response

    async def _stream(self, response: web.StreamResponse, watch: Watch, asked: query.Query) -> None:
        """Write changes as they come, until the time asked for has passed or the history fails."""
        clock = asyncio.get_running_loop().time
        changed = asyncio.Event()
        store = self.world.store
        store.on_change.add(changed.set)
        until = clock() + asked.timeout if asked.timeout else float("inf")
        bookmark_at = clock() + BOOKMARK_PERIOD / self._speed if asked.bookmarks else float("inf")
        try:
            while True:
                changed.clear()
                more = True
                while more:
                    lines, more = watch.take(BATCH)
                    if lines:
                        await response.write(lines)
                if asked.bookmarks and clock() >= min(bookmark_at, until):
                    await response.write(watch.bookmark())
                    bookmark_at = clock() + BOOKMARK_PERIOD / self._speed
                if clock() >= until:
                    return
                wake = min(bookmark_at, until)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(wake if wake < float("inf") else None):
                        await changed.wait()
        except ApiError as error:
            await response.write(error_line(error))
        finally:
            store.on_change.discard(changed.set)


async def _version(request: web.Request) -> web.Response:
    return web.Response(body=msgspec.json.encode(VERSION), content_type="application/json")


async def _access_review(request: web.Request) -> web.Response:
    """Everything is allowed here."""
    review = {**await request.json(), "status": {"allowed": True, "reason": "this cluster is simulated"}}
    return web.Response(status=201, body=msgspec.json.encode(review), content_type="application/json")


@web.middleware
async def _failures_as_status(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        failure = error
    except web.HTTPMethodNotAllowed as error:
        message = "the server does not allow this method on the requested resource"
        failure = ApiError(error.status, "MethodNotAllowed", message)
    except web.HTTPNotFound as error:
        failure = ApiError(error.status, "NotFound", "the server could not find the requested resource")
    return web.Response(status=failure.code, body=failure.body(), content_type="application/json")
