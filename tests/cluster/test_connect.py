"""From a kubeconfig to bytes: real files, a real server on loopback, real TLS, real credential plug-ins."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web
from kubernetes.aio.config import incluster_config

from players import until
from sonickube_tui.cluster import connect as room
from sonickube_tui.cluster.connect import ApiError, Unreachable, connect, plain
from sonickube_tui.errors import UserError

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


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and nothing in the environment that shows a way to a cluster."""
    for name in list(os.environ):
        if name.startswith("KUBE") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


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


async def ask(file: str | None = None, context: str | None = None) -> None:
    """Connect, and ask once."""
    async with await connect(file, context) as api:
        assert await api.get("/version") == b"{}"


# Credentials


@pytest.mark.parametrize(
    ("user", "sent"),
    [
        ({"token": "secret"}, "Bearer secret"),
        ({"tokenFile": "token"}, "Bearer from-a-file"),
        ({"username": "me", "password": "secret"}, f"Basic {base64.b64encode(b'me:secret').decode()}"),
        ({}, None),
    ],
    ids=["token", "token-file", "password", "nothing"],
)
async def test_the_users_credentials_are_sent(home: Path, user: Json, sent: str | None) -> None:
    (home / "token").write_text("from-a-file")
    async with serving() as server:
        await ask(kubeconfig(home / "config", server.url, user))
        assert server.credentials == [sent]


async def test_a_token_file_is_read_again_when_its_token_has_changed(home: Path) -> None:
    (home / "token").write_text("old")
    async with (
        serving() as server,
        await connect(kubeconfig(home / "config", server.url, {"tokenFile": "token"})) as api,
    ):
        await api.get("/version")
        (home / "token").write_text("new")
        await api.get("/version")
        assert server.credentials == ["Bearer old", "Bearer new"]


async def test_a_token_file_that_is_gone_is_a_failure_like_others(home: Path) -> None:
    (home / "token").write_text("old")
    async with (
        serving() as server,
        await connect(kubeconfig(home / "config", server.url, {"tokenFile": "token"})) as api,
    ):
        (home / "token").unlink()
        with pytest.raises((Unreachable, UserError), match="token"):
            await api.get("/version")


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ({"client-certificate": "nowhere.crt", "client-key": "junk"}, "nowhere.crt"),
        ({"client-certificate": "junk", "client-key": "junk"}, "certificates for https://127.0.0.1:1 cannot"),
        ({"client-certificate-data": "anVuaw==", "client-key-data": "anVuaw=="}, "cannot be read"),
        ({"client-certificate-data": "YQ", "client-key-data": "YQ"}, "config: .*padding"),
    ],
    ids=["missing", "junk", "junk-inside", "no-base64"],
)
async def test_client_certificates_that_cannot_be_read(home: Path, user: Json, says: str) -> None:
    (home / "junk").write_text("junk")
    with pytest.raises(UserError, match=says) as refused:
        await connect(kubeconfig(home / "config", "https://127.0.0.1:1", user))
    assert "\n" not in str(refused.value)


# Credential plug-ins


class Plugin:
    """A credential plug-in: it chatters on stderr and prints a token with the number of its run."""

    def __init__(self, folder: Path, expires: str | None = None) -> None:
        status = {"token": "run-@"} | ({"expirationTimestamp": expires} if expires else {})
        credential = json.dumps(
            {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
        )
        self._runs = folder / "runs"
        self._file = folder / "plugin"
        self._file.write_text(
            "#!/bin/sh\n"
            "echo 'Opening your browser' >&2\n"
            f"echo run >> '{self._runs}'\n"
            f"echo '{credential}' | sed \"s/@/$(wc -l < '{self._runs}' | tr -d ' ')/\"\n"
        )
        self._file.chmod(0o755)

    @property
    def user(self) -> Json:
        """The kubeconfig user who has it."""
        return {
            "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(self._file), "args": []}
        }

    @property
    def runs(self) -> int:
        return len(self._runs.read_text().splitlines())

    def give(self, certificate: Path) -> None:
        """From now on it prints a client certificate and the key beside it."""
        key = certificate.with_name("tls.key")
        status = {"clientCertificateData": certificate.read_text(), "clientKeyData": key.read_text()}
        credential = self._file.with_name("credential")
        credential.write_text(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "status": status}))
        self.do(f"cat '{credential}'")

    def break_down(self) -> None:
        """From now on it fails."""
        self.do("echo 'your session has ended' >&2; exit 1")

    def do(self, script: str) -> None:
        """From now on it does something else."""
        self._file.write_text(f"#!/bin/sh\n{script}\n")


