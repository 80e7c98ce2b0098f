"""Replaces what tells whose cluster it was: the same name has the same alias all through a file.

What is not known to be harmless goes: a field that is added to the kept pod is dropped or aliased until it is
listed here.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from sonickube_tui.event import Connection, Event, Kind
from sonickube_tui.session.deriving import OF_NO_POD
from sonickube_tui.session.format import (
    ConnectionLine,
    EventLine,
    GapLine,
    Header,
    Line,
    MarkLine,
    MixLine,
    PodLine,
    SnippetLine,
    ThemeLine,
)
from sonickube_tui.settings import shipped

LENGTH = 6
"""Letters and digits of an alias, 30 bits: two pods of one owner that share one are not to be expected."""

_WORDS = """
    True False Unknown Pending Running Succeeded Failed Always OnFailure Never
    Ready Initialized ContainersReady PodScheduled PodReadyToStartContainers DisruptionTarget
    ReplicaSet Deployment StatefulSet DaemonSet Job CronJob ReplicationController Node Pod
    PodInitializing ContainerCreating CrashLoopBackOff ErrImagePull ImagePullBackOff ErrImageNeverPull
    InvalidImageName ImageInspectError RegistryUnavailable SignatureValidationFailed
    CreateContainerConfigError CreateContainerError RunContainerError PreStartHookError PostStartHookError
    OOMKilled Error Completed ContainerCannotRun DeadlineExceeded ContainerStatusUnknown StartError
    Evicted Preempted Preempting Terminated NodeLost NodeShutdown NodeAffinity Shutdown
    UnexpectedAdmissionError OutOfcpu OutOfmemory OutOfpods OutOfephemeral-storage
    DeletionByTaintManager DeletionByPodGC PreemptionByScheduler EvictionByEvictionAPI TerminationByKubelet
    Unschedulable SchedulingGated SchedulerError ContainersNotReady ContainersNotInitialized PodCompleted
    PodFailed ReadinessGatesNotReady UnknownContainerStatuses Restarted Flapping Terminating StartupSlow
    NotReady Watching WatchLost KubeletReady KubeletNotReady NodeStatusUnknown MemoryPressure DiskPressure
    PIDPressure NetworkUnavailable
"""
PLAIN_WORDS = frozenset(_WORDS.split())
"""What Kubernetes and this program say themselves; every other word of theirs is somebody's own."""

