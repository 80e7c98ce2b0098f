"""What happened to pods that somebody has recorded, under the rules of today."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from sonickube_tui.cluster.lifecycle import event
from sonickube_tui.cluster.pod import Pod
from sonickube_tui.cluster.vigil import Vigil
from sonickube_tui.event import Item, Sight

_decode = msgspec.json.Decoder(Pod).decode


class Again:
    """Remembers the pods of one session, and tells what happened to them; LISTED is no news."""

    def __init__(self) -> None:
        self._pods: dict[tuple[str, str, str], Pod] = {}
        self._vigils: dict[str, Vigil] = {}
        self._asked = 0.0

    def __call__(
        self,
        at: float,
        cluster: str,
        change: Literal["LISTED", "ADDED", "MODIFIED", "DELETED"],
        pod: bytes,
    ) -> Iterator[Item]:
        """The pod as it is kept, and what this change of it tells; `at` is Unix time in seconds.

        Raises ValueError, and msgspec.DecodeError when the JSON is no pod.
        """
        new = _decode(pod)
        key = (cluster, *new.key)
        old = self._pods.get(key)
        vigil = self._vigils.setdefault(cluster, Vigil())
        yield from self._overdue(at)
        yield Sight(at=at, cluster=cluster, change=change, pod=new)
        if change == "DELETED":
            told = vigil.tell(self._pods.pop(key, new), None, at=at, cluster=cluster)
        else:
            self._pods[key] = new
            if change == "LISTED" or not (old or change == "ADDED"):
                return
            told = vigil.tell(old, new, at=at, cluster=cluster)
        # The sight is the recorded one.
        yield from (item for item in told if not isinstance(item, Sight))

    def _overdue(self, at: float) -> Iterator[Item]:
        """What has taken too long by now, asked once in a second."""
        if at - self._asked >= 1.0:
            self._asked = at
            for cluster, vigil in self._vigils.items():
                for late, change in vigil.overdue(at):
                    yield event(late, change, at=at, cluster=cluster)
