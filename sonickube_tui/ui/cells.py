"""Text from anywhere, made to fit a row of the screen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import msgspec
from rich.cells import cell_len, set_cell_size

from sonickube_tui.plain import plain


def fit(text: str, width: int) -> str:
    """Exactly `width` cells; what is too long ends in an ellipsis."""
    text = plain(text)
    if cell_len(text) > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    return set_cell_size(text, width)


def fit_middle(text: str, width: int) -> str:
    """Exactly `width` cells; what is too long loses its middle, because a pod's name differs at its end."""
    text = plain(text)
    if (excess := len(text) - width) > 0 and width >= 8:
        tail = min(7, width // 2)
        text = f"{text[: -tail - excess - 1]}…{text[-tail:]}"
    return fit(text, width)


class Shared(msgspec.Struct, frozen=True):
    """How many letters the names of several clusters have in common at their beginning and at their end."""

    head: int = 0
    tail: int = 0

    @classmethod
    def of(cls, names: Sequence[str]) -> Shared:
        """What these have in common; of one name alone nothing is."""
        if len(names) < 2:
            return cls()
        head = _alike(names)
        return cls(head, _alike([name[head:][::-1] for name in names]))

    def brief(self, name: str, width: int) -> str:
        """At most `width` letters of a cluster's name: what tells it from the others goes last."""
        name = plain(name)
        excess = len(name) - width
        start = stop = 0
        if excess > 0:
            # Each cut takes the place of one letter more, for its ellipsis.
            start = min(self.head, excess + 1)
            excess -= max(0, start - 1)
        if excess > 0:
            stop = min(self.tail, excess + 1)
            excess -= max(0, stop - 1)
        if excess > 0:
            start += excess + (not start)
        return "…" * bool(start) + name[start : len(name) - stop] + "…" * bool(stop)

    def fit_channel(self, name: str, width: int) -> str:
        """Exactly `width` cells; of `cluster/namespace` the cluster gives way: the namespace tells more."""
        cluster, slash, namespace = name.rpartition("/")
        if not slash or len(name) <= width:
            return fit_middle(name, width)
        room = max(_CLUSTER, width - len(namespace) - 1)
        return fit(f"{self.brief(cluster, room)}/{fit_middle(namespace, width - room - 1)}", width)


def _alike(names: Sequence[str]) -> int:
    columns = zip(*names, strict=False)
    return sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, columns))


_CLUSTER = 4
"""Letters of a cluster's name that are kept where the namespace has no room either."""