async def test_a_plug_ins_token_is_sent_and_its_chatter_stays_off_the_screen(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with serving() as server:
        await ask(kubeconfig(home / "config", server.url, Plugin(home, "2100-01-01T00:00:00Z").user))
        assert server.credentials == ["Bearer run-1"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("expires", ["2100-01-01T00:00:00Z", None])
async def test_a_plug_in_runs_once_while_its_credential_is_good(home: Path, expires: str | None) -> None:
    """Without a time of its own a credential is good until the process ends (or the server says 401).

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#input-and-output-formats
    """
    plugin = Plugin(home, expires)
    async with (
        serving() as server,
        await connect(kubeconfig(home / "config", server.url, plugin.user)) as api,
    ):
        for _ in range(3):
            await api.get("/version")
        assert server.credentials == ["Bearer run-1"] * 3
    assert plugin.runs == 1


async def test_an_expired_credential_is_asked_for_again(home: Path) -> None:
    plugin = Plugin(home, "2020-01-01T00:00:00Z")
    async with (
        serving() as server,
        await connect(kubeconfig(home / "config", server.url, plugin.user)) as api,
    ):
        for _ in range(2):
            await api.get("/version")
        first, second = server.credentials
    assert first != second


async def test_a_plug_in_that_fails_later_says_nothing_on_the_screen(
    home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without pytest's handlers a warning goes where it goes for our users: to stderr.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    plugin = Plugin(home, "2020-01-01T00:00:00Z")
    async with (
        serving() as server,
        await connect(kubeconfig(home / "config", server.url, plugin.user)) as api,
    ):
        plugin.break_down()
        try:
            await api.get("/version")
        except (Unreachable, UserError) as error:
            assert "your session has ended" in str(error)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("taken", [True, False])
async def test_a_credential_that_is_refused_is_asked_for_once_more(home: Path, taken: bool) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        again = request.headers["Authorization"] == "Bearer run-2"
        return web.json_response({}, status=200 if taken and again else 401)

    plugin = Plugin(home)
    async with (
        serving(refuse) as server,
        await connect(kubeconfig(home / "config", server.url, plugin.user)) as api,
    ):
        answers = await asyncio.gather(*(api.get("/version") for _ in range(3)), return_exceptions=True)
        if taken:
            assert answers == [b"{}"] * 3
            assert plugin.runs == 2
        else:
            assert [answer.code for answer in answers if isinstance(answer, ApiError)] == [401] * 3


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo 'log in' >&2; echo please >&2; exit 1", "plugin: log in please"),
        ("exit 3", "plugin: it ended with 3"),
        ("echo hello", "plugin prints no credential: "),
        ('echo \'{"apiVersion": "v0", "status": {}}\'', "plugin speaks v0"),
        (
            'echo \'{"apiVersion": "client.authentication.k8s.io/v1", "status": {}}\'',
            "plugin prints neither a",
        ),
    ],
)
async def test_why_a_plug_in_gives_no_credential_is_told(home: Path, script: str, says: str) -> None:
    plugin = Plugin(home)
    plugin.do(script)
    with pytest.raises(UserError, match="credentials of user 'prod' could not be had") as refused:
        await connect(kubeconfig(home / "config", "http://127.0.0.1:1", plugin.user))
    assert says in str(refused.value)


async def test_a_plug_in_gets_none_of_our_keys(home: Path) -> None:
    plugin = Plugin(home)
    plugin.do("read key && echo took $key >&2; exit 1")
    ours, (reading, writing) = os.dup(0), os.pipe()
    os.write(writing, b"q\n")
    os.dup2(reading, 0)
    try:
        with pytest.raises(UserError, match="it ended with 1"):
            await connect(kubeconfig(home / "config", "http://127.0.0.1:1", plugin.user))
    finally:
        os.dup2(ours, 0)
        for file in (ours, reading, writing):
            os.close(file)


async def test_a_plug_in_that_nobody_waits_for_is_ended(home: Path) -> None:
    plugin = Plugin(home)
    number = home / "number"
    plugin.do(f"echo $$ > '{number}.new'; mv '{number}.new' '{number}'; exec sleep 1000")
    asked = asyncio.create_task(connect(kubeconfig(home / "config", "http://127.0.0.1:1", plugin.user)))
    await until(number.exists)
    asked.cancel()
    await until(lambda: not psutil.pid_exists(int(number.read_text())))


async def test_an_exec_that_names_no_program_is_refused(home: Path) -> None:
    with pytest.raises(UserError, match=r"config: exec: .*command"):
        await connect(kubeconfig(home / "config", "http://127.0.0.1:1", {"exec": {"apiVersion": "v1"}}))


async def test_a_plug_in_that_is_not_installed_is_named(home: Path) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "kubelogin-of-nowhere"}}
    with pytest.raises(UserError, match=r"credentials of user 'prod' .* kubelogin-of-nowhere|No such file"):
        await connect(kubeconfig(home / "config", "http://127.0.0.1:1", user))


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1; its key lies beside it as tls.key."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not here to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            "/CN=test",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            "tls.key",
            "-out",
            "tls.crt",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / "tls.crt"


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.with_name("tls.key"))
    return context


