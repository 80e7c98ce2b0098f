"""A cluster as a source: one stream of events from all the namespaces that are followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing

import msgspec

from sonickube_tui.cluster.connect import Api, ApiError, Unreachable
from sonickube_tui.cluster.enrich import Hearsay
from sonickube_tui.cluster.ledger import Ledger
from sonickube_tui.cluster.nodes import CHANNEL, Nodes
from sonickube_tui.cluster.patterns import Wanted, parse
from sonickube_tui.cluster.reflector import Reflector
from sonickube_tui.cluster.survey import NEEDED, Scopes, Survey
from sonickube_tui.cluster.watching import NONSENSE, Backoff, in_words
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event, Item, Kind, Link, Sight

SOURCE = "sonickube"
"""The channel of what happens to our own connection; no namespace of a cluster is likely to have the name."""

PAUSE = 30.0
"""Seconds until a cluster that refused is tried again: its plug-in may open a browser each time."""

HEARD_NAMESPACES = 30
"""Namespaces whose Events are heard when they are followed one by one: each takes one more watch of etcd,
for the server has no cache of Events."""


async def follow(
    connect: Callable[[], Awaitable[Api]], namespaces: Sequence[str] = (), selector: str = ""
) -> AsyncIterator[Item]:
    """What happens to the pods of a cluster, for ever.

    Without `namespaces`, which may be patterns too, all are followed that the user may list; with neither
    namespaces nor a selector, nodes too. What the cluster's own Events say is added where they may be read.
    One that refuses after it was followed is connected anew until it does not, and what happened meanwhile is
    told. Raises UserError for a bad pattern, and when the cluster refuses at the start: credentials,
    permissions, or a selector it cannot parse.
    """
    wanted = parse(namespaces)
    known: _Known | None = None
    while True:
        try:
            async with await connect() as api:
                known = known or _Known(api.cluster, wanted, selector)
                async with aclosing(_follow(api, known)) as items:
                    async for item in items:
                        yield item
        except UserError as error:
            if known is None or not known.followed:
                raise
            refused = Connection(at=time.time(), cluster=known.cluster, link=Link.REFUSED, detail=str(error))
            if not known.lost:
                known.lost = True
                yield source_event(refused, lost=True)
            yield refused
            await asyncio.sleep(PAUSE)


class _Known:
    """What is meant by one cluster, and what is known of it: that outlives a connection."""

    def __init__(self, cluster: str, wanted: Wanted, selector: str) -> None:
        self.cluster = cluster
        self.wanted = wanted
        self.selector = selector
        self.ledgers: dict[str | None, Ledger] = {}
        self.there: frozenset[str] | None = None
        """The namespaces seen last, where that was asked."""
        whole = not (wanted.names or wanted.patterns or selector) and wanted.has(CHANNEL)
        self.nodes = Nodes(cluster) if whole else None
        self.hearsay = Hearsay()
        self.lost = False
        """Whether the last word about our own watch was that it is lost."""

    @property
    def followed(self) -> bool:
        """Whether a list of its pods has once come to its end."""
        return any(not ledger.first for ledger in self.ledgers.values())


async def _follow(api: Api, known: _Known) -> AsyncGenerator[Item]:
    """What happens, by one connection. Raises UserError when the cluster refuses."""
    connecting = Connection(at=time.time(), cluster=api.cluster, link=Link.CONNECTING, detail=api.server)
    if not known.lost:
        yield connecting
    backoff = Backoff()
    while True:
        try:
            async with aclosing(_Followers(api, known, connecting).run()) as items:
                async for item in items:
                    yield item
        except (ApiError, Unreachable, *NONSENSE) as error:
            if isinstance(error, ApiError) and not error.passing:
                raise _explained(error, api, known.wanted.names, known.selector) from None
            pause = backoff.pause(time.monotonic())
            detail = f"{api.server}: {in_words(error)}; trying again in {pause:.0f} s"
            yield Connection(at=time.time(), cluster=api.cluster, link=Link.RECONNECTING, detail=detail)
            await asyncio.sleep(pause)


class _Followers:
    """All that follows one cluster: a reflector for each scope and what goes with it, heard as one stream.

    A reflector that has told nothing yet is still `connecting`.
    """

    def __init__(self, api: Api, known: _Known, connecting: Connection) -> None:
        self._api = api
        self._known = known
        self._connecting = connecting
        self._queue: asyncio.Queue[tuple[str | None, Item | Scopes | Exception]] = asyncio.Queue(1_000)
        self._reflectors: dict[str | None, Reflector] = {}
        self._links: dict[str | None, Connection] = {}
        self._pumps: dict[str | None, asyncio.Task[None]] = {}
        self._listeners: dict[str | None, asyncio.Task[None]] = {}
        self._others: list[asyncio.Task[None]] = []
        self._nodes_begun = False
        self._note = ""

    async def run(self) -> AsyncGenerator[Item]:
        """What they tell, with one account of how they stand with the cluster, for ever.

        Raises what any of them raises, once all that they have told until then is out.
        """
        known = self._known
        survey = Survey(self._api, known.wanted, known.selector, known.there)
        self._others = [
            asyncio.create_task(self._pump(None, survey.run())),
            asyncio.create_task(self._watch_the_clock()),
        ]
        told, told_at = self._connecting, 0.0
        failure: Exception | None = None
        try:
            while failure is None or not await self._all_out():
                scope, item = await self._queue.get()
                if isinstance(item, Exception):
                    failure = failure or item
                    continue
                for news in self._heed(scope, item):
                    yield news
                if isinstance(item, Sight) or (isinstance(item, Event) and time.monotonic() - told_at < 1.0):
                    continue
                summary = self._summary()
                if known.lost and summary.link is Link.CONNECTING:
                    continue  # Why it was refused stays to be read.
                if msgspec.structs.replace(summary, at=told.at) != told:
                    if summary.link is (Link.WATCHING if known.lost else Link.RECONNECTING):
                        known.lost = not known.lost
                        yield source_event(summary, lost=known.lost)
                    told, told_at = summary, time.monotonic()
                    yield summary
            raise failure
        finally:
            tasks = (*self._pumps.values(), *self._listeners.values(), *self._others)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _all_out(self) -> bool:
        """Whether nothing waits to be told, nor for room to be: what is lost here is not told again."""
        await asyncio.sleep(0)
        return self._queue.empty()

    async def _pump(self, scope: str | None, items: AsyncIterator[Item | Scopes]) -> None:
        try:
            async for item in items:
                await self._queue.put((scope, item))
        except Exception as error:
            # Whatever it is, it must come out where somebody listens.
            await self._queue.put((scope, error))

    async def _listen(self, namespace: str | None) -> None:
        try:
            await self._known.hearsay.listen(self._api, namespace)
        except Exception as error:
            await self._queue.put((None, error))

    async def _watch_the_clock(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for scope, reflector in list(self._reflectors.items()):
                for late in reflector.overdue():
                    await self._queue.put((scope, late))

    def _heed(self, scope: str | None, item: Item | Scopes) -> Iterator[Event | Sight]:
        """What is to be told of it."""
        match item:
            case Sight():
                yield item
            case Event() if not (self._known.nodes and self._known.nodes.told(item)):
                yield self._known.hearsay.enrich(item, time.monotonic())
            case Scopes():
                yield from self._turn_to(item)
            # What a namespace that is no longer followed had still to say is of no concern.
            case Connection() if scope in self._links:
                self._links[scope] = item
                if item.link is Link.WATCHING:
                    self._accompany(scope)

    def _turn_to(self, scopes: Scopes) -> Iterator[Event | Sight]:
        """Follow these and no others; what was in a namespace that is gone is gone with it."""
        known, ledgers = self._known, self._known.ledgers
        patient = known.followed
        followed = {scope.namespace: scope for scope in scopes.followed}
        for name in ledgers.keys() - followed.keys():
            if name in self._links:
                self._pumps.pop(name).cancel()
                del self._reflectors[name], self._links[name]
            if name in self._listeners:
                self._listeners.pop(name).cancel()
            ledger = ledgers.pop(name)
            if known.there and scopes.there is not None and name in known.there - scopes.there:
                yield from ledger.close(time.time())
        for name in followed.keys() - self._links.keys():
            if name not in ledgers:
                ledgers[name] = Ledger(known.cluster, known.wanted.has, new=followed[name].new)
            reflector = Reflector(self._api, name, known.selector, ledger=ledgers[name], patient=patient)
            self._reflectors[name] = reflector
            self._links[name] = self._connecting
            self._pumps[name] = asyncio.create_task(self._pump(name, reflector.run()))
        known.there = scopes.there
        self._note = scopes.note

    def _accompany(self, scope: str | None) -> None:
        """Read what goes with a namespace's pods, once those are watched: it must not be in their way."""
        if self._known.nodes and not self._nodes_begun:
            self._nodes_begun = True
            self._others.append(asyncio.create_task(self._pump(None, self._known.nodes.run(self._api))))
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
