"""The console as a user has it: `sonickube demo` in a real terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from command import command
from tmux import Terminal

pytestmark = pytest.mark.real

DEMO = command("demo", "--engine", "silent")


def test_the_demo_is_watched_mixed_edited_and_left(tmp_path: Path) -> None:
    own = tmp_path / "config" / "sonickube" / "snippets" / "classic" / "ready.rb"
    with Terminal(tmp_path, DEMO, (120, 40)) as terminal:
        terminal.wait_for(r"▸ \d+ pods")
        before = terminal.wait_for(r"shop .* created")
        after = terminal.wait_for("oom killed")
        assert before != after
        terminal.type("/", "ready", "Enter")
        terminal.wait_for(r"○ ready")
        terminal.type("Enter")
        terminal.wait_for(r"ready\.rb · classic")
        terminal.type("#", "mine", "Enter", "C-s")
        terminal.wait_for("saved ")
        assert own.read_text().startswith("#mine\n")
        terminal.wait_for(r"ready\.rb is in use")
        terminal.type("Escape", "Tab", "m")
        terminal.wait_for(r"\[M\] S .* muted")
        terminal.type("q")
        terminal.wait_for("EXIT 0")
    [mix] = (tmp_path / "state").rglob("demo.json")
    assert [channel["muted"] for channel in json.loads(mix.read_text())].count(True) == 1


def test_the_mix_is_there_at_the_next_start(tmp_path: Path) -> None:
    mix = tmp_path / "state" / "sonickube" / "mix" / "demo.json"
    mix.parent.mkdir(parents=True)
    mix.write_text('[{"name": "shop", "muted": true, "gain_db": -6.0, "pan": 0.4}]')
    with Terminal(tmp_path, DEMO) as terminal:
        terminal.wait_for(r"shop +━+╌* +-6\.0 +R40 +\[M\] S .*muted")
        terminal.wait_for(r"shop .* created .* muted")


def test_a_mix_that_cannot_be_read_is_told_and_left_alone(tmp_path: Path) -> None:
    mix = tmp_path / "state" / "sonickube" / "mix" / "demo.json"
    mix.parent.mkdir(parents=True)
    mix.write_text("{")
    with Terminal(tmp_path, DEMO) as terminal:
        screen = terminal.wait_for("EXIT 2")
    assert "demo.json" in screen.replace("\n", "")
    assert mix.read_text() == "{"


def test_a_storm_leaves_the_screen_to_answer_keys(tmp_path: Path) -> None:
    with Terminal(tmp_path, [*DEMO, "--scenario", "storm"], (120, 40)) as terminal:
        terminal.wait_for(r"[\d,]{5,} ─╯")
        terminal.type("/", "billing", "crash", "Enter")
        terminal.wait_for(r"[\d,]+ of [\d,]{5,}")
        terminal.type("Up", "Tab", "m", "d")
        terminal.wait_for(r"mixer · dim -12 dB")
        assert re.search(r"\[M\] S", terminal.screen())
        terminal.type("q")
        terminal.wait_for("EXIT 0")


def test_a_terminal_that_is_too_small_says_so(tmp_path: Path) -> None:
    with Terminal(tmp_path, DEMO, (60, 20)) as terminal:
        terminal.wait_for("SonicKube needs 80x24; this is 60x20")
        terminal.type("q")
        terminal.wait_for("EXIT 0")


def test_no_kubeconfig_ends_it_with_one_line_and_a_clean_terminal(tmp_path: Path) -> None:
    with Terminal(tmp_path, command("--engine", "silent")) as terminal:
        screen = terminal.wait_for("EXIT 2")
    assert "no kubeconfig at ~/.kube/config; name one with --kubeconfig, or try: sonickube demo" in " ".join(
        screen.split()
    )
    assert "Traceback" not in screen


def test_it_ends_by_itself_after_the_time_that_was_asked_for(tmp_path: Path) -> None:
    with Terminal(tmp_path, [*DEMO, "--for", "3"]) as terminal:
        terminal.wait_for(r"▸ \d+ pods")
        terminal.wait_for("EXIT 0")


@pytest.mark.parametrize("no_colour", [True, False])
def test_no_color_means_no_colour_codes(tmp_path: Path, no_colour: bool) -> None:
    with Terminal(tmp_path, DEMO, **({"NO_COLOR": "1"} if no_colour else {})) as terminal:
        terminal.wait_for("crash loop")
        styled = terminal.screen(styled=True)
    assert (
        bool(re.search(r"\x1b\[[\d;]*\b(38|48|3[0-7]|4[0-7]|9[0-7]|10[0-7])\b[\d;]*m", styled))
        is not no_colour
    )
    assert not no_colour or re.search(r"\x1b\[[\d;]*\b7m", styled)