async def test_an_untrusted_certificate_is_for_the_user_to_mend(home: Path, tls: ssl.SSLContext) -> None:
    async with serving(tls=tls) as server:
        with pytest.raises(UserError, match=r"not trusted.*certificate-authority") as refused:
            await ask(kubeconfig(home / "config", server.url, {"token": "secret"}))
        assert server.url in str(refused.value)
        assert server.requests == []


@pytest.mark.parametrize("how", ["file", "relative", "data", "skip"])
async def test_a_certificate_is_trusted_as_the_kubeconfig_says(
    home: Path, tls: ssl.SSLContext, certificate: Path, how: str
) -> None:
    beside = Path(shutil.copy(certificate, home / "ca.crt"))
    cluster: Json = {
        "file": {"certificate-authority": str(certificate)},
        "relative": {"certificate-authority": beside.name},
        "data": {"certificate-authority-data": inside(certificate)},
        "skip": {"insecure-skip-tls-verify": True},
    }[how]
    async with serving(tls=tls) as server:
        await ask(kubeconfig(home / "config", server.url, {"token": "secret"}, **cluster))
        assert server.credentials == ["Bearer secret"]


def inside(file: Path) -> str:
    """A file as it is written into a kubeconfig."""
    return base64.b64encode(file.read_bytes()).decode()


async def test_a_client_certificate_is_shown_to_the_server(
    home: Path, tls: ssl.SSLContext, certificate: Path
) -> None:
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(certificate)
    user = {"client-certificate": str(certificate), "client-key": str(certificate.with_name("tls.key"))}
    authority = {"certificate-authority": str(certificate)}
    shown = []

    async def look(request: web.Request) -> web.StreamResponse:
        shown.append(request.get_extra_info("peercert")["subject"])
        return web.json_response({})

    async with serving(look, tls) as server:
        await ask(kubeconfig(home / "config", server.url, user, **authority))
    assert shown == [((("commonName", "test"),),)]


async def test_a_plug_ins_certificate_is_shown_to_the_server(
    home: Path, tls: ssl.SSLContext, certificate: Path
) -> None:
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(certificate)
    plugin = Plugin(home)
    plugin.give(certificate)
    async with serving(tls=tls) as server:
        await ask(
            kubeconfig(
                home / "config", server.url, plugin.user, **{"certificate-authority": str(certificate)}
            )
        )
        assert server.credentials == [None]


# Inside a pod


