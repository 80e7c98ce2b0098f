"""A cluster as a source: one stream of events from all the namespaces that are followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec

from sonickube_tui.cluster.connect import Api, ApiError, Unreachable
from sonickube_tui.cluster.enrich import Hearsay
from sonickube_tui.cluster.nodes import CHANNEL, Nodes
from sonickube_tui.cluster.patterns import Wanted, parse
from sonickube_tui.cluster.reflector import Backoff, Reflector
from sonickube_tui.cluster.survey import NEEDED, Scopes, Survey
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event, Item, Kind, Link, Sight

SOURCE = "sonickube"
"""The channel of what happens to our own connection; no namespace of a cluster is likely to have the name."""

HEARD_NAMESPACES = 30
"""Namespaces whose Events are heard when they are followed one by one: each takes one more watch of etcd,
for the server has no cache of Events."""


async def follow(
    connect: Callable[[], Awaitable[Api]], namespaces: Sequence[str] = (), selector: str = ""
) -> AsyncIterator[Item]:
    """What happens to the pods of a cluster, for ever.

    Without `namespaces`, which may be patterns too, all are followed that the user may list; with neither
    namespaces nor a selector, nodes too. What the cluster's own Events say is added where they may be read.
    Raises UserError for a bad pattern, and when the cluster refuses: credentials, permissions, or a selector
    it cannot parse.
    """
    wanted = parse(namespaces)
    async with await connect() as api:
        connecting = Connection(at=time.time(), cluster=api.cluster, link=Link.CONNECTING, detail=api.server)
        yield connecting
        backoff = Backoff()
        while True:
            try:
                async for item in _Followers(api, wanted, selector, connecting).run():
                    yield item
            except (ApiError, Unreachable) as error:
                if isinstance(error, ApiError) and not error.passing:
                    raise _explained(error, api, wanted.names, selector) from None
                pause = backoff.pause(time.monotonic())
                detail = f"{api.server}: {error}; trying again in {pause:.0f} s"
                yield Connection(at=time.time(), cluster=api.cluster, link=Link.RECONNECTING, detail=detail)
                await asyncio.sleep(pause)


class _Followers:
    """All that follows one cluster: a reflector for each scope and what goes with it, heard as one stream.

    A reflector that has told nothing yet is still `connecting`.
    """

    def __init__(self, api: Api, wanted: Wanted, selector: str, connecting: Connection) -> None:
        self._api = api
        self._wanted = wanted
        self._selector = selector
        self._connecting = connecting
        self._queue: asyncio.Queue[tuple[str | None, Item | Scopes | Exception]] = asyncio.Queue(1_000)
        self._reflectors: dict[str | None, Reflector] = {}
        self._links: dict[str | None, Connection] = {}
        self._pumps: dict[str | None, asyncio.Task[None]] = {}
        self._listeners: dict[str | None, asyncio.Task[None]] = {}
        self._others: list[asyncio.Task[None]] = []
        whole = not (wanted.names or wanted.patterns or selector) and wanted.has(CHANNEL)
        self._nodes = Nodes(api) if whole else None
        self._nodes_begun = False
        self._hearsay = Hearsay()
        self._note = ""

    async def run(self) -> AsyncIterator[Item]:
        """What they tell, with one account of how they stand with the cluster, for ever.

        Raises what any of them raises.
        """
        self._others = [
            asyncio.create_task(self._pump(None, Survey(self._api, self._wanted, self._selector).run())),
            asyncio.create_task(self._watch_the_clock()),
        ]
        told, told_at, lost = self._connecting, 0.0, False
        try:
            while True:
                scope, item = await self._queue.get()
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, Sight):
                    yield item
                    continue
                if isinstance(item, Event):
                    if self._nodes and self._nodes.told(item):
                        continue
                    yield self._hearsay.enrich(item, time.monotonic())
                    if time.monotonic() - told_at < 1.0:
                        continue
                else:
                    self._heed(scope, item)
                summary = self._summary()
                if msgspec.structs.replace(summary, at=told.at) != told:
                    if summary.link is (Link.WATCHING if lost else Link.RECONNECTING):
                        lost = not lost
                        yield source_event(summary, lost=lost)
                    told, told_at = summary, time.monotonic()
                    yield summary
        finally:
            tasks = (*self._pumps.values(), *self._listeners.values(), *self._others)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(self, scope: str | None, items: AsyncIterator[Item | Scopes]) -> None:
        try:
            async for item in items:
                await self._queue.put((scope, item))
        except Exception as error:
            # Whatever it is, it must come out where somebody listens.
            await self._queue.put((scope, error))

    async def _listen(self, namespace: str | None) -> None:
        try:
            await self._hearsay.listen(self._api, namespace)
        except Exception as error:
            await self._queue.put((None, error))

    async def _watch_the_clock(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for scope, reflector in list(self._reflectors.items()):
                for late in reflector.overdue():
                    await self._queue.put((scope, late))

    def _heed(self, scope: str | None, item: Scopes | Connection) -> None:
        if isinstance(item, Scopes):
            self._turn_to(item)
            self._note = item.note
        # What a namespace that is no longer followed had still to say is of no concern.
        elif scope in self._links:
            self._links[scope] = item
            if item.link is Link.WATCHING:
                self._accompany(scope)

    def _turn_to(self, scopes: Scopes) -> None:
        followed = {scope.namespace: scope for scope in scopes.followed}
        for name in self._links.keys() - followed.keys():
            self._pumps.pop(name).cancel()
            del self._reflectors[name], self._links[name]
            if name in self._listeners:
                self._listeners.pop(name).cancel()
        for name in followed.keys() - self._links.keys():
            reflector = Reflector(
                self._api, name, self._selector, wanted=self._wanted.has, new=followed[name].new
            )
            self._reflectors[name] = reflector
            self._links[name] = self._connecting
            self._pumps[name] = asyncio.create_task(self._pump(name, reflector.run()))

    def _accompany(self, scope: str | None) -> None:
        """Read what goes with a namespace's pods, once those are watched: it must not be in their way."""
        if self._nodes and not self._nodes_begun:
            self._nodes_begun = True
            self._others.append(asyncio.create_task(self._pump(None, self._nodes.run())))
        if scope not in self._listeners and len(self._listeners) < HEARD_NAMESPACES:
            self._listeners[scope] = asyncio.create_task(self._listen(scope))

    def _summary(self) -> Connection:
        """The worst of several links speaks for all; a note finds room where nothing is wrong."""
        links = list(self._links.values()) or [self._connecting]
        worst = max(links, key=lambda connection: _CONCERN[connection.link])
        if worst.link is Link.LISTING:
            # Those that are watched are all there; not every list says how long it is.
            known = all(link.expected for link in links if link.link is Link.LISTING)
            expected = sum(link.expected or link.pods for link in links) if known else 0
            return msgspec.structs.replace(worst, pods=sum(link.pods for link in links), expected=expected)
        pods = sum(reflector.pods for reflector in self._reflectors.values())
        detail = worst.detail if worst.link is Link.RECONNECTING else self._note or worst.detail
        return msgspec.structs.replace(worst, pods=max(pods, worst.pods), detail=detail)


def source_event(connection: Connection, *, lost: bool, prefix: str = "") -> Event:
    """The watch is lost, or is back: silence must never mean that nobody listens."""
    return Event(
        at=connection.at,
        cluster=connection.cluster,
        namespace=SOURCE,
        pod=connection.cluster,
        uid=SOURCE,
        kind=Kind.SOURCE_LOST if lost else Kind.SOURCE_BACK,
        reason="WatchLost" if lost else "Watching",
        message=connection.detail,
        prefix=prefix,
    )


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
