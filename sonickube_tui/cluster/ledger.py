"""What is known of the pods of one path, and what each word of the API server makes of it. Pure.

Times are passed in, in Unix seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from sonickube_tui.cluster.lifecycle import event
from sonickube_tui.cluster.pod import Added, Deleted, Modified, Pod
from sonickube_tui.cluster.vigil import Vigil
from sonickube_tui.event import Event, Sight


class Ledger:
    """Takes in lists and what watches say, and tells what happened to pods whose namespace is `wanted`.

    The first list is silent, unless the pods are `new`; a later one tells how it differs from what was known.
    While a list comes in, a watch from that list's version may already speak: what it says of a pod
    comes out behind that pod's entry in the list, and is never undone by it.
    """

    def __init__(
        self,
        cluster: str,
        wanted: Callable[[str], bool] = lambda namespace: True,
        *,
        new: bool = False,
    ) -> None:
        self._cluster = cluster
        self._wanted = wanted
        self._silent = not new
        self._pods: dict[tuple[str, str], Pod] = {}
        self._listed: set[tuple[str, str]] = set()
        self._ahead: defaultdict[tuple[str, str], list[Added | Modified | Deleted]] = defaultdict(list)
        self._vigil = Vigil()
        self.complete = False
        """Whether the last list that began has come to its end."""
        self.first = True
        """Whether no list has come to its end yet."""

    @property
    def pods(self) -> int:
        """How many pods are known now."""
        return len(self._pods)

    @property
    def listed(self) -> int:
        """How many pods the list that comes in has told so far."""
        return len(self._listed)

    def begin(self) -> None:
        """A list begins; one that broke off before is forgotten, but not the pods that it told."""
        self.complete = False
        self._listed.clear()
        self._ahead.clear()

    def has_listed(self, pod: Pod) -> bool:
        """Whether the list that comes in, or the watch beside it, has told of this pod."""
        return pod.key in self._listed

    def list(self, pod: Pod, at: float) -> Iterator[Event | Sight]:
        """A pod of the list. Nothing when it is told already: what the watch says is newer."""
        key = pod.key
        if key in self._listed or not self._wanted(pod.metadata.namespace):
            return
        self._listed.add(key)
        old = self._pods.get(key)
        self._pods[key] = pod
        if old is None and self._silent:
            yield Sight(at=at, cluster=self._cluster, change="LISTED", pod=pod)
        else:
            yield from self._tell(old, pod, at)
        for change in self._ahead.pop(key, ()):
            yield from self._apply(change, at)

    def hear(self, change: Added | Modified | Deleted, at: float) -> Iterator[Event | Sight]:
        """What the watch says."""
        pod = change.object
        if not self._wanted(pod.metadata.namespace):
            return iter(())
        if not self.complete and (key := pod.key) not in self._listed:
            # A pod that is added is not in the list; all others are, and wait for their place there.
            if not isinstance(change, Added) or key in self._ahead:
                self._ahead[key].append(change)
                return iter(())
            self._listed.add(key)
        return self._apply(change, at)

    def end(self, at: float) -> Iterator[Event | Sight]:
        """The list is complete: what it does not have is gone."""
        for key, changes in self._ahead.items():
            self._listed.add(key)
            for change in changes:
                yield from self._apply(change, at)
        for key in [key for key in self._pods if key not in self._listed]:
            yield from self._tell(self._pods.pop(key), None, at)
        self.begin()
        self.complete = True
        self.first = self._silent = False

    def close(self, at: float) -> Iterator[Event | Sight]:
        """Nothing is there any more."""
        self.begin()
        return self.end(at)

    def overdue(self, at: float) -> Iterator[Event]:
        """What has taken too long by now; to be asked every second or so."""
        for pod, change in self._vigil.overdue(at):
            yield event(pod, change, at=at, cluster=self._cluster)

    def _apply(self, change: Added | Modified | Deleted, at: float) -> Iterator[Event | Sight]:
        pod = change.object
        if isinstance(change, Deleted):
            return self._tell(self._pods.pop(pod.key, pod), None, at, last=pod)
        old = self._pods.get(pod.key)
        self._pods[pod.key] = pod
        return self._tell(old, pod, at)

    def _tell(
        self, old: Pod | None, new: Pod | None, at: float, last: Pod | None = None
    ) -> Iterator[Event | Sight]:
        return self._vigil.tell(old, new, at=at, cluster=self._cluster, last=last)
