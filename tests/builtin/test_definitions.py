"""Mended synth definitions: the same instruments, and in our engine the sound that they have in Sonic Pi."""

from __future__ import annotations

import os

import numpy as np
import pytest

from builtin.original import Noted
from builtin.reference import MAIN_BUS, MIXERS, SYNTHS, replayed
from builtin.test_same_sound import likeness
from sonic_pi import Sound, missing
from sonickube_tui.engine.builtin import parts
from sonickube_tui.engine.builtin.definitions import definitions, mended
from sonickube_tui.engine.builtin.instruments import PREFIX, read_definition
from sonickube_tui.engine.builtin.mix import RATE
from sonickube_tui.engine.builtin.offline import Take, offline
from sonickube_tui.engine.builtin.score import Control, Ended, Play

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("sound")]


def test_each_keeps_its_name_and_its_arguments() -> None:
    files = sorted(parts.synthdefs().glob(f"{PREFIX}*.scsyndef"))
    loaded = definitions(parts.synthdefs())
    assert len(loaded) == len(files) > 100
    for file, definition in zip(files, loaded, strict=True):
        assert read_definition(definition) == read_definition(file.read_bytes())


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9])
def test_what_is_cut_off_is_refused(part: float) -> None:
    whole = (parts.synthdefs() / f"{PREFIX}beep.scsyndef").read_bytes()
    with pytest.raises(ValueError, match="synth definition"):
        mended(whole[: int(part * len(whole))])


SLID = {"note": 67.0, "note_slide": 0.3, "amp": 0.4, "amp_slide": 0.1}
"""What changes after 0.2 s: slides last other fractions of a control block in 3.14."""


@pytest.fixture(scope="module")
def sonic_pi() -> None:
    if lack := missing():
        (pytest.fail if os.environ.get("SONICKUBE_REQUIRE_REAL") == "1" else pytest.skip)(lack)


@pytest.mark.usefixtures("sonic_pi")
@pytest.mark.parametrize("control", [{}, SLID], ids=["held", "slid"])
@pytest.mark.parametrize(
    ("synth", "args"),
    [
        ("beep", {}),
        ("beep", {"attack": 0.05, "decay": 0.1, "sustain": 0.2, "sustain_level": 0.5}),
        ("fm", {}),  # 0.67 as it is.
        ("mod_saw", {}),  # 0.76
        ("mod_tri", {"mod_wave": 0.0, "mod_phase": 0.1}),
        ("mod_sine", {"mod_wave": 2.0, "mod_phase_offset": 0.3}),
        ("tb303", {"cutoff_attack": 0.1}),
        ("hoover", {}),  # 7 dB too loud.
        ("prophet", {}),
        ("pnoise", {}),  # With one seed, the same noise.
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_it_sounds_as_in_sonic_pis_engine(
    synth: str, args: dict[str, float], control: dict[str, float]
) -> None:
    name = PREFIX + synth
    mixer = ["in_bus", 40.0, "amp", 0.3, "out_bus", float(MAIN_BUS)]
    notes: list[Noted] = [
        ("/g_new", 0.0, [8, 1, SYNTHS], -2.0),
        ("/s_new", 0.0, [f"{PREFIX}basic_mixer", 9, 0, MIXERS, *mixer], -2.0),
        ("/s_new", 0.0, [name, 10, 1, 8, *_flat(args), "out_bus", 40.0], 0.0),
        ("/n_set", 0.2, [10, *_flat(control)], 0.2),
    ]
    events = [Play(0.0, 1, name, args), Control(0.2, 1, control), Ended(0.2)]
    copy = Sound(np.concatenate(list(offline([Take(at=0.0, run=1, events=events)]))).astype(float), RATE)
    original = replayed(notes, 3.0)
    assert likeness(original, copy) > 0.995
    assert (copy.samples**2).sum() == pytest.approx((original.samples**2).sum(), rel=0.01)


def _flat(args: dict[str, float]) -> list[str | float]:
    return [part for pair in args.items() for part in pair]
