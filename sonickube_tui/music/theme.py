"""How a cluster looks and sounds: one TOML file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

from sonickube_tui.errors import UserError
from sonickube_tui.event import Kind, Severity
from sonickube_tui.music.merging import WINDOW

Colour = Annotated[str, msgspec.Meta(pattern=r"^#[0-9a-fA-F]{6}\Z")]
SnippetName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]*\Z")]


TAIL = 6.0
"""Seconds; twice what the shipped themes ring. With ten, an incident finds no room on a deaf engine."""


class Palette(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The colours of the screen, each `#rrggbb`."""

    background: Colour
    surface: Colour
    foreground: Colour
    dim: Colour
    accent: Colour
    ok: Colour
    info: Colour
    warning: Colour
    error: Colour
    critical: Colour


class Colours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A palette for dark rooms and one for bright ones."""

    dark: Palette
    light: Palette


class Theme(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a cluster looks and sounds.

    `snippets` names a snippet for a kind, `fallback` one for the severity of every other kind; the empty
    name is silence. `tempo` is in beats per minute, `window` the seconds in which events of one namespace and
    kind become one voice, `tail` those of the longest sound that a snippet leaves behind when it has run:
    after so long, a voice of which nothing is heard any more makes room for others.
    """

    name: str
    description: str
    tempo: Annotated[float, msgspec.Meta(ge=1, le=999)]
    colours: Colours
    snippets: dict[Kind, SnippetName]
    fallback: dict[Severity, SnippetName]
    window: Annotated[float, msgspec.Meta(ge=0, le=5)] = WINDOW
    tail: Annotated[float, msgspec.Meta(ge=1, le=600)] = TAIL

    def candidates(self, kind: Kind) -> list[str]:
        """The names of the snippets to try for a kind, best first."""
        names = [self.snippets.get(kind), self.fallback.get(kind.severity)]
        if names[0] == "":
            return []
        return [name for name in names if name]


def themes(folders: Sequence[Path]) -> dict[str, Path]:
    """Theme files by name; a later folder's theme hides an earlier one's."""
    return {file.stem: file for folder in folders for file in sorted(folder.glob("*.toml"))}


def load_theme(name: str, folders: Sequence[Path]) -> Theme:
    """Read the theme of that name.

    Raises UserError when there is none, or when its file is not a theme; the text names file and field.
    """
    found = themes(folders)
    if name not in found:
        raise UserError(f"no theme called {name!r}; there are: {', '.join(found)}")
    return read_theme(found[name])


def read_theme(file: Path) -> Theme:
    """Read a theme file. Raises UserError naming file and field when it is not a theme."""
    raw: dict[str, Any] = {}
    try:
        raw = tomllib.loads(file.read_text("utf-8"))
        theme = msgspec.convert(raw, Theme)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{file}: {error}") from None
    except msgspec.ValidationError as error:
        raise UserError(f"{file}: {_explain(str(error), raw)}") from None
    if theme.name != file.stem:
        raise UserError(f"{file}: name is {theme.name!r}, but the file's name says {file.stem!r}")
    return theme


def _explain(error: str, raw: dict[str, Any]) -> str:
    """msgspec's words in one line that names the field and says what would be right."""
    for table, enum in (("snippets", Kind), ("fallback", Severity)):
        if match := re.fullmatch(rf"Invalid enum value '(.*)' - at `key` in `\$\.{table}`", error):
            return f"[{table}] has {match[1]!r}; it can be one of: {', '.join(enum)}"
        if error.endswith(f"at `$.{table}[...]`"):
            key, name = next(item for item in raw[table].items() if not is_name(item[1]))
            return f"[{table}] {key} = {name!r}: a snippet's name is of small letters, digits and _"
    return error.replace("`$.", "`").replace("Object contains unknown field", "unknown key")


def is_name(value: object) -> bool:
    """Whether a snippet may be called so; the empty name is silence."""
    return isinstance(value, str) and re.fullmatch("[a-z0-9_]*", value) is not None
