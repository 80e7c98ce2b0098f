"""The built-in player without a clock: the same mix to samples, as fast as they can be rendered."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple

import msgspec

from sonickube_tui.engine.builtin.mix import BLOCK, RATE, Mixer, Samples
from sonickube_tui.engine.builtin.render import STRIPS
from sonickube_tui.engine.builtin.score import ScoreEvent
from sonickube_tui.engine.builtin.stage import Stage
from sonickube_tui.music.mixer import Level

STRETCH = 16
"""Blocks that are rendered at once where nothing begins or ends: asking costs as much as a block's sound."""

AHEAD = 8
"""Stretches that are rendered before they are mixed, so that both go on while Ruby works a snippet out."""


class Take(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A run begins `at` seconds, at a level; `events` is its whole score."""

    at: float
    run: int
    events: Sequence[ScoreEvent]
    level: Level = Level()


class Move(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A run's level changes, `at` seconds. Without effect when the run is over."""

    at: float
    run: int
    level: Level


def offline(cues: Iterable[Take | Move], *, seconds: float = math.inf) -> Generator[Samples, None, None]:
    """Mix takes as they would be heard, until all have ended or for at most so many seconds.

    Cues come in order of their time and are taken as they are due, by another thread: what they need and
    what is rendered is worked out while the caller does something with the samples. Gives blocks of `BLOCK`
    frames at `RATE` with a column for each ear; the same cues give the same samples.
    Raises WorldDied when SuperCollider's engine cannot be had.
    """
    mixer, first = Mixer(STRIPS), True
    for moves, samples in _ahead(_rendered(cues, seconds)):
        for strip, level, begins in moves:
            (mixer.place if begins else mixer.set)(strip, level.amp, level.pan)
        for block in samples.reshape(-1, BLOCK, samples.shape[1]):
            mixed = mixer.mix(block)
            if not first:  # The mixer lags by one.
                yield mixed
            first = False
    yield mixer.mix(None)


class _Stretch(NamedTuple):
    """Some blocks of all strips, and which strips get another level at their beginning; a run may begin."""

    moves: list[tuple[int, Level, bool]]
    samples: Samples


def _rendered(cues: Iterable[Take | Move], seconds: float) -> Generator[_Stretch, None, None]:
    stage = Stage()
    strips: dict[int, int] = {}
    coming = iter(cues)
    cue = next(coming, None)
    try:
        while (cue or strips) and stage.frame < seconds * RATE:
            moves = []
            while cue and cue.at <= stage.frame / RATE:
                if isinstance(cue, Take):
                    strip = stage.start(cue.run)
                    _let_go(strips, stage.lost)  # The eldest made room, when all strips were in use.
                    strips[cue.run] = strip
                    stage.write(cue.run, cue.events)
                if cue.run in strips:
                    moves.append((strips[cue.run], cue.level, isinstance(cue, Take)))
                cue = next(coming, None)
            ends = [end for run in strips if (end := stage.end(run)) is not None]
            until = min([seconds * RATE, *([cue.at * RATE] if cue else []), *ends])
            blocks = min(STRETCH, max(1, math.floor((until - stage.frame) / BLOCK)))
            yield _Stretch(moves, stage.render(blocks * BLOCK))
            _let_go(strips, stage.lost)
            for run in list(strips):
                if (end := stage.end(run)) is not None and end <= stage.frame:
                    stage.drop(run)
                    del strips[run]
    finally:
        stage.close()


def _let_go(strips: dict[int, int], lost: list[int]) -> None:
    for run in lost:
        strips.pop(run, None)
    lost.clear()


def _ahead(stretches: Generator[_Stretch, None, None]) -> Iterator[_Stretch]:
    """The same, worked out by a thread up to `AHEAD` of them before they are asked for."""
    with closing(stretches), ThreadPoolExecutor(1) as worker:
        ready = deque(worker.submit(next, stretches, None) for _ in range(AHEAD))
        try:
            while stretch := ready.popleft().result():
                ready.append(worker.submit(next, stretches, None))
                yield stretch
        finally:
            worker.shutdown(cancel_futures=True)
