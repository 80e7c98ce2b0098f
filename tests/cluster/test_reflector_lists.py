"""The first list, in pages or as a stream, and what happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from desk import (
    Desk,
    Paged,
    Streamed,
    following,
    pod,
    reflecting,
    set_ready,
    shop,
)
from listening import GONE, Observer
from sonickube_tui.cluster import reflector
from sonickube_tui.cluster.connect import ApiError
from sonickube_tui.cluster.reflector import Reflector
from sonickube_tui.cluster.simulated import SimulatedCluster, World
from sonickube_tui.cluster.watching import PAGE
from sonickube_tui.event import Connection, Kind, Link, Sight

pytestmark = pytest.mark.usefixtures("streams_lists")


# The first list


async def test_the_first_list_is_silent() -> None:
    async with following(shop("a", "b")) as desk:
        desk.world.apply(pod("c"))
        await desk.told.until(lambda: desk.told.events)
        assert desk.told.pods() == ["c"]
        assert [(link.link, link.pods) for link in desk.told.links] == [(Link.WATCHING, 2)]
        assert desk.reflector.pods == 3


async def test_a_first_list_in_pages_is_silent_and_tells_how_far_it_is() -> None:
    world = shop(*(f"cart-{n:04}" for n in range(2 * PAGE + 3)))
    async with following(world, client=Paged) as desk:
        world.apply(pod("new"))
        await desk.told.until(lambda: desk.told.events)
        assert desk.told.pods() == ["new"]
        assert len(desk.api.lists) == 3
        assert [(link.link, link.pods, link.expected) for link in desk.told.links] == [
            (Link.LISTING, 500, 1003),
            (Link.LISTING, 1000, 1003),
            (Link.WATCHING, 1003, 0),
        ]


class Held(Paged):
    """Its second page waits until it is `let`."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.let = asyncio.Event()

    async def get(self, path: str, **query: str) -> bytes:
        answer = await super().get(path, **query)
        if query["continue"]:
            await self.let.wait()
        return answer


@asynccontextmanager
async def between_pages(last: str = "z") -> AsyncIterator[Desk]:
    """A reflector that watches already and waits for its second page, on which is only the `last` pod."""
    async with reflecting(shop(*(f"cart-{n:04}" for n in range(PAGE)), last), client=Held) as desk:
        await desk.told.until(lambda: desk.api.watches and desk.told.links)
        yield desk


async def test_what_happens_while_a_list_comes_in_is_told_at_once() -> None:
    async with between_pages() as desk:
        set_ready(desk.world, "cart-0001")
        desk.world.apply(pod("new"))
        desk.world.delete("shop", "new")
        desk.world.delete("shop", "cart-0002")
        await desk.told.until(lambda: "cart-0002" in desk.told.pods(Kind.DELETED))
        assert [(event.pod, event.kind) for event in desk.told.events] == [
            ("cart-0001", Kind.READY),
            ("new", Kind.CREATED),
            *(("new", kind) for kind in GONE),
            *(("cart-0002", kind) for kind in GONE),
        ]
        assert [link.link for link in desk.told.links] == [Link.LISTING]
        desk.api.let.set()
        await desk.told.until_watching(PAGE)
        await desk.caught_up()
        assert len(desk.told.events) == 6


async def test_what_happens_to_a_pod_whose_page_is_yet_to_come_is_told_behind_it() -> None:
    async with between_pages() as desk:
        set_ready(desk.world, "z")
        desk.world.delete("shop", "z")
        desk.world.apply(pod("z"))
        await desk.caught_up()
        assert desk.told.events == []
        desk.api.let.set()
        await desk.told.until_watching(PAGE + 1)
        assert desk.told.of("z") == [Kind.READY, *GONE, Kind.CREATED]
        assert [change for change, name in desk.told.sights if name == "z"] == [
            "LISTED", "MODIFIED", "DELETED", "ADDED"
        ]  # fmt: skip


async def test_a_watch_that_breaks_does_not_take_the_list_with_it() -> None:
    async with between_pages() as desk:
        set_ready(desk.world, "cart-0001")
        await desk.told.until(lambda: desk.told.events)
        desk.cluster.drop_watches()
        set_ready(desk.world, "cart-0002")
        await asyncio.sleep(0.05)
        desk.api.let.set()
        await desk.told.until(lambda: len(desk.told.events) == 2)
        assert desk.told.pods(Kind.READY) == ["cart-0001", "cart-0002"]
        assert [bool(token) for token in desk.api.lists] == [False, True]


async def test_pods_are_seen_before_what_happened_to_them() -> None:
    async with following(shop("a", "b")) as desk:
        desk.world.apply(pod("c"))
        set_ready(desk.world, "a")
        desk.world.patch("shop", "a", {"metadata": {"annotations": {"of": "no interest"}}})
        desk.world.delete("shop", "b")
        await desk.told.until(lambda: desk.told.pods(Kind.DELETED))
        told = [
            f"{item.change} {item.pod.metadata.name}" if isinstance(item, Sight) else item.kind.value
            for item in desk.told.items
            if not isinstance(item, Connection)
        ]
        assert told == [
            *("LISTED a", "LISTED b"),
            *("ADDED c", "created"),
            *("MODIFIED a", "ready"),
            "MODIFIED a",
            *("DELETED b", "terminating", "deleted"),
        ]
        *_, last = [item for item in desk.told.items if isinstance(item, Sight)]
        assert last.pod.metadata.resource_version == str(desk.world.store.version)