@pytest.fixture
def service_account(home: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that a pod finds in /var/run/secrets."""
    (home / "token").write_text("of-the-pod")
    (home / "namespace").write_text("observability\n")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(home / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(certificate))
    monkeypatch.setattr(room, "_SERVICE_ACCOUNT_NAMESPACE", home / "namespace")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    return home


@pytest.mark.usefixtures("service_account")
async def test_inside_a_pod_its_service_account_is_used(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tls=tls) as server:
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", server.url.rpartition(":")[2])
        async with await connect() as api:
            await api.get("/version")
            assert (api.cluster, api.namespace, api.server) == ("in-cluster", "observability", server.url)
        [sent] = server.credentials
        assert sent is not None
        assert sent.lower() == "bearer of-the-pod"


@pytest.mark.usefixtures("service_account")
async def test_inside_a_pod_a_kubeconfig_comes_first(home: Path) -> None:
    kubeconfig(home / ".kube" / "config", "http://127.0.0.1:1")
    async with await connect() as api:
        assert api.cluster == "prod"


@pytest.mark.usefixtures("service_account")
@pytest.mark.parametrize("args", [("nowhere", None), (None, "prod")], ids=["file", "context"])
async def test_inside_a_pod_a_wish_that_cannot_be_met_is_refused(args: tuple[str | None, str | None]) -> None:
    with pytest.raises(UserError, match="no kubeconfig at"):
        await connect(*args)


async def test_a_pod_without_a_service_account_says_so(service_account: Path) -> None:
    (service_account / "token").unlink()
    with pytest.raises(UserError, match="the pod's service account cannot be used"):
        await connect()


# Which file, which context


async def test_the_context_names_cluster_and_namespace(home: Path) -> None:
    file = kubeconfig(home / "config", "http://127.0.0.1:1/", namespace="shop")
    async with await connect(file) as api:
        assert (api.cluster, api.namespace, api.server) == ("prod", "shop", "http://127.0.0.1:1")
    async with await connect(kubeconfig(home / "config", "http://127.0.0.1:1")) as api:
        assert api.namespace == "default"


def several(home: Path, monkeypatch: pytest.MonkeyPatch, *, currents: tuple[str | None, str | None]) -> None:
    """KUBECONFIG names two files and one that is not there."""
    files = [
        kubeconfig(home / name / "config", f"http://{name}", name=name, current=current)
        for name, current in zip(("one", "two"), currents, strict=True)
    ]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(home / "none"), *files]))


@pytest.mark.parametrize(
    ("currents", "chosen"),
    [
        (("one", None), "one"),
        ((None, "two"), "two"),
        # As kubectl: the first file that sets a value wins, and an empty one sets nothing.
        (("one", "two"), "one"),
        (("", "two"), "two"),
        (("one", ""), "one"),
    ],
)
async def test_of_several_files_the_first_that_names_a_context_decides(
    home: Path, monkeypatch: pytest.MonkeyPatch, currents: tuple[str | None, str | None], chosen: str
) -> None:
    several(home, monkeypatch, currents=currents)
    async with await connect() as api:
        assert (api.cluster, api.server) == (chosen, f"http://{chosen}")


async def test_a_context_is_found_in_any_of_several_files(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several(home, monkeypatch, currents=("one", None))
    async with await connect(context="two") as api:
        assert api.server == "http://two"
    with pytest.raises(UserError, match="no context 'three'; it has: one, two"):
        await connect(context="three")


async def test_a_file_beside_its_kubeconfig_is_found_from_anywhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "two").mkdir()
    (home / "two" / "token").write_text("of-two")
    async with serving() as server:
        one = kubeconfig(home / "one" / "config", "http://127.0.0.1:1", name="one", current=None)
        two = kubeconfig(home / "two" / "config", server.url, {"tokenFile": "token"})
        monkeypatch.setenv("KUBECONFIG", os.pathsep.join([one, two]))
        await ask()
        assert server.credentials == ["Bearer of-two"]


async def test_a_file_that_is_named_hides_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several(home, monkeypatch, currents=("one", None))
    async with await connect(kubeconfig(home / "own", "http://own", name="own", current="own")) as api:
        assert api.cluster == "own"


async def test_an_empty_environment_variable_is_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeconfig(home / ".kube" / "config", "http://127.0.0.1:1")
    monkeypatch.setenv("KUBECONFIG", "")
    async with await connect() as api:
        assert api.cluster == "prod"


# What comes over the wire


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
