"""The library of snippets: read from folders, read again when they change, never without a last good one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sonickube_tui.event import Kind
from sonickube_tui.music.syntax import SyntaxProblem, check
from sonickube_tui.music.theme import Theme, is_name

if TYPE_CHECKING:
    import asyncio


class Snippet(msgspec.Struct, frozen=True, gc=False):
    """One Sonic Pi program: `name` is its file's stem, `file` where it was read."""

    name: str
    file: Path
    text: str


class Change(msgspec.Struct, frozen=True, gc=False):
    """What became of a snippet whose file changed: `message` is one line for people, `line` counts from 1."""

    name: str
    ok: bool
    message: str
    line: int = 0


class Library:
    """Snippets from one or more folders; a later folder's snippet hides an earlier one's of the same name.

    A file that does not parse, or cannot be read, leaves the last good version in use.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)
        self._good: dict[str, Snippet] = {}
        self._problems: dict[str, Change] = {}
        self._lent: dict[str, Snippet] = {}
        for name in sorted(self._files()):
            self._read(name)

    @property
    def names(self) -> list[str]:
        """The names of the snippets that can sound."""
        return sorted(self._good | self._lent)

    @property
    def problems(self) -> list[Change]:
        """The files that are not in use as they are now."""
        return [self._problems[name] for name in sorted(self._problems)]

    def get(self, name: str) -> Snippet | None:
        """The last good version of a snippet."""
        return self._lent.get(name) or self._good.get(name)

    def lend(self, texts: Mapping[str, str]) -> None:
        """Play these texts, by name, before what the folders hold.

        Those that do not parse are left out, and those whose names no theme can have.
        """
        self._lent = {
            name: Snippet(name, Path(f"{name}.rb"), text)
            for name, text in texts.items()
            if is_name(name) and check(text) is None
        }

    def pick(self, theme: Theme, kind: Kind) -> Snippet | None:
        """The snippet for a kind, or the one for its severity; None when the theme has silence for it."""
        return next(filter(None, map(self.get, theme.candidates(kind))), None)

    def _files(self) -> dict[str, list[Path]]:
        """The files of each snippet, the one that counts first."""
        files: dict[str, list[Path]] = {}
        for folder in reversed(self.folders):
            for file in folder.glob("[!.]*.rb"):
                files.setdefault(file.stem, []).append(file)
        return files

    def _read(self, name: str) -> Change | None:
        """Take in what the folders hold of a snippet now; None when that changes nothing."""
        files = self._files().get(name, [])
        before = self._good.get(name)
        trouble = self._problems.pop(name, None)
        if not files:
            self._good.pop(name, None)
            if before is None and trouble is None:
                return None
            return Change(name, False, f"{name}.rb is gone; events fall back to their severity's snippet")
        text = _text(files[0])
        if isinstance(text, SyntaxProblem):
            return self._refuse(name, files, text)
        self._good[name] = Snippet(name, files[0], text)
        if self._good[name] == before and trouble is None:
            return None
        return Change(name, True, f"{name}.rb is in use")

    def _refuse(self, name: str, files: Sequence[Path], problem: SyntaxProblem) -> Change:
        """Keep the last good version, or without one what the file hides."""
        if name not in self._good:
            for file in files[1:]:
                if isinstance(text := _text(file), str):
                    self._good[name] = Snippet(name, file, text)
                    break
        kept = "; the last good version plays on" if name in self._good else ""
        where = f"{files[0]}, line {problem.line}" if problem.line else str(files[0])
        change = self._problems[name] = Change(name, False, f"{where}: {problem.message}{kept}", problem.line)
        return change

    async def watch(self, stop: asyncio.Event | None = None) -> AsyncIterator[Change]:
        """Changes as files are saved, made, renamed and deleted, until `stop` is set.

        Folders are watched, not files: editors replace a file when they save it, and a watch on the file
        goes blind with that.
        """
        from watchfiles import awatch

        folders = [folder for folder in self.folders if folder.is_dir()]
        async for changes in awatch(
            *folders, debounce=200, step=20, recursive=False, stop_event=stop, watch_filter=_is_snippet
        ):
            for name in sorted({Path(path).stem for _, path in changes}):
                if change := self._read(name):
                    yield change


def _is_snippet(_: object, path: str) -> bool:
    return path.endswith(".rb") and not Path(path).name.startswith(".")


def _text(file: Path) -> str | SyntaxProblem:
    """What a file holds, or why that is no snippet; its line is 0 when the file cannot be read."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return SyntaxProblem(0, str(error))
    return check(text) or text
