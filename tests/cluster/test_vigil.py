"""What only time and company tell of pods."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from sonickube_tui.cluster.pod import Pod
from sonickube_tui.cluster.vigil import Vigil
from sonickube_tui.event import Kind

RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
CREATING = {"waiting": {"reason": "ContainerCreating"}}
LEAVING = "2026-01-01T00:00:00Z"
EPOCH = 1_767_225_600.0
"""The Unix time of that."""


def pod(
    name: str = "cart-1",
    *,
    ready: bool = True,
    containers_ready: bool = True,
    node: str | None = "node-a",
    state: object = RUNNING,
    started: bool | None = True,
    leaving: str | None = None,
) -> Pod:
    status = {"name": "app", "ready": containers_ready, "started": started, "restartCount": 0, "state": state}
    return msgspec.convert(
        {
            "metadata": {"name": name, "namespace": "shop", "uid": name, "deletionTimestamp": leaving},
            "spec": {"nodeName": node},
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": str(ready)}],
                "containerStatuses": [status],
            },
        },
        Pod,
    )


UP, DOWN = pod(), pod(ready=False, containers_ready=False)


def turns(vigil: Vigil, states: Sequence[Pod], times: Sequence[float]) -> list[list[Kind]]:
    """What each of a pod's turns adds up to."""
    told, old = [], states[0]
    for new, at in zip(states[1:], times, strict=True):
        told.append([change.kind for change in vigil.see(old, new, at)])
        old = new
    return told


def test_three_turns_within_five_minutes_are_flapping() -> None:
    assert turns(Vigil(), [UP, DOWN, UP, DOWN, UP], [0, 100, 299, 300]) == [[], [], [Kind.FLAPPING], []]


def test_coming_up_for_the_first_time_is_no_turn() -> None:
    assert turns(Vigil(), [DOWN, UP, DOWN, UP, DOWN], [0, 1, 2, 3]) == [[], [], [], [Kind.FLAPPING]]


def test_slower_turns_are_not() -> None:
    assert turns(Vigil(), [UP, DOWN, UP, DOWN], [0, 200, 301]) == [[], [], []]


def test_a_pod_that_leaves_does_not_flap() -> None:
    gone = pod(ready=False, leaving=LEAVING)
    assert turns(Vigil(), [UP, DOWN, UP, gone], [0, 1, 2]) == [[], [], []]


def fall(vigil: Vigil, name: str, at: float, **fields: object) -> list[Kind]:
    after = pod(name, ready=False, **{"containers_ready": True, **fields})  # type: ignore[arg-type]
    return [change.kind for change in vigil.see(pod(name, node=after.node), after, at)]


def test_two_pods_of_a_node_that_fall_silent_together_mean_a_lost_node() -> None:
    vigil = Vigil()
    assert fall(vigil, "a", 0.0) == []
    assert fall(vigil, "b", 9.0) == [Kind.NODE_LOST]
    assert fall(vigil, "c", 9.5) == []  # It is lost once.


@pytest.mark.parametrize(
    ("at", "fields"),
    [(11.0, {}), (5.0, {"node": "node-b"}), (5.0, {"containers_ready": False}), (5.0, {"leaving": LEAVING})],
    ids=["too late", "another node", "its container is not ready", "it is leaving"],
)
def test_else_the_node_is_not_lost(at: float, fields: dict[str, object]) -> None:
    vigil = Vigil()
    assert fall(vigil, "a", 0.0) == []
    assert fall(vigil, "b", at, **fields) == []


def overdue(vigil: Vigil, now: float) -> list[tuple[str, Kind]]:
    return [(late.metadata.name, change.kind) for late, change in vigil.overdue(now)]


def test_a_pod_that_is_there_long_after_its_grace_period_is_stuck_and_told_once() -> None:
    vigil = Vigil()
    list(vigil.see(UP, pod(leaving=LEAVING), EPOCH - 30))
    assert overdue(vigil, EPOCH + 29) == []
    assert overdue(vigil, EPOCH + 31) == [("cart-1", Kind.STUCK_TERMINATING)]
    assert overdue(vigil, EPOCH + 99) == []


def test_one_that_is_gone_in_time_is_not() -> None:
    vigil = Vigil()
    list(vigil.see(UP, pod(leaving=LEAVING), EPOCH - 30))
    list(vigil.see(pod(leaving=LEAVING), None, EPOCH))
    assert overdue(vigil, EPOCH + 99) == []


@pytest.mark.parametrize(
    "slow", [pod(ready=False, state=CREATING), pod(ready=False, started=False)], ids=["creating", "starting"]
)
def test_a_start_that_takes_over_a_minute_is_slow_and_told_once(slow: Pod) -> None:
    vigil = Vigil()
    list(vigil.see(None, slow, 100.0))
    list(vigil.see(slow, slow, 130.0))  # Another state of the same wait does not begin it anew.
    assert overdue(vigil, 159.0) == []
    assert overdue(vigil, 161.0) == [("cart-1", Kind.STARTUP_SLOW)]
    assert overdue(vigil, 300.0) == []


def test_one_that_started_in_time_is_not() -> None:
    vigil = Vigil()
    list(vigil.see(None, pod(ready=False, state=CREATING), 100.0))
    list(vigil.see(pod(ready=False, state=CREATING), UP, 130.0))
    assert overdue(vigil, 300.0) == []


def test_a_pod_that_waits_for_a_node_is_not_slow_to_start() -> None:
    vigil = Vigil()
    list(vigil.see(None, pod(ready=False, node=None, state=CREATING), 100.0))
    assert overdue(vigil, 300.0) == []
