"""Where Sonic Pi is installed on this machine, and what runs each.

Upstream's packages were read at their source (app/linux-appimage.sh, app/linux-deb.sh, flathub's
net.sonic_pi.SonicPi): all have `app/server/ruby` somewhere, and its Ruby in one of three places or on PATH.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from sonickube_tui.errors import UserError

FLATPAK = "net.sonic_pi.SonicPi"

_IN_FLATPAK = Path("/app")
"""Where a flatpak finds its own files."""


class Installation(msgspec.Struct, frozen=True):
    """A Sonic Pi on this machine: `daemon` for 4.x and later, which starts the rest by itself.

    With `flatpak` both script and Ruby are run inside of it, where all of the user's home can be seen.
    """

    script: Path
    ruby: str
    daemon: bool
    flatpak: bool = False

    def __str__(self) -> str:
        return str(self._app)

    @property
    def version(self) -> str:
        """What its file VERSION says, which came with 5.x; empty when there is none."""
        try:
            return (self._app.parent / "VERSION").read_text("utf-8", "replace").strip()[:40]
        except OSError:
            return ""

    @property
    def _app(self) -> Path:
        return self.script.parents[3]

    def command(self, home: Path, *arguments: str) -> list[str]:
        """What starts it with logs and settings in `home`."""
        if not self.flatpak:
            return [self.ruby, *self._options, str(self.script), *arguments]
        script = _IN_FLATPAK / self.script.relative_to(self._app.parent)
        inside = [
            "--die-with-parent",
            "--command=ruby",
            f"--env=SONIC_PI_HOME={home}",
            f"--filesystem={home}",
        ]
        return ["flatpak", "run", *inside, FLATPAK, *self._options, str(script), *arguments]

    @property
    def _options(self) -> Sequence[str]:
        return () if self.daemon else ("-E", "utf-8")

    def environment(self) -> Mapping[str, str]:
        """What its own launcher sets: its Ruby on PATH, and the libraries that came with it."""
        bundle = next((place for place in _bundles(self._app) if (place / "lib").is_dir()), None)
        if self.flatpak or bundle is None:
            return {}
        added = {
            "LD_LIBRARY_PATH": [bundle / "lib", bundle / "ruby" / "lib"],
            "PATH": [bundle / "ruby" / "bin"],
        }
        return {
            name: os.pathsep.join([*map(str, folders), os.environ.get(name, "")]).rstrip(os.pathsep)
            for name, folders in added.items()
        }


def installations(app: Path | None = None) -> list[Installation]:
    """What is installed in the usual places, or in `app` alone.

    Raises UserError when `app` is named and no Sonic Pi can be started from there, or when there is no Ruby
    to run it.
    """
    if app is None:
        return [one for place in _places() for one in _look_into(place)]
    if app.is_file() and app.suffix.lower() == ".appimage":
        raise UserError(
            f"{app} must be unpacked to be started without its window; run '{app} --appimage-extract' and "
            "name the folder squashfs-root that it makes"
        )
    if found := list(_look_into(app)):
        return found
    if any(_scripts(app)):
        lack = (
            "needs flatpak on PATH"
            if _of_flatpak(app)
            else "has no Ruby of its own, and there is none on PATH"
        )
        raise UserError(f"the Sonic Pi in {app} {lack}")
    raise UserError(
        f"there is no Sonic Pi in {app}; --sonic-pi-app wants the folder that has app/server/ruby, "
        "an unpacked AppImage, or Sonic Pi.app"
    )


def _places() -> Iterator[Path]:
    if sys.platform == "darwin":
        for applications in (Path("/Applications"), Path.home() / "Applications"):
            yield from sorted(applications.glob("Sonic Pi*.app"), reverse=True)
    elif sys.platform == "win32":
        for variable in ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData"):
            if folder := os.environ.get(variable):
                yield from (Path(folder) / "Sonic Pi", Path(folder) / "Programs" / "Sonic Pi")
    else:
        for above in ("/usr/lib", "/usr/local/lib", "/opt", "/usr/lib64", "/usr/share", "/usr/local/share"):
            yield Path(above) / "sonic-pi"
        data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
        for flatpaks in (data / "flatpak", Path("/var/lib/flatpak")):
            yield flatpaks / "app" / FLATPAK / "current" / "active" / "files"
        yield from _mounted()


def _mounted() -> Iterator[Path]:
    """AppImages that run: mounted by this user, not folders that anybody may make in /tmp."""
    for mount in psutil.disk_partitions(all=True):
        ours = f"user_id={os.getuid()}" in mount.opts.split(",") and mount.fstype.startswith("fuse")
        if ours and Path(mount.mountpoint).name.startswith(".mount_"):
            yield Path(mount.mountpoint)


def _look_into(place: Path) -> Iterator[Installation]:
    for script in _scripts(place):
        flatpak = _of_flatpak(script)
        ruby = shutil.which("flatpak") and "ruby" if flatpak else _ruby(script.parents[3])
        if ruby:
            yield Installation(script, ruby, script.name == "daemon.rb", flatpak)
            return


def _scripts(place: Path) -> Iterator[Path]:
    """What starts a Sonic Pi, the newer versions' first."""
    place = place.absolute()
    image, bundle = Path("usr", "share", "sonic-pi", "app"), Path("Contents", "Resources", "app")
    for base in (place / "app", place, place / image, place / bundle):
        for name in ("daemon.rb", "sonic-pi-server.rb"):
            script = base / "server" / "ruby" / "bin" / name
            if script.is_file():
                yield script


def _ruby(app: Path) -> str | None:
    program = "ruby.exe" if sys.platform == "win32" else "ruby"
    folders = [app / "server" / "native", *_bundles(app)]
    own = (folder / "ruby" / "bin" / program for folder in folders)
    return next((str(ruby) for ruby in own if ruby.is_file()), None) or shutil.which("ruby")


def _bundles(app: Path) -> Iterator[Path]:
    """Where a Sonic Pi may have its own Ruby and libraries: 5.x's .deb in its folder, an AppImage in usr."""
    yield app.parent
    if app.parts[-4:] == ("usr", "share", "sonic-pi", "app") and (app.parents[3] / "AppRun").is_file():
        yield app.parents[2]


def _of_flatpak(place: Path) -> bool:
    return FLATPAK in place.absolute().parts
