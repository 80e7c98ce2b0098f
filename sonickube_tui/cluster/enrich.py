"""What the cluster's own Events say of pods, as far as it tells more than the pods themselves.

Events (the API objects) are best-effort: they come late, or never, or one for many. So they are heard where
they may be read, remembered for a while, and nothing waits for them.
"""

from __future__ import annotations

import re
import time
from contextlib import aclosing

import msgspec

from sonickube_tui.cluster.aside import Aside, Changed, Metadata
from sonickube_tui.cluster.connect import Api
from sonickube_tui.cluster.lifecycle import MESSAGE_LIMIT
from sonickube_tui.event import Event, Kind

REMEMBERED = 4_096
"""Sayings kept, one for each pod and reason. About 3 MB when all are long."""

FRESH = 150.0
"""Seconds for which a saying explains what happens: a kubelet repeats what goes on within two minutes."""

REASONS = {
    Kind.UNSCHEDULABLE: ("FailedScheduling",),
    Kind.IMAGE_FAILED: ("Failed", "ErrImageNeverPull", "InspectFailed"),
    Kind.CONFIG_FAILED: ("Failed", "FailedPostStartHook"),
    Kind.CRASH_LOOP: ("BackOff",),
    Kind.CRASHED: ("Killing",),
    Kind.RESTARTED: ("Killing",),
    Kind.UNREADY: ("Unhealthy", "NodeNotReady"),
    Kind.STARTUP_SLOW: (
        "FailedMount",
        "FailedAttachVolume",
        "FailedCreatePodSandBox",
        "Unhealthy",
        "Pulling",
    ),
    Kind.STUCK_TERMINATING: ("FailedKillPod", "FailedPreStopHook"),
    Kind.PREEMPTED: ("Preempted",),
    Kind.TERMINATING: ("Preempted", "TaintManagerEviction"),
}
"""The reasons of Events that explain a kind (kubelet's pkg/kubelet/events, scheduler, taint manager)."""

BETTER = frozenset(
    {
        Kind.IMAGE_FAILED,
        Kind.CRASHED,
        Kind.RESTARTED,
        Kind.UNREADY,
        Kind.STARTUP_SLOW,
        Kind.STUCK_TERMINATING,
        Kind.PREEMPTED,
    }
)
"""Kinds for which the Event's message says why, and the pod's only that it is so."""

_HEARD = frozenset(reason for reasons in REASONS.values() for reason in reasons)
_REASON_AGAIN = re.compile(r"Error: \w+")
"""A message such as "Error: ErrImagePull", that takes the place of the telling one before it."""


class _Involved(msgspec.Struct, frozen=True, gc=False):
    uid: str = ""


class _Series(msgspec.Struct, frozen=True, gc=False):
    count: int | None = None


class ClusterEvent(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The fields of an Event (core/v1) that we look at. Any may be missing or null."""

    metadata: Metadata
    involved_object: _Involved | None = None
    reason: str | None = None
    message: str | None = None
    count: int | None = None
    series: _Series | None = None


decode_cluster_event = msgspec.json.Decoder(ClusterEvent).decode


class _Said(msgspec.Struct, frozen=True, gc=False):
    at: float
    reason: str
    message: str
    count: int


class Hearsay:
    """Remembers what the cluster said lately. Times are seconds of one monotonic clock, passed in."""

    def __init__(self) -> None:
        # By uid and reason, oldest first.
        self._said: dict[tuple[str, str], _Said] = {}

    def __len__(self) -> int:
        return len(self._said)

    async def listen(self, api: Api, namespace: str | None) -> None:
        """Hear for ever what is said of pods in a namespace, or when None in all; a refusal is silence."""
        path = f"/api/v1/namespaces/{namespace}/events" if namespace else "/api/v1/events"
        told = Aside(api, path, decode_cluster_event, past=False, fields="involvedObject.kind=Pod")
        async with aclosing(told.run()) as stream:
            async for news in stream:
                if isinstance(news, Changed) and not news.gone:
                    self.hear(news.thing, time.monotonic())

    def hear(self, told: ClusterEvent, now: float) -> None:
        """Remember it, if it may explain something."""
        reason, message = told.reason or "", (told.message or "").strip()
        if reason not in _HEARD or told.involved_object is None or _REASON_AGAIN.fullmatch(message):
            return
        if reason == "Killing" and "probe" not in message:
            return  # It ends because it shall.
        key = told.involved_object.uid, reason
        count = (told.series and told.series.count) or told.count or 1
        self._said.pop(key, None)
        self._said[key] = _Said(now, reason, message[:MESSAGE_LIMIT], count)
        if len(self._said) > REMEMBERED:
            del self._said[next(iter(self._said))]

    def enrich(self, event: Event, now: float) -> Event:
        """The event with what was said lately of it: how often it was seen, and the better words."""
        said = [
            said
            for reason in REASONS.get(event.kind, ())
            if (said := self._said.get((event.uid, reason))) and now - said.at <= FRESH
        ]
        if not said:
            return event
        last = max(said, key=lambda said: said.at)
        better = last.message and (event.kind in BETTER or not event.message)
        return msgspec.structs.replace(
            event,
            seen=last.count,
            reason=event.reason or last.reason,
            message=last.message if better else event.message,
        )
