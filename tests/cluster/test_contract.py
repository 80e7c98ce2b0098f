"""What a cluster is to us: the same behaviour on the simulated API server and on a real one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from kube import Diary, Json, KubeServer, Observer, Wire, manifest, running, status
from sonickube_tui.cluster import reflector
from sonickube_tui.cluster.connect import Api, connect, plain
from sonickube_tui.cluster.reflector import Reflector
from sonickube_tui.cluster.simulated import SimulatedCluster, World
from sonickube_tui.cluster.source import follow
from sonickube_tui.errors import UserError
from sonickube_tui.event import Event, Kind, Link


class Place(ABC):
    """A namespace of its own in a cluster, what happens there, and the wire that we are connected by."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.namespace = f"test-{uuid4().hex[:8]}"

    @abstractmethod
    async def connect(self) -> Api:
        """Connect as an admin."""

    @abstractmethod
    def create(self, pod: Json, namespace: str = "") -> str:
        """Create a pod and return its uid."""

    @abstractmethod
    def bind(self, pod: str) -> None:
        """Give a pod its node, `node-a`."""

    @abstractmethod
    def write(self, pod: str, status: Json) -> None:
        """Write into a pod's status: a JSON merge patch."""

    @abstractmethod
    def mark(self, pod: str) -> None:
        """Delete a pod that has a node, with time to end its work: it stays, marked."""

    @abstractmethod
    def delete(self, pod: str) -> None:
        """Delete a pod at once."""


class Simulated(Place):
    """In the demo's world."""

    def __init__(self, wire: Wire, world: World) -> None:
        super().__init__(wire)
        self._world = world

    async def connect(self) -> Api:
        return plain(f"http://127.0.0.1:{self.wire.port}", "test")

    def create(self, pod: Json, namespace: str = "") -> str:
        placed = {**pod, "metadata": {**pod["metadata"], "namespace": namespace or self.namespace}}
        return str(self._world.apply(placed)["metadata"]["uid"])

    def bind(self, pod: str) -> None:
        self._world.patch(self.namespace, pod, {"spec": {"nodeName": "node-a"}})

    def write(self, pod: str, status: Json) -> None:
        self._world.patch(self.namespace, pod, {"status": status})

    def mark(self, pod: str) -> None:
        self._world.patch(self.namespace, pod, {"metadata": {"deletionTimestamp": "2026-01-01T00:01:00Z"}})

    def delete(self, pod: str) -> None:
        self._world.delete(self.namespace, pod)


class Real(Place):
    """In a real cluster."""

    def __init__(self, wire: Wire, kube: KubeServer, home: Path) -> None:
        super().__init__(wire)
        self._kube = kube
        self._kubeconfig = kube.kubeconfig(home / "kubeconfig", port=wire.port)
        kube.create_namespace(self.namespace)

    async def connect(self) -> Api:
        return await connect(str(self._kubeconfig))

    def create(self, pod: Json, namespace: str = "") -> str:
        return self._kube.create_pod(namespace or self.namespace, pod)

    def bind(self, pod: str) -> None:
        self._kube.bind(self.namespace, pod, "node-a")

    def write(self, pod: str, status: Json) -> None:
        self._kube.patch_status(self.namespace, pod, status)

    def mark(self, pod: str) -> None:
        self._kube.delete_pod(self.namespace, pod, grace=30)

    def delete(self, pod: str) -> None:
        self._kube.delete_pod(self.namespace, pod)


@pytest.fixture(params=["simulated", "simulated 1.20", pytest.param("real", marks=pytest.mark.real)])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "real":
        kube = request.getfixturevalue("kube")
        kube.use()
        async with Wire(kube.port) as wire:
            yield Real(wire, kube, tmp_path)
        return
    # Bookmarks come every 20 ms. Like the real server's 1.20, the second does not send lists as streams.
    streams_lists = request.param == "simulated"
    async with (
        SimulatedCluster.from_world(World(), speed=500, streams_lists=streams_lists) as cluster,
        Wire(int(cluster.url.rpartition(":")[2])) as wire,
    ):
        yield Simulated(wire, cluster.world)


@asynccontextmanager
async def reflecting(
    place: Place, selector: str = "", namespace: str = "", **instead: str
) -> AsyncIterator[tuple[Observer, Diary]]:
    """A reflector of the place that has read its first list, and what it asks the server."""
    async with await place.connect() as api:
        diary = Diary(api, **instead)
        async with Observer(Reflector(api, namespace or place.namespace, selector).run()) as observer:
            await observer.until_watching()
            yield observer, diary


