"""Pods as JSON, and the small changes that scheduler, kubelet and controllers make in them.

Shapes and words are those of a real cluster's (1.20 to 1.31). The functions change the pod they are given;
`at` is an RFC 3339 time in whole seconds. A pod here has one container, `app`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import NAMESPACE_DNS, uuid5

import msgspec

from sonickube_tui.cluster.simulated.store import Json

GRACE = 30
"""terminationGracePeriodSeconds."""
FAILURES = 3
"""Failed probes after which a container is not ready."""


class Owner(msgspec.Struct, frozen=True):
    """The controller of a pod."""

    api_version: str
    kind: str
    name: str
    uid: str


def stamp(seconds: float) -> str:
    """Unix time as Kubernetes writes it."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def spec(image: str, *, restart_policy: str = "Always", service_account: str = "default") -> Json:
    """A pod's spec before it has a node, with what the API server adds to it."""
    return {
        "containers": [
            {
                "name": "app",
                "image": image,
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "resources": {
                    "limits": {"memory": "256Mi"},
                    "requests": {"cpu": "100m", "memory": "128Mi"},
                },
                "readinessProbe": {
                    "httpGet": {"path": "/ready", "port": 8080, "scheme": "HTTP"},
                    "timeoutSeconds": 1,
                    "periodSeconds": 10,
                    "successThreshold": 1,
                    "failureThreshold": FAILURES,
                },
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
            }
        ],
        "restartPolicy": restart_policy,
        "terminationGracePeriodSeconds": GRACE,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": service_account,
        "serviceAccount": service_account,
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "tolerations": [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        ],
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }


