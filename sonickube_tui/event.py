"""What happens to pods and nodes: the values that enter the house at its source."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec


class Severity(StrEnum):
    """How bad an event is, from `ok` up to `critical`."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for `ok` to 4 for `critical`."""
        return _RANK[self]


_RANK = {severity: rank for rank, severity in enumerate(Severity)}


class Kind(StrEnum):
    """What happened to a pod, to a node, or to our own connection."""

    NODE_LOST = "node_lost"
    NODE_NOT_READY = "node_not_ready"
    EVICTED = "evicted"
    OOM_KILLED = "oom_killed"
    CRASH_LOOP = "crash_loop"
    SOURCE_LOST = "source_lost"
    NODE_PRESSURE = "node_pressure"
    FLAPPING = "flapping"
    IMAGE_FAILED = "image_failed"
    CONFIG_FAILED = "config_failed"
    CRASHED = "crashed"
    FAILED = "failed"
    STUCK_TERMINATING = "stuck_terminating"
    RESTARTED = "restarted"
    PREEMPTED = "preempted"
    UNREADY = "unready"
    UNSCHEDULABLE = "unschedulable"
    STARTUP_SLOW = "startup_slow"
    DRAINED = "drained"
    TERMINATING = "terminating"
    CREATED = "created"
    SCHEDULED = "scheduled"
    STARTED = "started"
    READY = "ready"
    NODE_READY = "node_ready"
    NODE_RELIEVED = "node_relieved"
    SOURCE_BACK = "source_back"
    COMPLETED = "completed"
    DELETED = "deleted"

    @property
    def severity(self) -> Severity:
        """How bad it is when this happens."""
        return _SEVERITY[self]

    @property
    def words(self) -> str:
        """The kind as people say it: `crash loop`."""
        return self.value.replace("_", " ")


_SEVERITY = {
    Kind.NODE_LOST: Severity.CRITICAL,
    Kind.NODE_NOT_READY: Severity.CRITICAL,
    Kind.EVICTED: Severity.CRITICAL,
    Kind.OOM_KILLED: Severity.CRITICAL,
    Kind.CRASH_LOOP: Severity.CRITICAL,
    Kind.SOURCE_LOST: Severity.ERROR,
    Kind.NODE_PRESSURE: Severity.ERROR,
    Kind.FLAPPING: Severity.ERROR,
    Kind.IMAGE_FAILED: Severity.ERROR,
    Kind.CONFIG_FAILED: Severity.ERROR,
    Kind.CRASHED: Severity.ERROR,
    Kind.FAILED: Severity.ERROR,
    Kind.STUCK_TERMINATING: Severity.ERROR,
    Kind.RESTARTED: Severity.WARNING,
    Kind.PREEMPTED: Severity.WARNING,
    Kind.UNREADY: Severity.WARNING,
    Kind.UNSCHEDULABLE: Severity.WARNING,
    Kind.STARTUP_SLOW: Severity.WARNING,
    Kind.DRAINED: Severity.INFO,
    Kind.TERMINATING: Severity.INFO,
    Kind.CREATED: Severity.INFO,
    Kind.SCHEDULED: Severity.INFO,
    Kind.STARTED: Severity.INFO,
    Kind.READY: Severity.OK,
    Kind.NODE_READY: Severity.OK,
    Kind.NODE_RELIEVED: Severity.OK,
    Kind.SOURCE_BACK: Severity.OK,
    Kind.COMPLETED: Severity.OK,
    Kind.DELETED: Severity.INFO,
}


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing that happened to one pod, or to one node: then `pod` is the node's name, too.

    `at` is Unix time in seconds, when we saw it; `restarts` is the sum over the pod's containers;
    `owner` is `Kind/name` of the controller, or empty; `seen` is how often the cluster has seen it by its own
    account, 0 when it gave none; `prefix` stands before the namespace in the channel's name where several
    clusters are followed.
    """

    at: float
    cluster: str
    namespace: str
    pod: str
    uid: str
    kind: Kind
    owner: str = ""
    node: str = ""
    reason: str = ""
    message: str = ""
    restarts: int = 0
    seen: int = 0
    prefix: str = ""

    @property
    def channel(self) -> str:
        """The mixer's channel that it is heard on: its namespace, or `cluster/namespace` among several."""
        return self.prefix + self.namespace

    @property
    def severity(self) -> Severity:
        """How bad it is; the kind decides."""
        return self.kind.severity


class Link(StrEnum):
    """How a source stands with its cluster; `refused` is for the user to mend, and tried again."""

    CONNECTING = "connecting"
    LISTING = "listing"
    WATCHING = "watching"
    RECONNECTING = "reconnecting"
    REFUSED = "refused"


class Connection(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A change in how a source stands with its cluster.

    `pods` is the number known so far, `expected` how many a list that still comes in will have (0: not
    known); `detail` is one line for people: what went wrong, what happens next.
    """

    at: float
    cluster: str
    link: Link
    pods: int = 0
    expected: int = 0
    detail: str = ""


class Sight(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A pod as a source saw it: what its events are derived from.

    `at` is Unix time in seconds. `change` is what the watch said of it, ADDED, MODIFIED or DELETED, or LISTED
    for a pod that was there before: no news. `pod` is what is kept of the pod; as JSON it reads as
    the API server's.
    """

    at: float
    cluster: str
    change: Literal["LISTED", "ADDED", "MODIFIED", "DELETED"]
    pod: msgspec.Struct


Item = Event | Connection | Sight
"""What comes out of a source."""
