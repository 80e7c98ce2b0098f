"""Runs that sound together, rendered block by block; when SuperCollider's engine dies, another goes on.

Frames are counted from the stage's beginning. A new engine is brought, unheard, to where the old one stopped,
by repeating what still matters there.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable

import msgspec

from sonickube_tui.engine.builtin.mix import BLOCK, RATE, Samples
from sonickube_tui.engine.builtin.render import LEAD_IN, MEMORY, STRIPS, Command, Resources, Scribe
from sonickube_tui.engine.builtin.score import ScoreEvent
from sonickube_tui.engine.builtin.world import World, WorldDied

SUSPICION = 5 * RATE
"""Frames within which a third crash is blamed on the run that began last."""

_TIDY_EVERY = RATE


class _Run(msgspec.Struct):
    scribe: Scribe
    late: bool
    pending: list[tuple[int, int, Command]]
    done: list[Command]


class Stage:
    """Up to `STRIPS` runs, by number.

    `frame` is how far it is rendered, `lost` which runs it had to give up.
    """

    def __init__(self) -> None:
        self.frame = 0
        self.lost: list[int] = []
        self.worlds = 1
        """How many engines it took so far."""
        self._resources = Resources()
        self._world = World(0, self._resources)
        self._runs: dict[int, _Run] = {}
        self._order = itertools.count()
        self._stale = False
        self._farewells: list[Command] = []
        self._crashes: list[int] = []
        self._tidied = 0

    @property
    def runs(self) -> list[int]:
        """The runs that are on stage, the oldest first."""
        return list(self._runs)

    @property
    def world(self) -> World:
        """The engine that renders now."""
        return self._world

    def start(self, run: int, *, late: int = 0) -> int:
        """Begin a run now, or so that it is `late` frames into itself now; gives the strip it sounds on.

        When all strips are in use, the run that began first makes room.
        """
        taken = {other.scribe.strip for other in self._runs.values()}
        strip = next((strip for strip in range(STRIPS) if strip not in taken), None)
        if strip is None:
            eldest = next(iter(self._runs))
            strip = self._runs[eldest].scribe.strip
            self.lost.append(eldest)
            self.drop(eldest)
        scribe = Scribe(strip, self.frame + LEAD_IN - late, self._resources)
        self._runs[run] = _Run(scribe, late > 0, [], [])
        self._take(self._runs[run], scribe.begin())
        return strip

    def write(self, run: int, events: Iterable[ScoreEvent]) -> None:
        """Continue the score of a run; what comes too late is done at once. Unknown runs are let go."""
        found = self._runs.get(run)
        if found and found.scribe.end is None:
            self._take(found, found.scribe.write(events))
            found.late = False

    def finish(self, run: int) -> None:
        """Silence a run from the frame that is rendered next."""
        if found := self._runs.get(run):
            found.pending.clear()
            self._take(found, found.scribe.finish(self.frame))

    def end(self, run: int) -> int | None:
        """The frame from which on nothing of a run sounds; None while that is not known."""
        return self._runs[run].scribe.end

    def begin(self, run: int) -> int:
        """The frame at which a run begins."""
        return self._runs[run].scribe.start

    def drop(self, run: int) -> None:
        """Let go of a run, whether it is over or not: its strip is free for another one."""
        if found := self._runs.pop(run, None):
            self._farewells += found.scribe.finish(self.frame)

    def render(self, frames: int) -> Samples:
        """The next `frames`, a multiple of `BLOCK`: a row for each, two columns for each strip.

        Raises WorldDied when no engine can be had, not even with nothing to play.
        """
        while True:
            try:
                if self._stale:
                    self._repeat()
                due = self._due(self.frame + frames)
                commands = self._farewells + [command for _, command in due]
                samples = self._world.advance(commands, self.frame + frames)
            except WorldDied:
                if not self._blame():
                    raise
                self._stale = True
            else:
                break
        for run, command in due:
            if found := self._runs.get(run):
                found.done.append(command)
                heapq.heappop(found.pending)
        self._farewells.clear()
        self.frame += frames
        self._tidy()
        return samples

    def close(self) -> None:
        """End the engine."""
        self._world.close()

    def _take(self, run: _Run, commands: list[Command]) -> None:
        for command in commands:
            if command.frame >= self.frame:
                heapq.heappush(run.pending, (command.frame, next(self._order), command))
            elif run.late:
                run.done.append(command)
                self._stale = True
            else:
                command.frame = self.frame
                heapq.heappush(run.pending, (command.frame, next(self._order), command))

    def _due(self, to: int) -> list[tuple[int, Command]]:
        """What is to be done before a frame, in order, with its run; it stays pending until it was done."""
        due = [
            (frame, order, number, command)
            for number, run in self._runs.items()
            for frame, order, command in run.pending
            if frame < to
        ]
        return [(number, command) for _, _, number, command in sorted(due, key=lambda item: item[:2])]

    def _repeat(self) -> None:
        """Bring a new engine to where the old one stopped."""
        self._world.close()
        self._farewells.clear()
        kept = [command for run in self._runs.values() for command in run.done if command.matters(self.frame)]
        # What began before the memory and still sounds begins there.
        first = min((command.frame for command in kept), default=self.frame)
        origin = max(first, self.frame - MEMORY) // BLOCK * BLOCK
        self._world = World(origin, self._resources)
        self.worlds += 1
        kept.sort(key=lambda command: command.frame)
        while self._world.frame < self.frame:
            to = min(self.frame, self._world.frame + 64 * BLOCK)
            self._world.advance([command for command in kept if command.frame < to], to)
            kept = [command for command in kept if command.frame >= to]
        self._stale = False

    def _blame(self) -> bool:
        """After the third crash within a short time, give up the run that began last; False without any."""
        self._crashes = [frame for frame in self._crashes if self.frame - frame < SUSPICION] + [self.frame]
        if len(self._crashes) > 2:
            if not self._runs:
                return False
            youngest = next(reversed(self._runs))
            self.lost.append(youngest)
            self.drop(youngest)
        return True

    def _tidy(self) -> None:
        if self.frame - self._tidied >= _TIDY_EVERY:
            self._tidied = self.frame
            for run in self._runs.values():
                run.done = [command for command in run.done if command.matters(self.frame)]
