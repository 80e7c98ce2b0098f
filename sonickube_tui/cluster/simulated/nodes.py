"""Nodes as JSON, and what their kubelets and the node lifecycle controller write in them.

Words are those of Kubernetes 1.20 to 1.31. The functions change the node they are given.
"""

from __future__ import annotations

from sonickube_tui.cluster.simulated import manifest
from sonickube_tui.cluster.simulated.store import Json

FINE = (
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)
"""Conditions, reasons and messages of a node that lacks nothing."""


def new_node(name: str, ip: str, at: str) -> Json:
    """A node that is ready and has room."""
    node: Json = {
        "metadata": {
            "name": name,
            "uid": manifest.named_uid(name),
            "creationTimestamp": at,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
        },
        "spec": {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": ip}, {"type": "Hostname", "address": name}],
            "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
            "nodeInfo": {"kubeletVersion": "v1.31.0", "operatingSystem": "linux"},
        },
    }
    relieve(node, at)
    return node


def strain(node: Json, at: str) -> None:
    """The kubelet has little memory left."""
    manifest.set_condition(
        node,
        "MemoryPressure",
        True,
        at,
        "KubeletHasInsufficientMemory",
        "kubelet has insufficient memory available",
    )


def relieve(node: Json, at: str) -> None:
    """The kubelet has memory, disk and process numbers enough, and says that it is ready."""
    for kind, reason, words in FINE:
        manifest.set_condition(node, kind, False, at, reason, words)
    manifest.set_condition(node, "Ready", True, at, "KubeletReady", "kubelet is posting ready status")


def silence(node: Json, at: str) -> None:
    """The node's lifecycle controller hears nothing from the kubelet: nothing is known of it any more."""
    for known in node["status"]["conditions"]:
        message = "Kubelet stopped posting node status."
        known.update(status="Unknown", lastTransitionTime=at, reason="NodeStatusUnknown", message=message)