# A list as a stream


async def test_a_list_as_a_stream_comes_pod_by_pod_and_goes_on_as_a_watch() -> None:
    async with reflecting(shop(*(f"cart-{n:04}" for n in range(2 * PAGE + 3))), client=Streamed) as desk:
        await desk.told.until_watching()
        assert [(link.link, link.pods, link.expected) for link in desk.told.links] == [
            (Link.LISTING, 500, 0),
            (Link.LISTING, 1000, 0),
            (Link.WATCHING, 1003, 0),
        ]
        desk.world.apply(pod("new"))
        await desk.told.until(lambda: desk.told.events)
        assert desk.told.pods() == ["new"]
        assert desk.api.watches == [""]


async def test_what_happens_before_the_end_of_the_stream_is_told() -> None:
    class Busy(Streamed):
        async def lines(self, path: str, *, idle: float, **query: str) -> AsyncGenerator[bytes]:
            changes = [("MODIFIED", pod("a", ready=True)), ("DELETED", pod("b")), ("ADDED", pod("b"))]
            async for line in super().lines(path, idle=idle, **query):
                if b"initial-events-end" in line:
                    for change, body in changes:
                        body["metadata"]["resourceVersion"] = f"later {change}"
                        yield msgspec.json.encode({"type": change, "object": body})
                yield line

    async with reflecting(shop("a", "b"), client=Busy) as desk:
        await desk.told.until_watching(2)
        assert [(event.pod, event.kind) for event in desk.told.events] == [
            *[("a", kind) for kind in (*GONE, Kind.CREATED, Kind.READY)],
            *[("b", kind) for kind in (*GONE, Kind.CREATED)],
        ]


@pytest.mark.usefixtures("hasty")
async def test_a_server_that_refuses_to_stream_lists_is_asked_once() -> None:
    world = shop("a")
    async with (
        SimulatedCluster.from_world(world, speed=500, streams_lists=False) as cluster,
        Streamed(cluster.url) as api,
    ):
        for _ in range(2):
            async with Observer(Reflector(api, "shop").run()) as told:
                await told.until_watching(1)
                cluster.drop_watches()
                world.apply(pod("b"))
                world.compact()
                await told.until(lambda told=told: told.pods() == ["b"])
                world.delete("shop", "b")
        assert len([query for query in api.queries if "sendInitialEvents" in query]) == 1


class Ignorant(Streamed):
    """A client of a server that does not know what it is asked for and watches, as before 1.19."""

    def lines(self, path: str, *, idle: float, **query: str) -> AsyncGenerator[bytes]:
        for unknown in ("sendInitialEvents", "resourceVersionMatch"):
            query.pop(unknown, None)
        return super().lines(path, idle=idle, **query)


class Silent(Ignorant):
    """Without bookmarks too."""

    def lines(self, path: str, *, idle: float, **query: str) -> AsyncGenerator[bytes]:
        return super().lines(path, idle=idle, **{**query, "allowWatchBookmarks": "false"})


class Ending(Ignorant):
    """Without bookmarks, and with watches that end soon."""

    def lines(self, path: str, *, idle: float, **query: str) -> AsyncGenerator[bytes]:
        soon = {"allowWatchBookmarks": "false", "timeoutSeconds": "1"}
        return super().lines(path, idle=idle, **{**query, **soon})


@pytest.mark.parametrize("client", [Ignorant, Silent, Ending])
async def test_a_server_that_never_says_where_its_list_ends_is_read_in_pages(
    monkeypatch: pytest.MonkeyPatch, client: type[Ignorant]
) -> None:
    monkeypatch.setattr(reflector, "PATIENCE", 0.2 if client is Silent else 60.0)
    async with reflecting(shop("a", "b"), client=client) as desk:
        await desk.told.until_watching(2)
        desk.world.apply(pod("c"))
        await desk.told.until(lambda: desk.told.events)
        assert desk.told.pods() == ["c"]
        assert desk.told.sights == [("LISTED", "a"), ("LISTED", "b"), ("ADDED", "c")]
        assert desk.api.lists == [""]


@pytest.mark.parametrize(("namespace", "selector"), [("shop", ""), (None, "app=cart"), ("shop", "app=cart")])
async def test_a_namespace_and_a_selector_choose_the_pods(namespace: str | None, selector: str) -> None:
    world = World()
    for place in ("shop", "search"):
        for app in ("cart", "web"):
            world.apply(pod(f"{place}-{app}-old", place, app=app))
    wanted = {
        f"{place}-{app}"
        for place in ("shop", "search")
        for app in ("cart", "web")
        if (place == namespace or not namespace) and (app == "cart" or not selector)
    }
    async with following(world, namespace, selector) as desk:
        assert desk.reflector.pods == len(wanted)
        for place in ("search", "shop"):
            for app in ("web", "cart"):
                world.apply(pod(f"{place}-{app}", place, app=app))
        await desk.told.until(lambda: "shop-cart" in desk.told.pods())
        assert set(desk.told.pods()) == wanted


async def test_a_list_that_is_refused_at_first_is_for_the_user_to_mend() -> None:
    async with reflecting(World(), selector="app in (") as desk:
        with pytest.raises(ApiError) as refused:
            await desk.told.until(lambda: False)
    assert refused.value.code == 400
