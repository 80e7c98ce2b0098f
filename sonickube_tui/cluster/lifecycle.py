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
LOOPING_REASONS = frozenset({"RunContainerError", "PostStartHookError"})
"""Those of them after which the kubelet backs off as after a crash: they alternate with CrashLoopBackOff."""

NODE_REASONS = frozenset({"DeletionByTaintManager", "DeletionByPodGC"})
THROWN_OUT = {"Evicted": Kind.EVICTED, "Preempting": Kind.PREEMPTED}
"""Reasons of a pod's status (kubelet, `pkg/kubelet/eviction` and `preemption`)."""

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
                yield _leaving(old)
            yield Change(Kind.DELETED)
        return
    if old is None:
        yield Change(Kind.CREATED)
    if new.node and not (old and old.node):
        yield Change(Kind.SCHEDULED, message=f"on {new.node}")
    # Of init containers and sidecars only trouble is told: their start is not the pod's.
    if started := [now.name for was, now in _pairs(old, new.own_containers) if _started(was, now)]:
        yield Change(Kind.STARTED, message=", ".join(started))
    if trouble := _trouble(old, new):
        yield trouble
    if completed := _completed(old, new):
        yield completed
    if is_ready(new) and not (old and is_ready(old)) and not new.metadata.deletion_timestamp:
        yield Change(Kind.READY)
    if new.metadata.deletion_timestamp and not (old and old.metadata.deletion_timestamp):
        yield _leaving(new)


def _trouble(old: Pod | None, new: Pod) -> Change | None:
    """The first rule that applies, in order of how much it tells."""
    for change in (
        _node_lost(old, new),
        _thrown_out(old, new),
        *_container_troubles(old, new),
        _failed(old, new),
    ):
        if change is not None:
            return change
    if new.metadata.deletion_timestamp:
        return None
    return _unready(old, new) or _unschedulable(old, new)


def _container_troubles(old: Pod | None, new: Pod) -> Iterator[Change]:
    pairs = _pairs(old, new.containers)
    for rule in (_oom_killed, _crash_loop, _image_failed, _config_failed):
        yield from (change for pair in pairs if (change := rule(*pair)))
    # A container that is told to end often ends with a code that is not 0; that is no crash.
    if new.metadata.deletion_timestamp or (old and old.phase == "Failed"):
        return
    # Sidecars are told to end when the work of a job is done.
    if new.own_containers and all(_is_done(new, status) for status in new.own_containers):
        pairs = _pairs(old, new.own_containers)
    for rule in (_crashed, _restarted):
        yield from (change for pair in pairs if (change := rule(*pair)))


def _pairs(
    old: Pod | None, statuses: list[ContainerStatus]
) -> list[tuple[ContainerStatus | None, ContainerStatus]]:
    """Each status that has changed, with what it was before; of the others no rule has anything to tell."""
    before = {status.name: status for status in old.containers} if old else {}
    return [(was, now) for now in statuses if (was := before.get(now.name)) != now]


def _is_done(pod: Pod, status: ContainerStatus) -> bool:
    """Whether a container has ended and will not be started again."""
    ended = status.state.terminated if status.state else None
    policy = pod.spec and pod.spec.restart_policy
    return ended is not None and (policy == "Never" or (policy == "OnFailure" and ended.exit_code == 0))


def _waiting(status: ContainerStatus | None) -> str:
    state = status and status.state
    return (state and state.waiting and state.waiting.reason) or ""


def _waiting_message(status: ContainerStatus) -> str:
    return (status.state and status.state.waiting and status.state.waiting.message) or ""


def _terminations(status: ContainerStatus | None) -> list[Terminated]:
    """The ends that a container's status tells of, the latest first."""
    states = (status.state, status.last_state) if status else ()
    return [state.terminated for state in states if state and state.terminated]


def _new_terminations(old: ContainerStatus | None, new: ContainerStatus) -> Iterator[Terminated]:
    """The ends that the old status did not tell of, the latest first."""
    known = {ended.finished_at for ended in _terminations(old)}
    return (ended for ended in _terminations(new) if ended.finished_at not in known)


def _started_at(status: ContainerStatus | None) -> str | None:
    state = status and status.state
    return state.running.started_at if state and state.running else None


def _started(old: ContainerStatus | None, new: ContainerStatus) -> bool:
    return bool(_started_at(new)) and _started_at(new) != _started_at(old)


def _oom_killed(old: ContainerStatus | None, new: ContainerStatus) -> Change | None:
    for ended in _new_terminations(old, new):
        if ended.reason == "OOMKilled":
            message = ended.message or f"container {new.name} ran out of memory"
            return Change(Kind.OOM_KILLED, "OOMKilled", message)
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
    reason, before = _waiting(new), _waiting(old)
    if reason not in CONFIG_REASONS or before in CONFIG_REASONS:
        return None
    if before == "CrashLoopBackOff" and reason in LOOPING_REASONS:
        return None
    return Change(Kind.CONFIG_FAILED, reason, _waiting_message(new))


def _crashed(old: ContainerStatus | None, new: ContainerStatus) -> Change | None:
    for ended in _new_terminations(old, new):
        if ended.exit_code != 0:
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


def _thrown_out(old: Pod | None, new: Pod) -> Change | None:
    """The kubelet has ended the pod to save its node, or to make room for one that matters more."""
    reason = (new.status and new.status.reason) or ""
    if new.phase != "Failed" or (old and old.phase == "Failed") or reason not in THROWN_OUT:
        return None
    return Change(THROWN_OUT[reason], reason, (new.status and new.status.message) or "")


def _failed(old: Pod | None, new: Pod) -> Change | None:
    return _has_ended(old, new, "Failed", Kind.FAILED)


def _completed(old: Pod | None, new: Pod) -> Change | None:
    return _has_ended(old, new, "Succeeded", Kind.COMPLETED)


def _has_ended(old: Pod | None, new: Pod, phase: str, kind: Kind) -> Change | None:
    if new.phase != phase or (old and old.phase == phase) or not new.status:
        return None
    # A pod that is deleted ends in one of these phases, too.
    if new.metadata.deletion_timestamp:
        return None
    return Change(kind, new.status.reason or kind.words.capitalize(), new.status.message or "")


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
    # Nor is one of several containers that has done its part.
    down = [status for status in new.containers if not status.ready]
    if down and all(_is_done(new, status) for status in down):
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
