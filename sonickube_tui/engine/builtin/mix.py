"""The mixing desk's sum: strips of stereo sound, each with its gain and pan, into one that never clips.

Knows no time but frames and no thread: the same blocks and moves give the same samples, live or to a file.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

RATE = 44_100
"""Frames per second, as in Sonic Pi's samples; the device resamples where it must."""

BLOCK = 256
"""Frames that are mixed at once, 5.8 ms: how soon a fader is heard."""

CONTROL_BLOCK = 64
"""Frames that SuperCollider renders at once: what begins, begins with one."""

RAMP = 4 * BLOCK
"""Frames in which a strip goes from silence to unity: 23 ms, quick to the finger and without a click."""

CEILING = 0.99
"""The largest sample that leaves, as in Sonic Pi's own mixer."""

RECOVERY = BLOCK / (0.5 * RATE)
"""How much of its gain the limiter takes back in a block: all of it in half a second."""

Samples = np.ndarray[Any, np.dtype[np.float32]]

_SILENCE: Samples = np.zeros((BLOCK, 2), np.float32)
_SILENCE.flags.writeable = False


class Mixer:
    """Sums `strips` strips; all are silent until set. Its output lags one block behind its input."""

    def __init__(self, strips: int) -> None:
        self._gains = np.zeros((strips, 2), np.float32)
        self._targets = np.zeros((strips, 2), np.float32)
        self._placed: deque[int] = deque()
        self._waiting = _SILENCE
        self._limit = 1.0

    def set(self, strip: int, gain: float, pan: float = 0.0) -> None:
        """Move a strip to a linear gain, and a pan from -1 (left) to 1: heard within `RAMP` frames."""
        self._targets[strip] = gain * min(1.0, 1.0 - pan), gain * min(1.0, 1.0 + pan)

    def place(self, strip: int, gain: float, pan: float = 0.0) -> None:
        """Set a strip at once, before anything sounds on it."""
        self.set(strip, gain, pan)
        self._placed.append(strip)  # For the thread that mixes: two would lose one another's gains.

    def mix(self, block: Samples | None) -> Samples:
        """Sum one block: a row for each of `BLOCK` frames, two columns for each strip; None is silence."""
        arriving = _SILENCE if block is None else self._sum(block)
        leaving, self._waiting = self._waiting, arriving
        if leaving is arriving and self._limit == 1.0:
            return leaving
        return self._limited(leaving, arriving)

    def _sum(self, block: Samples) -> Samples:
        arriving = self._moved(block)
        # When a filter blows up: silence, so that the limiter survives it.
        return arriving if np.isfinite(arriving).all() else _SILENCE

    def _moved(self, block: Samples) -> Samples:
        strips = block.reshape(BLOCK, -1, 2)
        while self._placed:
            strip = self._placed.popleft()
            self._gains[strip] = self._targets[strip]
        before = self._gains
        step = np.float32(BLOCK / RAMP)
        after = before + np.clip(self._targets - before, -step, step)
        if np.array_equal(before, after):
            return _sum_of(strips, before)
        self._gains = after
        way = (np.arange(1, BLOCK + 1, dtype=np.float32) / BLOCK)[:, None, None]
        moving = (before != after).any(axis=1)
        still = _sum_of(strips, np.where(moving[:, None], np.float32(0), before))
        gains = before[moving] + (after - before)[moving] * way
        mixed: Samples = still + (strips[:, moving] * gains).sum(axis=1)
        return mixed

    def _limited(self, leaving: Samples, arriving: Samples) -> Samples:
        """Turn down over a whole block before a peak comes, and back up slowly after it."""
        peak = max(float(np.abs(leaving).max()), float(np.abs(arriving).max()))
        begin, self._limit = self._limit, min(CEILING / max(peak, CEILING), self._limit + RECOVERY)
        if begin == self._limit == 1.0:
            return leaving
        way = np.linspace(begin, self._limit, BLOCK, dtype=np.float32)[:, None]
        return leaving * way


def _sum_of(strips: Samples, gains: Samples) -> Samples:
    mixed: Samples = np.einsum("fsc,sc->fc", strips, gains)
    return mixed
