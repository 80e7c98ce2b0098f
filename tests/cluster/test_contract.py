"""What a cluster is to us, simulated or real: lists, and watches that end one way or the other."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from kube import manifest, running
from listening import STARTED, Diary, Observer
from place import Place, all_told, reflecting
from sonickube_tui.cluster import reflector, watching
from sonickube_tui.cluster.reflector import Reflector
from sonickube_tui.cluster.source import follow
from sonickube_tui.event import Kind, Link

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
    monkeypatch.setattr(watching, "WATCH_SECONDS", (1, 1))
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
    monkeypatch.setattr(watching, "WATCH_SECONDS", (4, 4))
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
