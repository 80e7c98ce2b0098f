"""Defaults < config file < environment < flags, and the folders where things are."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import platformdirs

from sonickube_tui.errors import UserError

EngineName = Literal["auto", "sonic-pi", "boot", "bridge", "builtin", "silent"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be set in the config file, by `SONICKUBE_*` variables and by flags, under these names."""

    contexts: tuple[str, ...] = ()
    kubeconfig: str | None = None
    namespaces: tuple[str, ...] = ()
    selector: str = ""
    theme: str = "classic"
    snippets: str | None = None
    sonic_pi: str | None = None
    engine: EngineName = "auto"
    sonic_pi_app: str | None = None
    audio: Literal["auto", "dummy"] = "auto"
    allow_remote: bool = False
    onsets_per_second: Annotated[float, msgspec.Meta(gt=0, le=100)] = 10.0
    voices: Annotated[int, msgspec.Meta(ge=1, le=500)] = 32
    dim_db: Annotated[float, msgspec.Meta(ge=-48, le=0)] = -12.0
    light: bool = False
    record_limit_mb: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 0.0
    record_parts: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    record_redacted: bool = False

    def __repr__(self) -> str:
        return super(Settings, self._for_people).__repr__()

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return super(Settings, self._for_people).__rich_repr__()

    @property
    def _for_people(self) -> Settings:
        # A crash report tells what variables hold, and this address may hold Sonic Pi's token.
        return msgspec.structs.replace(self, sonic_pi=self.sonic_pi and "…")


_LISTS = ("contexts", "namespaces")

_MEANT = 0.8
"""How alike, of 1, a variable's name and a key are when the key was meant; others may use our prefix, too."""


def load(
    flags: Mapping[str, Any], config: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """Put the layers together; a flag that is None or empty was not given.

    Raises UserError that names the file or variable, the key, and what would be right.
    """
    layers: dict[str, Any] = {}
    file = config or config_folder() / "config.toml"
    if config is not None or file.is_file():
        layers |= _checked(_read(file), str(file))
    layers |= _from_environment(environ)
    layers |= {key: value for key, value in flags.items() if value not in (None, (), "")}
    # A context that is named twice is still one cluster.
    layers["contexts"] = tuple(dict.fromkeys(layers.get("contexts", ())))
    return msgspec.convert(layers, Settings)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"the config file {file} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{file} is not TOML: {error}") from None


def _checked(layer: dict[str, Any], where: str, *, strict: bool = True) -> dict[str, Any]:
    for key in layer:
        if key not in Settings.__struct_fields__:
            close = difflib.get_close_matches(key, Settings.__struct_fields__, 1)
            hint = (
                f"did you mean {close[0]}?"
                if close
                else f"it can be: {', '.join(Settings.__struct_fields__)}"
            )
            raise UserError(f"{where}: unknown key {key!r}; {hint}")
    try:
        settings = msgspec.convert(layer, Settings, strict=strict)
    except msgspec.ValidationError as error:
        match = re.search(r"`\$\.(\w+)", str(error))
        name = match[1] if match else ""
        given = "" if name == "sonic_pi" else f", not {layer.get(name)!r}"
        raise UserError(f"{where}: {name}: {str(error).split(' - at')[0]}{given}") from None
    return {key: getattr(settings, key) for key in layer}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    layer: dict[str, Any] = {}
    for variable, value in environ.items():
        if not variable.startswith("SONICKUBE_") or not value:
            continue
        key = variable.removeprefix("SONICKUBE_").lower()
        if key in Settings.__struct_fields__:
            given = [part.strip() for part in value.split(",")] if key in _LISTS else value
            layer |= _checked({key: given}, variable, strict=False)
        elif close := difflib.get_close_matches(key, Settings.__struct_fields__, 1, _MEANT):
            raise UserError(f"unknown variable {variable}; did you mean SONICKUBE_{close[0].upper()}?")
    return layer


def config_folder() -> Path:
    """Where the user's config.toml, themes/ and snippets/ are."""
    return platformdirs.user_config_path("sonickube", appauthor=False)


def state_folder() -> Path:
    """Where the console keeps what it learned, such as the mix of each cluster."""
    return platformdirs.user_state_path("sonickube", appauthor=False)


def sonic_pi_folder() -> Path:
    """Where it is noted what we have set off in Sonic Pi, and where one that we start has its logs."""
    return state_folder() / "sonic-pi"


def shipped(folder: str) -> Path:
    """The `themes` or `snippets` that came with the program, installed or in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / folder
    return installed if installed.is_dir() else package.parent / folder
