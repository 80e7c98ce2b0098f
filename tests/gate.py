"""An API server that may refuse, before a simulated cluster; and who follows it."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from listening import Observer
from sonickube_tui.cluster.connect import Api, plain
from sonickube_tui.cluster.simulated import SimulatedCluster, World
from sonickube_tui.cluster.source import follow
from sonickube_tui.errors import UserError
from sonickube_tui.event import Link

Json = dict[str, Any]


class Gate:
    """An API server that passes requests on to a simulated cluster, or refuses them as a real one does.

    `allowed` are the paths that its user may read; None is all. Its port stays the same when it is closed and
    opened again.
    """

    def __init__(self, cluster: SimulatedCluster, allowed: set[str] | None = None) -> None:
        self.allowed = allowed
        self.failures: list[tuple[int, str]] = []
        """Codes and reasons of the next answers about pods and namespaces, before all is well."""
        self.instead: Callable[[web.Request], web.Response | None] = lambda request: None
        """What some requests are answered with."""
        self.held = ""
        """A path whose answer waits until it is no longer named here."""
        self.ill: set[str] = set()
        """What paths end with that are answered with a failure of the server."""
        self.asked: list[str] = []
        self.answering = 0
        """Requests that it is answering now, watches among them."""
        self._cluster = cluster
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def close(self) -> None:
        """Break off all connections and refuse new ones."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.answering += 1
        try:
            while request.path == self.held:
                await asyncio.sleep(0.01)
            return await self._pass_on(request)
        finally:
            self.answering -= 1

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        if instead := self.instead(request):
            return instead
        if request.path.rpartition("/")[2] in self.ill:
            return status(500, "InternalError", "it is ill")
        if self.failures and request.path.endswith(("/pods", "/namespaces")):
            code, reason = self.failures.pop(0)
            return status(code, reason, f"the server says {reason}")
        if self.allowed is not None and request.path not in self.allowed:
            return forbidden(request.path)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        async with (
            aiohttp.ClientSession() as session,
            session.get(self._cluster.url + request.path, params=request.query) as answer,
        ):
            response.set_status(answer.status)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
        return response


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """The URL of a server with that answer to all requests."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def status(code: int, reason: str, message: str) -> web.Response:
    body = {"kind": "Status", "status": "Failure", "message": message, "reason": reason, "code": code}
    return web.json_response({"apiVersion": "v1", "metadata": {}, **body}, status=code)


def forbidden(path: str) -> web.Response:
    resource = path.rpartition("/")[2]
    inside = re.fullmatch("/api/v1/namespaces/(.+)/pods", path)
    where = f'in the namespace "{inside[1]}"' if inside else "at the cluster scope"
    message = (
        f'{resource} is forbidden: User "viewer" cannot list resource "{resource}" in API group "" {where}'
    )
    return status(403, "Forbidden", message)


@asynccontextmanager
async def gate(
    world: World, *allowed: str, namespaces: bool = True, opened: bool = True
) -> AsyncIterator[Gate]:
    """A gate whose user may read pods only in the namespaces `allowed`, when there are any."""
    paths = {f"/api/v1/namespaces/{name}/pods" for name in allowed}
    if namespaces:
        paths.add("/api/v1/namespaces")
    async with SimulatedCluster.from_world(world, speed=500) as cluster:
        server = Gate(cluster, paths if allowed or not namespaces else None)
        if opened:
            await server.open()
        try:
            yield server
        finally:
            await server.close()


@asynccontextmanager
async def following(
    url: str, *namespaces: str, selector: str = "", home: str = "default"
) -> AsyncIterator[Observer]:
    """What is told of a cluster whose context names the namespace `home`."""

    async def connect() -> Api:
        api = plain(url, "test")
        api.namespace = home
        return api

    async with Observer(follow(connect, namespaces, selector)) as told:
        yield told


async def refusal(url: str, *namespaces: str, home: str = "default") -> str:
    """The words of the UserError with which following ends."""
    async with following(url, *namespaces, home=home) as told:
        with pytest.raises(UserError) as refused:
            await told.until(lambda: False)
    return str(refused.value)


def pod(name: str, namespace: str = "shop", **labels: str) -> Json:
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}}


def three_namespaces() -> World:
    world = World()
    for namespace in ("batch", "search", "shop"):
        world.apply(pod(f"{namespace}-old", namespace))
    return world


async def create_everywhere(world: World, told: Observer, known: int = 3) -> set[str]:
    """A new pod in each of the three namespaces, once the `known` ones are watched; those that are told of.

    Shop's comes last, and must be among them.
    """
    await told.until(lambda: told.link is Link.WATCHING and told.links[-1].pods == known)
    for namespace in ("batch", "search"):
        world.apply(pod(f"{namespace}-new", namespace))
    # Streams of several namespaces keep no order among them.
    await asyncio.sleep(0.1)
    world.apply(pod("shop-new"))
    await told.until(lambda: "shop-new" in told.pods())
    return set(told.pods())
