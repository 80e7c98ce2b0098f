"""How well a channel and the cluster are, from what was heard of them lately."""

from __future__ import annotations

from sonickube_tui.event import Event, Severity

HALF_LIFE = 30.0
"""Seconds in which half of a channel's pain is forgotten."""

_PAIN = {
    Severity.OK: 0.0,
    Severity.INFO: 0.0,
    Severity.WARNING: 0.1,
    Severity.ERROR: 0.3,
    Severity.CRITICAL: 0.7,
}

_WORDS = (
    (0.90, "happy as a hippo"),
    (0.70, "in good shape"),
    (0.50, "under the weather"),
    (0.30, "running a fever"),
    (0.15, "in intensive care"),
    (0.00, "do not resuscitate"),
)


def words(health: float) -> str:
    """The word for a health from 0 to 1."""
    return next(word for floor, word in _WORDS if health >= floor)


class Health:
    """Pain adds up with every bad event and fades with time; health is 1 / (1 + pain).

    Times are seconds of one monotonic clock, passed in.
    """

    def __init__(self, half_life: float = HALF_LIFE) -> None:
        self._half_life = half_life
        self._pain: dict[str, tuple[float, float]] = {}

    def feed(self, now: float, event: Event) -> None:
        """Let one event count."""
        pain = self._faded(now, event.channel) + _PAIN[event.severity]
        self._pain[event.channel] = (pain, now)

    def suffer(self, now: float, channel: str, pain: float) -> None:
        """Let a channel be in so much pain now."""
        self._pain[channel] = (pain, now)

    def _faded(self, now: float, channel: str) -> float:
        pain, then = self._pain.get(channel, (0.0, now))
        return float(pain * 0.5 ** ((now - then) / self._half_life))

    def of(self, now: float, channel: str) -> float:
        """The channel's health, 0 to 1; one that was never heard of is well."""
        return 1.0 / (1.0 + self._faded(now, channel))

    def of_cluster(self, now: float) -> float:
        """The cluster's health, 0 to 1: the worst channel's pain, and half of the others' mean."""
        pains = sorted(self._faded(now, channel) for channel in self._pain)
        if not pains:
            return 1.0
        others = pains[:-1]
        return 1.0 / (1.0 + pains[-1] + 0.5 * sum(others) / max(1, len(others)))
