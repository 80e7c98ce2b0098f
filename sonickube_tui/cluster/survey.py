"""Which namespaces are followed: those that are meant, that there are, and whose pods the user may list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import msgspec

from sonickube_tui.cluster.connect import Api, ApiError, Unreachable
from sonickube_tui.cluster.patterns import Wanted
from sonickube_tui.cluster.watching import NONSENSE, in_words
from sonickube_tui.errors import UserError

LOOK_EVERY = 30.0
"""Seconds between two looks at which namespaces there are."""

NEEDED = "it takes the verbs list and watch on pods"


class Scope(msgspec.Struct, frozen=True):
    """One namespace, or all at once when `namespace` is None.

    `new` says that the namespace was not there at the look before: all that is in it is news.
    """

    namespace: str | None
    new: bool = False


class Scopes(msgspec.Struct, frozen=True):
    """What is followed from now on; `note` is one line about what is not, or empty.

    `there` are all namespaces that there are, where that was asked.
    """

    followed: tuple[Scope, ...]
    note: str = ""
    there: frozenset[str] | None = None


class _Names(msgspec.Struct):
    name: str


class _Named(msgspec.Struct):
    metadata: _Names


class _NamedList(msgspec.Struct):
    items: list[_Named]


async def namespaces(api: Api) -> list[str]:
    """All that there are. Raises as the API does, and msgspec.DecodeError."""
    answer = await api.get("/api/v1/namespaces")
    return [item.metadata.name for item in msgspec.json.decode(answer, type=_NamedList).items]


class Survey:
    """Looks which namespaces there are, again and again where that can change what is followed.

    `before` are those that an earlier survey has seen last.
    """

    def __init__(self, api: Api, wanted: Wanted, selector: str, before: frozenset[str] | None = None) -> None:
        self._api = api
        self._wanted = wanted
        self._selector = selector
        self._before = before

    async def run(self) -> AsyncIterator[Scopes]:
        """What is followed: at once, and after every later look.

        Raises ApiError, Unreachable, UserError and msgspec.DecodeError when the first look is refused, or
        leaves nothing that the user may follow; later ones are noted.
        """
        wanted = self._wanted
        if wanted.named:
            yield Scopes(tuple(map(Scope, wanted.names)))
            return
        if not wanted.patterns and await self._may_list("/api/v1/pods"):
            yield Scopes((Scope(None),))
            return
        try:
            there = frozenset(await namespaces(self._api))
        except ApiError as error:
            if error.code != 403:
                raise
            yield Scopes((Scope(await self._home()),))
            return
        before = there if self._before is None else self._before
        followed = {name: Scope(name) for name in wanted.names}
        found = await self._allowed(there - set(followed))
        followed |= {name: Scope(name, new=name not in before) for name in found}
        if not followed and any(map(wanted.has, there)):
            raise self._nothing_allowed(filter(wanted.has, there))
        note = self._note(there)
        while True:
            yield Scopes(tuple(followed.values()), note, there)
            await asyncio.sleep(LOOK_EVERY)
            try:
                now = frozenset(await namespaces(self._api))
                found = await self._allowed(now - set(followed))
            except (ApiError, Unreachable, *NONSENSE) as error:
                note = f"new namespaces are not seen: {in_words(error)}"
                continue
            followed = {
                name: scope for name, scope in followed.items() if name in now or name in wanted.names
            }
            followed |= {name: Scope(name, new=name not in there) for name in found}
            there, note = now, self._note(now)

    async def _home(self) -> str:
        """The context's own namespace, which is all that is left to who may not list namespaces."""
        if self._wanted != Wanted():
            raise UserError(
                f"patterns for -n need to list namespaces, which this user of {self._api.cluster} may not: "
                "name the namespaces instead"
            )
        if not await self._allowed([self._api.namespace]):
            raise self._nothing_allowed([self._api.namespace])
        return self._api.namespace

    async def _allowed(self, namespaces: Iterable[str]) -> list[str]:
        """Those of the namespaces that are meant and whose pods the user may list."""
        meant = sorted(filter(self._wanted.has, namespaces))
        return [name for name in meant if await self._may_list(f"/api/v1/namespaces/{name}/pods")]

    async def _may_list(self, path: str) -> bool:
        try:
            await self._api.get(path, limit="1", labelSelector=self._selector)
        except ApiError as error:
            if error.code == 403:
                return False
            raise
        return True

    def _note(self, there: Iterable[str]) -> str:
        if unmatched := self._wanted.unmatched(there):
            return f"no namespace matches {', '.join(unmatched)} yet; waiting for one"
        if not any(map(self._wanted.has, there)):
            return "there is no namespace but those left out; waiting for one"
        return ""

    def _nothing_allowed(self, namespaces: Iterable[str]) -> UserError:
        return UserError(
            f"this user may not list pods of {self._api.cluster}, not even in "
            f"{', '.join(sorted(namespaces))}: {NEEDED}; name a namespace where you have them with -n"
        )
