"""The simulated API server over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest

from sonickube_tui.cluster.simulated import SimulatedCluster, World
from sonickube_tui.cluster.simulated.store import EVENTS, HISTORY, NODES
from sonickube_tui.cluster.simulated.watch import BACKLOG

Json = dict[str, Any]
WAIT = 10.0
"""Seconds after which a test that hangs fails; none of them waits that long when all is well."""


class Client:
    """Just enough HTTP to ask and to watch."""

    def __init__(self, cluster: SimulatedCluster, session: aiohttp.ClientSession) -> None:
        self.cluster = cluster
        self.world = cluster.world
        self._session = session

    async def get(self, path: str = "/api/v1/pods", **query: str | int) -> tuple[int, Json]:
        async with self._session.get(self.cluster.url + path, params=query) as response:
            assert response.content_type == "application/json"
            return response.status, await response.json()

    async def post(self, path: str, body: Json) -> tuple[int, Json]:
        async with self._session.post(self.cluster.url + path, json=body) as response:
            return response.status, await response.json()

    @contextlib.asynccontextmanager
    async def watch(self, path: str = "/api/v1/pods", **query: str | int) -> AsyncIterator[Watcher]:
        url = self.cluster.url + path
        async with self._session.get(url, params={"watch": "1", **query}) as response:
            assert response.status == 200
            yield Watcher(response)


class Watcher:
    """One open watch, read line by line."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> Json | None:
        """The next event, or None when the watch has ended."""
        async with asyncio.timeout(WAIT):
            line = await self._response.content.readline()
        if not line:
            return None
        assert line.endswith(b"\n")
        event: Json = msgspec.json.decode(line)
        return event

    async def take(self, count: int) -> list[tuple[str, str]]:
        """Type and pod name of the next `count` events."""
        events = [await self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"]["name"]) for event in events if event]

    async def rest(self) -> list[Json]:
        """All events until the end."""
        events = []
        while event := await self.next():
            events.append(event)
        return events


@contextlib.asynccontextmanager
async def serving(cluster: SimulatedCluster) -> AsyncIterator[Client]:
    timeout = aiohttp.ClientTimeout(total=None)
    async with cluster, aiohttp.ClientSession(timeout=timeout, read_bufsize=2**20) as session:
        yield Client(cluster, session)


@pytest.fixture
async def hand() -> AsyncIterator[Client]:
    """A cluster driven by hand, with `shop/a`, `shop/b` and `search/c`. Its bookmarks come every 50 ms."""
    world = World()
    for namespace, name in (("shop", "b"), ("shop", "a"), ("search", "c")):
        world.apply(pod(name, namespace))
    async with serving(SimulatedCluster.from_world(world, speed=200)) as client:
        yield client


def pod(name: str, namespace: str = "shop", **labels: str) -> Json:
    return {"metadata": {"name": name, "namespace": namespace, "labels": {"app": name, **labels}}}


def names(body: Json) -> list[str]:
    return [item["metadata"]["name"] for item in body["items"]]


def version(world: World) -> str:
    return str(world.store.version)


# Lists


async def test_a_list_is_in_order_with_its_version_and_bare_items(hand: Client) -> None:
    code, body = await hand.get()
    assert (code, body["kind"], body["apiVersion"]) == (200, "PodList", "v1")
    assert body["metadata"] == {"resourceVersion": version(hand.world)}
    assert names(body) == ["c", "a", "b"]
    assert all("kind" not in item for item in body["items"])
    assert names((await hand.get("/api/v1/namespaces/shop/pods"))[1]) == ["a", "b"]
    assert names((await hand.get("/api/v1/namespaces/nowhere/pods"))[1]) == []


async def test_selectors_narrow_a_list(hand: Client) -> None:
    assert names((await hand.get(labelSelector="app in (a,c)"))[1]) == ["c", "a"]
    assert names((await hand.get(fieldSelector="metadata.namespace=shop,metadata.name!=a"))[1]) == ["b"]
    code, body = await hand.get(labelSelector="app in a")
    assert (code, body["kind"], body["status"], body["reason"]) == (400, "Status", "Failure", "BadRequest")
    assert body["message"].startswith("unable to parse requirement: ")
    code, body = await hand.get(fieldSelector="spec.color=red")
    assert (code, body["message"]) == (400, "field label not supported: spec.color")


async def test_namespaces_come_with_their_pods(hand: Client) -> None:
    _, body = await hand.get("/api/v1/namespaces")
    assert (body["kind"], names(body)) == ("NamespaceList", ["search", "shop"])
    assert names((await hand.get("/api/v1/namespaces", fieldSelector="metadata.name=shop"))[1]) == ["shop"]


async def test_pages_show_one_moment_and_equal_the_whole_list() -> None:
    async with serving(SimulatedCluster("calm")) as client:
        _, whole = await client.get()
        total = len(whole["items"])
        items, token, remaining = [], "", []
        while True:
            code, page = await client.get(limit=5, **{"continue": token})
            assert code == 200
            assert page["metadata"]["resourceVersion"] == whole["metadata"]["resourceVersion"]
            items += page["items"]
            remaining.append(page["metadata"].get("remainingItemCount"))
            # Between two pages the world moves: a pod goes, one changes, one comes.
            gone = whole["items"][-1 - len(remaining)]["metadata"]
            client.world.delete(gone["namespace"], gone["name"])
            last = whole["items"][-1]["metadata"]
            client.world.patch(last["namespace"], last["name"], {"status": {"phase": "Failed"}})
            client.world.apply(pod(f"z{len(remaining)}", "zoo"))
            token = page["metadata"].get("continue", "")
            if not token:
                break
        assert items == whole["items"]
        assert remaining == [*range(total - 5, 0, -5), None]


async def test_with_a_selector_a_page_does_not_tell_how_many_remain(hand: Client) -> None:
    _, page = await hand.get(limit=1, labelSelector="app")
    assert "continue" in page["metadata"]
    assert "remainingItemCount" not in page["metadata"]


async def test_an_old_page_expires(hand: Client) -> None:
    _, page = await hand.get(limit=1)
    token = page["metadata"]["continue"]
    hand.world.apply(pod("d"))
    assert (await hand.get(limit=1, **{"continue": token}))[0] == 200
    hand.world.compact()
    code, body = await hand.get(limit=1, **{"continue": token})
    assert (code, body["code"], body["reason"], body["kind"]) == (410, 410, "Expired", "Status")
    assert "continue" in body["message"]
    assert (await hand.get(**{"continue": "nonsense"}))[0] == 400


async def test_a_list_of_a_version(hand: Client) -> None:
    before = version(hand.world)
    hand.world.delete("shop", "a")
    now = version(hand.world)
    exact = {"resourceVersionMatch": "Exact"}
    _, old = await hand.get(resourceVersion=before, **exact)
    assert (old["metadata"]["resourceVersion"], names(old)) == (before, ["c", "a", "b"])
    _, new = await hand.get(resourceVersion=before)
    assert (new["metadata"]["resourceVersion"], names(new)) == (now, ["c", "b"])
    assert len((await hand.get(resourceVersion=before, limit=1))[1]["items"]) == 1
    assert len((await hand.get(resourceVersion="0", limit=1))[1]["items"]) == 2
    assert (await hand.get(resourceVersion="999999"))[0] == 504
    assert (await hand.get(resourceVersion="soon"))[0] == 400
    assert (await hand.get(**exact))[0] == 422
    hand.world.compact()
    assert (await hand.get(resourceVersion=before, **exact))[0] == 410
    assert (await hand.get(resourceVersion=before))[0] == 200


async def test_other_paths(hand: Client) -> None:
    assert (await hand.get("/version"))[1]["major"] == "1"
    for code, reason, body in (
        (404, "NotFound", (await hand.get("/api/v1/secrets"))[1]),
        (405, "MethodNotAllowed", (await hand.post("/api/v1/pods", {}))[1]),
    ):
        assert (body["kind"], body["code"], body["reason"]) == ("Status", code, reason)
    review = {"kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": {"verb": "watch"}}}
    code, answer = await hand.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    assert (code, answer["status"]["allowed"], answer["spec"]) == (201, True, review["spec"])