def new_pod(
    *, namespace: str, name: str, uid: str, at: str, labels: dict[str, str], owner: Owner, template: Json
) -> Json:
    """A pod that was just created. `template` is a spec; it is not changed."""
    return {
        "metadata": {
            "name": name,
            "generateName": f"{owner.name}-",
            "namespace": namespace,
            "uid": uid,
            "creationTimestamp": at,
            "labels": labels,
            "ownerReferences": [
                {
                    "apiVersion": owner.api_version,
                    "kind": owner.kind,
                    "name": owner.name,
                    "uid": owner.uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": dict(template),
        "status": {"phase": "Pending", "qosClass": "Burstable"},
    }


def named_uid(name: str) -> str:
    """A UUID that takes nothing from the world's dice: a name has always the same."""
    return str(uuid5(NAMESPACE_DNS, name))


def condition(thing: Json, kind: str) -> Json | None:
    """The condition of that type of a pod or node."""
    found: Json | None = next((c for c in thing["status"].get("conditions", ()) if c["type"] == kind), None)
    return found


def is_ready(pod: Json) -> bool:
    """Whether the condition Ready is True."""
    ready = condition(pod, "Ready")
    return ready is not None and ready["status"] == "True"


def container(pod: Json) -> Json | None:
    """The status of its container, or None while no kubelet has looked at the pod."""
    statuses = pod["status"].get("containerStatuses")
    found: Json | None = statuses[0] if statuses else None
    return found


def set_condition(thing: Json, kind: str, status: bool, at: str, reason: str = "", message: str = "") -> None:
    """Write a condition; its time moves only when its status does."""
    conditions: list[Json] = thing["status"].setdefault("conditions", [])
    word = "True" if status else "False"
    known = condition(thing, kind)
    since = known["lastTransitionTime"] if known and known["status"] == word else at
    written = {"type": kind, "status": word, "lastProbeTime": None, "lastTransitionTime": since}
    if reason:
        written["reason"] = reason
    if message:
        written["message"] = message
    if known:
        conditions[conditions.index(known)] = written
    else:
        conditions.append(written)


def schedule(pod: Json, node: str, at: str) -> None:
    """The scheduler binds it to a node."""
    pod["spec"]["nodeName"] = node
    set_condition(pod, "PodScheduled", True, at)


def create_container(pod: Json, host_ip: str, at: str) -> None:
    """The kubelet begins: ContainerCreating."""
    pod["status"].update(hostIP=host_ip, hostIPs=[{"ip": host_ip}], startTime=at)
    pod["status"]["containerStatuses"] = [
        {
            "name": "app",
            "state": {"waiting": {"reason": "ContainerCreating"}},
            "lastState": {},
            "ready": False,
            "restartCount": 0,
            "image": pod["spec"]["containers"][0]["image"],
            "imageID": "",
            "started": False,
        }
    ]
    set_condition(pod, "Initialized", True, at)
    set_ready(pod, False, at)


def run(pod: Json, pod_ip: str, container_id: str, at: str) -> None:
    """The container starts, for the first time or again; it is not ready yet."""
    status = pod["status"]
    status.update(phase="Running", podIP=pod_ip, podIPs=[{"ip": pod_ip}])
    cs = status["containerStatuses"][0]
    _end_to_last_state(cs)
    if cs["lastState"]:
        cs["restartCount"] += 1
    repository = cs["image"].rpartition(":")[0]
    cs.update(
        state={"running": {"startedAt": at}},
        started=True,
        imageID=f"{repository}@sha256:{container_id}",
        containerID=f"containerd://{container_id}",
    )
    set_ready(pod, False, at)


def set_ready(pod: Json, ready: bool, at: str) -> None:
    """The readiness probe's answer, in the container's status and both conditions."""
    pod["status"]["containerStatuses"][0]["ready"] = ready
    words = () if ready else ("ContainersNotReady", "containers with unready status: [app]")
    set_condition(pod, "Ready", ready, at, *words)
    set_condition(pod, "ContainersReady", ready, at, *words)


def end(pod: Json, exit_code: int, reason: str, at: str) -> None:
    """The container's process is over."""
    cs = pod["status"]["containerStatuses"][0]
    terminated: Json = {"exitCode": exit_code, "reason": reason, "finishedAt": at}
    running = cs["state"].get("running")
    terminated["startedAt"] = running["startedAt"] if running else None
    if running:
        terminated["containerID"] = cs["containerID"]
    else:
        # Between two starts the last end is kept where it was.
        _end_to_last_state(cs)
    cs.update(state={"terminated": terminated}, started=False)
    set_ready(pod, False, at)


def wait(pod: Json, reason: str, message: str) -> None:
    """The kubelet holds the container back: CrashLoopBackOff, ErrImagePull, ImagePullBackOff."""
    cs = pod["status"]["containerStatuses"][0]
    _end_to_last_state(cs)
    cs.update(state={"waiting": {"reason": reason, "message": message}}, started=False)


def _end_to_last_state(cs: Json) -> None:
    if "terminated" in cs["state"]:
        cs["lastState"] = cs["state"]


def complete(pod: Json, at: str) -> None:
    """Its work is done: phase Succeeded."""
    end(pod, 0, "Completed", at)
    pod["status"]["phase"] = "Succeeded"
    set_condition(pod, "Initialized", True, at, "PodCompleted")
    set_condition(pod, "Ready", False, at, "PodCompleted")
    set_condition(pod, "ContainersReady", False, at, "PodCompleted")


def backdate(pod: Json, at: str) -> None:
    """Make a pod that has just become ready one that is so since `at`."""
    pod["metadata"]["creationTimestamp"] = at
    pod["status"]["startTime"] = at
    pod["status"]["containerStatuses"][0]["state"] = {"running": {"startedAt": at}}
    for known in pod["status"]["conditions"]:
        known["lastTransitionTime"] = at


def lose(pod: Json, at: str) -> None:
    """The node's lifecycle controller hears nothing: only Ready turns, the container's status stays."""
    set_condition(pod, "Ready", False, at)


def hear_again(pod: Json, at: str) -> None:
    """The node is back and its kubelet tells what it knew all along."""
    set_condition(pod, "Ready", True, at)


def disrupt(pod: Json, at: str) -> None:
    """The taint manager's reason for the deletion that follows."""
    message = "Taint manager: deleting due to NoExecute taint"
    set_condition(pod, "DisruptionTarget", True, at, "DeletionByTaintManager", message)


def delete(pod: Json, at: str, grace: int) -> None:
    """A deletion begins: `at` is when the grace period (seconds) will have passed."""
    pod["metadata"].update(deletionTimestamp=at, deletionGracePeriodSeconds=grace)
