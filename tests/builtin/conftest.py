"""The built-in player's real parts, and what tests hear of it."""

from __future__ import annotations

import os

import pytest

from sonickube_tui.engine.builtin import parts


@pytest.fixture
def sound() -> None:
    """All parts are installed; without them the test is skipped, or fails where they must be there."""
    if lack := parts.missing():
        (pytest.fail if os.environ.get("SONICKUBE_REQUIRE_REAL") == "1" else pytest.skip)("; ".join(lack))
