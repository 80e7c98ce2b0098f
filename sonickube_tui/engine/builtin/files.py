"""The user's own sound files: found in some folders and nowhere else, decoded once, outside the sandbox."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import stat
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from sonickube_tui.engine.builtin.score import Sample

ENDINGS = (".wav", ".wave", ".aif", ".aiff", ".flac", ".ogg", ".oga")
"""What Sonic Pi takes for a sound file (`sample_loader.rb`), in any case of letters."""

MOST_FILES = 10_000
"""Files of a folder and all below it that are looked at."""

MOST_BYTES = 128 * 1024 * 1024
"""Bytes of a decoded file: six minutes in stereo."""

_PIECE = 1 << 16
"""Frames that are decoded at once."""


class Refusal(Exception):
    """A file cannot be played; the text says why, and what to do where something can be done."""


class Loaded(NamedTuple):
    """What a score may call a file, what it is, and whether it was decoded only now."""

    known: str
    sample: Sample
    worked: bool


class Files:
    """Sound files in `folders`: the first one that has a name counts, and the last one is the user's own.

    What is played is kept as WAV in the folder `decoded`. May be used by several threads.
    """

    def __init__(self, folders: Sequence[Path], decoded: Path) -> None:
        self._folders = tuple(folders)
        self._decoded = decoded
        self._known: dict[str, Sample] = {}

    def at(self, text: str) -> list[str]:
        """The names of what a path means: a file, those of a folder, or with `/**` all below it too.

        Names are paths within our folders. Raises Refusal when nothing is there.
        """
        path = text.replace("\\", "/")
        deep = path.endswith("**")
        path = path.removesuffix("**").rstrip("/") if deep else path
        for name in self._within(path):
            for folder in self._folders:
                found = _real(folder, name)
                if found is None:
                    continue
                if found.is_dir():
                    return sorted(_listed(folder, found, deep=deep))
                if not deep:
                    return [name]
        if not self._folders:
            raise Refusal("no such file")
        own = _short(self._folders[-1])
        raise Refusal(f"no such file: put it beside the snippet, into samples/ there, or into {own}")

    def all(self) -> list[str]:
        """The names of all files: those beside the snippets, and those in and below folders for samples."""
        names: set[str] = set()
        for folder in self._folders:
            if (real := _real(folder, "")) and real.is_dir():
                names.update(_listed(folder, real, deep=folder.name == "samples"))
        return sorted(names)

    def load(self, name: str) -> Loaded:
        """A file that may be played; it is decoded now, when it is not yet.

        Raises Refusal when it cannot be played.
        """
        found = next((file for one in self.at(name) for file in self._places(one)), None)
        if found is None or found.is_dir():
            raise Refusal("no such file")
        if found.suffix.lower() not in ENDINGS:
            raise Refusal("only WAV, AIFF, FLAC and Ogg are played")
        try:
            about = found.stat()
            if not stat.S_ISREG(about.st_mode):
                raise Refusal("it is not a file")
            key = f"{found}\0{about.st_mtime_ns}\0{about.st_size}"
            known = f"file-{hashlib.sha256(os.fsencode(key)).hexdigest()[:32]}"
            if worked := known not in self._known:
                self._known[known] = _decode(found, self._decoded / f"{known}.wav")
        except OSError as error:
            raise Refusal(f"it cannot be read: {error.strerror}") from None
        return Loaded(known, self._known[known], worked)

    def decoded(self, known: str) -> Path | None:
        """The WAV file of what `load` gave; None for anything else."""
        return self._decoded / f"{known}.wav" if known in self._known else None

    def _places(self, name: str) -> Iterator[Path]:
        for folder in self._folders:
            if found := _real(folder, name):
                yield found

    def _within(self, path: str) -> Iterator[str]:
        """What a path may be within a folder of ours: of one that leads elsewhere its end, longest first."""
        if "\0" in path or not path.strip("/"):
            return
        if path.startswith("~/"):
            path = f"{Path.home()}{path[1:]}"
        elsewhere = re.match(r"([A-Za-z]:)?/", path)
        plain = posixpath.normpath(path)
        if plain == ".." or plain.startswith("../"):
            raise Refusal("it is outside of the folders for samples")
        if not elsewhere:
            yield plain
            return
        for folder in self._folders:
            if Path(plain).is_relative_to(folder):
                yield Path(plain).relative_to(folder).as_posix()
        parts = plain[elsewhere.end() :].split("/")
        yield from ("/".join(parts[first:]) for first in range(len(parts)))


def _real(folder: Path, name: str) -> Path | None:
    """What is there in a folder of ours, None when nothing is. Raises Refusal when a link leads out of it."""
    try:
        root = folder.resolve(strict=True)
        found = (root / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):  # A loop of links, a name that none can be.
        return None
    if not found.is_relative_to(root):
        raise Refusal("it is a link that leads out of the folder for samples")
    return found


def _listed(folder: Path, within: Path, *, deep: bool) -> Iterator[str]:
    """The names in `folder` of the sound files in a folder within it, hidden ones and links out left out."""
    root = folder.resolve()
    waiting, seen = [within], 0
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            seen += 1
            if seen > MOST_FILES:
                raise Refusal(f"there are more than {MOST_FILES:,} files in {folder}")
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting += [Path(entry.path)] if deep else []
            elif entry.name.lower().endswith(ENDINGS) and _inside(root, entry):
                name = Path(entry.path).relative_to(root).as_posix()
                if name.isprintable():
                    yield name


def _short(folder: Path) -> str:
    """A folder as people write it."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def _inside(root: Path, entry: os.DirEntry[str]) -> bool:
    try:
        return not entry.is_symlink() or Path(entry.path).resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # It leads nowhere.
        return False


