"""What a snippet comes to: what sounds, changes and ends, in the order of time.

Times (`at`) are seconds of virtual time since the run began, after the beats were converted. Arguments are
what Sonic Pi would send to scsynth, in seconds and MIDI notes, without buses and buffer numbers; what is not
sent has the synth definition's own default. Events of one time are to be done in the order of the list, and
an effect stands before what is in it, though that may begin earlier.

A run has a tree of places to sound in: 0 is its own output, every other is an `Effect`, named by its `node`.
"""

from __future__ import annotations

import msgspec

Arguments = dict[str, float]
"""Synth argument to value. Only arguments that differ from the synth definition's defaults need be here."""


class Play(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A synth or a sample begins; it ends by itself, when its envelope does.

    `synth` is the name of a synth definition (`sonic-pi-beep`), `node` the sound's number in this run (1 or
    more, shared with effects), `place` where it sounds: 0 or an effect's node. `sample` is the sample whose
    buffer is to be the argument `buf`: the name of a built-in one (`bd_haus`), or the whole path of a WAV
    file that one of the user's own was decoded to. It is empty for a synth.
    """

    at: float
    node: int
    synth: str
    args: Arguments
    place: int = 0
    sample: str = ""


class Effect(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A `with_fx` begins: from now on it hears what plays in its place, and sounds in `place`, its parent.

    The synth definitions of slicer, panslicer and wobble need the random stream's buffer as `rand_buf`.
    """

    at: float
    node: int
    synth: str
    args: Arguments
    place: int = 0


class EffectEnd(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Nothing more begins within an effect: its block and the threads begun in it have ended.

    It is to be freed `tail` seconds after the last sound or effect in it has ended, or after now, whichever
    is later.
    """

    at: float
    node: int
    tail: float


class Control(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Arguments of a sound or an effect change; how fast is among its arguments, as `note_slide`.

    Harmless when the node has ended.
    """

    at: float
    node: int
    args: Arguments


class Kill(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A sound or an effect, with all that sounds in it, ends at once. Harmless when it has ended."""

    at: float
    node: int


class Said(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A line that the snippet printed."""

    at: float
    text: str


class Failed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A thread of the snippet raised: Ruby's class and message, and the snippet's line (0 when unknown).

    The run's other threads go on, as they do in Sonic Pi; the sandbox's own refusals are followed by `Ended`.
    """

    at: float
    error: str
    message: str
    line: int


class Done(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The snippet itself ran to its end or stopped, and did not fail; threads that it began may go on."""

    at: float


class Ended(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The last thread has ended: nothing of this run begins any more, and every effect has had its end.

    Always the last event of a run.
    """

    at: float


ScoreEvent = Play | Effect | EffectEnd | Control | Kill | Said | Failed | Done | Ended


class Sample(msgspec.Struct, frozen=True, gc=False):
    """What the language must know of a sample: its length in seconds at its own rate, and its channels."""

    seconds: float
    channels: int
