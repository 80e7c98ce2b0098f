"""What happened between two states of a pod: the rules one by one, and a recorded incident as a whole."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sonickube_tui.cluster.lifecycle import MESSAGE_LIMIT, events
from sonickube_tui.cluster.pod import Added, Deleted, Modified, Pod, decode_watch_event
from sonickube_tui.event import Kind

DATA = Path(__file__).parent.parent / "data"


def pod(
    *,
    node: str | None = "node-a",
    phase: str = "Running",
    ready: bool | None = None,
    containers: tuple[dict[str, Any], ...] = (),
    init: tuple[dict[str, Any], ...] = (),
    deleting: bool = False,
    conditions: tuple[dict[str, Any], ...] = (),
    **status: Any,
) -> Pod:
    """A pod as the API server would tell it; `ready` None leaves the condition out."""
    all_conditions = list(conditions)
    if ready is not None:
        reason = (
            {} if ready else {"reason": "ContainersNotReady", "message": "containers with unready status"}
        )
        all_conditions.append({"type": "Ready", "status": str(ready), **reason})
    return msgspec.convert(
        {
            "metadata": {
                "name": "cart-7f9c6d5b48-x2j4q",
                "namespace": "shop",
                "uid": "u1",
                "labels": {"pod-template-hash": "7f9c6d5b48"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "cart-7f9c6d5b48", "controller": True}],
                "deletionTimestamp": "2026-11-24T10:00:30Z" if deleting else None,
            },
            "spec": {"nodeName": node},
            "status": {
                "phase": phase,
                "conditions": all_conditions,
                "containerStatuses": list(containers),
                "initContainerStatuses": list(init),
                **status,
            },
        },
        Pod,
    )


def running(since: str = "10:00:00", restarts: int = 0, last: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "name": "app",
        "restartCount": restarts,
        "state": {"running": {"startedAt": since}},
        "lastState": {"terminated": last} if last else {},
    }


def ended(code: int, reason: str = "Error", at: str = "10:00:10", restarts: int = 0) -> dict[str, Any]:
    return {
        "name": "app",
        "restartCount": restarts,
        "state": {"terminated": {"exitCode": code, "reason": reason, "finishedAt": at}},
    }


def waiting(reason: str, restarts: int = 0, last: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "name": "app",
        "restartCount": restarts,
        "state": {"waiting": {"reason": reason, "message": f"because of {reason}"}},
        "lastState": {"terminated": last} if last else {},
    }


CRASH = {"exitCode": 1, "reason": "Error", "finishedAt": "10:00:10"}
LATER_CRASH = {"exitCode": 1, "reason": "Error", "finishedAt": "10:01:10"}
CLEAN = {"exitCode": 0, "reason": "Completed", "finishedAt": "10:00:10"}
OOM = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "10:00:10"}
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
READY_POD = pod(ready=True, containers=(running(),))

_TAINTED = ({"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"},)
LOST = pod(ready=False, containers=(running(),), conditions=_TAINTED)
LOST_AND_LEAVING = pod(ready=False, containers=(running(),), conditions=_TAINTED, deleting=True)

TABLE: dict[str, tuple[Pod | None, Pod | None, list[Kind]]] = {
    "created, waiting for a node": (None, pod(node=None, phase="Pending"), [Kind.CREATED]),
    "scheduled": (pod(node=None, phase="Pending"), pod(phase="Pending"), [Kind.SCHEDULED]),
    "pulling is no news": (pod(), pod(containers=(waiting("ContainerCreating"),)), []),
    "started": (
        pod(containers=(waiting("ContainerCreating"),)),
        pod(containers=(running(),)),
        [Kind.STARTED],
    ),
    "ready": (pod(ready=False, containers=(running(),)), READY_POD, [Kind.READY]),
    "started and ready in one step": (pod(ready=False), READY_POD, [Kind.STARTED, Kind.READY]),
    "a whole start in one step": (
        None,
        READY_POD,
        [Kind.CREATED, Kind.SCHEDULED, Kind.STARTED, Kind.READY],
    ),
    "unready": (READY_POD, pod(ready=False, containers=(running(),)), [Kind.UNREADY]),
    "nothing changed": (READY_POD, READY_POD, []),
    "crashed": (READY_POD, pod(ready=False, containers=(ended(1),)), [Kind.CRASHED]),
    "crashed, seen only by its count": (
        READY_POD,
        pod(ready=True, containers=(running("10:00:12", 1, CRASH),)),
        [Kind.STARTED, Kind.CRASHED],
    ),
    "started again after a crash already told": (
        pod(containers=(ended(1),)),
        pod(containers=(running("10:00:12", 1, CRASH),)),
        [Kind.STARTED],
    ),
    "restarted after a clean end": (
        pod(containers=(ended(0, "Completed"),)),
        pod(containers=(running("10:00:12", 1, CLEAN),)),
        [Kind.STARTED, Kind.RESTARTED],
    ),
    "crash loop": (
        pod(containers=(ended(1, restarts=1),)),
        pod(containers=(waiting("CrashLoopBackOff", 1, CRASH),)),
        [Kind.CRASH_LOOP],
    ),
    "crash loop goes on waiting": (
        pod(containers=(waiting("CrashLoopBackOff", 1, CRASH),)),
        pod(containers=(waiting("CrashLoopBackOff", 1, CRASH),), ready=False),
        [],
    ),
    "crash loop again, its run between not seen": (
        pod(containers=(waiting("CrashLoopBackOff", 1, CRASH),)),
        pod(containers=(waiting("CrashLoopBackOff", 2, LATER_CRASH),)),
        [Kind.CRASH_LOOP],
    ),
    "out of memory": (READY_POD, pod(ready=False, containers=(ended(137, "OOMKilled"),)), [Kind.OOM_KILLED]),
    "out of memory, seen only behind the back-off": (
        READY_POD,
        pod(ready=False, containers=(waiting("CrashLoopBackOff", 1, OOM),)),
        [Kind.OOM_KILLED],
    ),
    "an old end is not told twice": (
        pod(containers=(running("10:00:12", 1, OOM),)),
        pod(ready=True, containers=(running("10:00:12", 1, OOM),)),
        [Kind.READY],
    ),
    "image failed": (pod(), pod(containers=(waiting("ErrImagePull"),)), [Kind.IMAGE_FAILED]),
    "image failed alternates": (
        pod(containers=(waiting("ErrImagePull"),)),
        pod(containers=(waiting("ImagePullBackOff"),)),
        [],
    ),
    "config failed": (
        pod(containers=(waiting("ContainerCreating"),)),
        pod(containers=(waiting("CreateContainerConfigError"),)),
        [Kind.CONFIG_FAILED],
    ),
    "an init container crashed": (pod(init=(running(),)), pod(init=(ended(2),)), [Kind.CRASHED]),
    "an init container ended well": (pod(init=(running(),)), pod(init=(ended(0, "Completed"),)), []),
    "completed": (
        READY_POD,
        pod(phase="Succeeded", ready=False, containers=(ended(0, "Completed"),)),
        [Kind.COMPLETED],
    ),
    "failed": (
        pod(containers=(ended(1),)),
        pod(phase="Failed", containers=(ended(1),), reason="DeadlineExceeded"),
        [Kind.FAILED],
    ),
    "evicted": (READY_POD, pod(phase="Failed", reason="Evicted", message="low on memory"), [Kind.EVICTED]),
    "unschedulable": (None, pod(node=None, conditions=(UNSCHEDULABLE,)), [Kind.CREATED, Kind.UNSCHEDULABLE]),
    "still unschedulable": (
        pod(node=None, conditions=(UNSCHEDULABLE,)),
        pod(node=None, conditions=(UNSCHEDULABLE,), message="0/3 nodes"),
        [],
    ),
    "room made by the kubelet": (
        READY_POD,
        pod(phase="Failed", reason="Preempting", message="to admit a critical pod"),
        [Kind.PREEMPTED],
    ),
    "drained, its mark not seen": (
        pod(
            ready=True,
            containers=(running(),),
            conditions=({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"},),
        ),
        None,
        [Kind.DRAINED, Kind.DELETED],
    ),
    "terminating while ready": (
        READY_POD,
        pod(ready=True, containers=(running(),), deleting=True),
        [Kind.TERMINATING],
    ),
    "a container told to end is no crash": (
        pod(ready=True, containers=(running(),), deleting=True),
        pod(ready=False, containers=(ended(143),), deleting=True, phase="Failed"),
        [],
    ),
    "drained": (
        READY_POD,
        pod(
            ready=True,
            containers=(running(),),
            deleting=True,
            conditions=({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"},),
        ),
        [Kind.DRAINED],
    ),
    "preempted": (
        READY_POD,
        pod(
            ready=True,
            containers=(running(),),
            deleting=True,
            conditions=({"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"},),
        ),
        [Kind.PREEMPTED],
    ),
    "its node is lost": (READY_POD, LOST, [Kind.NODE_LOST]),
    "its node is lost, and then it is deleted": (LOST, LOST_AND_LEAVING, [Kind.TERMINATING]),
    "deleted": (pod(deleting=True), None, [Kind.DELETED]),
    "deleted at once": (READY_POD, None, [Kind.TERMINATING, Kind.DELETED]),
    "never there": (None, None, []),
}


@pytest.mark.parametrize("name", TABLE)
def test_rule(name: str) -> None:
    old, new, kinds = TABLE[name]
    assert [event.kind for event in events(old, new, at=1.0, cluster="test")] == kinds


def test_an_event_says_whom_it_happened_to() -> None:
    last, *_ = events(
        READY_POD, pod(containers=(waiting("CrashLoopBackOff", 4, CRASH),)), at=5.0, cluster="eu"
    )
    assert (last.at, last.cluster, last.namespace, last.pod) == (5.0, "eu", "shop", "cart-7f9c6d5b48-x2j4q")
    assert (last.owner, last.node, last.restarts) == ("Deployment/cart", "node-a", 4)
    assert (last.reason, last.message) == ("CrashLoopBackOff", "because of CrashLoopBackOff")


def test_a_very_long_message_is_cut() -> None:
    [event] = events(READY_POD, pod(phase="Failed", reason="Evicted", message="x" * 50_000), at=0, cluster="")
    assert len(event.message) == MESSAGE_LIMIT


def test_nulls_where_a_real_server_has_them() -> None:
    line = (
        b'{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"9",'
        b'"creationTimestamp":null},"spec":{"containers":null},"status":{}}}'
    )
    assert decode_watch_event(line).object.metadata.resource_version == "9"  # type: ignore[union-attr]


def test_the_recorded_incident() -> None:
    """144 s of a real API server, told as the reviewed list in tests/data/incident.events.txt."""
    pods: dict[tuple[str, str], Pod] = {}
    told: list[str] = []
    with gzip.open(DATA / "incident.jsonl.gz") as lines:
        for line in map(json.loads, lines):
            if "mark" in line:
                told.append(f"# {line['mark']}")
            elif line["resource"] == "pods":
                change = decode_watch_event(json.dumps(line["event"]))
                match change:
                    case Added(new) | Modified(new):
                        happened = events(pods.get(new.key), new, at=line["ts"], cluster="")
                        pods[new.key] = new
                    case Deleted(last):
                        happened = events(pods.pop(last.key), None, at=line["ts"], cluster="")
                    case _:
                        continue
                told += [f"{e.namespace}/{e.pod} {e.kind} {e.reason}".rstrip() for e in happened]
    assert told == (DATA / "incident.events.txt").read_text().splitlines()
