"""The fields of a pod that we keep, read straight from the API server's JSON.

Only these are decoded: it is what makes a watch of ten thousand pods cheap. Any field may be missing or
null (a real server's bookmark has `"containers": null`).
"""

from __future__ import annotations

import re

import msgspec

_RUN_OF_CRON_JOB = re.compile(r"(.+)-(?:2[6-9]\d{6}|[3-9]\d{7}|1[5-9]\d{8})")
"""A CronJob's Job is named after its time in Unix minutes, before Kubernetes 1.21 in seconds; not a date such
as 20261124, which people put there (`pkg/controller/cronjob/utils.go`)."""


class _Part(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """What all parts of a pod share: slots, no garbage collector, camelCase in JSON."""


class OwnerReference(_Part, frozen=True):
    """`metadata.ownerReferences[]`."""

    kind: str = ""
    name: str = ""
    controller: bool | None = None


class Metadata(_Part, frozen=True):
    """`metadata`."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None


class Spec(_Part, frozen=True):
    """`spec`."""

    node_name: str | None = None
    restart_policy: str | None = None


class Waiting(_Part, frozen=True):
    """`containerStatuses[].state.waiting`."""

    reason: str | None = None
    message: str | None = None


class Running(_Part, frozen=True):
    """`containerStatuses[].state.running`."""

    started_at: str | None = None


class Terminated(_Part, frozen=True):
    """`containerStatuses[].state.terminated`."""

    exit_code: int = 0
    reason: str | None = None
    message: str | None = None
    finished_at: str | None = None


class State(_Part, frozen=True):
    """`containerStatuses[].state` and `lastState`: at most one of the three is there."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(_Part, frozen=True):
    """`status.containerStatuses[]`."""

    name: str = ""
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    state: State | None = None
    last_state: State | None = None


class Condition(_Part, frozen=True):
    """`status.conditions[]`."""

    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None


class PodStatus(_Part, frozen=True):
    """`status`."""

    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class Pod(_Part, frozen=True):
    """One pod as the API server tells it."""

    metadata: Metadata
    spec: Spec | None = None
    status: PodStatus | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name: what a pod is known by while it lives."""
        return self.metadata.namespace, self.metadata.name

    @property
    def node(self) -> str:
        """The node it is bound to, or empty."""
        return (self.spec and self.spec.node_name) or ""

    @property
    def phase(self) -> str:
        """Pending, Running, Succeeded, Failed, Unknown, or empty."""
        return (self.status and self.status.phase) or ""

    @property
    def own_containers(self) -> list[ContainerStatus]:
        """The statuses of its containers, without init containers and sidecars."""
        return (self.status and self.status.container_statuses) or []

    @property
    def containers(self) -> list[ContainerStatus]:
        """The statuses of init containers, sidecars and containers; no two have one name."""
        return ((self.status and self.status.init_container_statuses) or []) + self.own_containers

    @property
    def restarts(self) -> int:
        """Restarts of all containers together."""
        return sum(status.restart_count for status in self.containers)

    @property
    def owner(self) -> str:
        """`Kind/name` of the controller, or empty.

        Known without asking: a ReplicaSet's name is its Deployment's with the pod template's hash behind it,
        and a Job's its CronJob's with a time.
        """
        for owner in self.metadata.owner_references or ():
            if owner.controller:
                template = (self.metadata.labels or {}).get("pod-template-hash")
                if owner.kind == "ReplicaSet" and template and owner.name.endswith(f"-{template}"):
                    return f"Deployment/{owner.name.removesuffix(f'-{template}')}"
                if owner.kind == "Job" and (run := _RUN_OF_CRON_JOB.fullmatch(owner.name)):
                    return f"CronJob/{run[1]}"
                return f"{owner.kind}/{owner.name}"
        return ""

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type."""
        conditions = (self.status and self.status.conditions) or ()
        return next((condition for condition in conditions if condition.type == kind), None)


class ListMetadata(_Part, frozen=True):
    """`metadata` of a list; `continue_` is the token of the next page, empty on the last."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


class PodList(_Part, frozen=True):
    """A page of pods."""

    metadata: ListMetadata
    items: list[Pod]


class ServerStatus(_Part, frozen=True):
    """The API server's own word on what went wrong (`kind: Status`)."""

    message: str = ""
    reason: str = ""
    code: int = 0


class Added(_Part, frozen=True, tag_field="type", tag="ADDED"):
    """A watch event: the pod is new, or new to the selector."""

    object: Pod


class Modified(_Part, frozen=True, tag_field="type", tag="MODIFIED"):
    """A watch event: the pod has changed."""

    object: Pod


class Deleted(_Part, frozen=True, tag_field="type", tag="DELETED"):
    """A watch event: the pod is gone, or no longer matches the selector."""

    object: Pod


class MarkMetadata(_Part, frozen=True):
    """`metadata` of a bookmark."""

    resource_version: str = ""
    annotations: dict[str, str] | None = None


class Mark(_Part, frozen=True):
    """What a bookmark has in the place of an object."""

    metadata: MarkMetadata

    @property
    def ends_list(self) -> bool:
        """Whether all objects that there were have been sent (KEP-3157)."""
        return (self.metadata.annotations or {}).get("k8s.io/initial-events-end") == "true"


class Bookmark(_Part, frozen=True, tag_field="type", tag="BOOKMARK"):
    """A watch event: all changes up to the object's resourceVersion were sent."""

    object: Mark


class WatchError(_Part, frozen=True, tag_field="type", tag="ERROR"):
    """A watch event: the server ends the watch, and why."""

    object: ServerStatus


WatchEvent = Added | Modified | Deleted | Bookmark | WatchError

decode_list = msgspec.json.Decoder(PodList).decode
decode_watch_event = msgspec.json.Decoder(WatchEvent).decode
decode_status = msgspec.json.Decoder(ServerStatus).decode
