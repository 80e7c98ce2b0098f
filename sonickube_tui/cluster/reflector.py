"""List and watch the pods of one path, as client-go's reflector does, and tell what happened to them."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing

from sonickube_tui.cluster.connect import REQUEST_TIMEOUT, Api, ApiError, Unreachable
from sonickube_tui.cluster.ledger import Ledger
from sonickube_tui.cluster.pod import (
    Added,
    Bookmark,
    PodList,
    WatchError,
    WatchEvent,
    decode_list,
    decode_watch_event,
)
from sonickube_tui.cluster.watching import NONSENSE, PAGE, SHORT, Backoff, in_words, pages, refusal, watch
from sonickube_tui.event import Connection, Event, Item, Link

PATIENCE = 10.0
"""Seconds without another pod after which a watch that was to begin with all of them, and has not said that
these are all, is one of a server that does not know how."""


class _Unmarked(Exception):
    """The server watches, but does not say where the pods that were there before end."""


class Reflector:
    """Follows the pods of one namespace, or when `namespace` is None of all.

    It lists first, and after an outage; the list is compared with what the `ledger` knows, which may be of
    an earlier reflector. So nothing that happened meanwhile is lost, and nothing is told twice. A `patient`
    one waits when it may not list.
    """

    def __init__(
        self,
        api: Api,
        namespace: str | None = None,
        selector: str = "",
        *,
        ledger: Ledger | None = None,
        patient: bool = False,
    ) -> None:
        self._api = api
        self._path = f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"
        self._selector = selector
        self._ledger = ledger or Ledger(api.cluster)
        self._ledger.begin()
        self._patient = patient
        self._version = ""
        self._began = math.inf

    @property
    def pods(self) -> int:
        """How many pods are known now."""
        return self._ledger.pods

    def overdue(self) -> Iterator[Event]:
        """What has taken too long by now; to be asked every second or so."""
        return self._ledger.overdue(time.time())

    async def run(self) -> AsyncIterator[Item]:
        """List, watch, and begin again where it broke off, for ever.

        Raises ApiError when the very first list is refused, or at any time the credentials, and UserError
        when the server is not trusted: that is for the user to mend.
        """
        backoff = Backoff()
        away = False
        while True:
            self._began = math.inf  # No watch has begun yet.
            try:
                stream = self._watch(away) if self._ledger.complete else self._list()
                async with aclosing(stream):
                    async for item in stream:
                        yield item
                if time.monotonic() - self._began >= SHORT:
                    away = False
                    continue
                why = "the watch ended at once"
            except Unreachable as error:
                why = in_words(error)
            except NONSENSE as error:
                why = in_words(error)
                self._ledger.begin()
            except ApiError as error:
                may_pass = error.expired or error.passing or self._patient or not self._ledger.first
                if error.code == 401 or not may_pass:
                    raise
                why = in_words(error)
                if error.code != 429:
                    self._ledger.begin()
                if error.expired and time.monotonic() - self._began >= SHORT:
                    continue
            away = True
            pause = backoff.pause(time.monotonic())
            yield self._connection(Link.RECONNECTING, f"{why}; trying again in {pause:.0f} s")
            await asyncio.sleep(pause)

    async def _list(self) -> AsyncGenerator[Item]:
        """All pods, and from then on what happens to them, until the server ends the watch."""
        if self._api.streams_lists:
            try:
                async with aclosing(self._list_as_stream()) as stream:
                    async for item in stream:
                        yield item
                return
            except ApiError as error:
                if self._ledger.complete or error.code not in (400, 422):
                    raise
            except _Unmarked:
                pass
            self._api.streams_lists = False
        async with aclosing(self._list_in_pages()) as stream:
            async for item in stream:
                yield item

    async def _list_as_stream(self) -> AsyncGenerator[Item]:
        """A watch that begins with the pods that are there, one by one (KEP-3157, sendInitialEvents).

        Raises ApiError with code 422 (1.20 to 1.26, and later without its feature WatchList) or _Unmarked
        when the server does not know that.
        """
        clock = asyncio.get_running_loop().time
        self._ledger.begin()
        lines = self._lines("", begun=True, sendInitialEvents="true", resourceVersionMatch="NotOlderThan")
        async with aclosing(lines):
            until = clock() + REQUEST_TIMEOUT
            while not self._ledger.complete:
                try:
                    async with asyncio.timeout_at(until):
                        line = await anext(lines)
                except (TimeoutError, StopAsyncIteration):
                    raise _Unmarked from None
                if not line:
                    until = clock() + PATIENCE
                    continue
                told = decode_watch_event(line)
                for item in self._take_first(told):
                    yield item
                if isinstance(told, Added):
                    until = clock() + PATIENCE
            self._began = time.monotonic()
            async for line in lines:
                for item in self._hear(decode_watch_event(line)):
                    yield item

    async def _list_in_pages(self) -> AsyncGenerator[Item]:
        """Page by page. All pages are of the first one's version, so the watch goes on from there at once."""
        self._ledger.begin()
        query = {"limit": str(PAGE), "labelSelector": self._selector}
        async with aclosing(pages(self._api, self._path, decode_list, **query)) as rest:
            page = await anext(rest)
            self._version = page.metadata.resource_version
            for item in self._take_in(page):
                yield item
            self._began = time.monotonic()
            async with (
                aclosing(self._lines(self._version)) as lines,
                aclosing(_beside(rest, lines)) as both,
            ):
                async for found in both:
                    if isinstance(found, PodList):
                        items = self._take_in(found)
                    else:
                        items = self._hear(decode_watch_event(found))
                    for item in items:
                        yield item

    async def _watch(self, away: bool) -> AsyncGenerator[Item]:
        """Follow the changes from the last known version until the server ends the watch.

        When the server was `away`, it is told first that it has answered. Raises ApiError when the server
        says so in the stream, and as the API does.
        """
        self._began = time.monotonic()
        async with aclosing(self._lines(self._version, begun=away)) as lines:
            async for line in lines:
                if not line:
                    yield self._connection(Link.WATCHING)
                    continue
                for item in self._hear(decode_watch_event(line)):
                    yield item

    def _lines(self, version: str, *, begun: bool = False, **query: str) -> AsyncGenerator[bytes]:
        return watch(self._api, self._path, version, begun=begun, labelSelector=self._selector, **query)

    def _take_in(self, page: PodList) -> Iterator[Item]:
        at = time.time()
        for pod in page.items:
            yield from self._ledger.list(pod, at)
        if page.metadata.continue_:
            yield self._listing(page.metadata.remaining_item_count)
        else:
            yield from self._end()

    def _take_first(self, told: WatchEvent) -> Iterator[Item]:
        """What a watch says that begins with all pods, until it has."""
        match told:
            case Added(pod) if not self._ledger.has_listed(pod):
                before = self._ledger.listed
                yield from self._ledger.list(pod, time.time())
                if before < self._ledger.listed and self._ledger.listed % PAGE == 0:
                    yield self._listing()
            case Bookmark(mark) if mark.ends_list:
                self._version = mark.metadata.resource_version
                yield from self._end()
            case Bookmark():
                raise _Unmarked
            case _:
                yield from self._hear(told)

    def _hear(self, told: WatchEvent) -> Iterator[Item]:
        if isinstance(told, WatchError):
            raise refusal(told.object)
        if not isinstance(told, Bookmark):
            yield from self._ledger.hear(told, time.time())
        # Only now: what is not taken in yet must come again if this breaks off.
        self._version = told.object.metadata.resource_version

    def _end(self) -> Iterator[Item]:
        yield from self._ledger.end(time.time())
        yield self._connection(Link.WATCHING)

    def _listing(self, left: int | None = None) -> Connection:
        done = self._ledger.listed
        return Connection(
            at=time.time(),
            cluster=self._api.cluster,
            link=Link.LISTING,
            pods=done,
            expected=0 if left is None else done + left,
        )

    def _connection(self, link: Link, detail: str = "") -> Connection:
        return Connection(at=time.time(), cluster=self._api.cluster, link=link, pods=self.pods, detail=detail)


async def _beside(
    pages: AsyncGenerator[PodList], lines: AsyncGenerator[bytes]
) -> AsyncGenerator[PodList | bytes]:
    """Pages to the last one, the lines that come meanwhile, and then those that follow, to their end.

    What breaks the lines off is raised after the last page: the pages need not be read again for it.
    """
    page = asyncio.ensure_future(anext(pages, None))
    line = asyncio.ensure_future(anext(lines, None))
    try:
        over = False
        while True:
            await asyncio.wait({page} if over else {page, line}, return_when=asyncio.FIRST_COMPLETED)
            if page.done():
                if (found := page.result()) is None:
                    break
                page = asyncio.ensure_future(anext(pages, None))
                yield found
            elif line.exception() is not None or (said := line.result()) is None:
                over = True
            else:
                line = asyncio.ensure_future(anext(lines, None))
                yield said
        if (said := await line) is not None:
            yield said
            async for said in lines:
                yield said
    finally:
        page.cancel()
        line.cancel()
        await asyncio.gather(page, line, return_exceptions=True)
