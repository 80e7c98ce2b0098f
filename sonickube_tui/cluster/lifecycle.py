"""From two states of a pod to what happened between them. Pure: the same pair gives the same events.

A watch may skip states, and a new list after an outage makes many changes one, so every rule compares the
old pod with the new one and none counts watch events.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sonickube_tui.cluster.pod import Condition, ContainerStatus, Pod, Terminated
from sonickube_tui.event import Event, Kind

IMAGE_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
CONFIG_REASONS = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "PreStartHookError",
        "PostStartHookError",
    }
)
NODE_REASONS = frozenset({"DeletionByTaintManager", "DeletionByPodGC"})
MESSAGE_LIMIT = 1_000
"""Characters kept of a message: a snippet's packet has 16 kB, and one line is all that is shown."""


class Change(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened, with the cluster's own reason and message for it."""

    kind: Kind
    reason: str = ""
    message: str = ""


def events(old: Pod | None, new: Pod | None, *, at: float, cluster: str) -> list[Event]:
    """What happened to a pod between `old` (None: it was not there) and `new` (None: it is gone).

    The events are in the order of a pod's life, with at most one trouble among them: the most telling one.
    `at` is Unix time in seconds.
    """
    pod = new or old
    if pod is None:
        return []
    return [event(pod, change, at=at, cluster=cluster) for change in changes(old, new)]


def event(pod: Pod, change: Change, *, at: float, cluster: str) -> Event:
    """A change with whom it happened to."""
    return Event(
        at=at,
        cluster=cluster,
        namespace=pod.metadata.namespace,
        pod=pod.metadata.name,
        uid=pod.metadata.uid,
        kind=change.kind,
        owner=pod.owner,
        node=pod.node,
        reason=change.reason,
        message=change.message[:MESSAGE_LIMIT],
        restarts=pod.restarts,
    )


def changes(old: Pod | None, new: Pod | None) -> Iterator[Change]:
    """The changes behind `events`, without whom they happened to."""
    if new is None:
        if old is not None:
            if not old.metadata.deletion_timestamp:
                yield Change(Kind.TERMINATING)
            yield Change(Kind.DELETED)
        return
    if old is None:
        yield Change(Kind.CREATED)
    if new.node and not (old and old.node):
        yield Change(Kind.SCHEDULED, message=f"on {new.node}")
    if started := [c for c in _pairs(old, new) if _started(*c)]:
        yield Change(Kind.STARTED, message=", ".join(now.name for _, now in started))
    if trouble := _trouble(old, new):
        yield trouble
    if is_ready(new) and not (old and is_ready(old)) and not new.metadata.deletion_timestamp:
        yield Change(Kind.READY)
    if new.metadata.deletion_timestamp and not (old and old.metadata.deletion_timestamp):
        yield _leaving(new)


def _trouble(old: Pod | None, new: Pod) -> Change | None:
    """The first rule that applies, in order of how much it tells."""
    for change in (
        _node_lost(old, new),
        _evicted(old, new),
        *_container_troubles(old, new),
        _finished(old, new),
    ):
        if change is not None:
            return change
    if new.metadata.deletion_timestamp:
        return None
    return _unready(old, new) or _unschedulable(old, new)


def _container_troubles(old: Pod | None, new: Pod) -> Iterator[Change]:
    pairs = _pairs(old, new)
    for rule in (_oom_killed, _crash_loop, _image_failed, _config_failed):
        yield from (change for pair in pairs if (change := rule(*pair)))
    # A container that is told to end often ends with a code that is not 0; that is no crash.
    if not new.metadata.deletion_timestamp:
        for rule in (_crashed, _restarted):
            yield from (change for pair in pairs if (change := rule(*pair)))


def _pairs(old: Pod | None, new: Pod) -> list[tuple[ContainerStatus | None, ContainerStatus]]:
    before = {status.name: status for status in old.containers} if old else {}
    return [(before.get(status.name), status) for status in new.containers]


def _waiting(status: ContainerStatus | None) -> str:
    state = status and status.state
    return (state and state.waiting and state.waiting.reason) or ""


def _waiting_message(status: ContainerStatus) -> str:
    return (status.state and status.state.waiting and status.state.waiting.message) or ""


def _terminations(status: ContainerStatus | None) -> list[Terminated]:
    """The ends that a container's status tells of, the latest first."""
    states = (status.state, status.last_state) if status else ()
    return [state.terminated for state in states if state and state.terminated]


def _new_termination(old: ContainerStatus | None, new: ContainerStatus) -> Terminated | None:
    """The latest end that the old status did not tell of."""
    known = {ended.finished_at for ended in _terminations(old)}
    return next((ended for ended in _terminations(new) if ended.finished_at not in known), None)


def _started_at(status: ContainerStatus | None) -> str | None:
    state = status and status.state
    return state.running.started_at if state and state.running else None


def _started(old: ContainerStatus | None, new: ContainerStatus) -> bool:
    return bool(_started_at(new)) and _started_at(new) != _started_at(old)


def _oom_killed(old: ContainerStatus | None, new: ContainerStatus) -> Change | None:
    ended = _new_termination(old, new)
    if ended and ended.reason == "OOMKilled":
        return Change(
            Kind.OOM_KILLED, "OOMKilled", ended.message or f"container {new.name} ran out of memory"
        )
    return None


def _crash_loop(old: ContainerStatus | None, new: ContainerStatus) -> Change | None:
    if _waiting(new) != "CrashLoopBackOff":
        return None
    if _waiting(old) == "CrashLoopBackOff" and old and new.restart_count <= old.restart_count:
        return None
    return Change(Kind.CRASH_LOOP, "CrashLoopBackOff", _waiting_message(new))


def _image_failed(old: ContainerStatus | None, new: ContainerStatus) -> Change | None:
    # ErrImagePull and ImagePullBackOff alternate: only the first of them is news.
    if _waiting(new) in IMAGE_REASONS and _waiting(old) not in IMAGE_REASONS:
        return Change(Kind.IMAGE_FAILED, _waiting(new), _waiting_message(new))
    return None


def _config_failed(old: ContainerStatus | None, new: ContainerStatus) -> Change | None:
    if _waiting(new) in CONFIG_REASONS and _waiting(old) not in CONFIG_REASONS:
        return Change(Kind.CONFIG_FAILED, _waiting(new), _waiting_message(new))
    return None


def _crashed(old: ContainerStatus | None, new: ContainerStatus) -> Change | None:
    ended = _new_termination(old, new)
    if ended and ended.exit_code != 0:
        message = ended.message or f"container {new.name} ended with code {ended.exit_code}"
        return Change(Kind.CRASHED, ended.reason or "Error", message)
    return None


def _restarted(old: ContainerStatus | None, new: ContainerStatus) -> Change | None:
    if not old or new.restart_count <= old.restart_count:
        return None
    last = next(iter(_terminations(new)), None)
    if last and last.exit_code != 0:
        return None
    return Change(Kind.RESTARTED, "Restarted", f"container {new.name} was started again")


def _node_lost(old: Pod | None, new: Pod) -> Change | None:
    disruption = _disruption(new)
    if disruption is None or disruption.reason not in NODE_REASONS or (old and _disruption(old)):
        return None
    return Change(Kind.NODE_LOST, disruption.reason or "", disruption.message or "")


def _disruption(pod: Pod) -> Condition | None:
    """What is about to end the pod from outside, if it said so."""
    disruption = pod.condition("DisruptionTarget")
    return disruption if disruption and disruption.status == "True" else None


def _evicted(old: Pod | None, new: Pod) -> Change | None:
    if not (new.status and new.status.reason == "Evicted" and new.phase == "Failed"):
        return None
    if old and old.phase == "Failed":
        return None
    return Change(Kind.EVICTED, "Evicted", new.status.message or "")


def _finished(old: Pod | None, new: Pod) -> Change | None:
    if new.metadata.deletion_timestamp or (old and old.phase == new.phase) or not new.status:
        return None
    if new.phase == "Succeeded":
        return Change(Kind.COMPLETED, new.status.reason or "Completed", new.status.message or "")
    if new.phase == "Failed":
        return Change(Kind.FAILED, new.status.reason or "Failed", new.status.message or "")
    return None


def is_ready(pod: Pod) -> bool:
    """Whether its condition Ready is True."""
    ready = pod.condition("Ready")
    return ready is not None and ready.status == "True"


def _unready(old: Pod | None, new: Pod) -> Change | None:
    if old is None or not is_ready(old) or is_ready(new):
        return None
    # A pod that ended its work is no longer ready either; that is told as completed or failed.
    if new.phase in ("Succeeded", "Failed"):
        return None
    ready = new.condition("Ready") or Condition()
    return Change(Kind.UNREADY, ready.reason or "NotReady", ready.message or "")


def _unschedulable(old: Pod | None, new: Pod) -> Change | None:
    def stuck(pod: Pod) -> Condition | None:
        scheduled = pod.condition("PodScheduled")
        return scheduled if scheduled and scheduled.reason == "Unschedulable" else None

    now = stuck(new)
    if now is None or now.status != "False" or (old and stuck(old)):
        return None
    return Change(Kind.UNSCHEDULABLE, "Unschedulable", now.message or "")


def _leaving(new: Pod) -> Change:
    disruption = _disruption(new)
    if disruption is None:
        return Change(Kind.TERMINATING)
    kind = {"PreemptionByScheduler": Kind.PREEMPTED, "EvictionByEvictionAPI": Kind.DRAINED}.get(
        disruption.reason or "", Kind.TERMINATING
    )
    return Change(kind, disruption.reason or "", disruption.message or "")
