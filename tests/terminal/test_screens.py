"""Pictures of the console in a real terminal, as text to read and compare.

After a change that is meant: UPDATE_SCREENS=1 pytest tests/terminal/test_screens.py, and read the diff.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import pytest

from command import ROOT
from tmux import Terminal

pytestmark = pytest.mark.real

HERE = Path(__file__).parent
PICTURES = HERE / "screens"

SCREENS: dict[str, tuple[tuple[int, int], list[str], list[str]]] = {
    "log": ((80, 24), ["classic"], ["k", "k", "k"]),
    "mixer": ((80, 24), ["classic"], ["Tab", "j", "s"]),
    "snippet": ((80, 24), ["zen"], ["k", "k", "k", "Enter"]),
    "log-wide": ((160, 48), ["zen"], ["k", "k", "k", "Enter", "Escape"]),
    "help-wide": ((160, 48), ["classic", "light"], ["?"]),
    "replay": ((80, 24), ["classic", "replay"], ["BTab"]),
    "replay-wide": ((160, 48), ["zen", "replay"], ["b", "n"]),
}


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_looks_as_it_did(tmp_path: Path, name: str) -> None:
    size, arguments, keys = SCREENS[name]
    show = [sys.executable, str(HERE / "show.py"), *arguments]
    with Terminal(tmp_path, show, size, PYTHONPATH=f"{ROOT}:{ROOT / 'tests'}") as terminal:
        terminal.wait_for(r"terminating +♪ 4 ms|❚❚ 02:10 / 04:56")
        terminal.type(*keys)
        screen = _settled(terminal)
    file = PICTURES / f"{name}.txt"
    if os.environ.get("UPDATE_SCREENS"):
        file.write_text(screen)
    assert screen == file.read_text()


def _settled(terminal: Terminal) -> str:
    """The screen once meters and notices are gone and nothing changes any more but the clock."""
    before = ""
    for _ in range(60):
        screen = re.sub(r"\d\d:\d\d:\d\d$", "HH:MM:SS", terminal.screen(), flags=re.MULTILINE)
        header, _, rest = screen.partition("\n")
        header = re.sub(r"[▁▂▃▄▅▆▇█]{8,}", lambda bars: "▁" * len(bars[0]), header)
        screen = f"{header}\n{rest}"
        if screen == before and not set("▮▌") & set(screen):
            return screen
        before = screen
        time.sleep(0.5)
    raise AssertionError(f"the screen does not come to rest:\n{before}")
