"""What the dialogs say that no picture of the console shows."""

from __future__ import annotations

import pytest
from rich.console import Console

from players import classic
from sonickube_tui.ui.actions import Pane
from sonickube_tui.ui.dialogs import help_text
from sonickube_tui.ui.look import Look


@pytest.mark.parametrize("width", [72, 96])
def test_the_help_says_who_plays_snippets_in_a_sandbox(width: int) -> None:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(help_text([Pane.EVENTS], Look(classic().colours.dark, colour=False)))
    _, _, last = capture.get().partition("snippets ")
    words = " ".join(last.split())
    assert "built-in player: a sandbox" in words
    assert "Sonic Pi: all that you may do" in words
