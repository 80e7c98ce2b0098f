"""All that is told of pods, story by story, from the JSON of a real API server."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import cache

import msgspec
import pytest

from kube import Json, KubeServer
from lives import play, recorded
from sonickube_tui.cluster.lifecycle import CONFIG_REASONS, IMAGE_REASONS, event
from sonickube_tui.cluster.pod import Bookmark, Deleted, Pod, WatchError, decode_watch_event
from sonickube_tui.cluster.vigil import Vigil
from sonickube_tui.event import Event, Kind, Sight
from stories import OWNERS, STORIES


def tell(lines: list[Json]) -> list[Event]:
    """What a watch of these lines tells; between two lines and at the end it is asked what is late."""
    vigil = Vigil()
    pods: dict[tuple[str, str], Pod] = {}
    told: list[Event | Sight] = []
    for line in lines:
        at = line["at"]
        told += [event(pod, change, at=at, cluster="") for pod, change in vigil.overdue(at)]
        if line["event"] is None:
            continue
        seen = decode_watch_event(msgspec.json.encode(line["event"]))
        assert not isinstance(seen, Bookmark | WatchError)
        new = seen.object
        old = pods.pop(new.key, None)
        if isinstance(seen, Deleted):
            told += vigil.tell(old, None, at=at, cluster="")
        else:
            told += vigil.tell(old, new, at=at, cluster="")
            pods[new.key] = new
    return [item for item in told if isinstance(item, Event)]


@cache
def lines_by_story() -> dict[str, list[Json]]:
    by_story = defaultdict(list)
    for line in recorded():
        by_story[line["story"]].append(line)
    return by_story


def words(event: Event) -> str:
    """The kind, and of a start whose it is."""
    return f"{event.kind} {event.message}" if event.kind is Kind.STARTED else str(event.kind)


@pytest.mark.parametrize("story", STORIES)
def test_a_story_is_told(story: str) -> None:
    assert [words(event) for event in tell(lines_by_story()[story])] == STORIES[story][1]


@pytest.mark.parametrize("owner", OWNERS)
def test_a_pod_belongs_to_what_a_person_knows(owner: str) -> None:
    assert {event.owner for event in tell(lines_by_story()[owner])} == {OWNERS[owner][1]}


def test_every_kind_and_every_reason_is_in_a_story() -> None:
    told = [event for story in STORIES for event in tell(lines_by_story()[story])]
    others = {kind for kind in Kind if kind.startswith(("source_", "node_"))} - {Kind.NODE_LOST}
    assert {event.kind for event in told} == set(Kind) - others
    assert {event.reason for event in told} >= IMAGE_REASONS | CONFIG_REASONS


def test_restarts_are_counted_over_all_containers() -> None:
    last = tell(lines_by_story()["a restart count that jumps"])[-1]
    assert (last.kind, last.restarts) == (Kind.CRASHED, 4)


PASSING = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "namespace", "managedFields"}
"""What differs from one playing of a story to the next, all in a pod's metadata."""


def lasting(lines: list[Json]) -> list[Json]:
    """The lines without what passes."""

    def keep(event: Json) -> Json:
        pod = event["object"]
        conditions = pod["status"].get("conditions") or []
        return {
            "type": event["type"],
            "metadata": {key: value for key, value in pod["metadata"].items() if key not in PASSING},
            "leaving": "deletionTimestamp" in pod["metadata"],
            "spec": pod["spec"],
            # A binding is a condition with the time of it.
            "status": {
                **pod["status"],
                "conditions": [{**c, "lastTransitionTime": None} for c in conditions],
            },
        }

    return [{"story": line["story"], "event": line["event"] and keep(line["event"])} for line in lines]


@pytest.mark.real
async def test_a_real_server_tells_them_as_recorded(kube: KubeServer) -> None:
    await asyncio.to_thread(kube.use)
    assert lasting(await asyncio.to_thread(play, kube)) == lasting(recorded())