async def all_told(place: Place, observer: Observer, **labels: str) -> None:
    """Wait until a last pod is told of, and so all that happened before it."""
    place.create(manifest("last", **labels))
    await observer.until_told_of("last")


# The first list


@pytest.mark.parametrize(("selector", "expected"), [("", 5), ("app=cart", 0)])
async def test_the_first_list_is_silent_and_tells_how_far_it_is(
    place: Place, monkeypatch: pytest.MonkeyPatch, selector: str, expected: int
) -> None:
    monkeypatch.setattr(reflector, "PAGE", 2)
    for n in range(5):
        place.create(manifest(f"cart-{n}", app="cart"))
    async with reflecting(place, selector) as (observer, diary):
        await all_told(place, observer, app="cart")
        assert [event.pod for event in observer.events] == ["last"]
        assert observer.sights == [*(("LISTED", f"cart-{n}") for n in range(5)), ("ADDED", "last")]
        assert [connection.pods for connection in observer.links] == [2, 4, 5]
        if diary.streams:
            expected = 0
        assert [connection.expected for connection in observer.links] == [expected, expected, 0]
        assert [bool(token) for token in diary.lists] == ([False] if diary.streams else [False, True, True])


async def test_the_watch_begins_beside_the_pages_at_their_version(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflector, "PAGE", 2)
    for n in range(5):
        place.create(manifest(f"cart-{n}"))

    async with await place.connect() as api:
        api.streams_lists = False
        get = api.get

        async def busy(path: str, **query: str) -> bytes:
            if query["continue"]:
                pod = f"cart-{4 - pages.pop()}"
                place.write(pod, running())
                place.delete(pod)
                place.create(manifest(pod))
            return await get(path, **query)

        pages = [0, 4]  # The last pod, whose page is yet to come, and after the second page the first.
        api.get = busy  # type: ignore[method-assign]
        async with Observer(Reflector(api, place.namespace).run()) as observer:
            await observer.until_watching()
            await all_told(place, observer)
            for pod in ("cart-0", "cart-4"):
                assert observer.of(pod) == [
                    Kind.STARTED, Kind.READY, Kind.TERMINATING, Kind.DELETED, Kind.CREATED
                ]  # fmt: skip
            assert len(observer.lives) == 5


async def test_a_server_that_cannot_stream_lists_is_asked_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.create(manifest("cart-1"))
    async with await place.connect() as api:
        for _ in range(2):
            diary = Diary(api)
            async with Observer(Reflector(api, place.namespace).run()) as observer:
                await observer.until_watching(1)
            assert diary.lists[-1:] == [""]
        assert diary.streams is api.streams_lists
        assert diary.asked == int(api.streams_lists)


async def test_a_namespace_that_is_not_there_is_simply_empty(place: Place) -> None:
    async with reflecting(place, namespace=f"{place.namespace}-not") as (observer, _):
        assert [(connection.link, connection.pods) for connection in observer.links] == [(Link.WATCHING, 0)]


async def test_namespaces_are_listed(place: Place) -> None:
    place.create(manifest("cart-1"))
    async with await place.connect() as api:
        answer = msgspec.json.decode(await api.get("/api/v1/namespaces"))
    assert place.namespace in [item["metadata"]["name"] for item in answer["items"]]


async def test_all_namespaces_are_followed_as_one(place: Place) -> None:
    async with Observer(follow(place.connect, selector=f"test={place.namespace}")) as observer:
        await observer.until_watching(0)
        for namespace in ("default", place.namespace):
            place.create(manifest(f"in-{place.namespace}", test=place.namespace), namespace)
        await observer.until(lambda: len(observer.events) == 2)
        assert [event.namespace for event in observer.events] == ["default", place.namespace]


# What happens to a pod

Step = Callable[[Place], object]


def says(status: Json) -> Step:
    return lambda place: place.write("cart-1", status)


def waits(reason: str, restarts: int = 0, **last: Json) -> Step:
    state = {"waiting": {"reason": reason, "message": "it is said why"}}
    return says(status(state, phase="Running" if restarts else "Pending", restarts=restarts, **last))


def ended(code: int, reason: str, at: str = "2026-01-01T00:01:00Z") -> Json:
    return {"exitCode": code, "reason": reason, "finishedAt": at}


def bound(place: Place) -> None:
    place.bind("cart-1")


STARTS: list[Step] = [bound, waits("ContainerCreating"), says(running(ready=False)), says(running())]
STARTED = [Kind.CREATED, Kind.SCHEDULED, Kind.STARTED, Kind.READY]
AGAIN = "2026-01-01T00:01:10Z"
NO_NODE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}

