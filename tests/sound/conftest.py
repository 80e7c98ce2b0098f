"""One Sonic Pi of each version for all tests that listen."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sonic_pi import INSTALLED, VERSIONS, SonicPiServer, Version, installed, missing
from sound.stage import Stage, on_stage


@pytest.fixture(
    scope="session",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"sonic-pi-{name}")) for name in VERSIONS],
)
def version(request: pytest.FixtureRequest) -> Version:
    """The version whose rules hold; without the real parts the test is skipped, or fails in CI."""
    if lack := missing():
        (pytest.fail if os.environ.get("SONICKUBE_REQUIRE_REAL") == "1" else pytest.skip)(lack)
    name: Version = request.param
    return name


@pytest.fixture(scope="session")
def one_sonic_pi(version: Version) -> Iterator[SonicPiServer]:
    """A real server."""
    with SonicPiServer(version=version) as server:
        yield server


@pytest.fixture(scope="session")
def app(version: Version, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one is installed that may be started."""
    return INSTALLED if version == "3.2.2" else installed(tmp_path_factory.mktemp("sonic-pi"), version)


@pytest.fixture
def sonic_pi(one_sonic_pi: SonicPiServer) -> SonicPiServer:
    """The server, of which nothing bad is known yet."""
    one_sonic_pi.errors.clear()
    return one_sonic_pi


@pytest.fixture
async def stage(sonic_pi: SonicPiServer) -> AsyncIterator[Stage]:
    """An engine that has found the server."""
    async with on_stage(sonic_pi) as stage:
        yield stage
