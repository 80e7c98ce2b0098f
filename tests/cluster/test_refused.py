"""A cluster that refuses after it was followed: it is followed again, and nothing that happened is lost."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from aiohttp import web

from around import conditions
from gate import following, forbidden, gate, pod, status, three_namespaces
from players import until
from sonickube_tui.cluster import reflector, source, watching
from sonickube_tui.cluster.connect import Api, plain
from sonickube_tui.cluster.simulated import World
from sonickube_tui.cluster.simulated.store import NAMESPACES, NODES
from sonickube_tui.cluster.source import follow
from sonickube_tui.cluster.watching import Backoff
from sonickube_tui.event import Connection, Event, Kind, Link

pytestmark = pytest.mark.usefixtures("hasty")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who refused is tried again ten times a second."""
    monkeypatch.setattr(source, "PAUSE", 0.1)


def unauthorized(request: web.Request) -> web.Response:
    return status(401, "Unauthorized", "Unauthorized")


def write_node(world: World, ready: str) -> None:
    node = {
        "metadata": {"name": "node-a", "uid": "a"},
        "spec": {},
        "status": {"conditions": conditions(Ready=ready)},
    }
    world.store.put(NODES, node)


def remove_namespace(world: World, name: str) -> None:
    """And its one pod before it."""
    world.delete(name, f"{name}-old")
    world.store.remove((NAMESPACES.plural, "", name))


@pytest.mark.parametrize("given", [(), ("s*",), ("shop", "search", "sales")])
async def test_what_happened_until_it_allows_again_is_told_once(given: tuple[str, ...]) -> None:
    world = three_namespaces()
    write_node(world, "True")
    async with gate(world) as server, following(server.url, *given) as told:
        await told.until(lambda: told.link is Link.WATCHING and told.links[-1].pods == (2 if given else 3))
        if not given:
            await told.until(lambda: server.asked.count("/api/v1/nodes") == 2)  # A list, and a watch.
            write_node(world, "False")
            await told.until_told_of("node-a", Kind.NODE_NOT_READY)
        server.instead = unauthorized
        await server.close()
        await server.open()
        await told.until(lambda: told.link is Link.REFUSED)
        assert "log in again" in told.detail
        write_node(world, "True")
        world.apply(pod("shop-meanwhile"))
        world.apply(pod("sales-first", "sales"))
        remove_namespace(world, "search")
        refusals = len(told.links)
        await told.until(lambda: len(told.links) >= refusals + 2)
        server.instead = lambda request: None
        await told.until(lambda: told.link is Link.WATCHING)
        world.apply(pod("shop-last"))
        await told.until_told_of("shop-last")
        if not given:
            await told.until_told_of("node-a", Kind.NODE_READY)
        assert sorted(told.pods()) == ["sales-first", "shop-last", "shop-meanwhile"]
        assert told.pods(Kind.DELETED) == ["search-old"]
        assert told.of("test") == [Kind.SOURCE_LOST, Kind.SOURCE_BACK]
        # While it is tried again its reason stays.
        links = [link.link for link in told.links]
        assert Link.CONNECTING not in links[links.index(Link.REFUSED) :]


async def test_what_others_have_told_when_one_is_refused_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody listens meanwhile, so that there is more of it than there is room for."""
    monkeypatch.setattr(watching, "WATCH_SECONDS", (1, 1))
    world = three_namespaces()
    path = "/api/v1/namespaces/shop/pods"
    burst = [f"search-{number}" for number in range(1_500)]
    async with gate(world) as server:

        async def connect() -> Api:
            return plain(server.url, "test")

        async with aclosing(follow(connect, ["search", "shop"])) as stream:
            async for item in stream:
                if isinstance(item, Connection) and item.link is Link.WATCHING:
                    break
            asked = server.asked.count(path)
            server.instead = lambda request: unauthorized(request) if request.path == path else None
            await until(lambda: server.asked.count(path) > asked)
            await asyncio.sleep(0.2)  # Time for the refusal, and then for the others.
            for name in burst:
                world.apply(pod(name, "search"))
            await asyncio.sleep(0.5)
            refused, heard = False, []
            async for item in stream:
                if isinstance(item, Connection) and item.link is Link.REFUSED:
                    refused, server.instead = True, lambda request: None
                if isinstance(item, Event) and item.namespace == "search":
                    heard.append(item.pod)
                    if item.pod == "search-last":
                        break
                if isinstance(item, Connection) and item.link is Link.WATCHING and refused:
                    world.apply(pod("search-last", "search"))
    assert heard == [*burst, "search-last"]


@pytest.mark.usefixtures("often")
async def test_what_was_in_a_namespace_that_went_while_the_server_was_away_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is noticed before the pods are listed again."""
    monkeypatch.setattr(reflector, "Backoff", lambda: Backoff(first=1.0))
    world = three_namespaces()
    async with gate(world) as server, following(server.url, "s*") as told:
        await told.until_watching(2)
        await server.close()
        await told.until(lambda: told.link is Link.RECONNECTING)
        remove_namespace(world, "search")
        await server.open()
        await told.until_watching(1)
        assert told.pods(Kind.DELETED) == ["search-old"]


@pytest.mark.usefixtures("often")
async def test_a_namespace_that_comes_later_and_may_not_be_watched_disturbs_no_other() -> None:
    def listed_only(request: web.Request) -> web.Response | None:
        watched = "watch" in request.query and "/secret/" in request.path
        return forbidden(request.path) if watched else None

    world = three_namespaces()
    async with gate(world) as server, following(server.url, "s*") as told:
        await told.until_watching(2)
        server.instead = listed_only
        world.apply(pod("secret-first", "secret"))
        await told.until(lambda: "forbidden" in told.detail)
        assert told.link is Link.RECONNECTING
        world.apply(pod("shop-later"))
        await told.until_told_of("shop-later")
        server.instead = lambda request: None
        await told.until_watching(4)
        assert told.pods().count("secret-first") == 1


@pytest.mark.parametrize("given", [(), ("s*",), ("shop",)])
@pytest.mark.parametrize("body", [b"<html>", b'{"metadata":{},"items":[{"metadata":{"name":"\xff"}}]}'])
async def test_an_answer_that_makes_no_sense_is_told_and_tried_again(
    given: tuple[str, ...], body: bytes
) -> None:
    async with gate(three_namespaces()) as server:
        server.instead = lambda request: web.Response(body=body, content_type="application/json")
        async with following(server.url, *given) as told:
            await told.until(lambda: told.link is Link.RECONNECTING)
            assert "makes no sense" in told.detail
            server.instead = lambda request: None
            await told.until(lambda: told.link is Link.WATCHING)
