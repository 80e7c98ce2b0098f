"""Keys as fast as they come: each reaches what the one before it opened."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from command import command
from sonickube_tui.session.format import MarkLine
from sonickube_tui.session.opening import open_session
from tmux import Terminal

pytestmark = pytest.mark.real

DEMO = command("demo", "--engine", "silent")

WORDS = ("quota", "billing", "gGkjdopq", "/:?qqM")
"""Each of their letters is a key of the log or of the console."""


@pytest.mark.parametrize("times", [30, pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(900)])])
@pytest.mark.parametrize("gap", [None, 0.001, 0.02])
def test_in_a_storm_the_filter_takes_every_key(tmp_path: Path, gap: float | None, times: int) -> None:
    with Terminal(tmp_path, [*DEMO, "--scenario", "storm"], (120, 40)) as terminal:
        terminal.wait_for(r"[\d,]{5,} ─╯")
        for number in range(times):
            word = f"{WORDS[number % len(WORDS)]}{number}"
            terminal.send(f"/{word}", gap)
            terminal.wait_for(rf"(?m)^│{re.escape(word)} +│")
            terminal.type("Escape")
            _wait_until_gone(terminal, word)
        screen = terminal.screen()
        assert "dim" not in screen
        assert "below ─╯" not in screen
        terminal.type("q")
        terminal.wait_for("EXIT 0")


def _wait_until_gone(terminal: Terminal, text: str) -> None:
    end = time.monotonic() + 60
    while text in terminal.screen():
        assert time.monotonic() < end, f"{text!r} does not leave the screen:\n{terminal.screen()}"


def test_what_is_opened_takes_the_rest_of_the_packet(tmp_path: Path) -> None:
    own = tmp_path / "config" / "sonickube" / "snippets" / "classic" / "ready.rb"
    with Terminal(tmp_path, [*DEMO, "--scenario", "storm"], (120, 40)) as terminal:
        terminal.wait_for(r"[\d,]{5,} ─╯")
        terminal.send(":quit")
        terminal.wait_for("─ commands ─")
        terminal.type("Escape")
        _wait_until_gone(terminal, "─ commands ─")
        terminal.send("?qoq:ready.rb\r# quit")
        terminal.wait_for(r"1 +# quit#")
        terminal.type("Escape")
        terminal.wait_for("G newest")
        terminal.send("rMquota, billing\rd")
        terminal.wait_for("mixer · dim")
        terminal.send("qs")
        terminal.wait_for("EXIT 0")
    assert own.read_text().startswith("# quit# ")
    [path] = (tmp_path / "state").rglob("*.jsonl*")
    with open_session([path], follow=False) as session:
        assert session.wait(20)
        assert [line.text for line in session.lines() if isinstance(line, MarkLine)] == ["quota, billing"]
