"""Where a Sonic Pi is installed, and what starts it: the folders of each package, as upstream makes them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from command import executable
from sonickube_tui.engine.installed import Installation, installations
from sonickube_tui.errors import UserError

DAEMON = "server/ruby/bin/daemon.rb"
SERVER = "server/ruby/bin/sonic-pi-server.rb"
NATIVE = "server/native/ruby/bin/ruby"
IMAGE = "usr/share/sonic-pi/app"
FILES = "app/net.sonic_pi.SonicPi/current/active/files"


@pytest.fixture(autouse=True)
def ruby(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only Ruby on PATH, and the only home and flatpaks that there are."""
    ruby = executable(tmp_path / "bin" / "ruby")
    monkeypatch.setenv("PATH", str(ruby.parent))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    return ruby


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "Sonic Pi"


@pytest.mark.parametrize(
    ("base", "files", "script", "native"),
    [
        ("app", [DAEMON, SERVER, NATIVE], DAEMON, True),
        ("app", [DAEMON], DAEMON, False),
        ("app", [SERVER], SERVER, False),
        ("app", [SERVER, NATIVE], SERVER, True),
        ("", [DAEMON, NATIVE], DAEMON, True),
        ("", [SERVER], SERVER, False),
        ("Contents/Resources/app", [DAEMON, NATIVE], DAEMON, True),
        (IMAGE, [DAEMON], DAEMON, False),
    ],
)
def test_an_installation_is_known_by_its_files(
    place: Path, ruby: Path, base: str, files: list[str], script: str, native: bool
) -> None:
    home = place / base
    for file in files:
        executable(home / file)
    [found] = installations(place)
    assert found == Installation(home / script, str(home / NATIVE if native else ruby), script == DAEMON)
    assert str(found) == str(home)
    assert found.environment() == {}


def test_a_daemon_is_started_without_and_a_server_with_its_options(place: Path, ruby: Path) -> None:
    home = Path("/state")
    executable(place / SERVER)
    [server] = installations(place)
    assert server.command(home, "-u", "1") == [str(ruby), "-E", "utf-8", str(place / SERVER), "-u", "1"]
    executable(place / DAEMON)
    [daemon] = installations(place)
    assert daemon.command(home) == [str(ruby), str(place / DAEMON)]


def test_an_unpacked_appimage_has_its_own_ruby_and_libraries(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = executable(place / "usr" / "ruby" / "bin" / "ruby")
    (place / "usr" / "lib").mkdir()
    executable(place / IMAGE / DAEMON)
    executable(place / "AppRun")
    (place / "usr/share/sonic-pi/VERSION").write_text("5.0.0-RC2\n")
    [found] = installations(place)
    assert found == Installation(place / IMAGE / DAEMON, str(own), daemon=True)
    assert found.version == "5.0.0-RC2"
    monkeypatch.setenv("LD_LIBRARY_PATH", "/mine")
    assert found.environment() == {
        "PATH": f"{own.parent}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": f"{place}/usr/lib:{place}/usr/ruby/lib:/mine",
    }


def test_what_a_distribution_has_in_usr_is_no_appimage(place: Path, ruby: Path) -> None:
    executable(place / "usr" / "ruby" / "bin" / "ruby")
    (place / "usr" / "lib").mkdir()
    executable(place / IMAGE / DAEMON)
    [found] = installations(place)
    assert found.ruby == str(ruby)
    assert found.environment() == {}
    assert found.version == ""


def test_upstreams_deb_of_5_has_them_in_its_folder(place: Path) -> None:
    own = executable(place / "ruby" / "bin" / "ruby")
    (place / "lib").mkdir()
    executable(place / "app" / DAEMON)
    [found] = installations(place)
    assert found.ruby == str(own)
    assert found.environment()["LD_LIBRARY_PATH"] == f"{place}/lib:{place}/ruby/lib"


@pytest.mark.parametrize("named", [FILES, "app/net.sonic_pi.SonicPi/x86_64/stable/0fde7cfd/files"])
def test_a_flatpak_is_run_by_flatpak(tmp_path: Path, named: str) -> None:
    flatpak = executable(tmp_path / "bin" / "flatpak")
    files = tmp_path / "flatpak" / named
    executable(files / "app" / DAEMON)
    [found] = installations(files)
    assert found == Installation(files / "app" / DAEMON, "ruby", daemon=True, flatpak=True)
    assert found.environment() == {}
    *run, app, script = found.command(Path("/state"))
    assert (app, script) == ("net.sonic_pi.SonicPi", f"/app/app/{DAEMON}")
    assert run[:2] == ["flatpak", "run"]
    assert {"--command=ruby", "--env=SONIC_PI_HOME=/state", "--filesystem=/state"} < set(run)
    flatpak.unlink()
    with pytest.raises(UserError, match="needs flatpak on PATH"):
        installations(files)


@pytest.mark.parametrize("files", [[], ["app/gui/sonic-pi"], ["app/" + NATIVE], [DAEMON + ".orig"]])
def test_a_folder_without_sonic_pi_says_what_it_wants(place: Path, files: list[str]) -> None:
    for file in files:
        executable(place / file)
    with pytest.raises(UserError, match=r"there is no Sonic Pi in .+; --sonic-pi-app wants"):
        installations(place)


def test_an_appimage_that_is_one_file_says_how_to_unpack_it(place: Path) -> None:
    image = executable(place / "Sonic-Pi-5.0.0-x86_64.AppImage")
    with pytest.raises(UserError, match=r"must be unpacked .+; run '.+\.AppImage --appimage-extract' and"):
        installations(image)


def test_a_sonic_pi_without_any_ruby_asks_for_ruby(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    executable(place / DAEMON)
    with pytest.raises(UserError, match=r"\bRuby\b"):
        installations(place)


@pytest.mark.parametrize(
    ("platform", "files"),
    [
        ("linux", f".local/share/flatpak/{FILES}/app/{DAEMON}"),
        ("darwin", f"Applications/Sonic Pi.app/Contents/Resources/app/{DAEMON}"),
        ("darwin", f"Applications/Sonic Pi 4.5.1.app/Contents/Resources/app/{DAEMON}"),
        ("win32", f"Sonic Pi/app/{DAEMON}"),
        ("win32", f"Programs/Sonic Pi/app/{DAEMON}"),
    ],
)
def test_the_usual_places_are_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, files: str
) -> None:
    executable(tmp_path / "bin" / "flatpak")
    monkeypatch.setattr(sys, "platform", platform)
    for variable in ("ProgramFiles", "LocalAppData"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    script = executable(tmp_path / "home" / files)
    executable(script.parents[2] / "native" / "ruby" / "bin" / "ruby.exe")
    assert script in [found.script for found in installations()]


@pytest.mark.parametrize(
    ("fstype", "owner", "ours"),
    [("fuse.Sonic-Pi.AppImage", 0, True), ("fuse.Sonic-Pi.AppImage", 1, False), ("ext4", 0, False)],
)
def test_an_appimage_that_runs_is_looked_into_when_we_have_mounted_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fstype: str, owner: int, ours: bool
) -> None:
    mount = tmp_path / ".mount_Sonic-EjcPgi"
    script = executable(mount / IMAGE / DAEMON)
    options = f"ro,nosuid,user_id={os.getuid() + owner},group_id=0"
    told = SimpleNamespace(mountpoint=str(mount), fstype=fstype, opts=options)
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: [told])
    assert (script in [found.script for found in installations()]) is ours
