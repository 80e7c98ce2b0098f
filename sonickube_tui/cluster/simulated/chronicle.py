"""The cluster's own Events about its pods, as an API server keeps them."""

from __future__ import annotations

from sonickube_tui.cluster.simulated.manifest import named_uid
from sonickube_tui.cluster.simulated.store import EVENTS, Json, Store

KEPT = 256
"""Events that stay. A real server keeps those of the last hour."""


class Chronicle:
    """Writes Events to the store; what is said again of a pod is counted."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._number = 0
        # By the pod's uid, reason and message, oldest first.
        self._said: dict[tuple[str, str, str], Json] = {}

    def say(self, pod: Json, reason: str, message: str, at: str, type_: str = "Warning") -> None:
        """What the kubelet has to say of a pod at `at`, an RFC 3339 time in whole seconds."""
        about = pod["metadata"]
        key = (about["uid"], reason, message)
        event = self._said.pop(key, None)
        if event is None:
            self._number += 1
            event = _event(about, f"{about['name']}.{self._number:016x}", at)
            event.update(type=type_, reason=reason, message=message)
        event.update(count=event["count"] + 1, lastTimestamp=at)
        self._said[key] = event
        self._store.put(EVENTS, event)
        if len(self._said) > KEPT:
            oldest = self._said.pop(next(iter(self._said)))["metadata"]
            self._store.remove((EVENTS.plural, oldest["namespace"], oldest["name"]))


def _event(about: Json, name: str, at: str) -> Json:
    """An Event about a pod with that metadata, yet to be seen for the first time."""
    known = {key: about[key] for key in ("namespace", "name", "uid")}
    return {
        "metadata": {
            "name": name,
            "namespace": about["namespace"],
            "uid": named_uid(name),
            "creationTimestamp": at,
        },
        "involvedObject": {"kind": "Pod", "apiVersion": "v1", **known},
        "source": {"component": "kubelet"},
        "firstTimestamp": at,
        "count": 0,
    }
