"""What the doctor says of theme and snippets."""

from __future__ import annotations

from pathlib import Path

import pytest

from patient import ROOT, lint
from sonickube_tui.event import Kind

pytestmark = pytest.mark.slow


def own(home: Path, name: str) -> Path:
    file = home / "config" / "sonickube" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def test_a_broken_snippet_is_named_with_its_line(tmp_path: Path) -> None:
    file = own(tmp_path, "snippets/classic/crash_loop.rb")
    file.write_text("play 60\nplay chord(:e3\n")
    found = lint(tmp_path)
    assert found["snippets"]["state"] == "warning"
    assert found["snippets"]["says"].startswith(f"{file}, line 2: missing ')'")
    assert found["theme"]["state"] == "ok"


@pytest.mark.parametrize(
    ("broken", "state", "says"),
    [
        ("scheduled", "warning", "scheduled sounds as created without scheduled.rb"),
        ("crash_loop", "failed", "crash_loop is silent without crash_loop.rb"),
    ],
)
def test_a_kind_without_the_sound_it_names_is_told_with_the_themes_line(
    tmp_path: Path, broken: str, state: str, says: str
) -> None:
    text = (ROOT / "themes" / "classic.toml").read_text().replace('name = "classic"', 'name = "mine"')
    theme = own(tmp_path, "themes/mine.toml")
    theme.write_text(text)
    for file in (ROOT / "snippets" / "classic").glob("*.rb"):
        own(tmp_path, f"snippets/mine/{file.name}").write_text(file.read_text())
    own(tmp_path, f"snippets/mine/{broken}.rb").write_text("play (\n")
    line = text.splitlines().index(f'{broken} = "{broken}"') + 1
    found = lint(tmp_path, "--theme", "mine")
    assert found["theme"]["state"] == state
    assert found["theme"]["says"] == f"{theme}, line {line}: {says}"
    assert found["snippets"]["state"] == "warning"


def test_a_theme_without_its_snippets(tmp_path: Path) -> None:
    text = (ROOT / "themes" / "zen.toml").read_text().replace('name = "zen"', 'name = "mine"')
    own(tmp_path, "themes/mine.toml").write_text(text)
    found = lint(tmp_path, "--theme", "mine")
    assert found["theme"]["state"] == "failed"
    assert found["theme"]["says"].endswith(f"and {len(Kind) - 8} more")
    assert not (tmp_path / "config" / "sonickube" / "snippets").exists()


def test_a_theme_that_is_not_there_or_no_theme(tmp_path: Path) -> None:
    found = lint(tmp_path, "--theme", "jazz")
    assert (found["theme"]["says"], found["theme"]["advice"]) == (
        "no theme called 'jazz'", "there are: classic, zen"
    )  # fmt: skip
    own(tmp_path, "themes/odd.toml").write_text("name = odd\n")
    found = lint(tmp_path, "--theme", "odd")
    assert found["theme"]["state"] == "failed"
    assert "odd.toml: " in found["theme"]["says"]
    assert "line 1" in found["theme"]["says"]
