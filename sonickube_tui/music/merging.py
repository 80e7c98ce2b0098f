"""Too many events for the ear become fewer voices that say how many they stand for."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sonickube_tui.event import Event, Kind, Severity

ONSETS_PER_SECOND = 10.0
"""Onsets closer than 80 to 90 ms fuse into texture (Jurado 2021), so more than these tell nothing more."""

WINDOW = 0.25
"""Seconds between two onsets of one (channel, kind); what comes faster is density, not news."""

STALE_AFTER = 5.0
"""Seconds an event may wait for its turn: later than that, its sound would tell of the past."""

_URGENT = Severity.ERROR.rank


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Events of one (channel, kind) that leave as one voice: the first of them, and how many.

    `seq` is the number of the first event and `last` that of the latest, `since` when the first one came,
    `due` when the kind's window is over.
    """

    seq: int
    last: int
    event: Event
    since: float
    due: float
    count: int = 1

    @property
    def urgent(self) -> bool:
        """Whether it goes before what is not: `error` and `critical`."""
        return self.event.severity.rank >= _URGENT


class Turn(msgspec.Struct, frozen=True, gc=False):
    """What leaves now, and what was given up for it."""

    batch: Batch
    overtaken: tuple[Batch, ...] = ()


class Merger:
    """Spaces voices and merges what has to wait, by (channel, kind).

    The first event leaves at once when there is room; those that follow within the window leave as one.
    Urgent batches go first, by severity; the rest in the order of their coming. The batches of one channel
    leave in the order of their first events: an urgent one lets the older ones go before it, or, with more
    than a second's voices waiting, leaves them behind for good.
    All times are seconds of one monotonic clock, passed in.
    """

    def __init__(
        self,
        onsets_per_second: float = ONSETS_PER_SECOND,
        window: float = WINDOW,
        stale_after: float = STALE_AFTER,
    ) -> None:
        self.onsets_per_second = onsets_per_second
        self._window = window
        self._stale_after = stale_after
        self._free_at = float("-inf")
        self._waiting: dict[tuple[str, Kind], Batch] = {}
        self._left: dict[tuple[str, Kind], float] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, now: float, seq: int, event: Event) -> bool:
        """Take an event in. True: it waits for its turn; False: it joined one that waits already."""
        key = (event.channel, event.kind)
        first = self._waiting.get(key)
        if first is None:
            due = max(now, self._left.get(key, float("-inf")) + self._window)
            self._waiting[key] = Batch(seq, seq, event, now, due)
            return True
        self._waiting[key] = Batch(first.seq, seq, first.event, first.since, first.due, first.count + 1)
        return False

    def next_turn(self) -> float | None:
        """When `take` will have something, or None when nothing waits."""
        if not self._waiting:
            return None
        return max(self._free_at, min(batch.due for batch in self._candidates()))

    def take(self, now: float) -> Turn | None:
        """What leaves now; None when nothing waits or it is too soon."""
        if now < self._free_at:
            return None
        due = [batch for batch in self._candidates() if batch.due <= now]
        if not due:
            return None
        chosen = min(due, key=lambda batch: (-batch.event.severity.rank if batch.urgent else 0, batch.seq))
        older = [batch for batch in self._of(chosen.event.channel) if batch.seq < chosen.seq]
        if len(self._waiting) <= self.onsets_per_second:
            return self._go(now, min([*older, chosen], key=_seq))
        behind = tuple(batch for batch in older if batch.last < chosen.seq and not batch.urgent)
        for batch in behind:
            self._remove(batch)
        return self._go(now, chosen, behind)

    def _candidates(self) -> Iterable[Batch]:
        """The urgent ones, and of every channel the one that came first."""
        heads: dict[str, Batch] = {}
        for batch in self._waiting.values():
            head = heads.get(batch.event.channel, batch)
            heads[batch.event.channel] = min(head, batch, key=_seq)
        yield from heads.values()
        yield from (batch for batch in self._waiting.values() if batch.urgent)

    def _of(self, channel: str) -> list[Batch]:
        return [batch for batch in self._waiting.values() if batch.event.channel == channel]

    def _go(self, now: float, batch: Batch, overtaken: tuple[Batch, ...] = ()) -> Turn:
        self._remove(batch)
        self._left = {key: left for key, left in self._left.items() if left + self._window > now}
        self._left[batch.event.channel, batch.event.kind] = now
        self._free_at = now + 1.0 / self.onsets_per_second
        return Turn(batch, overtaken)

    def _remove(self, batch: Batch) -> None:
        del self._waiting[batch.event.channel, batch.event.kind]

    def expire(self, now: float) -> list[Batch]:
        """Take out what has waited too long."""
        stale = [batch for batch in self._waiting.values() if now - batch.since > self._stale_after]
        for batch in stale:
            self._remove(batch)
        return stale

    def drain(self, channel: str | None = None) -> list[Batch]:
        """Take out all that waits, or all of one channel."""
        batches = list(self._waiting.values()) if channel is None else self._of(channel)
        for batch in batches:
            self._remove(batch)
        return batches


def _seq(batch: Batch) -> int:
    return batch.seq
