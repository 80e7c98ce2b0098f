"""A port at which nobody listens."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest


@pytest.fixture
def closed() -> Iterator[int]:
    """A port that refuses and that nobody else gets: its socket hears only the one it is connected to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.connect(("127.0.0.1", 9))
        yield taken.getsockname()[1]
