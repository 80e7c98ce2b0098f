"""What controllers, the scheduler and the kubelet write to an API server: steps in a pod's life.

The tests' API server has none of them; the words are theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kube import Json, KubeServer

API_VERSIONS = {"Job": "batch/v1", "Node": "v1"}
"""Of owners that are not of apps/v1."""

Step = Callable[[KubeServer, str], object] | float
"""What somebody writes to the API server into a namespace, once; or how many seconds pass."""


def at(second: int) -> str:
    """A time of the kubelet's clock."""
    return f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z"


# What controllers write


def create(
    name: str = "cart-7f9c6d5b48-x2j4q",
    owner: str = "ReplicaSet/cart-7f9c6d5b48",
    *,
    containers: tuple[str, ...] = ("app",),
    init: tuple[str, ...] = (),
    restart: str = "Always",
    node: str = "",
    annotations: dict[str, str] | None = None,
    **labels: str,
) -> Step:
    """Create a pod; `node` is for what is not scheduled, such as a static pod."""
    kind, _, owner_name = owner.partition("/")
    reference = {
        "apiVersion": API_VERSIONS.get(kind, "apps/v1"),
        "kind": kind,
        "name": owner_name,
        "uid": "0b8d5a6e-0000-4000-8000-000000000001",
        "controller": True,
        "blockOwnerDeletion": True,
    }

    def specs(names: tuple[str, ...]) -> list[Json]:
        return [{"name": each, "image": f"registry.invalid/{each}:1"} for each in names]

    labels = {label.replace("__", "/").replace("_", "-"): value for label, value in labels.items()}
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": labels or {"pod-template-hash": "7f9c6d5b48"},
            "annotations": annotations or {},
            "ownerReferences": [reference] if owner else [],
        },
        "spec": {
            "containers": specs(containers),
            "initContainers": specs(init),
            "restartPolicy": restart,
            **({"nodeName": node} if node else {}),
        },
    }
    return lambda kube, namespace: kube.create_pod(namespace, manifest)


def bind(name: str = "cart-7f9c6d5b48-x2j4q", node: str = "node-a") -> Step:
    """Give a pod its node."""
    return lambda kube, namespace: kube.bind(namespace, name, node)


def delete(name: str = "cart-7f9c6d5b48-x2j4q", *, grace: int = 0) -> Step:
    """Delete a pod; with grace it is only marked."""
    return lambda kube, namespace: kube.delete_pod(namespace, name, grace)


# What the kubelet writes


def container(name: str, state: Json, *, ready: bool = False, restarts: int = 0, **more: Any) -> Json:
    """A container's status; `last` is how it ended before, `started` whether its startup probe passed."""
    return {
        "name": name,
        "image": f"registry.invalid/{name}:1",
        "imageID": f"registry.invalid/{name}@sha256:{'0' * 64}",
        "containerID": f"containerd://{'0' * 63}{restarts}",
        "ready": ready,
        "started": more.get("started", "running" in state),
        "restartCount": restarts,
        "state": state,
        "lastState": {"terminated": more["last"]} if "last" in more else {},
    }


def running(name: str = "app", *, ready: bool = True, since: int = 5, **more: Any) -> Json:
    """A container that runs."""
    return container(name, {"running": {"startedAt": at(since)}}, ready=ready, **more)


def waiting(reason: str, name: str = "app", *, message: str = "it is said why", **more: Any) -> Json:
    """A container that waits."""
    return container(name, {"waiting": {"reason": reason, "message": message}}, **more)


def end(code: int, second: int, reason: str = "") -> Json:
    """How a container ended."""
    return {
        "exitCode": code,
        "reason": reason or ("Error" if code else "Completed"),
        "startedAt": at(second - 5),
        "finishedAt": at(second),
    }


def ended(code: int, second: int, reason: str = "", name: str = "app", **more: Any) -> Json:
    """A container that has ended. One that ended well counts as ready when it is an init container."""
    return container(name, {"terminated": end(code, second, reason)}, **more)


def says(
    *containers: Json,
    pod: str = "cart-7f9c6d5b48-x2j4q",
    init: tuple[Json, ...] = (),
    ready: bool | None = None,
    phase: str = "Running",
    disrupted: str = "",
    reason: str = "",
    message: str = "",
) -> Step:
    """Write a pod's status. It is `ready` when all its containers are, unless told otherwise."""
    if ready is None:
        ready = bool(containers) and all(status["ready"] for status in containers)
    down = ", ".join(status["name"] for status in containers if not status["ready"])
    why = (
        {}
        if ready
        else {"reason": "ContainersNotReady", "message": f"containers with unready status: [{down}]"}
    )
    if phase == "Succeeded":
        why = {"reason": "PodCompleted"}
    conditions = [
        {"type": "Initialized", "status": "True"},
        {"type": "Ready", "status": str(ready), **why},
        {"type": "ContainersReady", "status": str(ready), **why},
        {"type": "PodScheduled", "status": "True"},
    ]
    if disrupted:
        conditions.append(
            {"type": "DisruptionTarget", "status": "True", "reason": disrupted, "message": "it is said why"}
        )
    status = {
        "phase": phase,
        "reason": reason or None,
        "message": message or None,
        "conditions": conditions,
        "containerStatuses": list(containers),
        "initContainerStatuses": list(init) or None,
    }
    return lambda kube, namespace: kube.patch_status(namespace, pod, status)


def unschedulable(pod: str = "cart-7f9c6d5b48-x2j4q") -> Step:
    """Find no node for a pod, as the scheduler does."""
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient cpu.",
    }
    return lambda kube, namespace: kube.patch_status(namespace, pod, {"conditions": [condition]})
