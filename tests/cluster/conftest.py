"""What the tests of the cluster's room share: one real API server, a home, a certificate, and haste."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from desk import Client
from kube import KubeServer, missing
from listening import Wire
from place import Place, Real, Simulated
from sonickube_tui.cluster import aside, reflector, source, survey
from sonickube_tui.cluster.simulated import SimulatedCluster, World
from sonickube_tui.cluster.watching import Backoff


@pytest.fixture(scope="session")
def kube() -> Iterator[KubeServer]:
    """A real server; without its parts the test is skipped, or fails where they must be there."""
    if lack := missing():
        (pytest.fail if os.environ.get("SONICKUBE_REQUIRE_REAL") == "1" else pytest.skip)(lack)
    with KubeServer() as server:
        yield server


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries of a tenth of a second."""
    for room in (aside, reflector, source):
        monkeypatch.setattr(room, "Backoff", lambda: Backoff(first=0.05, longest=0.1))


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten looks in a second at which namespaces there are."""
    monkeypatch.setattr(survey, "LOOK_EVERY", 0.1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and nothing in the environment that shows a way to a cluster."""
    for name in list(os.environ):
        if name.startswith("KUBE") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
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
    """A server's, with that certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.with_name("tls.key"))
    return context


@pytest.fixture(scope="module", params=[True, False], ids=["streams", "pages"])
def streams_lists(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whether the client knows at first that its server can send a list as a stream, or that it cannot."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "knows_streams", request.param)
        yield


@pytest.fixture(params=["simulated", "simulated 1.20", pytest.param("real", marks=pytest.mark.real)])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """A cluster: simulated, simulated as of 1.20, and real."""
    if request.param == "real":
        kube = request.getfixturevalue("kube")
        kube.use()
        async with Wire(kube.port) as wire:
            yield Real(wire, kube, tmp_path)
        return
    # Bookmarks come every 20 ms. Like the real server's 1.20, the second does not send lists as streams.
    streams_lists = request.param == "simulated"
    async with (
        SimulatedCluster.from_world(World(), speed=500, streams_lists=streams_lists) as cluster,
        Wire(int(cluster.url.rpartition(":")[2])) as wire,
    ):
        yield Simulated(wire, cluster.world)
