"""List and watch the pods of one path, as client-go's reflector does, and tell what happened to them."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing

import msgspec

from sonickube_tui.cluster.connect import Api, ApiError, Unreachable
from sonickube_tui.cluster.lifecycle import event
from sonickube_tui.cluster.pod import (
    Added,
    Bookmark,
    Deleted,
    ListMetadata,
    Modified,
    Pod,
    WatchError,
    decode_list,
    decode_watch_event,
)
from sonickube_tui.cluster.vigil import Vigil
from sonickube_tui.event import Connection, Event, Item, Link

PAGE = 500
"""Pods in one answer: a page of ten thousand costs nearly a gigabyte."""

WATCH_SECONDS = (300, 600)
"""How long a watch is asked to last, drawn at random so that many clients do not come back at once."""

GRACE = 60.0
"""Seconds past its end after which a watch that stays silent is cut: the connection is half-open."""

SHORT = 1.0
"""Seconds that a watch must last; the end of a shorter one is a failure, after which we pause."""


class Backoff:
    """Growing pauses between tries: 0.8 s doubling to 30 s with full jitter, as client-go has it.

    Two healthy minutes bring it back to the start.
    """

    def __init__(self, first: float = 0.8, longest: float = 30.0, healthy_after: float = 120.0) -> None:
        self._first, self._longest, self._healthy_after = first, longest, healthy_after
        self._next = first
        self._last = float("-inf")

    def pause(self, now: float) -> float:
        """Seconds to wait before the next try; `now` is on a monotonic clock."""
        if now - self._last > self._healthy_after:
            self._next = self._first
        self._last = now
        pause, self._next = self._next, min(self._longest, self._next * 2)
        return random.uniform(pause, 2 * pause)


class Reflector:
    """Follows the pods of one namespace, or when `namespace` is None of all that are `wanted`.

    The first list is silent, unless the namespace is `new`. After an outage the new list is compared with
    what was known, so nothing that happened meanwhile is lost, and nothing is told twice.
    """

    def __init__(
        self,
        api: Api,
        namespace: str | None = None,
        selector: str = "",
        *,
        wanted: Callable[[str], bool] = lambda namespace: True,
        new: bool = False,
    ) -> None:
        self._api = api
        self._wanted = wanted
        self._new = new
        self._path = f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"
        self._selector = selector
        self._pods: dict[tuple[str, str], Pod] = {}
        self._version: str | None = None
        self._vigil = Vigil()

    @property
    def pods(self) -> int:
        """How many pods are known now."""
        return len(self._pods)

    async def list(self, first: bool) -> AsyncIterator[Item]:
        """Read all pods page by page; what changed since they were last known comes out as events.

        Raises ApiError, Unreachable and UserError as the API does.
        """
        seen: dict[tuple[str, str], Pod] = {}
        token = ""
        # The server's cache answers a first list quickly; after an expired version only its store is right.
        version = "0" if first else ""
        while True:
            page = decode_list(
                await self._api.get(
                    self._path,
                    limit=str(PAGE),
                    labelSelector=self._selector,
                    resourceVersion="" if token else version,
                    **{"continue": token},
                )
            )
            seen.update((pod.key, pod) for pod in page.items if self._wanted(pod.metadata.namespace))
            token = page.metadata.continue_
            if not token:
                break
            yield self._connection(Link.LISTING, _progress(len(seen), page.metadata), len(seen))
        known, self._pods = self._pods, seen
        if not first or self._new:
            for event in self._differences(known, seen):
                yield event
        self._version = page.metadata.resource_version
        yield self._connection(Link.WATCHING)

    async def watch(self, away: bool) -> AsyncIterator[Item]:
        """Follow the changes from the last known version until the server ends the watch.

        When the server was `away`, it is told first that it has answered. Raises ApiError when the server
        says so in the stream, and as the API does.
        """
        seconds = random.randint(*WATCH_SECONDS)
        lines = self._api.lines(
            self._path,
            idle=seconds + GRACE,
            begun=away,
            watch="true",
            allowWatchBookmarks="true",
            labelSelector=self._selector,
            resourceVersion=self._version or "",
            timeoutSeconds=str(seconds),
        )
        async with aclosing(lines):
            async for line in lines:
                if not line:
                    yield self._connection(Link.WATCHING)
                    continue
                match decode_watch_event(line):
                    case Added(pod) | Modified(pod) | Deleted(pod) if not self._wanted(
                        pod.metadata.namespace
                    ):
                        self._version = pod.metadata.resource_version
                    case Added(pod) | Modified(pod):
                        old = self._pods.get(pod.key)
                        self._pods[pod.key] = pod
                        self._version = pod.metadata.resource_version
                        for event in self._events(old, pod):
                            yield event
                    case Deleted(pod):
                        self._version = pod.metadata.resource_version
                        for event in self._events(self._pods.pop(pod.key, pod), None):
                            yield event
                    case Bookmark(pod):
                        self._version = pod.metadata.resource_version
                    case WatchError(status):
                        raise ApiError(status.code, status.reason, status.message)

    def _differences(
        self, known: dict[tuple[str, str], Pod], seen: dict[tuple[str, str], Pod]
    ) -> Iterator[Event]:
        for key, old in known.items():
            if key not in seen:
                yield from self._events(old, None)
        for key, new in seen.items():
            yield from self._events(known.get(key), new)

    def _events(self, old: Pod | None, new: Pod | None) -> Iterator[Event]:
        return self._vigil.tell(old, new, at=time.time(), cluster=self._api.cluster)

    def overdue(self) -> Iterator[Event]:
        """What has taken too long by now; to be asked every second or so."""
        at = time.time()
        for pod, change in self._vigil.overdue(at):
            yield event(pod, change, at=at, cluster=self._api.cluster)

    def _connection(self, link: Link, detail: str = "", pods: int | None = None) -> Connection:
        return Connection(
            at=time.time(),
            cluster=self._api.cluster,
            link=link,
            pods=self.pods if pods is None else pods,
            detail=detail,
        )

    async def run(self) -> AsyncIterator[Item]:
        """List, watch, and begin again where it broke off, for ever.

        Raises ApiError and UserError when the very first list is refused: that is for the user to mend.
        """
        backoff = Backoff()
        first = True
        away = False
        while True:
            began = math.inf  # No watch has begun yet.
            try:
                if self._version is None:
                    async for item in self.list(first):
                        yield item
                    first = away = False
                began = time.monotonic()
                async for item in self.watch(away):
                    yield item
                if time.monotonic() - began >= SHORT:
                    away = False
                    continue
                why = "the watch ended at once"
            except Unreachable as error:
                why = str(error)
            except msgspec.DecodeError as error:
                why = f"the server's answer makes no sense: {error}"
                self._version = None
            except ApiError as error:
                if first and not (error.expired or error.passing):
                    raise
                why = str(error)
                if error.code != 429:
                    self._version = None
                if error.expired and time.monotonic() - began >= SHORT:
                    continue
            away = True
            pause = backoff.pause(time.monotonic())
            yield self._connection(Link.RECONNECTING, f"{why}; trying again in {pause:.0f} s")
            await asyncio.sleep(pause)


def _progress(done: int, page: ListMetadata) -> str:
    left = page.remaining_item_count
    return f"{done:,} of {done + left:,} pods" if left is not None else f"{done:,} pods"
