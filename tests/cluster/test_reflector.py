"""List, watch, and list again: whatever breaks off, nothing is lost and nothing is told twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk import (
    Client,
    Desk,
    Paged,
    Unmarked,
    following,
    pod,
    reflecting,
    set_ready,
    shop,
    uid,
)
from listening import GONE
from sonickube_tui.cluster import reflector, watching
from sonickube_tui.cluster.simulated import World
from sonickube_tui.cluster.watching import PAGE, Backoff
from sonickube_tui.event import Kind, Link

pytestmark = pytest.mark.usefixtures("streams_lists")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries of some milliseconds."""
    monkeypatch.setattr(reflector, "Backoff", lambda: Backoff(first=0.005, longest=0.01))


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
    monkeypatch.setattr(watching, "WATCH_SECONDS", (1, 1))
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
