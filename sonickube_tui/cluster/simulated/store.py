"""The objects of the cluster with their versions, and a bounded history: etcd and watch cache in one.

Every change is encoded once; all watches and lists share those bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from sonickube_tui.cluster.simulated import status

HISTORY = 4_096
"""Changes remembered: a watch may resume from as many versions back. About 12 MB of pods."""

Json = dict[str, Any]
Key = tuple[str, str, str]
"""Resource, namespace and name."""
ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


class Resource(msgspec.Struct, frozen=True):
    """A kind of objects: its name in paths, its kind in JSON, and the fields its field selectors know."""

    plural: str
    kind: str
    fields: frozenset[str]

    @property
    def head(self) -> bytes:
        """How every object of this kind begins in JSON."""
        return b'{"kind":"%s","apiVersion":"v1",' % self.kind.encode()


PODS = Resource(
    "pods", "Pod", frozenset({"metadata.name", "metadata.namespace", "spec.nodeName", "status.phase"})
)
NAMESPACES = Resource("namespaces", "Namespace", frozenset({"metadata.name", "status.phase"}))
NODES = Resource("nodes", "Node", frozenset({"metadata.name"}))
EVENTS = Resource(
    "events",
    "Event",
    frozenset(
        {
            "involvedObject.kind",
            "involvedObject.name",
            "involvedObject.namespace",
            "involvedObject.uid",
            "metadata.name",
            "metadata.namespace",
            "reason",
            "type",
        }
    ),
)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One version of one object: its JSON, and what selectors look at."""

    key: Key
    labels: dict[str, str]
    fields: dict[str, str]
    body: bytes


class Change(msgspec.Struct, frozen=True, gc=False):
    """One step of the history. `before` is None when the object is new.

    `after` of a DELETED object is its last state under the version of its deletion, as in a real watch.
    """

    version: int
    type: ChangeType
    before: Entry | None
    after: Entry


class Store:
    """All objects. Versions go up by one with each change, whatever its resource."""

    def __init__(self) -> None:
        self.version = 1
        self.on_change: set[Callable[[], None]] = set()
        """Called after each change, without arguments."""
        self._objects: dict[Key, Entry] = {}
        # By version, oldest first and without gaps.
        self._history: dict[int, Change] = {}

    @property
    def oldest(self) -> int:
        """The oldest version that a watch can resume from."""
        return self.version - len(self._history)

    def get(self, key: Key) -> Json | None:
        """The object as it is now, or None."""
        entry = self._objects.get(key)
        return None if entry is None else msgspec.json.decode(entry.body, type=Json)

    def __contains__(self, key: Key) -> bool:
        return key in self._objects

    def put(self, resource: Resource, manifest: Json) -> None:
        """Write an object under a new version; `manifest` is left as it is."""
        version = self.version + 1
        entry = _entry(resource, manifest, version)
        before = self._objects.get(entry.key)
        self._objects[entry.key] = entry
        self._record(Change(version, "MODIFIED" if before else "ADDED", before, entry))

    def remove(self, key: Key) -> None:
        """Delete an object. Raises KeyError when it is not there."""
        before = self._objects.pop(key)
        version = self.version + 1
        self._record(Change(version, "DELETED", before, at_version(before, version)))

    def _record(self, change: Change) -> None:
        self.version = change.version
        self._history[change.version] = change
        if len(self._history) > HISTORY:
            del self._history[self.oldest + 1]
        for call in self.on_change:
            call()

    def compact(self) -> None:
        """Forget the history: what resumes from an older version than now gets a 410."""
        self._history.clear()

    def change(self, version: int) -> Change:
        """The change that made `version`. Raises KeyError when it is forgotten or yet to come."""
        return self._history[version]

    def at(self, version: int) -> dict[Key, Entry]:
        """All objects as of `version`. Raises ApiError: 410 when forgotten, 504 when yet to come."""
        if version > self.version:
            raise status.too_new(version, self.version)
        if version < self.oldest:
            raise status.too_old(version, self.oldest)
        objects = dict(self._objects)
        for undone in range(self.version, version, -1):
            change = self._history[undone]
            if change.before is None:
                del objects[change.after.key]
            else:
                objects[change.after.key] = change.before
        return objects


def at_version(entry: Entry, version: int) -> Entry:
    """The same state of an object under another version."""
    manifest: Json = msgspec.json.decode(entry.body)
    manifest["metadata"]["resourceVersion"] = str(version)
    return Entry(entry.key, entry.labels, entry.fields, msgspec.json.encode(manifest))


def _entry(resource: Resource, manifest: Json, version: int) -> Entry:
    metadata: Json = manifest["metadata"]
    namespace: str = metadata.get("namespace", "")
    complete = {
        "kind": resource.kind,
        "apiVersion": "v1",
        **manifest,
        "metadata": {**metadata, "resourceVersion": str(version)},
    }
    return Entry(
        key=(resource.plural, namespace, metadata["name"]),
        labels=dict(metadata.get("labels") or {}),
        fields={path: _field(manifest, path) for path in resource.fields},
        body=msgspec.json.encode(complete),
    )


def _field(manifest: Json, path: str) -> str:
    """What a field selector sees at a dotted path: the empty text where there is nothing."""
    found: Any = manifest
    for name in path.split("."):
        found = found.get(name)
        if not found:
            return ""
    return str(found)
