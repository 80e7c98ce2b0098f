"""How long what is played sounds."""

from __future__ import annotations

import functools

from sonickube_tui.engine.builtin import parts
from sonickube_tui.engine.builtin.instruments import read_definition
from sonickube_tui.engine.builtin.score import Play

ENVELOPE = ("attack", "decay", "sustain", "release")

LONGEST = 60.0
"""Seconds after which a sound counts as ended whatever it says; a sample at a rate near 0 never ends."""

DRUM_EXTRA = 1.0
"""Seconds that a drum of the 808 may sound beyond its decay: its clap comes in four strokes."""


@functools.cache
def defaults(synth: str) -> dict[str, float]:
    """The arguments of an installed synth definition. Raises OSError when there is none of that name."""
    return read_definition((parts.synthdefs() / f"{synth}.scsyndef").read_bytes())[1]


def seconds(play: Play) -> float:
    """How long a sound lasts at most: until its envelope, or its sample, has freed it."""
    args = defaults(play.synth) | play.args
    if play.sample and args["sustain"] < 0:
        part = abs(args.get("finish", 1.0) - args.get("start", 0.0))
        length = parts.sample_seconds(play.sample) * part
        return min(LONGEST, length / max(abs(args["rate"]), 1e-3))
    extra = DRUM_EXTRA if "sc808" in play.synth else 0.0
    return min(LONGEST, sum(max(0.0, args.get(stage, 0.0)) for stage in ENVELOPE) + extra)
