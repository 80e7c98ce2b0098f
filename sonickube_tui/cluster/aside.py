"""List and watch of what is good to know and never needed: nodes, and the cluster's own Events.

By the rules of `reflector`, but without its word on how the connection stands: a refusal is no error here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Generic, Literal, Protocol, TypeVar

import msgspec

from sonickube_tui.cluster.connect import Api, ApiError, Unreachable
from sonickube_tui.cluster.pod import ListMetadata, decode_status
from sonickube_tui.cluster.watching import NONSENSE, PAGE, SHORT, Backoff, pages, refusal, watch
from sonickube_tui.errors import UserError

ASK_AGAIN = 180.0
"""Seconds after a refusal until the next try: a permission that is given meanwhile is noticed."""


class Metadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """`metadata` of any object."""

    name: str = ""
    uid: str = ""
    resource_version: str = ""


class HasMetadata(Protocol):
    """Any object of the API."""

    @property
    def metadata(self) -> Metadata: ...


Thing = TypeVar("Thing", bound=HasMetadata)


class Refused(msgspec.Struct, frozen=True, gc=False):
    """It may not be read, or not any more."""


class Listed(msgspec.Struct, Generic[Thing], frozen=True):
    """All that there is now."""

    things: list[Thing]


class Changed(msgspec.Struct, Generic[Thing], frozen=True, gc=False):
    """One object was made or changed, or when `gone` deleted."""

    thing: Thing
    gone: bool


class _List(msgspec.Struct, frozen=True):
    metadata: ListMetadata
    items: list[msgspec.Raw]


class _Line(msgspec.Struct, frozen=True, gc=False):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: msgspec.Raw


_decode_list = msgspec.json.Decoder(_List).decode
_decode_line = msgspec.json.Decoder(_Line).decode


class Aside(Generic[Thing]):
    """Follows one path, or what a field selector chooses of it; `decode` reads an object.

    With `past` a list comes before the watch, and after an outage; without, only what is new is read.
    """

    def __init__(
        self, api: Api, path: str, decode: Callable[[msgspec.Raw], Thing], *, past: bool, fields: str = ""
    ) -> None:
        self._api = api
        self._path = path
        self._decode = decode
        self._past = past
        self._fields = fields
        self._version = ""

    async def run(self) -> AsyncGenerator[Refused | Listed[Thing] | Changed[Thing]]:
        """What there is and what becomes of it, for ever. Nothing that the server says raises."""
        backoff = Backoff()
        while True:
            began = time.monotonic()
            try:
                if not self._version:
                    yield Listed(await self._list())
                    began = time.monotonic()
                async with aclosing(self._watch()) as changes:
                    async for change in changes:
                        yield change
                if time.monotonic() - began >= SHORT:
                    continue
            except Unreachable:
                pass  # It goes on where it broke off.
            except (ApiError, UserError, *NONSENSE) as error:
                self._version = ""
                if _refuses(error):
                    yield Refused()
                    await asyncio.sleep(ASK_AGAIN)
                    continue
            await asyncio.sleep(backoff.pause(time.monotonic()))

    async def _list(self) -> list[Thing]:
        """What there is; without a past nothing, but as of now."""
        things: list[Thing] = []
        version = ""
        query = {"limit": str(PAGE if self._past else 1), "fieldSelector": self._fields}
        async with aclosing(pages(self._api, self._path, _decode_list, **query)) as found:
            async for page in found:
                version = page.metadata.resource_version
                if not self._past:
                    break
                things += map(self._decode, page.items)
        self._version = version
        return things

    async def _watch(self) -> AsyncGenerator[Changed[Thing]]:
        async with aclosing(watch(self._api, self._path, self._version, fieldSelector=self._fields)) as lines:
            async for line in lines:
                change = _decode_line(line)
                if change.type == "ERROR":
                    raise refusal(decode_status(change.object))
                thing = self._decode(change.object)
                if change.type != "BOOKMARK":
                    yield Changed(thing, gone=change.type == "DELETED")
                self._version = thing.metadata.resource_version


def _refuses(error: Exception) -> bool:
    """Whether there is no sense in asking again soon."""
    return not isinstance(error, NONSENSE) and not (
        isinstance(error, ApiError) and (error.expired or error.passing)
    )
