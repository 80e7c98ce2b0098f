"""One Sonic Pi for all tests that listen."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from sonic_pi import SonicPiServer, missing
from sound.stage import Stage, on_stage


@pytest.fixture(scope="session")
def one_sonic_pi() -> Iterator[SonicPiServer]:
    """A real server; without its parts the test is skipped, or fails where they must be there."""
    if lack := missing():
        (pytest.fail if os.environ.get("SONICKUBE_REQUIRE_REAL") == "1" else pytest.skip)(lack)
    with SonicPiServer() as server:
        yield server


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
