"""A cluster as a source: one stream of events from all the namespaces that are followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec

from sonickube_tui.cluster.connect import Api, ApiError, Unreachable
from sonickube_tui.cluster.reflector import Backoff, Reflector
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event, Link

_NEEDED = "it takes the verbs list and watch on pods"


class _Names(msgspec.Struct, rename="camel"):
    name: str


class _Named(msgspec.Struct):
    metadata: _Names


class _NamedList(msgspec.Struct):
    items: list[_Named]


async def follow(
    connect: Callable[[], Awaitable[Api]], namespaces: Sequence[str] = (), selector: str = ""
) -> AsyncIterator[Event | Connection]:
    """What happens to the pods of a cluster, for ever.

    Without `namespaces` all are followed that the user may list. Raises UserError when the cluster refuses:
    credentials, permissions, or a selector it cannot parse.
    """
    async with await connect() as api:
        connecting = Connection(at=time.time(), cluster=api.cluster, link=Link.CONNECTING, detail=api.server)
        yield connecting
        backoff = Backoff()
        while True:
            try:
                scopes: Sequence[str | None] = list(dict.fromkeys(namespaces)) or await _allowed(
                    api, selector
                )
                reflectors = [Reflector(api, scope, selector) for scope in scopes]
                async for item in _together(reflectors, connecting):
                    yield item
            except (ApiError, Unreachable) as error:
                if isinstance(error, ApiError) and not error.passing:
                    raise _explained(error, api, namespaces, selector) from None
                pause = backoff.pause(time.monotonic())
                detail = f"{api.server}: {error}; trying again in {pause:.0f} s"
                yield Connection(at=time.time(), cluster=api.cluster, link=Link.RECONNECTING, detail=detail)
                await asyncio.sleep(pause)


async def _allowed(api: Api, selector: str) -> Sequence[str | None]:
    """All namespaces at once, or those the user may list one by one."""
    if await _may_list(api, "/api/v1/pods", selector):
        return [None]
    try:
        answer = await api.get("/api/v1/namespaces")
        names = [item.metadata.name for item in msgspec.json.decode(answer, type=_NamedList).items]
    except ApiError as error:
        if error.code != 403:
            raise
        names = [api.namespace]
    paths = [f"/api/v1/namespaces/{name}/pods" for name in names]
    allowed = [name for name, path in zip(names, paths, strict=True) if await _may_list(api, path, selector)]
    if not allowed:
        raise UserError(
            f"this user may not list pods of {api.cluster}, not even in {', '.join(names)}: {_NEEDED}; "
            "name a namespace where you have them with -n"
        )
    return allowed


async def _may_list(api: Api, path: str, selector: str) -> bool:
    try:
        await api.get(path, limit="1", labelSelector=selector)
    except ApiError as error:
        if error.code == 403:
            return False
        raise
    return True


async def _together(
    reflectors: Sequence[Reflector], connecting: Connection
) -> AsyncIterator[Event | Connection]:
    """The streams of all reflectors as one, with one account of how they stand with the cluster.

    A reflector that has told nothing yet is still `connecting`.
    """
    queue: asyncio.Queue[tuple[int, Event | Connection | Exception]] = asyncio.Queue(1_000)

    async def pump(number: int, reflector: Reflector) -> None:
        try:
            async for item in reflector.run():
                await queue.put((number, item))
        except Exception as error:
            # Whatever it is, it must come out where somebody listens.
            await queue.put((number, error))

    tasks = [asyncio.create_task(pump(number, reflector)) for number, reflector in enumerate(reflectors)]
    links = [connecting] * len(reflectors)
    told: Connection | None = None
    told_at = 0.0
    try:
        while True:
            number, item = await queue.get()
            if isinstance(item, Exception):
                raise item
            if isinstance(item, Connection):
                links[number] = item
            else:
                yield item
            if not isinstance(item, Connection) and time.monotonic() - told_at < 1.0:
                continue
            summary = _summary(links, sum(reflector.pods for reflector in reflectors))
            if told is None or msgspec.structs.replace(summary, at=told.at) != told:
                told, told_at = summary, time.monotonic()
                yield summary
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _summary(links: Sequence[Connection], pods: int) -> Connection:
    """The worst of several links speaks for all."""
    worst = max(links, key=lambda connection: _CONCERN[connection.link])
    return msgspec.structs.replace(worst, pods=max(pods, worst.pods))


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
        return UserError(f"this user may not list pods of {api.cluster} in {where}: {_NEEDED}")
    if error.code == 404:
        return UserError(f"{api.server} is no Kubernetes API server: {error}")
    return UserError(f"{api.server} refused ({error.code}): {error}")
