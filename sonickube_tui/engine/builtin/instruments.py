"""Synths and effects as the language must know them: their arguments, and which of these count beats.

Names and defaults are read from the compiled synth definitions that are installed. What a definition does
not say is told here by rule: Sonic Pi converts some arguments from beats to seconds and from note names to
MIDI numbers before it sends them (read in Sonic Pi 4.5.1's `synthinfo.rb`; before 3.3, the slides of an
effect's `mix`, `pre_mix` and `pre_amp` were in seconds).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from pathlib import Path

import msgspec

PREFIX = "sonic-pi-"

ALIASES = {"sine": "beep", "mod_beep": "mod_sine"}
"""Synths that have a second name."""

NOT_PLAYED = re.compile(
    r"(basic_)?mixer|amp_stereo_monitor|recorder|scope|server-info|live_audio.*|sound_in.*"
    r"|fx_(record|scope_out|sound_out.*)"
)
"""Definitions that Sonic Pi has for itself, or that need an input or a file."""

IN_BEATS = re.compile(
    r"(cutoff_)?(attack|decay|sustain|release)|(max_|mod_)?phase|rs_(delay|onset)|ramp_length|\w+_slide"
)

PLAYERS_IN_BEATS = re.compile(
    r"(amp|pan|pre_amp|lpf_min|threshold|slope_below|slope_above|clamp_time|relax_time)_slide"
)

NOT_IN_BEATS = {
    "bass_highend": re.compile(r"drive_slide"),
    "blade": re.compile(r"vibrato_(rate|depth)_slide"),
    "gabberkick": re.compile(r"boost_slide"),
    "organ_tonewheel": re.compile(r"(?!note|amp|pan)\w+_slide"),
    "rhodey": re.compile(r"(lfo_width|lfo_rate|mod_index|mix)_slide"),
    "sc808": re.compile(r"decay|(lpf|hpf)_slide"),
    "mod_fm": re.compile(r"mod_(phase|range|pulse_width)_slide"),
    "fx_autotuner": re.compile(r"formant_ratio_slide"),
    "fx_flanger": re.compile(r"decay|pulse_width_slide"),
    "fx_gverb": re.compile(r"release|(spread|damp|pre_damp|dry)_slide"),
    "fx_level": re.compile(r"(pre_)?mix_slide|pre_amp_slide"),
    "fx_octaver": re.compile(r"(?!pre_)\w+_amp_slide"),
    "fx_panslicer": re.compile(r"amp_(min|max)_slide"),
    "fx_tremolo": re.compile(r"pulse_width_slide"),
    "fx_whammy": re.compile(r"transpose_slide"),
}
"""Exceptions of single definitions, and of the drums of the 808."""

FOLLOWING = {
    "tb303": {f"cutoff_{part}": part for part in ("attack", "decay", "sustain", "release")},
    "dpulse": {"dpulse_width_slide": "pulse_width_slide"},
}
"""Arguments whose default is another argument."""

DEFAULTS = {
    "tb303": {"attack": 0.0},
    "prophet": {"attack": 0.0},
    "rodeo": {"decay": 1.0, "sustain": 0.8},
}
"""Where Sonic Pi takes another default in beats than the definition has."""

NOTES = re.compile(
    r"cutoff(_min|_max)?|centre|freq|(low|mid|high)(_shelf)?_note|head_hpf"
    r"|(lpf|hpf)(_min|_max|_(init|attack|decay|sustain|release)_level)?"
)
"""Arguments that take the name of a note."""

CUTOFF_IS_LPF = re.compile(r"\w+_player|sc808_(clap|snare)")

SYNONYMS = {f"cutoff{end}": f"lpf{end}" for end in ("", "_slide", "_slide_shape", "_slide_curve")}


class Instrument(msgspec.Struct, frozen=True, gc=False):
    """A synth, an effect or a sample player; `name` is that of its definition.

    `defaults` has all arguments of the definition, `beats` those that are in beats, with their default or the
    argument they follow, `notes` those that may be note names, `synonyms` other names of arguments.
    """

    name: str
    defaults: dict[str, float]
    beats: dict[str, float | str]
    notes: list[str]
    synonyms: dict[str, str]


def instruments(folder: Path) -> dict[str, Instrument]:
    """Everything that can be played with the definitions in a folder, effects as `fx_reverb`.

    Raises OSError and ValueError when a definition cannot be read.
    """
    found = {}
    for file in sorted(folder.glob(f"{PREFIX}*.scsyndef")):
        name, defaults = read_definition(file.read_bytes())
        short = name.removeprefix(PREFIX)
        if not NOT_PLAYED.fullmatch(short):
            found[short] = _instrument(short, defaults)
    return found | {alias: found[name] for alias, name in ALIASES.items() if name in found}


def read_definition(data: bytes) -> tuple[str, dict[str, float]]:
    """The name and the arguments of the first definition in a file, with the defaults compiled into it.

    The format is SuperCollider's "Synth Definition File Format", versions 1 and 2. Raises ValueError.
    """
    if data[:4] != b"SCgf":
        raise ValueError("not a compiled synth definition")
    try:
        return _Reader(data).definition()
    except (struct.error, IndexError) as error:
        raise ValueError(f"a compiled synth definition is cut off: {error}") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 4

    def definition(self) -> tuple[str, dict[str, float]]:
        count = ">i" if self._take(">i") >= 2 else ">h"
        self._take(">h")
        name = self._text()
        for _ in range(self._take(count)):
            self._take(">f")  # A constant.
        values = [self._take(">f") for _ in range(self._take(count))]
        names = [(self._text(), self._take(count)) for _ in range(self._take(count))]
        # They are 32-bit floats: 0.1 is meant by 0.10000000149.
        return name, {argument: float(f"{values[index]:.6g}") for argument, index in names}

    def _take(self, how: str) -> int:
        (value,) = struct.unpack_from(how, self._data, self._at)
        self._at += struct.calcsize(how)
        return value  # type: ignore[no-any-return]

    def _text(self) -> str:
        size = self._data[self._at]
        self._at += 1 + size
        return self._data[self._at - size : self._at].decode("ascii")


def _instrument(short: str, defaults: Mapping[str, float]) -> Instrument:
    beats: dict[str, float | str] = {}
    beats.update({name: value for name, value in defaults.items() if _in_beats(short, name)})
    beats.update(DEFAULTS.get(short, {}))
    beats.update(FOLLOWING.get(short, {}))
    effect = short.startswith("fx_")
    return Instrument(
        name=PREFIX + short,
        defaults=dict(defaults),
        beats=beats,
        notes=[name for name in defaults if NOTES.fullmatch(name) or (effect and name == "note")],
        synonyms=SYNONYMS if CUTOFF_IS_LPF.fullmatch(short) else {},
    )


def _in_beats(short: str, argument: str) -> bool:
    if short.endswith("_player"):
        return PLAYERS_IN_BEATS.fullmatch(argument) is not None
    exceptions = NOT_IN_BEATS.get("sc808" if short.startswith("sc808_") else short)
    if exceptions and exceptions.fullmatch(argument):
        return False
    return IN_BEATS.fullmatch(argument) is not None