async def test_events_are_selected_by_what_they_are_about(hand: Client) -> None:
    for number, kind in enumerate(("Pod", "Node", "Pod")):
        about = {"kind": kind, "namespace": "shop", "name": f"a{number}"}
        event = {"metadata": {"name": f"a.{number}", "namespace": "shop"}, "involvedObject": about}
        hand.world.store.put(EVENTS, event)
    for path in ("/api/v1/events", "/api/v1/namespaces/shop/events"):
        _, answer = await hand.get(path, fieldSelector="involvedObject.kind=Pod")
        assert [item["metadata"]["name"] for item in answer["items"]] == ["a.0", "a.2"]
        assert answer["kind"] == "EventList"
    assert (await hand.get("/api/v1/namespaces/search/events"))[1]["items"] == []
    assert (await hand.get("/api/v1/events", fieldSelector="message=x"))[0] == 400


async def test_nodes_are_served(hand: Client) -> None:
    for name in ("node-a", "node-b"):
        hand.world.store.put(NODES, {"metadata": {"name": name}})
    _, answer = await hand.get("/api/v1/nodes", fieldSelector="metadata.name=node-b")
    assert [item["metadata"]["name"] for item in answer["items"]] == ["node-b"]
    async with hand.watch("/api/v1/nodes") as watch:
        assert await watch.take(2) == [("ADDED", "node-a"), ("ADDED", "node-b")]


