"""What comes over the wire: whole, cut off, refused, or by a proxy."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from configured import ask, kubeconfig, serving
from sonickube_tui.cluster import connect as room
from sonickube_tui.cluster.connect import ApiError, Unreachable, plain
from sonickube_tui.errors import UserError

Json = dict[str, Any]

pytestmark = pytest.mark.usefixtures("home")


async def test_lines_come_whole_however_the_answer_is_cut() -> None:
    long = b"x" * 3_000_000

    async def pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b"on", b"e\ntwo\n\nthr", b"ee\n", long, b"\n"):
            await response.write(piece)
            await asyncio.sleep(0.01)
        return response

    async with serving(pieces) as server, plain(server.url, "test") as api:
        assert [line async for line in api.lines("/", idle=10)] == [b"one", b"two", b"three", long]


async def test_that_an_answer_has_begun_is_told_before_its_first_line() -> None:
    async def fall_silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.Event().wait()
        return response

    async with (
        serving(fall_silent) as server,
        plain(server.url, "test") as api,
        aclosing(api.lines("/", idle=10, begun=True)) as lines,
        asyncio.timeout(20),
    ):
        assert await anext(lines) == b""


async def test_a_half_open_connection_is_cut_when_it_has_been_silent_too_long() -> None:
    async def fall_silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one\n")
        await asyncio.Event().wait()
        return response

    async with serving(fall_silent) as server, plain(server.url, "test") as api:
        heard = []
        async with asyncio.timeout(20), aclosing(api.lines("/", idle=0.5)) as lines:
            with pytest.raises(Unreachable, match="no answer in time"):
                async for line in lines:
                    heard.append(line)  # noqa: PERF401 - what came before the failure counts.
        assert heard == [b"one"]


@pytest.mark.parametrize("ask", ["get", "lines"])
async def test_a_server_that_accepts_and_keeps_silent_is_unreachable(
    monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    monkeypatch.setattr(room, "REQUEST_TIMEOUT", 0.5)

    async def keep_silent(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    async with serving(keep_silent) as server, plain(server.url, "test") as api, asyncio.timeout(20):
        with pytest.raises(Unreachable, match="no answer in time"):
            await (api.get("/") if ask == "get" else anext(api.lines("/", idle=0.5)))


async def test_a_connection_that_breaks_off_is_unreachable() -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one\ntw")
        assert request.transport
        request.transport.abort()
        return response

    async with serving(break_off) as server, plain(server.url, "test") as api:
        with pytest.raises(Unreachable):
            [line async for line in api.lines("/", idle=10)]


@pytest.mark.parametrize(
    ("code", "body", "reason", "message"),
    [
        (410, '{"kind": "Status", "reason": "Expired", "message": "too old"}', "Expired", "too old"),
        (403, '{"kind": "Status", "reason": "Forbidden", "message": null}', "", '{"kind": "Status"'),
        (502, "<html>bad gateway</html>", "", "<html>bad gateway</html>"),
        (500, "", "", "HTTP 500"),
    ],
)
async def test_a_refusal_comes_with_the_servers_words(
    code: int, body: str, reason: str, message: str
) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=body)

    async with serving(refuse) as server, plain(server.url, "test") as api:
        with pytest.raises(ApiError) as refused:
            await api.get("/")
    assert (refused.value.code, refused.value.reason) == (code, reason)
    assert str(refused.value).startswith(message)
    assert refused.value.expired is (code == 410)


async def test_http_where_tls_is_expected_is_told_as_that() -> None:
    async with serving() as server, plain(server.url.replace("http:", "https:"), "test") as api:
        with pytest.raises((Unreachable, UserError), match=r"SSL|TLS"):
            await api.get("/")


async def test_a_name_that_is_not_known_is_told_as_that() -> None:
    async with plain("http://nowhere.invalid", "test") as api:
        with pytest.raises(Unreachable) as failed:
            await api.get("/")
    assert "Unknown error" not in str(failed.value)


@pytest.mark.parametrize("server", ["ftp://127.0.0.1:1", "localhost:1", "nowhere"])
async def test_a_server_that_is_no_http_url_is_named(home: Path, server: str) -> None:
    with pytest.raises(UserError, match=f"'{server}' is not a URL with http:// or https://"):
        await ask(kubeconfig(home / "config", server))


async def test_a_proxy_of_the_environment_is_asked_for_a_cluster_elsewhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = kubeconfig(home / "config", "http://cluster.invalid")
    async with serving() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        await ask(file)
        monkeypatch.setenv("no_proxy", "cluster.invalid")
        with pytest.raises(Unreachable):
            await ask(file)
        assert [request.host for request in proxy.requests] == ["cluster.invalid"]


async def test_a_proxy_of_the_kubeconfig_is_always_asked(home: Path) -> None:
    async with serving() as proxy:
        await ask(kubeconfig(home / "config", "http://127.0.0.1:1", **{"proxy-url": proxy.url}))
        assert [request.host for request in proxy.requests] == ["127.0.0.1"]


async def test_a_proxy_of_the_environment_is_not_asked_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with kubectl: Go's `http.ProxyFromEnvironment` never sends loopback through a proxy."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with serving() as server, plain(server.url, "demo") as api:
        assert await api.get("/version") == b"{}"
