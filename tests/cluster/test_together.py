"""How the streams of several clusters become one: fair, in order, a loss and a return heard once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from sonickube_tui.cluster import several
from sonickube_tui.cluster.several import ROOM, together
from sonickube_tui.cluster.source import SOURCE
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event, Item, Kind, Link


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who refused is tried again ten times a second."""
    monkeypatch.setattr(several, "PAUSE", 0.1)


def event(pod: str, cluster: str = "eu", kind: Kind = Kind.READY, namespace: str = "shop") -> Event:
    return Event(at=1.0, cluster=cluster, namespace=namespace, pod=pod, uid=pod, kind=kind)


def lost(cluster: str = "eu") -> Event:
    return event(cluster, cluster, Kind.SOURCE_LOST, SOURCE)


def back(cluster: str = "eu") -> Event:
    return event(cluster, cluster, Kind.SOURCE_BACK, SOURCE)


def state(link: Link, cluster: str = "eu") -> Connection:
    return Connection(at=1.0, cluster=cluster, link=link)


async def quiet() -> AsyncIterator[Item]:
    yield state(Link.WATCHING, "us")
    await asyncio.Event().wait()


async def take(stream: AsyncIterator[Item], count: int, slowly: float = 0.0) -> list[Item]:
    items = []
    async for item in stream:
        items.append(item)
        if len(items) == count:
            break
        await asyncio.sleep(slowly)
    return items


async def test_a_noisy_cluster_neither_starves_another_nor_grows_memory() -> None:
    told = {"noisy": 0, "calm": 0}

    async def endless(cluster: str, pause: float) -> AsyncIterator[Item]:
        yield state(Link.WATCHING, cluster)
        while True:
            told[cluster] += 1
            yield event(str(told[cluster]), cluster)
            await asyncio.sleep(pause)

    sources = {"noisy": partial(endless, "noisy", 0.0), "calm": partial(endless, "calm", 0.02)}
    items = await take(together(sources), 400, slowly=0.005)
    heard = {
        name: [int(item.pod) for item in items if isinstance(item, Event) and item.cluster == name]
        for name in told
    }
    assert heard["noisy"] == [*range(1, len(heard["noisy"]) + 1)]
    assert heard["calm"] == [*range(1, len(heard["calm"]) + 1)]
    assert told["noisy"] - len(heard["noisy"]) <= ROOM + 2
    # Nothing of the calm one waits behind what the noisy one has in store.
    assert told["calm"] - len(heard["calm"]) <= 3
    assert len(heard["calm"]) > 20


async def test_two_that_are_noisy_have_equal_shares() -> None:
    async def endless(cluster: str) -> AsyncIterator[Item]:
        yield state(Link.WATCHING, cluster)
        while True:
            yield event("cart", cluster)

    items = await take(together({"eu": partial(endless, "eu"), "us": partial(endless, "us")}), 1000)
    share = sum(item.cluster == "eu" for item in items)
    assert 490 <= share <= 510


REFUSES = "log in again"
"""In a script: the source ends with this UserError."""


@pytest.mark.parametrize(
    ("scripts", "heard"),
    [
        # It refuses, refuses again, and is back; the source does not know that it was lost.
        (
            [[REFUSES], [state(Link.CONNECTING), REFUSES], [state(Link.CONNECTING), state(Link.WATCHING)]],
            ["connecting", "source_lost", "refused", "refused", "source_back", "watching"],
        ),
        # It is lost, then refuses, then cannot be reached, then is back: lost and back once.
        (
            [
                [state(Link.WATCHING), lost(), state(Link.RECONNECTING), REFUSES],
                [lost(), state(Link.RECONNECTING), back(), state(Link.WATCHING)],
            ],
            [
                "connecting", "watching", "source_lost", "reconnecting", "refused", "reconnecting",
                "source_back", "watching",
            ],
        ),
        # It lists between the loss and the return, which the source itself may not tell as one.
        (
            [[lost(), state(Link.RECONNECTING), state(Link.LISTING), state(Link.WATCHING)]],
            ["connecting", "source_lost", "reconnecting", "listing", "source_back", "watching"],
        ),
        # It is lost twice.
        (
            [[lost(), state(Link.RECONNECTING), back(), state(Link.WATCHING)] * 2],
            ["connecting", *["source_lost", "reconnecting", "source_back", "watching"] * 2],
        ),
        # It cannot be reached from the start, which a source of its own is not a loss to.
        (
            [[state(Link.CONNECTING), state(Link.RECONNECTING), state(Link.WATCHING)]],
            ["connecting", "connecting", "source_lost", "reconnecting", "source_back", "watching"],
        ),
    ],
)  # fmt: skip
async def test_a_loss_is_heard_once_and_a_return_is_heard_once(
    scripts: list[list[Item | str]], heard: list[str]
) -> None:
    runs = iter(scripts)

    async def scripted() -> AsyncIterator[Item]:
        for item in next(runs):
            if isinstance(item, str):
                raise UserError(item)
            yield item
        await asyncio.Event().wait()

    items = await take(together({"us": quiet, "eu": scripted}), len(heard) + 2)
    of_eu = [item for item in items if item.cluster == "eu"]
    assert [item.kind if isinstance(item, Event) else item.link for item in of_eu] == heard
    assert all(item.channel == f"eu/{SOURCE}" for item in of_eu if isinstance(item, Event))
    refusals = {item.detail for item in of_eu if isinstance(item, Connection) and item.link is Link.REFUSED}
    assert refusals <= {REFUSES}


async def test_when_all_refuse_later_they_are_waited_for() -> None:
    runs = {"eu": 0, "us": 0}

    async def refuses_once(cluster: str) -> AsyncIterator[Item]:
        runs[cluster] += 1
        yield state(Link.WATCHING, cluster)
        if runs[cluster] == 1:
            raise UserError(REFUSES)
        await asyncio.Event().wait()

    sources = {cluster: partial(refuses_once, cluster) for cluster in runs}
    links = [item.link for item in await take(together(sources), 12) if isinstance(item, Connection)]
    assert links[2:] == [*[Link.WATCHING] * 2, *[Link.REFUSED] * 2, *[Link.WATCHING] * 2]


async def test_a_fault_of_ours_is_no_refusal() -> None:
    async def broken() -> AsyncIterator[Item]:
        yield event("cart")
        raise KeyError("cart")

    items: list[Item] = []
    with pytest.raises(KeyError):
        async for item in together({"us": quiet, "eu": broken}):
            items.append(item)  # noqa: PERF401 - What came before the fault is looked at, too.
    assert "cart" in [item.pod for item in items if isinstance(item, Event)]