LIVES: dict[str, tuple[list[Step], list[Kind]]] = {
    "a start": (STARTS, STARTED),
    "a readiness that is lost": ([*STARTS, says(running(ready=False))], [*STARTED, Kind.UNREADY]),
    "crashes that become a loop": (
        [
            *STARTS,
            says(status({"terminated": ended(1, "Error")})),
            says(running(ready=False, at=AGAIN, restarts=1, terminated=ended(1, "Error"))),
            waits("CrashLoopBackOff", 1, terminated=ended(1, "Error", "2026-01-01T00:02:00Z")),
            waits("CrashLoopBackOff", 2, terminated=ended(1, "Error", "2026-01-01T00:03:00Z")),
        ],
        [*STARTED, Kind.CRASHED, Kind.STARTED, Kind.CRASH_LOOP, Kind.CRASH_LOOP],
    ),
    "too little memory": (
        [
            *STARTS,
            says(status({"terminated": ended(137, "OOMKilled")})),
            says(running(ready=False, at=AGAIN, restarts=1, terminated=ended(137, "OOMKilled"))),
        ],
        [*STARTED, Kind.OOM_KILLED, Kind.STARTED],
    ),
    "an image that is not there": (
        [bound, waits("ErrImagePull"), waits("ImagePullBackOff"), waits("ErrImagePull")],
        [Kind.CREATED, Kind.SCHEDULED, Kind.IMAGE_FAILED],
    ),
    "a configuration that is not there": (
        [bound, waits("CreateContainerConfigError")],
        [Kind.CREATED, Kind.SCHEDULED, Kind.CONFIG_FAILED],
    ),
    "no room on any node": (
        [says({"conditions": [NO_NODE]}), *STARTS],
        [Kind.CREATED, Kind.UNSCHEDULABLE, *STARTED[1:]],
    ),
    "work that is done": (
        [*STARTS, says(status({"terminated": ended(0, "Completed")}, phase="Succeeded"))],
        [*STARTED, Kind.COMPLETED],
    ),
    "work that fails": (
        [*STARTS, says({"phase": "Failed", "reason": "DeadlineExceeded", "containerStatuses": None})],
        [*STARTED, Kind.FAILED],
    ),
    "an eviction": (
        [*STARTS, says({"phase": "Failed", "reason": "Evicted", "message": "the node was low on memory"})],
        [*STARTED, Kind.EVICTED],
    ),
    "an end in peace": (
        [
            *STARTS,
            lambda place: place.mark("cart-1"),
            says(status({"terminated": ended(143, "Error")})),
            lambda place: place.delete("cart-1"),
        ],
        [*STARTED, Kind.TERMINATING, Kind.DELETED],
    ),
    "an end at once": (
        [*STARTS, lambda place: place.delete("cart-1")],
        [*STARTED, Kind.TERMINATING, Kind.DELETED],
    ),
}


@pytest.mark.parametrize("story", LIVES)
async def test_a_pods_life_is_told(place: Place, story: str) -> None:
    steps, kinds = LIVES[story]
    async with reflecting(place) as (observer, _):
        place.create(manifest("cart-1", restart_policy="Never" if "work" in story else "Always"))
        for step in steps:
            step(place)
        await all_told(place, observer)
        assert observer.of("cart-1") == kinds


async def test_an_event_tells_whose_pod_it_is_and_why_it_happened(place: Place) -> None:
    async with reflecting(place) as (observer, _):
        uid = place.create(manifest("cart-1"))
        bound(place)
        waits("CrashLoopBackOff", 4, terminated=ended(1, "Error"))(place)
        await observer.until_told_of("cart-1", Kind.CRASH_LOOP)
        event = observer.events[-1]
        assert event == Event(
            at=event.at,
            cluster=observer.links[0].cluster,
            namespace=place.namespace,
            pod="cart-1",
            uid=uid,
            kind=Kind.CRASH_LOOP,
            owner="Deployment/cart",
            node="node-a",
            reason="CrashLoopBackOff",
            message="it is said why",
            restarts=4,
        )