def _decode(file: Path, wav: Path) -> Sample:
    """Write it as WAV, with nothing lost. Raises Refusal, and OSError."""
    import soundfile  # An extra, and 20 ms.

    part = wav.with_suffix(f".{threading.get_ident()}")
    try:
        with file.open("rb") as opened, soundfile.SoundFile(opened) as sound:
            about = _checked(sound)
            written = _write(_pieces(sound), part, sound.samplerate, sound.channels)
            if written != sound.frames:
                raise Refusal(f"it is damaged after {written / sound.samplerate:.1f} s")
        part.replace(wav)
    except soundfile.LibsndfileError:
        raise Refusal("it is damaged, or no sound file") from None
    finally:
        part.unlink(missing_ok=True)
    return about


def _checked(sound: Any) -> Sample:
    """What its header says. Raises Refusal when that cannot be played."""
    if sound.channels > 2:
        raise Refusal(f"it has {sound.channels} channels: one or two can be played")
    if sound.frames == 0:
        raise Refusal("it is empty")
    if sound.frames > MOST_BYTES // (4 * sound.channels):
        raise Refusal(f"it is too long: {sound.frames / sound.samplerate / 60:.0f} minutes")
    return Sample(sound.frames / sound.samplerate, sound.channels)


def _pieces(sound: Any) -> Iterator[Any]:
    import soundfile

    try:
        yield from sound.blocks(_PIECE, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        raise Refusal("it is damaged") from None


def _write(pieces: Iterator[Any], wav: Path, rate: int, channels: int) -> int:
    """Gives the frames that were written. Raises Refusal when they cannot be."""
    import soundfile

    try:
        with soundfile.SoundFile(wav, "w", rate, channels, "FLOAT", format="WAV") as copy:
            for piece in pieces:
                copy.write(piece)
            return int(copy.frames)
    except (soundfile.LibsndfileError, AssertionError):  # The latter on a disk that is full.
        raise Refusal(f"there is no room for it in {wav.parent}") from None


class Asked(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a run asks of the host: `at`, `all` or `load`, and the text that it is about."""

    what: str
    text: str


def answer(files: Files | None, request: bytes) -> tuple[bytes, bool]:
    """To a run's question: the answer and "", or nil and why there is none; and whether that took work.

    No question breaks us, and the same one takes work once.
    """
    value: object = None
    refusal, worked = "", False
    try:
        if files is None:
            raise Refusal("no files are played here")
        asked = msgspec.msgpack.decode(request, type=Asked)
        match asked.what:
            case "at":
                value = files.at(asked.text)
            case "all":
                value = files.all()
            case "load":
                known, sample, worked = files.load(asked.text)
                value = [known, sample.seconds, sample.channels]
    except (Refusal, msgspec.MsgspecError) as error:
        refusal = str(error)
    except (OSError, RuntimeError) as error:  # A folder that may not be looked into, a home that is none.
        refusal = f"it cannot be read: {error}"
    return msgspec.msgpack.encode([value, refusal]), worked
