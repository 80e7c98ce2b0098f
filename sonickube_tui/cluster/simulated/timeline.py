"""Virtual time: things that happen in steps, in one order that no real clock can change."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Generator

Steps = Generator[float, None, None]
"""Something that goes on: it does a step at each `next` and yields the seconds until its next one."""


class Timeline:
    """Runs `Steps` in order of time, and in the order of their coming when they are due together."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = itertools.count()
        self._due: list[tuple[float, int, Steps]] = []

    def spawn(self, steps: Steps, after: float = 0.0) -> None:
        """Have `steps` do their first step in `after` seconds. Closing them ends them at any time."""
        heapq.heappush(self._due, (self.now + after, next(self._order), steps))

    def advance(self, seconds: float) -> None:
        """Do all that is due within the next `seconds`. How time is cut into calls makes no difference."""
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            self.now, _, steps = heapq.heappop(self._due)
            delay = next(steps, None)
            if delay is not None:
                self.spawn(steps, delay)
        self.now = until
