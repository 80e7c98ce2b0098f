"""What all share that list and watch a path of the API server: pages, one watch, and pauses between tries."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable
from typing import Protocol, TypeVar

import msgspec

from sonickube_tui.cluster.connect import Api, ApiError
from sonickube_tui.cluster.pod import ListMetadata, ServerStatus

PAGE = 500
"""Objects in one answer: ten thousand pods in one take 264 MB where twenty pages take 90."""

WATCH_SECONDS = (300, 600)
"""How long a watch is asked to last, drawn at random so that many clients do not come back at once."""

GRACE = 60.0
"""Seconds past its end after which a watch that stays silent is cut: the connection is half-open."""

SHORT = 1.0
"""Seconds that a watch must last; the end of a shorter one is a failure, after which we pause."""

NONSENSE = (msgspec.DecodeError, UnicodeDecodeError)
"""What decoders raise for an answer that is not as Kubernetes gives it."""


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


class Page(Protocol):
    """A part of a list."""

    @property
    def metadata(self) -> ListMetadata: ...


_Page = TypeVar("_Page", bound=Page)


async def pages(api: Api, path: str, decode: Callable[[bytes], _Page], **query: str) -> AsyncGenerator[_Page]:
    """A list to its last page. Raises as the API does, and what `decode` raises."""
    token = ""
    while True:
        # Without a version: the answers for version 0 come from a cache that gives all objects at once.
        page = decode(await api.get(path, **{"continue": token}, **query))
        yield page
        token = page.metadata.continue_
        if not token:
            return


def watch(api: Api, path: str, version: str, *, begun: bool = False, **query: str) -> AsyncGenerator[bytes]:
    """The lines of one watch from a version on, as the API gives them."""
    seconds = random.randint(*WATCH_SECONDS)
    return api.lines(
        path,
        idle=seconds + GRACE,
        begun=begun,
        watch="true",
        allowWatchBookmarks="true",
        resourceVersion=version,
        timeoutSeconds=str(seconds),
        **query,
    )


def refusal(status: ServerStatus) -> ApiError:
    """What the server has said in the midst of a watch."""
    return ApiError(status.code, status.reason, status.message)


def in_words(error: Exception) -> str:
    """What went wrong, on one line."""
    return f"the server's answer makes no sense: {error}" if isinstance(error, NONSENSE) else str(error)
