"""The built-in player without a clock: the same mix to samples, as fast as they can be rendered."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from sonickube_tui.engine.builtin.mix import BLOCK, RATE, Mixer, Samples
from sonickube_tui.engine.builtin.render import STRIPS
from sonickube_tui.engine.builtin.score import ScoreEvent
from sonickube_tui.engine.builtin.stage import Stage


class Take(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A run begins `at` seconds, at a linear level and a pan from -1 to 1; `events` is its whole score."""

    at: float
    run: int
    events: Sequence[ScoreEvent]
    level: float = 1.0
    pan: float = 0.0


class Move(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A run's fader moves, `at` seconds. Without effect when the run is over."""

    at: float
    run: int
    level: float
    pan: float = 0.0


def offline(cues: Iterable[Take | Move], *, seconds: float = math.inf) -> Iterator[Samples]:
    """Mix takes as they would be heard, until all have ended or for at most so many seconds.

    Cues come in order of their time and are taken as they are due, so they may be worked out meanwhile. Gives
    blocks of `BLOCK` frames at `RATE` with a column for each ear; the same cues give the same samples.
    Raises WorldDied when SuperCollider's engine cannot be had.
    """
    stage, mixer = Stage(), Mixer(STRIPS)
    strips: dict[int, int] = {}
    coming = iter(cues)
    cue = next(coming, None)
    try:
        while (cue or strips) and stage.frame < seconds * RATE:
            while cue and cue.at <= stage.frame / RATE:
                if isinstance(cue, Take):
                    strips[cue.run] = stage.start(cue.run)
                    mixer.place(strips[cue.run], cue.level, cue.pan)
                    stage.write(cue.run, cue.events)
                elif cue.run in strips:
                    mixer.set(strips[cue.run], cue.level, cue.pan)
                cue = next(coming, None)
            first = stage.frame == 0
            block = mixer.mix(stage.render(BLOCK))
            if not first:  # The mixer lags by one.
                yield block
            for run in list(strips):
                if run in stage.lost or ((end := stage.end(run)) is not None and end <= stage.frame):
                    stage.drop(run)
                    del strips[run]
            stage.lost.clear()
        yield mixer.mix(None)
    finally:
        stage.close()
