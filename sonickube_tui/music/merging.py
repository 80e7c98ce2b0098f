"""Too many events for the ear become fewer voices that say how many they stand for."""

from __future__ import annotations

import msgspec

from sonickube_tui.event import Event, Kind

VOICES_PER_SECOND = 20.0
"""About what ears still separate, and under the engine's ceiling of 43/s at jack's calmest period."""

STALE_AFTER = 5.0
"""Seconds an event may wait for its turn: later than that, its sound would tell of the past."""


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Events of one (namespace, kind) that leave as one voice: the first of them, and how many."""

    seq: int
    event: Event
    since: float
    count: int = 1


class Merger:
    """Spaces voices evenly and merges what has to wait, by (namespace, kind).

    All times are seconds of one monotonic clock, passed in.
    """

    def __init__(
        self, voices_per_second: float = VOICES_PER_SECOND, stale_after: float = STALE_AFTER
    ) -> None:
        self._gap = 1.0 / voices_per_second
        self._stale_after = stale_after
        self._free_at = float("-inf")
        self._waiting: dict[tuple[str, Kind], Batch] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, now: float, seq: int, event: Event) -> bool:
        """Take an event in. True: it waits for its turn; False: it joined one that waits already."""
        key = (event.namespace, event.kind)
        first = self._waiting.get(key)
        if first is None:
            self._waiting[key] = Batch(seq, event, now)
            return True
        self._waiting[key] = Batch(first.seq, first.event, first.since, first.count + 1)
        return False

    def next_turn(self) -> float | None:
        """When `take` will have something, or None when nothing waits."""
        return self._free_at if self._waiting else None

    def take(self, now: float) -> Batch | None:
        """The batch whose turn it is: the most severe first, then the one that waits longest."""
        if not self._waiting or now < self._free_at:
            return None
        key = min(self._waiting, key=lambda k: (-k[1].severity.rank, self._waiting[k].seq))
        self._free_at = now + self._gap
        return self._waiting.pop(key)

    def expire(self, now: float) -> list[Batch]:
        """Take out what has waited too long."""
        stale = [key for key, batch in self._waiting.items() if now - batch.since > self._stale_after]
        return [self._waiting.pop(key) for key in stale]

    def drain(self) -> list[Batch]:
        """Take out all that waits."""
        batches = list(self._waiting.values())
        self._waiting.clear()
        return batches
