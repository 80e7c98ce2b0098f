"""List, watch, and list again: whatever breaks off, nothing is lost and nothing is told twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kubernetes.aio.client.configuration import Configuration

from kube import Observer
from sonickube_tui.cluster import reflector
from sonickube_tui.cluster.connect import Api, ApiError
from sonickube_tui.cluster.reflector import PAGE, Backoff, Reflector
from sonickube_tui.cluster.simulated import SimulatedCluster, World
from sonickube_tui.event import Connection, Kind, Link, Sight

Json = dict[str, Any]
GONE = [Kind.TERMINATING, Kind.DELETED]


@pytest.fixture(scope="module", autouse=True, params=[True, False], ids=["streams", "pages"])
def streams_lists(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whether the client knows at first that its server can send a list as a stream, or that it cannot."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "knows_streams", request.param)
        yield


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


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries of some milliseconds."""
    monkeypatch.setattr(reflector, "Backoff", lambda: Backoff(first=0.005, longest=0.01))


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


# The watch


async def test_a_watch_tells_a_pods_life() -> None:
    async with following(shop()) as desk:
        desk.world.apply(pod("a"))
        desk.world.patch("shop", "a", {"spec": {"nodeName": "node-a"}})
        set_ready(desk.world, "a")
        desk.world.patch("shop", "a", {"metadata": {"annotations": {"of": "no interest"}}})
        set_ready(desk.world, "a", False)
        desk.world.patch("shop", "a", {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
        desk.world.delete("shop", "a")
        await desk.told.until(lambda: desk.told.pods(Kind.DELETED))
        life = [Kind.CREATED, Kind.SCHEDULED, Kind.READY, Kind.UNREADY, Kind.TERMINATING, Kind.DELETED]
        assert desk.told.of("a") == life
        assert desk.reflector.pods == 0
        [event, *_] = desk.told.events
        assert (event.cluster, event.namespace, event.pod) == ("test", "shop", "a")


async def test_a_pod_that_leaves_the_selector_is_gone_for_us() -> None:
    async with following(shop("a"), selector="app=cart") as desk:
        desk.world.patch("shop", "a", {"metadata": {"labels": {"app": "other"}}})
        await desk.told.until(lambda: desk.told.pods(Kind.DELETED))
        assert desk.reflector.pods == 0


async def test_a_watch_that_ends_is_begun_again_where_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "WATCH_SECONDS", (1, 1))
    monkeypatch.setattr(reflector, "SHORT", 0.1)
    async with following(shop()) as desk:
        names = []
        async with asyncio.timeout(30):
            while len(desk.api.watches) < 3:
                names.append(f"cart-{len(names):04}")
                desk.world.apply(pod(names[-1]))
                await asyncio.sleep(0.005)
        await desk.told.until(lambda: names[-1] in desk.told.pods())
        assert desk.told.pods() == names
        assert desk.api.lists == [""]
        # An end that was asked for is no news.
        assert [connection.link for connection in desk.told.links] == [Link.WATCHING]


@pytest.mark.usefixtures("hasty")
async def test_a_connection_that_breaks_loses_nothing_and_repeats_nothing() -> None:
    async with following(shop()) as desk:
        names = []
        for watches in range(1, 11):
            await desk.told.until(lambda wanted=watches: len(desk.api.watches) >= wanted)
            for _ in range(20):
                names.append(f"cart-{len(names):04}")
                desk.world.apply(pod(names[-1]))
                if len(names) % 7 == 0:
                    await asyncio.sleep(0.002)
            desk.cluster.drop_watches()
        await desk.told.until(lambda: names[-1] in desk.told.pods())
        assert desk.told.pods() == names
        assert desk.api.lists == [""]
        assert len(set(desk.api.watches)) > 5


async def test_a_broken_connection_is_told_with_its_reason_and_when_it_is_back() -> None:
    async with following(shop("a")) as desk:
        desk.cluster.drop_watches()
        await desk.told.until(lambda: len(desk.told.links) == 3)
        _, away, back = desk.told.links
        assert away.link is Link.RECONNECTING
        reason, _, next_try = away.detail.partition("; ")
        assert reason
        assert next_try in ("trying again in 1 s", "trying again in 2 s")
        assert (back.link, back.pods, back.detail) == (Link.WATCHING, 1, "")


@pytest.mark.usefixtures("hasty")
async def test_a_pod_made_anew_under_its_name_is_deleted_then_created() -> None:
    async with following(shop("a")) as desk:
        old = uid(desk.world, "a")
        desk.cluster.drop_watches()
        desk.world.delete("shop", "a")
        desk.world.apply(pod("a"))
        await desk.told.until(lambda: desk.told.pods())
        new = uid(desk.world, "a")
        assert [(e.kind, e.uid) for e in desk.told.events] == [
            *((kind, old) for kind in GONE),
            (Kind.CREATED, new),
        ]
        assert desk.api.lists == [""]


@pytest.mark.usefixtures("hasty")
async def test_every_change_moves_the_version_that_a_watch_resumes_from() -> None:
    world = shop()
    versions = [str(world.store.version)]
    async with reflecting(world, client=Unmarked) as desk:
        await desk.told.until_watching()
        for change, kind in (
            (lambda: world.apply(pod("a")), Kind.CREATED),
            (lambda: set_ready(world, "a"), Kind.READY),
            (lambda: world.delete("shop", "a"), Kind.DELETED),
        ):
            change()
            versions.append(str(world.store.version))
            await desk.told.until(lambda kind=kind: desk.told.pods(kind))
            desk.cluster.drop_watches()
            await desk.told.until(lambda: len(desk.api.watches) == len(versions))
        assert desk.api.watches == versions
        assert desk.told.of("a") == [Kind.CREATED, Kind.READY, *GONE]


@pytest.mark.usefixtures("hasty")
async def test_bookmarks_spare_a_quiet_watch_the_new_list() -> None:
    async with following(shop("a"), selector="app=cart") as desk:
        for n in range(5):
            desk.world.apply(pod(f"web-{n}", app="web"))
        now = str(desk.world.store.version)
        await desk.caught_up()
        desk.world.compact()
        desk.cluster.drop_watches()
        await desk.told.until(lambda: len(desk.api.watches) == 2)
        desk.world.apply(pod("b"))
        await desk.told.until(lambda: desk.told.events)
        assert desk.api.watches[1] == now
        assert desk.api.lists == [""]


@pytest.mark.usefixtures("hasty")
async def test_a_line_that_makes_no_sense_is_told_and_the_pods_are_read_again() -> None:
    class Garbled(Client):
        async def lines(self, path: str, *, idle: float, **query: str) -> AsyncGenerator[bytes]:
            async for line in super().lines(path, idle=idle, **query):
                yield line
                if len(self.bookmarks) == 1 and len(self.watches) == 1:
                    world.apply(pod("a"))
                    yield b"<html>who are you?</html>"

    world = shop()
    async with following(world, client=Garbled) as desk:
        await desk.told.until(lambda: desk.told.events)
        assert desk.told.of("a") == [Kind.CREATED]
        assert "makes no sense" in desk.told.links[1].detail


# What was missed


@pytest.mark.usefixtures("hasty")
async def test_after_an_expired_version_what_happened_meanwhile_is_told_once() -> None:
    world = shop("gone", "same", "anew", "readied")
    async with following(world) as desk:
        before = uid(world, "anew")
        desk.cluster.drop_watches()
        world.delete("shop", "gone")
        world.delete("shop", "anew")
        world.apply(pod("anew", ready=True))
        set_ready(world, "readied")
        world.apply(pod("brief"))
        world.delete("shop", "brief")
        world.apply(pod("new"))
        world.compact()
        await desk.caught_up()
        lives = {name: desk.told.of(name) for name in ("gone", "same", "anew", "readied", "brief", "new")}
        assert lives == {
            "gone": GONE,
            "same": [],
            "anew": [*GONE, Kind.CREATED, Kind.READY],
            "readied": [Kind.READY],
            "brief": [],
            "new": [Kind.CREATED],
        }
        after = uid(world, "anew")
        assert [e.uid for e in desk.told.events if e.pod == "anew"] == [before, before, after, after]
        assert desk.reflector.pods == 4


@pytest.mark.usefixtures("hasty")
async def test_a_second_outage_tells_only_what_is_new_since_the_first() -> None:
    names = ["a", "b", "c"]
    async with following(shop()) as desk:
        for name in names:
            desk.cluster.drop_watches()
            desk.world.apply(pod(name))
            desk.world.compact()
            await desk.caught_up()
        assert desk.told.pods() == names
        assert len(desk.api.lists) == 4


class Late(Paged):
    """Asks for a second page so late that the list is forgotten, once; what it does before is `meanwhile`."""

    meanwhile: Callable[[], None]

    async def get(self, path: str, **query: str) -> bytes:
        if query["continue"] and not any(self.lists):
            self.meanwhile()
        return await super().get(path, **query)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("at_first", [True, False])
async def test_a_page_that_expired_restarts_the_list(at_first: bool) -> None:
    def meanwhile() -> None:
        world.apply(pod("a-new"))
        world.compact()

    names = [f"cart-{n:04}" for n in range(PAGE + 1)]
    world = shop(*names) if at_first else shop()
    async with reflecting(world, client=Late) as desk:
        desk.api.meanwhile = meanwhile
        if not at_first:
            await desk.caught_up()
            desk.cluster.drop_watches()
            for name in names:
                world.apply(pod(name))
            world.compact()
        await desk.told.until(lambda: desk.reflector.pods == PAGE + 2)
        await desk.caught_up()
        assert [bool(token) for token in desk.api.lists[-4:]] == [False, True, False, True]
        told = set(desk.told.pods())
        # The watch that ran beside the list may have told of the new one before the page failed.
        assert told <= {"a-new"} if at_first else told == {"a-new", *names}


async def test_a_server_that_forgets_at_once_is_not_besieged() -> None:
    class Forgetful(Paged):
        async def lines(self, path: str, *, idle: float, **query: str) -> AsyncGenerator[bytes]:
            world.apply(pod("a"))
            world.compact()
            async for line in super().lines(path, idle=idle, **query):
                yield line

    world = shop()
    async with reflecting(world, client=Forgetful) as desk:
        await desk.told.until(lambda: len(desk.api.lists) > 1)
        await asyncio.sleep(1)
        assert len(desk.api.lists) < 10


# Any order of things

NAMES = [f"cart-{n}" for n in range(4)]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["apply", "ready", "unready", "delete"]), st.sampled_from(NAMES)),
        st.tuples(st.sampled_from(["breathe", "drop", "forget"]), st.just("")),
    ),
    max_size=40,
)


