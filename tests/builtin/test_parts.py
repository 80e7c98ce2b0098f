"""Getting what PyPI does not have, through an npm that is real, absent, offline, or brings something else."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import platform
import shutil
import tarfile
from pathlib import Path

import msgspec
import pytest

from sonickube_tui.engine.builtin import install as install_module
from sonickube_tui.engine.builtin import parts
from sonickube_tui.engine.builtin.install import install
from sonickube_tui.engine.builtin.parts import PARTS, SYNTHS, Part
from sonickube_tui.errors import UserError

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("miniaudio") is None, reason="needs sonickube-tui[sound]"
)


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's data folder with nothing in it, and a `bin` that is searched first."""
    monkeypatch.setattr(parts, "folder", lambda: tmp_path / "data" / "sound")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return tmp_path


def npm_that(tmp_path: Path, does: str) -> None:
    """Puts an npm that `does` this into the way; $4 is where it is to put the package."""
    program = tmp_path / "bin" / "npm"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)


def package(file: Path, content: dict[str, bytes]) -> Part:
    """Makes the archive of a package, and the part that it is."""
    with tarfile.open(file, "w:gz") as tar:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return msgspec.structs.replace(SYNTHS, sha256=hashlib.sha256(file.read_bytes()).hexdigest())


def test_what_is_missing_is_one_line_with_what_to_do(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = parts.missing()
    assert all(part.title in line for part in PARTS)
    assert line.endswith("sonickube sound install")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'sonickube-tui[sound]'" in parts.missing()[0]
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    (line,) = parts.missing()
    assert "riscv64" in line
    assert "npm" not in line


def test_without_npm_it_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch, empty: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    assert "npm" in parts.missing()[0]
    with pytest.raises(UserError, match=r"^npm.* is not installed: install Node\.js.*sound install$"):
        install(lambda line: None)


def test_a_download_that_fails_is_one_line_without_addresses(empty: Path) -> None:
    npm_that(
        empty,
        "echo 'npm error code E404' >&2;"
        "echo 'npm error 404 Not Found - GET https://npm.example/@ruby%2f3.4-wasm-wasi - gone' >&2; exit 1",
    )
    with pytest.raises(UserError) as failure:
        install(lambda line: None)
    said = str(failure.value)
    assert "404 Not Found" in said
    assert "sonickube sound install" in said
    assert "\n" not in said
    assert "example" not in said
    assert parts.missing()
    assert not list(parts.folder().glob(".*"))


def test_a_package_with_another_sum_is_refused(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = empty / "evil.tgz"
    package(archive, {"package/synthdefs/sonic-pi-beep.scsyndef": b"evil"})
    npm_that(empty, f'cp {archive} "$4"/package.tgz')
    with pytest.raises(UserError, match=r"not what it should be \(sha256 .*nothing was installed"):
        install(lambda line: None)
    assert not any(part.installed for part in PARTS)
    assert not list(parts.folder().iterdir())


def test_what_a_package_holds_stays_in_its_folder(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = empty / "good.tgz"
    part = package(
        archive,
        {
            "package/LICENSE": b"MIT",
            "package/synthdefs/sonic-pi-beep.scsyndef": b"beep",
            "package/synthdefs/../../../sonic-pi-out.scsyndef": b"out",
            "package/synthdefs/other.scsyndef": b"other",
            "package/index.js": b"evil()",
        },
    )
    monkeypatch.setattr(parts, "PARTS", (part,))
    monkeypatch.setattr(install_module, "_compile", lambda progress: None)
    npm_that(empty, f'cp {archive} "$4"/package.tgz')
    (old := parts.folder() / "synths-0.1.0").mkdir(parents=True)
    (killed := parts.folder() / ".incomplete-1").mkdir()
    os.utime(killed, (0, 0))
    (at_work := parts.folder() / ".incomplete-2").mkdir()
    said: list[str] = []
    install(said.append)
    assert "MIT" in said[0]
    assert {file.name for file in part.folder.iterdir()} == {"LICENSE", "sonic-pi-beep.scsyndef"}
    assert (old.exists(), killed.exists(), at_work.exists()) == (False, False, True)
    assert not list(empty.rglob("sonic-pi-out*"))

    npm_that(empty, "exit 1")  # Installed already: not asked.
    install(said.append)
    assert "already" in said[-1]


@pytest.mark.real
@pytest.mark.slow
def test_the_real_parts_arrive_and_what_was_there_stays(empty: Path) -> None:
    """Through the real npm: everything that is wanted, in one go after the first part."""
    (empty / "bin").rmdir()
    if shutil.which("npm") is None:
        pytest.skip("needs npm (apt-get install npm)")
    parts.folder().mkdir(parents=True)
    install_module._install(SYNTHS, lambda line: None)
    before = SYNTHS.folder.stat().st_mtime_ns
    said: list[str] = []
    install(said.append)
    assert parts.missing() == []
    assert SYNTHS.folder.stat().st_mtime_ns == before
    assert parts.ruby().read_bytes().startswith(b"\0asm")
    assert len(list(SYNTHS.folder.glob("sonic-pi-*.scsyndef"))) > 100
    parts.samples.cache_clear()
    assert len(parts.samples()) > 190
    assert parts.samples()["bd_haus"].seconds == pytest.approx(0.22, abs=0.01)
    parts.samples.cache_clear()
    assert list(parts.compiled().iterdir())
    parts.random_file().unlink()
    assert parts.missing() == ["the random stream not installed: sonickube sound install"]
    assert all((part.folder / "LICENSE").is_file() for part in PARTS)
    assert [line for line in said if "already" in line]
    assert all(any(part.licence in line for line in said) for part in PARTS)
