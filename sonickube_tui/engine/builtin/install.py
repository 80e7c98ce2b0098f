"""Gets the parts of the built-in player: through npm, checked, unpacked, and made ready for this machine."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import msgspec

from sonickube_tui.engine.builtin import chance, parts
from sonickube_tui.engine.builtin.parts import INDEX, INSTALL, NO_NPM, RUBY, SAMPLES, Part
from sonickube_tui.engine.builtin.score import Sample
from sonickube_tui.errors import UserError

NPM_TIMEOUT = 600.0
"""Seconds for one download; the largest has 34 MB."""

_INCOMPLETE = ".incomplete-"

_CYMBAL = "sonic-pi-sc808_cymbal.scsyndef"
_CYMBAL_OUT = (
    bytes.fromhex("034f75740200000003000000000000ffffffff00000000"),
    bytes.fromhex("034f75740200000003000000000000000000000000000b"),
)
"""The end of that definition: it writes to output 0 whatever its out_bus says, and what it should do."""


def install(progress: Callable[[str], None]) -> None:
    """Get, check and prepare every part that is not there yet, and tell of it line by line.

    Can be ended and begun again at any time: each part is moved into its place when it is complete.
    Raises UserError when npm is absent or fails, a sum does not match, or the disk refuses.
    """
    try:
        parts.folder().mkdir(parents=True, exist_ok=True)
        _sweep()
        for part in parts.PARTS:
            if part.installed:
                progress(f"{part.title}: installed already ({part.licence})")
            else:
                _install(part, progress)
        if not parts.random_file().is_file():
            chance.write(parts.random_file())
        _compile(progress)
    except OSError as error:
        raise UserError(f"the parts cannot be put into {parts.folder()}: {error.strerror or error}") from None


def _sweep() -> None:
    """Remove what installations left that were killed, but not what another one works on."""
    for left in parts.folder().glob(f"{_INCOMPLETE}*"):
        if time.time() - left.stat().st_mtime > NPM_TIMEOUT:
            shutil.rmtree(left, ignore_errors=True)


def _compile(progress: Callable[[str], None]) -> None:
    from sonickube_tui.engine.builtin.vm import installed_ruby  # Needs wasmtime, an extra.

    progress(f"{RUBY.title}: making it machine code, up to a minute the first time")
    installed_ruby()
    progress(f"{RUBY.title}: ready")


def _install(part: Part, progress: Callable[[str], None]) -> None:
    progress(f"{part.title}: getting {part.package} {part.version} ({part.licence})")
    with _workplace() as work:
        archive = _download(part, work)
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != part.sha256:
            raise UserError(
                f"{part.package} {part.version} is not what it should be (sha256 {found[:12]}…, expected "
                f"{part.sha256[:12]}…), nothing was installed: look what registry npm is set to"
            )
        complete = work / "complete"
        complete.mkdir()
        _unpack(part, archive, complete)
        if part is SAMPLES:
            progress(f"{part.title}: decoding")
            _decode_all(complete)
        complete.replace(part.folder)
    progress(f"{part.title}: installed")
    for old in parts.folder().glob(f"{part.name}-*"):
        if old != part.folder:
            shutil.rmtree(old)


@contextmanager
def _workplace() -> Iterator[Path]:
    """A folder beside the parts, for what is not complete yet: from there a move is one step."""
    with tempfile.TemporaryDirectory(dir=parts.folder(), prefix=_INCOMPLETE) as name:
        yield Path(name)


def _download(part: Part, work: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(f"{NO_NPM}, then {INSTALL}")
    wanted = f"{part.package}@{part.version}"
    try:
        done = subprocess.run(
            [npm, "pack", wanted, "--pack-destination", str(work)],
            cwd=work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=NPM_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"npm did not bring {wanted} in {NPM_TIMEOUT:g} s: try {INSTALL} again") from None
    archive = next(work.glob("*.tgz"), None)
    if done.returncode != 0 or archive is None:
        raise UserError(
            f"npm could not bring {wanted}: {_reason(done.stderr)}; what is installed stays, "
            f"so when npm works (npm ping), run {INSTALL} again"
        )
    return archive


def _reason(said: str) -> str:
    """The first line in which npm says what went wrong, without addresses."""
    lines = re.findall(r"^npm (?:error|ERR!) (.*)", said, re.MULTILINE)
    plain = [re.sub(r"(?: - [A-Z]+)? *\bhttps?://\S+", "", line).strip() for line in lines]
    telling = [line for line in plain if not line.startswith(("code ", "errno ", "syscall "))]
    return next((line for line in telling + plain if line), "it did not say why")[:200]


def _unpack(part: Part, archive: Path, into: Path) -> None:
    found = 0
    with tarfile.open(archive) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            content = tar.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            if path.match(part.wanted):
                data = content.read()
                (into / path.name).write_bytes(data.replace(*_CYMBAL_OUT) if path.name == _CYMBAL else data)
                found += 1
            elif member.name == part.licence_file:
                (into / "LICENSE").write_bytes(content.read())
    assert found, f"{part.package} has no {part.wanted}"


def _decode_all(where: Path) -> None:
    """FLAC, which the engine cannot read, to WAV, with nothing lost; and what each sample is."""
    with ThreadPoolExecutor(2) as pool:
        index = dict(pool.map(_decode, sorted(where.glob("*.flac"))))
    (where / INDEX).write_bytes(msgspec.json.encode(index))


def _decode(flac: Path) -> tuple[str, Sample]:
    import miniaudio  # Only for the installation, and only there when the extra is.

    info = miniaudio.flac_get_file_info(str(flac))
    deep = info.sample_width > 2
    how = miniaudio.SampleFormat.SIGNED32 if deep else miniaudio.SampleFormat.SIGNED16
    sound = miniaudio.decode_file(str(flac), how, info.nchannels, info.sample_rate)
    with wave.open(str(flac.with_suffix(".wav")), "wb") as file:
        file.setnchannels(info.nchannels)
        file.setsampwidth(sound.sample_width)
        file.setframerate(info.sample_rate)
        file.writeframes(sound.samples.tobytes())
    flac.unlink()
    return flac.stem, Sample(sound.num_frames / info.sample_rate, info.nchannels)