async def churn(desk: Desk, steps: list[tuple[str, str]]) -> None:
    """Do the steps that can be done. To forget is to drop first: who is connected misses nothing."""
    world, there = desk.world, set(NAMES[:2])
    for step, name in steps:
        match step:
            case "apply":
                world.apply(pod(name))
                there.add(name)
            case "ready" | "unready" if name in there:
                set_ready(world, name, step == "ready")
            case "delete" if name in there:
                world.delete("shop", name)
                there.discard(name)
            case "breathe":
                await asyncio.sleep(0.004)
            case "drop":
                desk.cluster.drop_watches()
            case "forget":
                desk.cluster.drop_watches()
                world.compact()
    for name in there:
        # What is left is told apart from what was there at first.
        set_ready(world, name)
    await desk.caught_up()


def state(world: World) -> dict[str, str]:
    """Name by uid of the pods there are."""
    entries = world.store.at(world.store.version).values()
    pods = [msgspec.json.decode(entry.body)["metadata"] for entry in entries if entry.key[0] == "pods"]
    return {pod["uid"]: pod["name"] for pod in pods}


@settings(max_examples=30, deadline=None)
@given(steps=STEPS)
async def test_what_is_told_adds_up_to_what_there_is(steps: list[tuple[str, str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reflector, "Backoff", lambda: Backoff(first=0.002, longest=0.004))
        world = shop(*NAMES[:2])
        at_first = state(world)
        async with following(world) as desk:
            await churn(desk, steps)
            told = desk.told
            created = Counter(event.uid for event in told.events if event.kind is Kind.CREATED)
            deleted = Counter(event.uid for event in told.events if event.kind is Kind.DELETED)
            left = {*at_first, *created} - set(deleted)
            assert left == set(state(world))
            assert desk.reflector.pods == len(left)
            for name in state(world).values():
                assert [k for k in told.of(name) if k in (Kind.READY, Kind.UNREADY)][-1:] == [Kind.READY]

            for name in state(world).values():
                world.delete("shop", name)
            await desk.caught_up()
            deleted = Counter(event.uid for event in told.events if event.kind is Kind.DELETED)
            assert max(created.values(), default=1) == max(deleted.values()) == 1
            assert set(deleted) == {*at_first, *created}
            forgotten = any(step == "forget" for step, _ in steps)
            assert forgotten or len(desk.api.lists) == 1


# Pauses between tries


def test_pauses_double_up_to_half_a_minute() -> None:
    backoff = Backoff()
    for expected in (0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0):
        assert expected <= backoff.pause(now=0.0) <= 2 * expected


def test_pauses_are_spread_so_that_clients_do_not_come_back_together() -> None:
    pauses = [Backoff().pause(now=0.0) for _ in range(200)]
    assert min(pauses) < 1.0
    assert max(pauses) > 1.4


@pytest.mark.parametrize(("healthy", "starts_over"), [(60.0, False), (119.0, False), (121.0, True)])
def test_two_healthy_minutes_bring_the_pauses_back_to_the_start(healthy: float, starts_over: bool) -> None:
    backoff = Backoff()
    for _ in range(8):
        backoff.pause(now=1_000.0)
    pause = backoff.pause(now=1_000.0 + healthy)
    assert (pause <= 1.6) is starts_over


@given(gaps=st.lists(st.floats(0, 300), max_size=30))
def test_no_pause_is_shorter_than_the_first_or_longer_than_a_minute(gaps: list[float]) -> None:
    backoff, now = Backoff(), 0.0
    for gap in gaps:
        now += gap
        assert 0.8 <= backoff.pause(now) <= 60.0
