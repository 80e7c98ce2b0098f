"""How much happened when: counts for a timeline of any length, in bounded memory."""

from __future__ import annotations

from array import array

import msgspec

from sonickube_tui.event import Severity

BUCKETS = 2_048
"""At most so many; when they are full, each becomes twice as wide."""

SEVERITIES = len(Severity)


class Counted(msgspec.Struct, frozen=True):
    """Events by time and severity.

    Bucket i is of the seconds from i * `width` on; its counts are in the order of `Severity.rank`.
    """

    width: float
    buckets: tuple[tuple[int, ...], ...]


class Counts:
    """Counts events as their times come, in seconds from 0 on."""

    def __init__(self, width: float = 1.0) -> None:
        self.width = width
        self._counts = array("L", bytes(array("L").itemsize * BUCKETS * SEVERITIES))
        self._used = 0

    def add(self, t: float, rank: int) -> None:
        """Count one event of a severity's rank."""
        while t >= BUCKETS * self.width:
            self._widen()
        bucket = int(t / self.width)
        self._used = max(self._used, bucket + 1)
        self._counts[bucket * SEVERITIES + rank] += 1

    def _widen(self) -> None:
        counts = self._counts
        for bucket in range(BUCKETS):
            for rank in range(SEVERITIES):
                here = bucket * SEVERITIES + rank
                one, other = 2 * bucket * SEVERITIES + rank, (2 * bucket + 1) * SEVERITIES + rank
                counts[here] = counts[one] + counts[other] if bucket < BUCKETS // 2 else 0
        self._used = (self._used + 1) // 2
        self.width *= 2

    def counted(self) -> Counted:
        """What was counted up to now."""
        counts = self._counts[: self._used * SEVERITIES].tolist()
        return Counted(
            self.width,
            tuple(tuple(counts[at : at + SEVERITIES]) for at in range(0, len(counts), SEVERITIES)),
        )
