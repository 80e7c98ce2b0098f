"""One real API server for all tests of the cluster's room."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from kube import KubeServer, missing
from sonickube_tui.cluster import reflector, source
from sonickube_tui.cluster.reflector import Backoff


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
    for room in (reflector, source):
        monkeypatch.setattr(room, "Backoff", lambda: Backoff(first=0.05, longest=0.1))
