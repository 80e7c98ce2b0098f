"""Which tests listen to a real Sonic Pi, and which on real parts share a process (`--dist loadgroup`)."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent

LISTENING = ("sound", "builtin/test_original.py", "builtin/test_same_sound.py", "builtin/test_answers.py")
"""Where tests start a Sonic Pi."""

ALIKE = "sound/test_snippets_sound.py"
"""Takes minutes, and no version has rules about it: make test asks 3.2.2 alone, make soak the others, too."""

SHARED = ("cluster",)
"""Folders whose files share a real part."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them; what starts a part once keeps to one process: a folder that shares one, or else a file."""
    for item in items:
        place = item.path.relative_to(TESTS)
        if any(place.is_relative_to(listening) for listening in LISTENING):
            item.add_marker(pytest.mark.sonic_pi)
        if str(place) == ALIKE and "[3.2.2" not in item.name:
            item.add_marker(pytest.mark.soak)
        if item.get_closest_marker("real") and not item.get_closest_marker("xdist_group"):
            shared = place.parts[0] in SHARED
            item.add_marker(pytest.mark.xdist_group(place.parts[0] if shared else str(place)))
