"""A cluster as a source: one stream of events from all the namespaces that are followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

import msgspec

from sonickube_tui.cluster.connect import Api, ApiError, Unreachable
from sonickube_tui.cluster.patterns import Wanted, parse
from sonickube_tui.cluster.reflector import Backoff, Reflector
from sonickube_tui.cluster.survey import NEEDED, Scopes, Survey
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event, Item, Kind, Link, Sight

SOURCE = "sonickube"
"""The channel of what happens to our own connection; no namespace of a cluster is likely to have the name."""


async def follow(
    connect: Callable[[], Awaitable[Api]], namespaces: Sequence[str] = (), selector: str = ""
) -> AsyncIterator[Item]:
    """What happens to the pods of a cluster, for ever.

    Without `namespaces`, which may be patterns too, all are followed that the user may list. Raises UserError
    for a bad pattern, and when the cluster refuses: credentials, permissions, or a selector it cannot parse.
    """
    wanted = parse(namespaces)
    async with await connect() as api:
        connecting = Connection(at=time.time(), cluster=api.cluster, link=Link.CONNECTING, detail=api.server)
        yield connecting
        backoff = Backoff()
        while True:
            try:
                async for item in _together(api, wanted, selector, connecting):
                    yield item
            except (ApiError, Unreachable) as error:
                if isinstance(error, ApiError) and not error.passing:
                    raise _explained(error, api, wanted.names, selector) from None
                pause = backoff.pause(time.monotonic())
                detail = f"{api.server}: {error}; trying again in {pause:.0f} s"
                yield Connection(at=time.time(), cluster=api.cluster, link=Link.RECONNECTING, detail=detail)
                await asyncio.sleep(pause)


async def _together(api: Api, wanted: Wanted, selector: str, connecting: Connection) -> AsyncIterator[Item]:
    """The streams of all reflectors as one, with one account of how they stand with the cluster.

    A reflector that has told nothing yet is still `connecting`.
    """
    queue: asyncio.Queue[tuple[str | None, Item | Scopes | Exception]] = asyncio.Queue(1_000)
    reflectors: dict[str | None, Reflector] = {}
    pumps: dict[str | None, asyncio.Task[None]] = {}
    links: dict[str | None, Connection] = {}

    async def pump(scope: str | None, items: AsyncIterator[Item | Scopes]) -> None:
        try:
            async for item in items:
                await queue.put((scope, item))
        except Exception as error:
            # Whatever it is, it must come out where somebody listens.
            await queue.put((scope, error))

    async def watch_the_clock() -> None:
        while True:
            await asyncio.sleep(1.0)
            for scope, reflector in list(reflectors.items()):
                for late in reflector.overdue():
                    await queue.put((scope, late))

    def turn_to(scopes: Scopes) -> None:
        followed = {scope.namespace: scope for scope in scopes.followed}
        for name in links.keys() - followed.keys():
            pumps.pop(name).cancel()
            del reflectors[name], links[name]
        for name in followed.keys() - links.keys():
            new = followed[name].new
            reflectors[name] = Reflector(api, name, selector, wanted=wanted.has, new=new)
            links[name] = connecting
            pumps[name] = asyncio.create_task(pump(name, reflectors[name].run()))

    others = [
        asyncio.create_task(pump(None, Survey(api, wanted, selector).run())),
        asyncio.create_task(watch_the_clock()),
    ]
    note = ""
    told = connecting
    told_at = 0.0
    try:
        while True:
            scope, item = await queue.get()
            match item:
                case Exception():
                    raise item
                case Scopes():
                    turn_to(item)
                    note = item.note
                case Connection():
                    # What a namespace that is no longer followed had still to say is of no concern.
                    if scope in links:
                        links[scope] = item
                case Event() | Sight():
                    yield item
                    if time.monotonic() - told_at < 1.0:
                        continue
            pods = sum(reflector.pods for reflector in reflectors.values())
            summary = _summary(links.values() or [connecting], pods, note)
            if msgspec.structs.replace(summary, at=told.at) != told:
                if change := _source_change(told, summary):
                    yield change
                told, told_at = summary, time.monotonic()
                yield summary
    finally:
        for task in (*pumps.values(), *others):
            task.cancel()
        await asyncio.gather(*pumps.values(), *others, return_exceptions=True)


def _source_change(before: Connection, now: Connection) -> Event | None:
    """The watch is lost, or is back: silence must never mean that nobody listens."""
    lost = before.link is Link.RECONNECTING
    if (now.link is Link.RECONNECTING) is lost or (lost and now.link is not Link.WATCHING):
        return None
    kind = Kind.SOURCE_BACK if lost else Kind.SOURCE_LOST
    reason = "Watching" if lost else "WatchLost"
    return Event(
        at=now.at,
        cluster=now.cluster,
        namespace=SOURCE,
        pod=now.cluster,
        uid=SOURCE,
        kind=kind,
        reason=reason,
        message=now.detail,
    )


def _summary(links: Iterable[Connection], pods: int, note: str) -> Connection:
    """The worst of several links speaks for all; a note finds room where nothing is wrong."""
    worst = max(links, key=lambda connection: _CONCERN[connection.link])
    detail = worst.detail if worst.link in (Link.LISTING, Link.RECONNECTING) else note or worst.detail
    return msgspec.structs.replace(worst, pods=max(pods, worst.pods), detail=detail)


_CONCERN = {Link.WATCHING: 0, Link.LISTING: 1, Link.CONNECTING: 2, Link.RECONNECTING: 3}


def _explained(error: ApiError, api: Api, namespaces: Sequence[str], selector: str) -> UserError:
    if error.code == 400 and selector:
        return UserError(f"the cluster does not understand the selector {selector!r}: {error}")
    if error.code == 401:
        return UserError(
            f"{api.cluster} does not accept the credentials of its kubeconfig user; log in again"
        )
    if error.code == 403:
        where = f"namespace {', '.join(namespaces)}" if namespaces else "any namespace"
        return UserError(f"this user may not list pods of {api.cluster} in {where}: {NEEDED}")
    if error.code == 404:
        return UserError(f"{api.server} is no Kubernetes API server: {error}")
    return UserError(f"{api.server} refused ({error.code}): {error}")
