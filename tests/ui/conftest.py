"""What all tests of the screen share."""

from __future__ import annotations

import pytest

from sonickube_tui.ui.app import Console


@pytest.fixture(autouse=True)
def _notices_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine more than their five seconds may go by before a test looks."""
    monkeypatch.setattr(Console, "NOTIFICATION_TIMEOUT", 600)
