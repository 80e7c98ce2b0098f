"""From a kubeconfig, or from inside a pod, to a server on loopback with credentials and TLS."""

from __future__ import annotations

import base64
import os
import shutil
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.config import incluster_config

from configured import ask, kubeconfig, serving
from sonickube_tui.cluster import connect as room
from sonickube_tui.cluster.connect import Unreachable, connect
from sonickube_tui.errors import UserError

Json = dict[str, Any]

pytestmark = pytest.mark.usefixtures("home")


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


# TLS


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
