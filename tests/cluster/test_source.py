"""A cluster as a source: which namespaces it follows, and how it says how it stands with the server."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from kube import Observer
from players import until
from sonickube_tui.cluster import aside, reflector, source, survey
from sonickube_tui.cluster.connect import Api, plain
from sonickube_tui.cluster.reflector import PAGE, Backoff
from sonickube_tui.cluster.simulated import SimulatedCluster, World
from sonickube_tui.cluster.simulated.store import NAMESPACES
from sonickube_tui.cluster.source import follow
from sonickube_tui.errors import UserError
from sonickube_tui.event import Kind, Link

Json = dict[str, Any]


class Gate:
    """An API server that passes requests on to a simulated cluster, or refuses them as a real one does.

    `allowed` are the paths that its user may read; None is all. Its port stays the same when it is closed and
    opened again.
    """

    def __init__(self, cluster: SimulatedCluster, allowed: set[str] | None = None) -> None:
        self.allowed = allowed
        self.failures: list[tuple[int, str]] = []
        """Codes and reasons of the next answers, before all is well."""
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
        if request.path.rpartition("/")[2] in self.ill:
            return status(500, "InternalError", "it is ill")
        if self.failures:
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


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries of a tenth of a second."""
    for room in (reflector, source):
        monkeypatch.setattr(room, "Backoff", lambda: Backoff(first=0.05, longest=0.1))


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten looks in a second at which namespaces there are."""
    monkeypatch.setattr(survey, "LOOK_EVERY", 0.1)


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


# What is followed


async def test_all_namespaces_are_one_stream() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url) as told:
        assert await create_everywhere(world, told) == {"batch-new", "search-new", "shop-new"}
        assert "/api/v1/namespaces/shop/pods" not in server.asked


async def test_several_namespaces_are_followed_together() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url, "shop", "search", "shop") as told:
        assert await create_everywhere(world, told, known=2) == {"search-new", "shop-new"}
        assert sorted(told.pods()) == ["search-new", "shop-new"]
        assert "/api/v1/pods" not in server.asked


async def test_a_selector_holds_for_every_namespace() -> None:
    world = three_namespaces()
    for namespace in ("search", "shop"):
        world.apply(pod(f"{namespace}-first", namespace, app="cart"))
    async with (
        gate(world) as server,
        following(server.url, "shop", "search", selector="app=cart") as told,
    ):
        await told.until(lambda: told.link is Link.WATCHING and told.links[-1].pods == 2)
        for namespace in ("search", "shop"):
            world.apply(pod(f"{namespace}-web", namespace, app="web"))
            world.apply(pod(f"{namespace}-cart", namespace, app="cart"))
        await told.until(lambda: len(told.pods()) == 2)
        assert set(told.pods()) == {"search-cart", "shop-cart"}


# What the user may


@pytest.mark.parametrize("namespaces", [True, False])
async def test_who_may_not_list_all_pods_gets_those_of_their_own_namespace(namespaces: bool) -> None:
    world = three_namespaces()
    async with (
        gate(world, "shop", namespaces=namespaces) as server,
        following(server.url, home="shop") as told,
    ):
        assert await create_everywhere(world, told, known=1) == {"shop-new"}


async def test_who_may_list_namespaces_gets_all_those_whose_pods_they_may_list() -> None:
    world = three_namespaces()
    async with gate(world, "shop", "batch") as server, following(server.url) as told:
        assert await create_everywhere(world, told, known=2) == {"batch-new", "shop-new"}


async def test_who_may_nothing_is_told_which_verbs_are_missing() -> None:
    async with gate(three_namespaces(), "elsewhere", namespaces=False) as server:
        text = await refusal(server.url, home="shop")
    assert "list and watch on pods" in text
    assert "shop" in text
    assert "-n" in text


async def test_a_namespace_asked_for_that_is_forbidden_is_named() -> None:
    async with gate(three_namespaces(), "search") as server:
        text = await refusal(server.url, "shop")
    assert "namespace shop" in text
    assert "list and watch on pods" in text


# Patterns


async def test_a_pattern_follows_the_namespaces_that_match() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url, "s*") as told:
        assert await create_everywhere(world, told, known=2) == {"search-new", "shop-new"}
        assert "/api/v1/namespaces/batch/pods" not in server.asked


async def test_a_plain_name_needs_no_list_of_namespaces() -> None:
    world = three_namespaces()
    async with (
        gate(world, "shop", namespaces=False) as server,
        following(server.url, "shop", "!kube-*") as told,
    ):
        assert await create_everywhere(world, told, known=1) == {"shop-new"}


@pytest.mark.parametrize("allowed", [(), ("batch", "search", "shop")])
async def test_what_is_excluded_is_neither_told_nor_counted(allowed: tuple[str, ...]) -> None:
    world = three_namespaces()
    async with gate(world, *allowed) as server, following(server.url, "!search", "!b*") as told:
        assert await create_everywhere(world, told, known=1) == {"shop-new"}
        world.delete("batch", "batch-old")
        world.delete("shop", "shop-old")
        await told.until(lambda: Kind.DELETED in {event.kind for event in told.events})
        assert {event.namespace for event in told.events} == {"shop"}


async def test_a_pattern_follows_only_where_pods_may_be_listed() -> None:
    world = three_namespaces()
    async with gate(world, "shop") as server, following(server.url, "s*") as told:
        assert await create_everywhere(world, told, known=1) == {"shop-new"}


@pytest.mark.parametrize("pattern", ["s*", "!search"])
async def test_who_may_not_list_namespaces_is_told_to_name_them(pattern: str) -> None:
    async with gate(three_namespaces(), "shop", namespaces=False) as server:
        text = await refusal(server.url, pattern, home="shop")
    assert "need to list namespaces" in text
    assert "name the namespaces instead" in text


async def test_who_may_list_pods_in_none_that_match_is_told_so() -> None:
    async with gate(three_namespaces(), "batch") as server:
        text = await refusal(server.url, "s*")
    assert "search, shop" in text
    assert "list and watch on pods" in text


@pytest.mark.usefixtures("often")
async def test_a_pattern_that_matches_nothing_yet_is_told_and_waited_for() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url, "team-*") as told:
        await told.until(lambda: "no namespace matches team-*" in told.detail)
        world.apply(pod("cart", "team-a"))
        await told.until(lambda: "cart" in told.pods())
        await told.until(lambda: told.link is Link.WATCHING)
        assert told.detail == ""


@pytest.mark.usefixtures("often")
async def test_one_pattern_that_matches_nothing_is_told_while_others_are_followed() -> None:
    async with gate(three_namespaces()) as server, following(server.url, "shop", "team-*") as told:
        await told.until(lambda: told.link is Link.WATCHING)
        assert "no namespace matches team-*" in told.detail


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("given", [("s*", "new*"), ()])
async def test_all_in_a_namespace_that_appears_is_news(given: tuple[str, ...]) -> None:
    world = three_namespaces()
    async with gate(world, "search", "shop", "new") as server, following(server.url, *given) as told:
        await told.until(lambda: told.link is Link.WATCHING and told.links[-1].pods == 2)
        world.apply(pod("first", "new"))
        await told.until(lambda: "first" in told.pods())
        world.apply(pod("second", "new"))
        await told.until(lambda: "second" in told.pods())
        assert told.pods() == ["first", "second"]


@pytest.mark.usefixtures("often")
async def test_a_namespace_whose_pods_may_be_listed_later_begins_silent() -> None:
    world = three_namespaces()
    async with gate(world, "shop") as server, following(server.url, "s*") as told:
        await told.until(lambda: told.link is Link.WATCHING)
        assert server.allowed is not None
        server.allowed.add("/api/v1/namespaces/search/pods")
        await told.until(lambda: told.links[-1].pods == 2)
        assert told.events == []


@pytest.mark.usefixtures("often")
async def test_a_namespace_that_is_gone_is_no_longer_asked_for() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url, "s*") as told:
        await told.until(lambda: told.link is Link.WATCHING and told.links[-1].pods == 2)
        world.delete("search", "search-old")
        world.store.remove((NAMESPACES.plural, "", "search"))
        # The other's watch and that of its Events, and now and then a look at the namespaces.
        await until(lambda: server.answering == 2)
        await told.until(lambda: told.link is Link.WATCHING and told.links[-1].pods == 1)


@pytest.mark.usefixtures("often")
async def test_namespaces_that_cannot_be_listed_later_are_a_note_and_no_end() -> None:
    world = three_namespaces()
    async with gate(world) as server, following(server.url, "s*") as told:
        await told.until(lambda: told.link is Link.WATCHING)
        server.allowed = {"/api/v1/namespaces/search/pods", "/api/v1/namespaces/shop/pods"}
        await told.until(lambda: "new namespaces are not seen" in told.detail)
        assert await create_everywhere(world, told, known=2) == {"search-new", "shop-new"}
        server.allowed = None
        await told.until(lambda: not told.detail)


@pytest.mark.parametrize("bad", ["", "!"])
async def test_a_bad_pattern_is_refused_before_any_request(bad: str) -> None:
    async with gate(three_namespaces()) as server:
        assert "is no namespace" in await refusal(server.url, "shop", bad)
        assert server.asked == []


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
async def test_nodes_and_events_that_cannot_be_read_are_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "Backoff", lambda: Backoff(first=0.05, longest=0.1))
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
