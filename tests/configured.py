"""A server to which a kubeconfig leads.

Knows nothing of pytest.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from sonickube_tui.cluster.connect import connect

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """A server that answers everything with `{}` and keeps the requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[web.Request] = []

    @property
    def credentials(self) -> list[str | None]:
        """The Authorization headers of all requests."""
        return [request.headers.get("Authorization") for request in self.requests]


@asynccontextmanager
async def serving(handler: Handler | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    async def answer(request: web.Request) -> web.StreamResponse:
        server.requests.append(request)
        return await handler(request) if handler else web.json_response({})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    server = Server(f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield server
    finally:
        await runner.cleanup()


def kubeconfig(
    file: Path,
    server: str,
    user: Json | None = None,
    *,
    name: str = "prod",
    current: str | None = "prod",
    namespace: str | None = None,
    **cluster: object,
) -> str:
    """Write a kubeconfig with one context and return its path."""
    context = {"cluster": name, "user": name} | ({"namespace": namespace} if namespace else {})
    config: Json = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, **cluster}}],
        "contexts": [{"name": name, "context": context}],
        "users": [{"name": name, "user": user or {}}],
    }
    if current is not None:
        config["current-context"] = current
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(config))
    return str(file)


def kubeconfig_of(file: Path, servers: dict[str, str], **users: Json) -> str:
    """Write one with a context for each server, and the users that are not just a token; return its path."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}} for name, server in servers.items()],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in servers],
        "users": [{"name": name, "user": users.get(name, {"token": "t"})} for name in servers],
    }
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(config))
    draft.replace(file)
    return str(file)


async def ask(file: str | None = None, context: str | None = None) -> None:
    """Connect, and ask once."""
    async with await connect(file, context) as api:
        assert await api.get("/version") == b"{}"
