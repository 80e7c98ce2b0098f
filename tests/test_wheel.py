"""The wheel carries what the checkout has, and finds it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from command import ROOT, environment

pytestmark = pytest.mark.slow

IN_USE = """
from pathlib import Path
import sonickube_tui, sonickube_tui.ui.app as app
from sonickube_tui.assemble import theme_folders
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import themes
from sonickube_tui.settings import shipped
print(Path(sonickube_tui.__file__).parent.parent)
for name in themes(theme_folders()):
    print(name, *Library([shipped("snippets") / name]).names)
print((Path(app.__file__).parent / app.Console.CSS_PATH).is_file())
"""


def used(home: Path, site: Path) -> list[str]:
    """What a program finds that imports from `site`."""
    done = subprocess.run(
        [sys.executable, "-c", IN_USE],
        env=environment(home) | {"PYTHONPATH": str(site)},
        cwd=home,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_an_installed_wheel_finds_the_same_themes_and_snippets_as_a_checkout(tmp_path: Path) -> None:
    wheels, site = tmp_path / "wheels", tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = wheels.glob("*.whl")
    subprocess.run(
        [*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True, capture_output=True
    )
    installed, checkout = used(tmp_path, site), used(tmp_path, ROOT)
    assert installed[0] == str(site)
    assert checkout[0] == str(ROOT)
    assert installed[1:] == checkout[1:]
    assert [line.split()[0] for line in installed[1:-1]] == ["classic", "zen"]
    assert "thunder" in installed[2]