# Watches


@pytest.mark.parametrize("since", [{}, {"resourceVersion": "0"}])
async def test_a_watch_from_anywhere_begins_with_what_is_there(hand: Client, since: dict[str, str]) -> None:
    async with hand.watch("/api/v1/namespaces/shop/pods", **since) as watch:
        assert await watch.take(2) == [("ADDED", "a"), ("ADDED", "b")]
        hand.world.apply(pod("d", "search"))
        hand.world.apply(pod("e"))
        hand.world.patch("shop", "e", {"status": {"phase": "Running"}})
        hand.world.delete("shop", "e")
        assert await watch.take(3) == [("ADDED", "e"), ("MODIFIED", "e"), ("DELETED", "e")]


STREAM = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}


@pytest.mark.parametrize("since", ["", "0", "now"])
async def test_a_list_as_a_stream_says_where_it_ends(hand: Client, since: str) -> None:
    since = version(hand.world) if since == "now" else since
    async with hand.watch("/api/v1/namespaces/shop/pods", resourceVersion=since, **STREAM) as watch:
        assert await watch.take(2) == [("ADDED", "a"), ("ADDED", "b")]
        mark = await watch.next()
        assert mark and mark["type"] == "BOOKMARK"
        assert mark["object"]["metadata"] == {
            "resourceVersion": version(hand.world),
            "creationTimestamp": None,
            "annotations": {"k8s.io/initial-events-end": "true"},
        }
        hand.world.apply(pod("e"))
        while (event := await watch.next()) and event["type"] == "BOOKMARK":
            assert "annotations" not in event["object"]["metadata"]
        assert event and event["object"]["metadata"]["name"] == "e"


async def test_a_watch_that_wants_no_list_begins_now(hand: Client) -> None:
    async with hand.watch(sendInitialEvents="false", resourceVersionMatch="NotOlderThan") as watch:
        hand.world.apply(pod("e"))
        assert await watch.take(1) == [("ADDED", "e")]


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ({"sendInitialEvents": "true"}, "sendInitialEvents is forbidden for list"),
        (
            {"watch": "1", "sendInitialEvents": "true"},
            "requires setting resourceVersionMatch to NotOlderThan",
        ),
        ({"watch": "1", "resourceVersionMatch": "NotOlderThan"}, "forbidden for watch unless"),
    ],
)
async def test_list_options_that_do_not_go_together_are_refused(
    hand: Client, query: dict[str, str], what: str
) -> None:
    code, body = await hand.get(**query)
    assert (code, body["reason"]) == (422, "Invalid")
    assert what in body["message"]