# Selectors


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("app=cart", ["cart", "cart-db"]),
        ("app==cart,tier!=db", ["cart"]),
        ("app in (cart, web),tier notin (db)", ["cart", "web"]),
        ("tier", ["cart-db"]),
        ("!tier,app", ["cart", "web"]),
    ],
)
async def test_a_selector_chooses_the_pods(place: Place, selector: str, selected: list[str]) -> None:
    pods = {"cart": {"app": "cart"}, "cart-db": {"app": "cart", "tier": "db"}, "web": {"app": "web"}}

    def create(suffix: str) -> None:
        for name, labels in pods.items():
            place.create(manifest(name + suffix, **labels))

    create("-old")
    async with reflecting(place, selector) as (observer, _):
        assert observer.links[-1].pods == len(selected)
        create("")
        place.create(manifest("bare"))
        await observer.until_told_of(selected[-1])
        assert [event.pod for event in observer.events] == selected


@pytest.mark.parametrize("selector", ["app in (", "a=b=c", "-app"])
async def test_a_selector_that_does_not_parse_is_for_the_user_to_mend(place: Place, selector: str) -> None:
    async with Observer(follow(place.connect, [place.namespace], selector)) as observer:
        with pytest.raises(UserError) as refused:
            await observer.until(lambda: False)
    assert f"does not understand the selector {selector!r}" in str(refused.value)


# A watch that ends, one way or the other


def live(place: Place, number: int) -> None:
    """A pod that starts; every other one also ends."""
    pod = f"cart-{number}"
    place.create(manifest(pod))
    place.bind(pod)
    place.write(pod, running())
    if number % 2:
        place.delete(pod)


def life(number: int) -> list[Kind]:
    """What is told of it."""
    return [*STARTED, Kind.TERMINATING, Kind.DELETED] if number % 2 else STARTED


def lives(pods: int) -> list[tuple[str, Kind]]:
    """What is told of so many pods that live one after the other, and of the last."""
    return [*((f"cart-{n}", kind) for n in range(pods) for kind in life(n)), ("last", Kind.CREATED)]


async def test_a_watch_that_ends_is_begun_again_where_it_ended(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflector, "WATCH_SECONDS", (1, 1))
    monkeypatch.setattr(reflector, "SHORT", 0.1)
    async with reflecting(place) as (observer, diary):
        pods = 0
        async with asyncio.timeout(60):
            while len(diary.watches) < 4:
                live(place, pods)
                pods += 1
                await asyncio.sleep(0.01)
        await all_told(place, observer)
        assert [(event.pod, event.kind) for event in observer.events] == lives(pods)
        assert diary.lists == [""]
        # An end that was asked for is no news.
        assert [connection.link for connection in observer.links] == [Link.WATCHING]


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("heard", [True, False])
async def test_a_connection_that_breaks_loses_nothing_and_repeats_nothing(place: Place, heard: bool) -> None:
    async with reflecting(place) as (observer, diary):
        for number in range(6):
            live(place, number)
            if heard:
                await observer.until_told_of(f"cart-{number}", life(number)[-1])
            watches = len(diary.watches)
            while len(diary.watches) == watches:
                place.wire.cut()
                await asyncio.sleep(0.01)
        await all_told(place, observer)
        assert [(event.pod, event.kind) for event in observer.events] == lives(6)
        assert diary.lists == [""]


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("away", [False, True])
async def test_a_pod_made_anew_under_its_name_is_deleted_then_created(place: Place, away: bool) -> None:
    old = place.create(manifest("cart-1"))
    async with reflecting(place) as (observer, _):
        if away:
            place.wire.cut(down=True)
        place.delete("cart-1")
        new = place.create(manifest("cart-1"))
        place.wire.down = False
        await all_told(place, observer)
        assert [(e.uid, e.kind) for e in observer.events if e.pod == "cart-1"] == [
            (old, Kind.TERMINATING),
            (old, Kind.DELETED),
            (new, Kind.CREATED),
        ]


@pytest.mark.usefixtures("hasty")
async def test_a_bookmark_is_where_a_quiet_watch_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A real server sends its bookmark two seconds before the end.
    monkeypatch.setattr(reflector, "WATCH_SECONDS", (4, 4))
    place.create(manifest("cart-1", app="cart"))
    async with reflecting(place, "app=cart") as (observer, diary):
        # Silence, while the cluster's version goes on.
        place.create(manifest("web-1", app="web"))
        listed = int(diary.watches[0] or diary.bookmarks[0])
        await observer.until(lambda: int(diary.bookmarks[-1] if diary.bookmarks else 0) > listed)
        place.wire.cut()
        await observer.until(lambda: len(diary.watches) == 2)
        assert diary.watches[1] in diary.bookmarks
        await all_told(place, observer, app="cart")
        assert [event.pod for event in observer.events] == ["last"]
        assert diary.lists == [""]