_FIELDS = """
    metadata name namespace uid resourceVersion deletionTimestamp deletionGracePeriodSeconds labels
    creationTimestamp ownerReferences kind controller spec nodeName restartPolicy status phase reason message
    conditions type lastTransitionTime containerStatuses initContainerStatuses ready started restartCount
    state lastState waiting running startedAt terminated exitCode signal finishedAt
"""
PLAIN_FIELDS = frozenset(_FIELDS.split())
"""The fields of a pod that are taken over."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)", re.ASCII)
_VERSION = re.compile(r"\d+(\.\d+){0,3}(\.?(a|b|rc|dev)\d+)?", re.ASCII)
_OWN_CHANNELS = frozenset(("nodes", "sonickube"))
"""What the channels of nodes, and of our own connection, are called everywhere."""

_OF_SOURCE = frozenset((Kind.SOURCE_LOST, Kind.SOURCE_BACK))


class Redactor:
    """Aliases for one file; their key is random and nowhere kept.

    Names are aliased part by part between their dashes, so that a pod's alias still begins with that of its
    owner.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)
        self._marks = 0

    def lines(self, lines: Iterable[Line]) -> Iterator[Line]:
        """The lines without names. What cannot be made harmless is left out: snippets are anybody's text."""
        for line in lines:
            match line:
                case Header():
                    clusters = tuple(map(self._cluster, line.clusters))
                    version = line.version if _VERSION.fullmatch(line.version) else ""
                    yield msgspec.structs.replace(
                        line, clusters=clusters, theme=_theme(line.theme), version=version
                    )
                case EventLine():
                    yield msgspec.structs.replace(line, event=self._event(line.event))
                case PodLine():
                    if harmless := self._pod_line(line):
                        yield harmless
                case ConnectionLine():
                    yield msgspec.structs.replace(line, connection=self._connection(line.connection))
                case MixLine():
                    channels = tuple(
                        msgspec.structs.replace(channel, name=self._channel(channel.name))
                        for channel in line.channels
                    )
                    yield msgspec.structs.replace(line, channels=channels)
                case MarkLine():
                    self._marks += 1
                    yield msgspec.structs.replace(line, text=f"mark {self._marks}")
                case ThemeLine():
                    if name := _theme(line.name):
                        yield msgspec.structs.replace(line, name=name)
                case GapLine():
                    yield msgspec.structs.replace(line, problem="")
                case SnippetLine():
                    pass

    def _alias(self, role: str, name: str, length: int = LENGTH) -> str:
        digest = hashlib.blake2b(f"{role} {name}".encode("utf-8", "surrogatepass"), key=self._key).digest()
        return base64.b32encode(digest).decode().lower()[:length]

    def _name(self, role: str, name: str) -> str:
        """`cart-5dd459c595-btrng` as `role-k3f2ab-91bcde-0d1efg`."""
        if not name:
            return ""
        return "-".join((role, *(self._alias(role, part) for part in name.split("-"))))

    def _cluster(self, name: str) -> str:
        return f"cluster-{self._alias('cluster', name)}" if name else ""

    def _namespace(self, name: str) -> str:
        return f"ns-{self._alias('ns', name)}" if name and name not in _OWN_CHANNELS else name

    def _uid(self, uid: str) -> str:
        return self._alias("uid", uid, 2 * LENGTH) if uid else ""

    def _channel(self, name: str) -> str:
        cluster, slash, namespace = name.rpartition("/")
        return self._cluster(cluster) + slash + self._namespace(namespace)

    def _owner(self, owner: str) -> str:
        kind, slash, name = owner.partition("/")
        return self._word(kind) + slash + self._name("app", name)

    def _word(self, word: str) -> str:
        """Kubernetes' own words stay."""
        return word if not word or word in PLAIN_WORDS else f"word-{self._alias('word', word)}"

    def _event(self, event: Event) -> Event:
        return msgspec.structs.replace(
            event,
            cluster=self._cluster(event.cluster),
            namespace=self._namespace(event.namespace),
            pod=self._whose(event),
            uid=event.uid if event.uid in _OWN_CHANNELS else self._uid(event.uid),
            owner=self._owner(event.owner),
            node=self._name("node", event.node),
            reason=self._word(event.reason),
            message="",
            prefix=self._cluster(event.prefix[:-1]) + "/" if event.prefix else "",
        )

    def _whose(self, event: Event) -> str:
        if event.kind in _OF_SOURCE:
            return self._cluster(event.pod)
        return self._name("node" if event.kind in OF_NO_POD else "app", event.pod)

    def _connection(self, connection: Connection) -> Connection:
        return msgspec.structs.replace(connection, cluster=self._cluster(connection.cluster), detail="")

    def _pod_line(self, line: PodLine) -> PodLine | None:
        try:
            pod = self._json(msgspec.json.decode(line.pod), "")
        except (ValueError, msgspec.DecodeError, RecursionError):
            return None  # No pod: bad UTF-8, or nested without end.
        raw = msgspec.Raw(msgspec.json.encode(pod))
        return msgspec.structs.replace(line, cluster=self._cluster(line.cluster), pod=raw)

    def _json(self, value: Any, where: str) -> Any:
        """A part of a pod's JSON; `where` are the keys that lead to it, with dots."""
        match value:
            case dict() if where.endswith("labels"):
                return {self._label(key): self._alias("app", str(part)) for key, part in value.items()}
            case dict():
                return {
                    key: self._json(part, f"{where}.{key}")
                    for key, part in value.items()
                    if key in PLAIN_FIELDS
                }
            case list():
                return [self._json(part, where) for part in value]
            case str():
                return self._string(value, where)
            case _:
                return value

    def _label(self, key: str) -> str:
        # By it a Deployment is known from its ReplicaSet.
        return key if key == "pod-template-hash" else f"label-{self._alias('label', key)}"

    def _string(self, value: str, where: str) -> str:
        key = where.rpartition(".")[2]
        match key:
            case "name":
                return self._name("app", value)
            case "namespace":
                return self._namespace(value)
            case "nodeName":
                return self._name("node", value)
            case "uid":
                return self._uid(value)
            case "message":
                return ""
            case "resourceVersion" if value.isdecimal():
                return value
        return value if _TIME.fullmatch(value) else self._word(value)


def _theme(name: str) -> str:
    """The theme, if it came with the program."""
    return name if name and (shipped("themes") / f"{name}.toml").is_file() else ""
