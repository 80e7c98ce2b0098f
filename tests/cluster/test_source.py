"""A cluster as a source: how it says how it stands with the server, and what else it reads."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from kubernetes.aio.client.configuration import Configuration

from gate import Gate, create_everywhere, following, gate, pod, three_namespaces
from listening import Observer
from players import until
from sonickube_tui.cluster import source
from sonickube_tui.cluster.connect import Api
from sonickube_tui.cluster.simulated import World
from sonickube_tui.cluster.source import follow
from sonickube_tui.cluster.watching import PAGE
from sonickube_tui.event import Kind, Link

# How it stands


async def test_it_tells_that_it_connects_lists_and_watches() -> None:
    world = World()
    for n in range(PAGE + 1):
        world.apply(pod(f"cart-{n:04}"))
    async with gate(world) as server, following(server.url) as told:
        await told.until(lambda: told.link is Link.WATCHING)
        assert [(link.link, link.detail) for link in told.links] == [
            (Link.CONNECTING, server.url),
            (Link.LISTING, ""),
            (Link.WATCHING, ""),
        ]
        assert [link.pods // PAGE for link in told.links] == [0, 1, 1]
        assert told.links[-1].pods == PAGE + 1
        assert {link.cluster for link in told.links} == {"test"}


async def test_it_does_not_claim_to_watch_before_it_has_read_every_namespace() -> None:
    async with gate(three_namespaces()) as server:
        server.held = "/api/v1/namespaces/search/pods"
        async with following(server.url, "shop", "search") as told:
            # The other's watch and that of its Events, and the list that is held.
            await told.until(lambda: server.answering == 3)
            await asyncio.sleep(0.2)
            assert told.link is not Link.WATCHING
            server.held = ""
            await told.until(lambda: told.link is Link.WATCHING)
            assert told.links[-1].pods == 2


async def test_a_server_that_is_not_there_yet_is_tried_again_and_then_followed() -> None:
    world = three_namespaces()
    async with gate(world, opened=False) as server, following(server.url) as told:
        await told.until(lambda: told.link is Link.RECONNECTING)
        expected = rf"{re.escape(server.url)}: Connection refused; trying again in [12] s"
        assert re.fullmatch(expected, told.links[-1].detail)
        await server.open()
        assert await create_everywhere(world, told) == {"batch-new", "search-new", "shop-new"}


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(("code", "reason"), [(429, "TooManyRequests"), (503, "ServiceUnavailable")])
@pytest.mark.parametrize("namespaces", [(), ("shop",)])
async def test_a_server_that_cannot_answer_just_now_is_tried_again(
    code: int, reason: str, namespaces: tuple[str, ...]
) -> None:
    world = three_namespaces()
    async with gate(world) as server:
        server.failures = [(code, reason)] * 2
        async with following(server.url, *namespaces) as told:
            await told.until(lambda: told.link is Link.WATCHING)
            world.apply(pod("shop-new"))
            await told.until(lambda: told.pods())
            assert any(reason in link.detail for link in told.links)


@pytest.mark.usefixtures("hasty")
async def test_namespaces_that_cannot_be_listed_just_now_are_asked_for_again() -> None:
    world = three_namespaces()
    async with gate(world) as server:
        server.failures = [(403, "Forbidden"), (429, "TooManyRequests")]
        async with following(server.url, home="shop") as told:
            assert await create_everywhere(world, told) == {"batch-new", "search-new", "shop-new"}


@pytest.mark.usefixtures("hasty")
async def test_what_happened_while_the_server_was_away_is_told_when_it_is_back() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url) as told:
        await create_everywhere(world, told)
        await server.close()
        await told.until(lambda: told.link is Link.RECONNECTING)
        world.apply(pod("shop-meanwhile"))
        world.delete("shop", "shop-old")
        await server.open()
        await told.until(lambda: told.link is Link.WATCHING and "shop-meanwhile" in told.pods())
        assert [event.pod for event in told.events if event.kind is Kind.DELETED] == ["shop-old"]
        assert len(told.pods()) == 4


@pytest.mark.usefixtures("hasty")
async def test_while_the_server_is_away_nobody_claims_to_watch_it() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url) as told:
        await create_everywhere(world, told)
        told.links.clear()
        await server.close()
        await told.until(lambda: told.links)
        # Time for some more tries, none of which is answered.
        await asyncio.sleep(0.5)
        assert {link.link for link in told.links} == {Link.RECONNECTING}


@pytest.mark.usefixtures("hasty")
async def test_a_lost_watch_and_its_return_are_events_of_their_own_channel() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url) as told:
        await create_everywhere(world, told)
        for _ in range(2):
            await server.close()
            await told.until(lambda: told.link is Link.RECONNECTING)
            await asyncio.sleep(0.3)  # Some more tries in vain are no more events.
            await server.open()
            await told.until(lambda: told.link is Link.WATCHING)
        own = [event for event in told.events if event.namespace == source.SOURCE]
        assert [event.kind for event in own] == [Kind.SOURCE_LOST, Kind.SOURCE_BACK] * 2
        assert "trying again in" in own[0].message


@pytest.mark.usefixtures("hasty")
async def test_one_namespace_that_is_cut_off_speaks_for_all() -> None:
    world = three_namespaces()
    async with gate(world, "shop", "search") as server, following(server.url, "shop", "search") as told:
        await create_everywhere(world, told, known=2)
        assert server.allowed is not None
        server.allowed.discard("/api/v1/namespaces/search/pods")
        await server.close()
        await server.open()
        await told.until(lambda: "forbidden" in told.links[-1].detail)
        assert told.link is Link.RECONNECTING
        world.apply(pod("shop-later"))
        await told.until(lambda: "shop-later" in told.pods())
        server.allowed.add("/api/v1/namespaces/search/pods")
        await told.until(lambda: told.link is Link.WATCHING)


async def test_what_nobody_foresaw_comes_out_and_does_not_end_in_silence() -> None:
    class Broken(Api):
        async def lines(self, path: str, *, idle: float, **query: str) -> AsyncGenerator[bytes]:
            raise ZeroDivisionError
            yield b""

    async with gate(three_namespaces()) as server:

        async def connect() -> Api:
            return Broken(Configuration(host=server.url), cluster="test", namespace="default")

        with pytest.raises(ZeroDivisionError):
            async with asyncio.timeout(5), aclosing(follow(connect)) as stream:
                async for _ in stream:
                    pass


async def until_asked(told: Observer, server: Gate, path: str, times: int = 1) -> None:
    await told.until(lambda: server.asked.count(path) >= times)


@pytest.mark.usefixtures("hasty")
async def test_nodes_and_events_that_cannot_be_read_are_no_news() -> None:
    world = three_namespaces()
    async with gate(world) as server:
        server.ill = {"nodes", "events"}
        async with following(server.url) as told:
            await create_everywhere(world, told)
            for path in ("/api/v1/nodes", "/api/v1/events"):
                await until_asked(told, server, path, times=3)
            assert told.link is Link.WATCHING
            assert {event.kind for event in told.events} == {Kind.CREATED}
            server.ill = set()
            before = [server.asked.count("/api/v1/nodes"), server.asked.count("/api/v1/events")]
            # A list, and a watch that lasts.
            await until_asked(told, server, "/api/v1/nodes", before[0] + 2)
            await until_asked(told, server, "/api/v1/events", before[1] + 2)
            await told.until(lambda: server.answering == 3)
        assert {link.detail for link in told.links} == {server.url, ""}


async def test_pods_come_first_and_who_may_not_read_more_is_not_asked_again_soon() -> None:
    world = three_namespaces()
    async with gate(world, "shop") as server, following(server.url, "shop") as told:
        await create_everywhere(world, told, known=1)
        world.apply(pod("shop-later"))
        await told.until(lambda: "shop-later" in told.pods())
        events = "/api/v1/namespaces/shop/events"
        await until_asked(told, server, events)
        await asyncio.sleep(0.2)
        assert server.asked.count(events) == 1
        assert server.asked.index("/api/v1/namespaces/shop/pods") < server.asked.index(events)


async def test_events_of_not_too_many_namespaces_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "HEARD_NAMESPACES", 1)
    world = three_namespaces()
    async with gate(world) as server, following(server.url, "shop", "search") as told:
        await create_everywhere(world, told, known=2)
        await until(lambda: server.answering == 3)
        await asyncio.sleep(0.2)
        assert server.answering == 3


async def test_leaving_it_closes_its_connections() -> None:
    world = three_namespaces()
    async with gate(world) as server:
        async with following(server.url, "shop", "search") as told:
            await create_everywhere(world, told, known=2)
            await until(lambda: server.answering == 4)  # Pods and Events, twice.
        await until(lambda: server.answering == 0)


async def test_more_namespaces_can_be_followed_than_a_client_commonly_has_connections() -> None:
    world = World()
    names = [f"team-{number}" for number in range(120)]
    for name in names:
        world.apply(pod("cart-1", name))
    async with gate(world) as there, following(there.url, *names) as told:
        await told.until_watching(pods=len(names))


@pytest.mark.usefixtures("hasty")
async def test_a_watch_that_is_back_after_a_long_list_is_told() -> None:
    world = World()
    for n in range(PAGE + 1):
        world.apply(pod(f"cart-{n:04}"))
    async with gate(world) as server, following(server.url) as told:
        await told.until(lambda: told.link is Link.WATCHING)
        server.failures = [(503, "ServiceUnavailable"), (410, "Expired")]
        await server.close()
        await told.until(lambda: told.link is Link.RECONNECTING)
        await server.open()
        await told.until(lambda: told.link is Link.WATCHING)
        assert [event.kind for event in told.events] == [Kind.SOURCE_LOST, Kind.SOURCE_BACK]
        links = [link.link for link in told.links]
        assert links[-3:] == [Link.RECONNECTING, Link.LISTING, Link.WATCHING]
