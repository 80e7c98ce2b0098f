"""What no two states of a pod tell: how often it turns, what its node's others do, what takes too long.

Pure but for what it remembers: times are passed in, in Unix seconds.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from datetime import datetime

from sonickube_tui.cluster.lifecycle import Change, event, events, is_ready
from sonickube_tui.cluster.pod import Pod
from sonickube_tui.event import Event, Kind, Sight

FLAPS, FLAP_SPAN = 3, 300.0
"""So many turns of a pod's readiness within so many seconds are flapping."""

NODE_SPAN = 10.0
"""Seconds within which two pods of a node turn unready, their containers still ready, when it is lost."""

GUESS = "NodeLost"
"""The reason of a lost node that its pods tell of; its own conditions know better, where they are read."""

STUCK_AFTER = 30.0
"""Seconds after the end of its grace period at which a pod should have been gone long ago."""

CREATING = ("ContainerCreating", "PodInitializing")
"""Why containers wait before the first of them has begun, without and with init containers."""

SLOW_AFTER = 60.0
"""Seconds that a start may take, from its node on to running containers, and from those to started ones."""


class Vigil:
    """Watches over the pods of one reflector or stream."""

    def __init__(self) -> None:
        self._turns: dict[str, deque[float]] = {}
        self._falls: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._late: dict[str, tuple[float, Kind, Pod]] = {}
        self._told: set[str] = set()

    def tell(
        self, old: Pod | None, new: Pod | None, *, at: float, cluster: str, last: Pod | None = None
    ) -> Iterator[Event | Sight]:
        """The sight of a change, what its two states tell, and what that adds up to.

        Another uid under the same name is another pod; the same version is no news. `last` is how a pod
        looked when it was deleted, if that is known.
        """
        if old and new and old.metadata.uid != new.metadata.uid:
            yield from self.tell(old, None, at=at, cluster=cluster)
            old = None
        if old and new and old.metadata.resource_version == new.metadata.resource_version:
            return
        if new:
            yield Sight(at=at, cluster=cluster, change="MODIFIED" if old else "ADDED", pod=new)
        elif gone := last or old:
            yield Sight(at=at, cluster=cluster, change="DELETED", pod=gone)
        yield from events(old, new, at=at, cluster=cluster)
        for change in self.see(old, new, at):
            if pod := new or old:
                yield event(pod, change, at=at, cluster=cluster)

    def see(self, old: Pod | None, new: Pod | None, now: float) -> Iterator[Change]:
        """What a change of one pod adds up to with what came before it."""
        pod = new or old
        if pod is None:
            return
        uid = pod.metadata.uid
        if new is None:
            for memory in (self._turns, self._late):
                memory.pop(uid, None)
            self._told.discard(uid)
            return
        self._wait(new, now)
        if old is None or is_ready(old) == is_ready(new) or new.metadata.deletion_timestamp:
            return
        if not is_ready(new) and new.node and new.containers and all(c.ready for c in new.containers):
            yield from self._fall(new, now)
        if is_ready(new) and uid not in self._turns:
            return  # It has come up for the first time: no turn, but its beginning.
        turns = self._turns.setdefault(uid, deque(maxlen=FLAPS))
        turns.append(now)
        if len(turns) == FLAPS and now - turns[0] <= FLAP_SPAN:
            turns.clear()
            yield Change(
                Kind.FLAPPING, "Flapping", f"its readiness turned {FLAPS} times in {FLAP_SPAN / 60:g} min"
            )

    def _fall(self, pod: Pod, now: float) -> Iterator[Change]:
        falls = self._falls[pod.node]
        before = [uid for uid, at in falls.items() if now - at <= NODE_SPAN]
        falls[pod.metadata.uid] = now
        if len(before) == 1:
            yield Change(Kind.NODE_LOST, GUESS, f"several pods of {pod.node} are no longer heard of")
        if not before:
            falls.clear()
            falls[pod.metadata.uid] = now

    def _wait(self, pod: Pod, now: float) -> None:
        """Note from when on the pod, as it is now, takes too long."""
        uid = pod.metadata.uid
        limit, kind = _limit(pod, now)
        known = self._late.get(uid)
        if kind is None:
            self._late.pop(uid, None)
            self._told.discard(uid)
        elif known is None or known[1] is not kind:
            self._told.discard(uid)
            self._late[uid] = (limit, kind, pod)

    def overdue(self, now: float) -> Iterator[tuple[Pod, Change]]:
        """What has taken too long by now; each of it once."""
        for uid, (limit, kind, pod) in self._late.items():
            if limit <= now and uid not in self._told:
                self._told.add(uid)
                yield pod, Change(kind, *_SAYS[kind])


_SAYS = {
    Kind.STUCK_TERMINATING: ("Terminating", f"{STUCK_AFTER:g} s after its grace period it is still there"),
    Kind.STARTUP_SLOW: ("StartupSlow", f"its start takes longer than {SLOW_AFTER:g} s"),
}


def _limit(pod: Pod, now: float) -> tuple[float, Kind | None]:
    if pod.metadata.deletion_timestamp:
        return _seconds(pod.metadata.deletion_timestamp, now) + STUCK_AFTER, Kind.STUCK_TERMINATING
    creating = [
        c.state is not None and c.state.waiting is not None and c.state.waiting.reason in CREATING
        for c in pod.containers
    ]
    starting = any(c.started is False and c.state and c.state.running for c in pod.containers)
    if pod.node and (starting or (creating and all(creating))):
        return now + SLOW_AFTER, Kind.STARTUP_SLOW
    return 0.0, None


def _seconds(timestamp: str, otherwise: float) -> float:
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:
        return otherwise
