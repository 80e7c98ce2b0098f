"""Several clusters as one source: what goes wrong with one of them is heard, and disturbs no other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import msgspec

from sonickube_tui.cluster.source import PAUSE, source_event
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event, Item, Kind, Link

ROOM = 100
"""Items of one cluster that may wait to be taken; then that cluster waits, and no other."""


async def together(sources: Mapping[str, Callable[[], AsyncIterator[Item]]]) -> AsyncIterator[Item]:
    """What happens in several clusters, for ever: what begins to follow each, by its name.

    Channels have the cluster's name in front, the items of a cluster keep their order, and the clusters take
    turns. All are connected at once. One that refuses is told as a Connection and is tried again; its loss
    and its return are events, once each. Raises UserError when all refuse before any was followed, and
    whatever else a source raises.
    """
    lanes: dict[str, asyncio.Queue[Item | Exception]] = {name: asyncio.Queue(ROOM) for name in sources}
    news = asyncio.Event()

    async def lead(name: str, source: Callable[[], AsyncIterator[Item]]) -> None:
        async def tell(item: Item | Exception) -> None:
            await lanes[name].put(item)
            news.set()

        try:
            await _follow(name, source, tell)
        except Exception as error:
            # Whatever it is, it must come out where somebody listens.
            await tell(error)

    leads = [asyncio.create_task(lead(name, source)) for name, source in sources.items()]
    links: dict[str, Connection] = {}
    followed = False
    try:
        while True:
            await news.wait()
            news.clear()
            while waiting := [(name, lane) for name, lane in lanes.items() if not lane.empty()]:
                for name, lane in waiting:
                    item = lane.get_nowait()
                    if isinstance(item, Exception):
                        raise item
                    if isinstance(item, Connection):
                        links[name] = item
                        followed = followed or item.link in (Link.LISTING, Link.WATCHING)
                        if not followed and len(links) == len(lanes):
                            _check(links)
                    yield item
    finally:
        for task in leads:
            task.cancel()
        await asyncio.gather(*leads, return_exceptions=True)


def _check(links: Mapping[str, Connection]) -> None:
    """Raises UserError when all refuse."""
    if all(link.link is Link.REFUSED for link in links.values()):
        reasons = " | ".join(f"{name}: {link.detail}" for name, link in links.items())
        raise UserError(f"none of the {len(links)} clusters can be followed: {reasons}")


async def _follow(
    name: str, source: Callable[[], AsyncIterator[Item]], tell: Callable[[Item], Awaitable[None]]
) -> None:
    """One cluster for ever, through its refusals. Raises what the source raises, but for UserError."""
    prefix = f"{name}/"
    lost = False

    async def stand(connection: Connection) -> None:
        nonlocal lost
        link = connection.link
        if lost and link is Link.CONNECTING:
            return  # Why it was refused stays to be read while it is tried again.
        away = link in (Link.RECONNECTING, Link.REFUSED)
        if (away and not lost) or (lost and link is Link.WATCHING):
            lost = away
            await tell(source_event(connection, lost=lost, prefix=prefix))
        await tell(connection)

    await stand(
        Connection(at=time.time(), cluster=name, link=Link.CONNECTING, detail="asking for its credentials")
    )
    while True:
        try:
            async for item in source():
                match item:
                    case Event(kind=Kind.SOURCE_LOST | Kind.SOURCE_BACK):
                        pass  # A source that begins again does not know what was told: its links tell it.
                    case Event():
                        await tell(msgspec.structs.replace(item, prefix=prefix))
                    case Connection():
                        await stand(item)
                    case _:
                        await tell(item)
        except UserError as error:
            why = str(error)
        else:
            return
        await stand(Connection(at=time.time(), cluster=name, link=Link.REFUSED, detail=why))
        await asyncio.sleep(PAUSE)
