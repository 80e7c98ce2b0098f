"""What the tests of the cluster's room share: one real API server, a home, a certificate, and haste."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from around import Around
from around import Real as RealAround
from around import Simulated as SimulatedAround
from desk import Client
from kube import KubeServer, missing
from listening import Wire
from place import Place
from place import Real as RealPlace
from place import Simulated as SimulatedPlace
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


@asynccontextmanager
async def wired_real(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Wire, KubeServer]]:
    """The real server, as it is by itself, on a wire."""
    kube: KubeServer = request.getfixturevalue("kube")
    kube.use()
    async with Wire(kube.port) as wire:
        yield wire, kube


@asynccontextmanager
async def wired_simulated(*, streams_lists: bool = True) -> AsyncIterator[tuple[Wire, World]]:
    """An empty simulated cluster on a wire; bookmarks come every 20 ms."""
    async with (
        SimulatedCluster.from_world(World(), speed=500, streams_lists=streams_lists) as cluster,
        Wire(int(cluster.url.rpartition(":")[2])) as wire,
    ):
        yield wire, cluster.world


@pytest.fixture(params=["simulated", "simulated 1.20", pytest.param("real", marks=pytest.mark.real)])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """A cluster to follow: simulated, simulated as of 1.20, which does not stream lists, and real."""
    if request.param == "real":
        async with wired_real(request) as (wire, kube):
            yield RealPlace(wire, kube, tmp_path)
    else:
        async with wired_simulated(streams_lists=request.param == "simulated") as (wire, world):
            yield SimulatedPlace(wire, world)


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.real)])
async def around(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Around]:
    """A cluster with nodes and Events: simulated, and real."""
    if request.param == "real":
        async with wired_real(request) as (wire, kube):
            yield RealAround(wire, kube, tmp_path)
    else:
        async with wired_simulated() as (wire, world):
            yield SimulatedAround(wire, world)
