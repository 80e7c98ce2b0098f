"""A reflector at work on a simulated cluster, with a diary of what it asks.

Knows nothing of pytest.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec
from kubernetes.aio.client.configuration import Configuration

from listening import Observer
from sonickube_tui.cluster.connect import Api
from sonickube_tui.cluster.reflector import Reflector
from sonickube_tui.cluster.simulated import SimulatedCluster, World

Json = dict[str, Any]


class Client(Api):
    """An API client with a diary: its lists' tokens, the versions of its watches and of bookmarks.

    A list that comes as a stream is in both: without a token, and without a version.
    """

    knows_streams = True

    def __init__(self, url: str) -> None:
        super().__init__(Configuration(host=url), cluster="test", namespace="default")
        self.streams_lists = self.knows_streams
        self.lists: list[str] = []
        self.watches: list[str] = []
        self.bookmarks: list[str] = []
        self.queries: list[dict[str, str]] = []

    async def get(self, path: str, **query: str) -> bytes:
        self.lists.append(query["continue"])
        return await super().get(path, **query)

    async def lines(
        self, path: str, *, idle: float, begun: bool = False, **query: str
    ) -> AsyncGenerator[bytes]:
        self.queries.append(query)
        if "sendInitialEvents" in query:
            self.lists.append("")
        self.watches.append(query["resourceVersion"])
        async with aclosing(super().lines(path, idle=idle, begun=begun, **query)) as lines:
            async for line in lines:
                if line.startswith(b'{"type":"BOOKMARK"'):
                    self.bookmarks.append(msgspec.json.decode(line)["object"]["metadata"]["resourceVersion"])
                yield line


class Paged(Client):
    """A client that always reads its lists in pages."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.streams_lists = False


class Streamed(Client):
    """A client that asks for its lists as streams."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.streams_lists = True


class Unmarked(Paged):
    """A client that asks for no bookmarks."""

    def lines(self, path: str, *, idle: float, **query: str) -> AsyncGenerator[bytes]:
        del query["allowWatchBookmarks"]
        return super().lines(path, idle=idle, **query)


class Desk:
    """A reflector at work: the world it looks at, what it asks, what it tells."""

    def __init__(self, cluster: SimulatedCluster, api: Client, reflector: Reflector, told: Observer) -> None:
        self.cluster, self.world = cluster, cluster.world
        self.api, self.reflector, self.told = api, reflector, told

    async def caught_up(self) -> None:
        """Until the watch has told all that has happened by now: a bookmark says so."""
        now = self.world.store.version
        await self.told.until(lambda: max(map(int, self.api.bookmarks), default=0) >= now)


@asynccontextmanager
async def reflecting(
    world: World, namespace: str | None = None, selector: str = "", client: Callable[[str], Client] = Client
) -> AsyncIterator[Desk]:
    """A reflector that begins its work. Bookmarks come every 20 ms."""
    async with SimulatedCluster.from_world(world, speed=500) as cluster, client(cluster.url) as api:
        reflector = Reflector(api, namespace, selector)
        async with Observer(reflector.run()) as told:
            yield Desk(cluster, api, reflector, told)


@asynccontextmanager
async def following(
    world: World, namespace: str | None = None, selector: str = "", client: Callable[[str], Client] = Client
) -> AsyncIterator[Desk]:
    """A reflector that has read its first list and watches."""
    async with reflecting(world, namespace, selector, client) as desk:
        await desk.caught_up()
        yield desk


def shop(*names: str) -> World:
    world = World()
    for name in names:
        world.apply(pod(name))
    return world


def pod(name: str, namespace: str = "shop", *, ready: bool = False, app: str = "cart") -> Json:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": app}},
        "status": {"conditions": readiness(ready)},
    }


def readiness(ready: bool) -> list[Json]:
    return [{"type": "Ready", "status": str(ready)}]


def set_ready(world: World, name: str, ready: bool = True) -> None:
    world.patch("shop", name, {"status": {"conditions": readiness(ready)}})


def uid(world: World, name: str) -> str:
    return str(world.patch("shop", name, {})["metadata"]["uid"])