async def test_without_the_feature_a_list_as_a_stream_is_refused() -> None:
    async with serving(SimulatedCluster.from_world(World(), streams_lists=False)) as client:
        code, body = await client.get(watch="1", **STREAM)
        assert (code, body["reason"]) == (422, "Invalid")
        assert "unless the WatchList feature gate is enabled" in body["message"]


async def test_a_watch_event_is_the_whole_object(hand: Client) -> None:
    async with hand.watch(resourceVersion=version(hand.world)) as watch:
        stored = hand.world.apply({**pod("d"), "spec": {"nodeName": "node-a"}})
        assert await watch.next() == {"type": "ADDED", "object": stored}
        assert list(stored)[:2] == ["kind", "apiVersion"]
        hand.world.delete("shop", "d")
        stored["metadata"]["resourceVersion"] = version(hand.world)
        assert await watch.next() == {"type": "DELETED", "object": stored}


async def test_selectors_of_a_watch_turn_changes_into_comings_and_goings(hand: Client) -> None:
    query = {"labelSelector": "app=a", "fieldSelector": "status.phase!=Failed"}
    async with hand.watch(resourceVersion=version(hand.world), **query) as watch:
        hand.world.patch("shop", "b", {"metadata": {"labels": {"app": "a"}}})
        hand.world.patch("shop", "b", {"metadata": {"labels": {"extra": "x"}}})
        left = hand.world.patch("shop", "b", {"metadata": {"labels": {"app": "other"}}})
        hand.world.delete("shop", "b")
        hand.world.patch("shop", "a", {"status": {"phase": "Failed"}})
        hand.world.delete("shop", "a")
        assert await watch.take(2) == [("ADDED", "b"), ("MODIFIED", "b")]
        gone = await watch.next()
        assert gone and gone["type"] == "DELETED"
        # As it was when it still matched, under the version in which it no longer does.
        assert gone["object"]["metadata"]["labels"] == {"app": "a", "extra": "x"}
        assert gone["object"]["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]
        hand.world.apply(pod("a"))
        assert await watch.take(2) == [("DELETED", "a"), ("ADDED", "a")]


async def test_resuming_leaves_no_gap_and_repeats_nothing() -> None:
    async with serving(SimulatedCluster("storm", speed=2)) as client:
        start = client.world.store.version
        seen: list[int] = []
        since = str(start)
        for _ in range(5):
            async with client.watch(resourceVersion=since) as watch:
                for _ in range(150):
                    event = await watch.next()
                    assert event and event["type"] != "ERROR"
                    since = event["object"]["metadata"]["resourceVersion"]
                    seen.append(int(since))
        assert seen == list(range(start + 1, start + 1 + len(seen)))


async def test_a_forgotten_version_is_a_410_inside_a_200(hand: Client) -> None:
    before = version(hand.world)
    hand.world.apply(pod("d"))
    hand.world.compact()
    async with hand.watch(resourceVersion=before) as watch:
        (only,) = await watch.rest()
    assert only["type"] == "ERROR"
    status = only["object"]
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")
    assert status["message"] == f"too old resource version: {before} ({version(hand.world)})"
    async with hand.watch(resourceVersion=version(hand.world)) as watch:
        hand.world.delete("shop", "d")
        assert await watch.take(1) == [("DELETED", "d")]


async def test_the_history_is_bounded(hand: Client) -> None:
    before = version(hand.world)
    for _ in range(HISTORY):
        hand.world.patch("shop", "a", {})
    async with hand.watch(resourceVersion=before) as watch:
        assert (await watch.take(1)) == [("MODIFIED", "a")]
    hand.world.patch("shop", "a", {})
    async with hand.watch(resourceVersion=before) as watch:
        (only,) = await watch.rest()
    assert only["object"]["code"] == 410


async def test_a_bookmark_tells_of_versions_that_were_not_for_this_watch(hand: Client) -> None:
    query = {"allowWatchBookmarks": "true", "labelSelector": "app=a"}
    async with hand.watch(resourceVersion=version(hand.world), **query) as watch:
        first = await watch.next()
        assert first and first["type"] == "BOOKMARK"
        hand.world.patch("shop", "b", {})
        told = {"resourceVersion": version(hand.world), "creationTimestamp": None}
        # Some may have been on their way before the patch.
        async with asyncio.timeout(WAIT):
            while (event := await watch.next()) == first:
                pass
    body = {"kind": "Pod", "apiVersion": "v1", "metadata": told, "spec": {"containers": None}, "status": {}}
    assert event == {"type": "BOOKMARK", "object": body}


async def test_a_watch_ends_cleanly_with_a_bookmark_for_who_wants_one() -> None:
    world = World()
    world.apply(pod("a"))
    async with serving(SimulatedCluster.from_world(world)) as client:

        async def read(**query: str) -> list[Json]:
            async with client.watch(resourceVersion=version(world), timeoutSeconds=1, **query) as watch:
                return await watch.rest()

        silent, (bookmark,) = await asyncio.gather(read(), read(allowWatchBookmarks="true"))
    assert silent == []
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["metadata"]["resourceVersion"] == version(world)


async def test_dropped_watches_break_and_can_resume(hand: Client) -> None:
    since = version(hand.world)
    async with hand.watch(resourceVersion=since) as watch:
        hand.world.apply(pod("d"))
        assert await watch.take(1) == [("ADDED", "d")]
        hand.cluster.drop_watches()
        with pytest.raises(aiohttp.ClientError):
            await watch.next()
    async with hand.watch(resourceVersion=since) as watch:
        assert await watch.take(1) == [("ADDED", "d")]


async def test_a_watcher_that_does_not_read_is_ended_and_may_resume(hand: Client) -> None:
    since = version(hand.world)
    big = {"metadata": {"annotations": {"weight": "x" * 20_000}}}
    async with hand.watch(resourceVersion=since) as watch:
        for _ in range(BACKLOG + 1_500):
            hand.world.patch("shop", "a", big)
        with pytest.raises(aiohttp.ClientError):
            await watch.rest()
    async with hand.watch(resourceVersion=since) as watch:
        assert await watch.take(1) == [("MODIFIED", "a")]


async def test_a_watcher_that_leaves_while_we_write_is_no_news(
    hand: Client, caplog: pytest.LogCaptureFixture
) -> None:
    async with hand.watch(resourceVersion=version(hand.world)) as watch:
        # Between these two the server has no chance to see that the watcher is gone.
        hand.world.apply(pod("d"))
        hand.cluster.drop_watches()
        with pytest.raises(aiohttp.ClientError):
            await watch.rest()
    assert caplog.records == []


async def test_the_world_waits_for_the_first_watch_of_pods() -> None:
    async with serving(SimulatedCluster("storm", speed=5)) as client:
        _, before = await client.get()
        await asyncio.sleep(0.1)
        async with client.watch("/api/v1/namespaces", resourceVersion="0") as watch:
            await watch.next()
            await asyncio.sleep(0.1)
        assert (await client.get())[1] == before
        async with client.watch(resourceVersion=before["metadata"]["resourceVersion"]) as watch:
            assert await watch.next()


async def test_leaving_does_not_wait_for_open_watches() -> None:
    async with asyncio.timeout(WAIT), aiohttp.ClientSession() as session:
        cluster = SimulatedCluster("calm")
        async with cluster:
            response = await session.get(f"{cluster.url}/api/v1/pods?watch=true")
            await response.content.readline()
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"{cluster.url}/version")
        response.close()


def test_an_unknown_scenario_is_refused_before_anything_listens() -> None:
    with pytest.raises(ValueError, match="unknown scenario"):
        SimulatedCluster("quake")
