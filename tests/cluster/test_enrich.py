"""What the cluster's own Events add to ours, on the simulated API server and on a real one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from around import Around, Real
from kube import KubeServer, running
from listening import Observer, Wire
from players import event
from sonickube_tui.cluster import aside, enrich
from sonickube_tui.cluster.connect import Api, plain
from sonickube_tui.cluster.enrich import FRESH, REMEMBERED, ClusterEvent, Hearsay, decode_cluster_event
from sonickube_tui.cluster.simulated import SimulatedCluster
from sonickube_tui.cluster.source import follow
from sonickube_tui.event import Event, Kind, Link

# What is remembered, and what it is worth


def said(reason: str, message: str = "why", uid: str = "cart-1", **more: object) -> ClusterEvent:
    body = {"metadata": {}, "involvedObject": {"uid": uid}, "reason": reason, "message": message, **more}
    return msgspec.convert(body, ClusterEvent)


def enriched(about: Event, *told: ClusterEvent, after: float = 0.0) -> Event:
    """What becomes of an event some seconds after the last thing that was said."""
    hearsay = Hearsay()
    for number, one in enumerate(told):
        hearsay.hear(one, float(number))
    return hearsay.enrich(about, len(told) - 1 + after)


@pytest.mark.parametrize(
    ("kind", "reason", "better"),
    [
        (Kind.UNSCHEDULABLE, "FailedScheduling", False),
        (Kind.IMAGE_FAILED, "Failed", True),
        (Kind.CONFIG_FAILED, "Failed", False),
        (Kind.CRASH_LOOP, "BackOff", False),
        (Kind.UNREADY, "Unhealthy", True),
        (Kind.UNREADY, "NodeNotReady", True),
        (Kind.STARTUP_SLOW, "FailedMount", True),
        (Kind.STUCK_TERMINATING, "FailedKillPod", True),
        (Kind.PREEMPTED, "Preempted", True),
    ],
)
def test_the_events_words_take_the_place_of_less_telling_ones(kind: Kind, reason: str, better: bool) -> None:
    about = event(kind, reason="Own", message="own words")
    found = enriched(about, said(reason, count=14))
    assert (found.seen, found.reason) == (14, "Own")
    assert found.message == ("why" if better else "own words")


def test_what_has_no_words_gets_those_of_the_event() -> None:
    found = enriched(event(Kind.TERMINATING), said("TaintManagerEviction", "Marking for deletion"))
    assert (found.reason, found.message, found.seen) == ("TaintManagerEviction", "Marking for deletion", 1)


def test_a_container_that_its_probe_ended_says_so() -> None:
    killing = said("Killing", "Container app failed liveness probe, will be restarted")
    for kind in (Kind.CRASHED, Kind.RESTARTED):
        assert "liveness" in enriched(event(kind, message="code 137"), killing).message
        assert enriched(event(kind, message="code 0"), said("Killing", "Stopping container app")).seen == 0


@pytest.mark.parametrize(
    "told",
    [
        said("Unhealthy", uid="web-1"),
        said("BackOff"),
        said("Unhealthy", involvedObject=None),
        msgspec.convert({"metadata": {}}, ClusterEvent),
    ],
    ids=["another pod", "another matter", "of nothing", "empty"],
)
def test_an_event_about_something_else_changes_nothing(told: ClusterEvent) -> None:
    about = event(Kind.UNREADY, reason="Own", message="own words")
    assert enriched(about, told) == about


def test_what_was_said_long_ago_explains_nothing() -> None:
    about = event(Kind.UNREADY, message="own words")
    assert enriched(about, said("Unhealthy"), after=FRESH).message == "why"
    assert enriched(about, said("Unhealthy"), after=FRESH + 1) == about


def test_the_latest_word_counts_and_a_bare_reason_takes_no_ones_place() -> None:
    about = event(Kind.IMAGE_FAILED)
    told = [said("Failed", "Failed to pull image: not found"), said("Failed", "Error: ErrImagePull")]
    assert enriched(about, *told).message == "Failed to pull image: not found"
    told = [said("NodeNotReady", "Node is not ready"), said("Unhealthy", "503")]
    assert enriched(event(Kind.UNREADY), *told).message == "503"
    assert enriched(event(Kind.UNREADY), *reversed(told)).message == "Node is not ready"


def test_an_event_without_words_still_counts() -> None:
    found = enriched(event(Kind.UNREADY, message="own words"), said("Unhealthy", "", series={"count": 7}))
    assert (found.message, found.seen) == ("own words", 7)


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        ({}, 1),
        ({"count": None}, 1),
        ({"count": 3}, 3),
        ({"count": 0, "series": {"count": 5, "lastObservedTime": None}}, 5),
        ({"count": 2, "series": None}, 2),
    ],
)
def test_counts_are_read_from_either_place(more: dict[str, object], seen: int) -> None:
    body = {
        "metadata": {"name": "cart-1.17", "resourceVersion": "8"},
        "involvedObject": {"kind": "Pod", "uid": "cart-1"},
        "reason": "Unhealthy",
        "message": "why\n",
        **more,
    }
    found = enriched(event(Kind.UNREADY), decode_cluster_event(msgspec.json.encode(body)))
    assert (found.seen, found.message) == (seen, "why")


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["Unhealthy", "NodeNotReady"]))))
def test_only_the_last_thing_said_of_a_pod_matters(told: list[tuple[str, str]]) -> None:
    hearsay = Hearsay()
    for number, (uid, reason) in enumerate(told):
        hearsay.hear(said(reason, f"{number}", uid), float(number))
    for uid in ("a", "b"):
        last = [f"{number}" for number, (about, _) in enumerate(told) if about == uid][-1:]
        about = event(Kind.UNREADY, pod=uid, message="own words")
        assert hearsay.enrich(about, float(len(told))).message == (last or ["own words"])[0]


def test_a_storm_of_events_is_forgotten_from_its_beginning() -> None:
    hearsay = Hearsay()
    for number in range(3 * REMEMBERED):
        hearsay.hear(said("Unhealthy", "x" * 5_000, f"pod-{number}"), 0.0)
        hearsay.hear(said("Scheduled", "assigned", f"pod-{number}"), 0.0)
    assert len(hearsay) == REMEMBERED
    first, last = (event(Kind.UNREADY, pod=f"pod-{n}") for n in (0, 3 * REMEMBERED - 1))
    assert hearsay.enrich(first, 0.0) == first
    assert len(hearsay.enrich(last, 0.0).message) == 1_000


# On a cluster


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch, hasty: None) -> list[str]:
    """The messages of all Events that were heard; and pauses of a tenth of a second."""
    monkeypatch.setattr(aside, "ASK_AGAIN", 0.1)
    messages: list[str] = []
    hear = Hearsay.hear

    def noted(self: Hearsay, told: ClusterEvent, now: float) -> None:
        hear(self, told, now)
        messages.append(told.message or "")

    monkeypatch.setattr(enrich.Hearsay, "hear", noted)
    return messages


def events_of(around: Around) -> str:
    return f"/api/v1/namespaces/{around.namespace}/events"


@pytest.mark.parametrize("everywhere", [False, True])
async def test_a_pod_that_is_no_longer_ready_says_why(
    around: Around, heard: list[str], everywhere: bool
) -> None:
    uid = around.run("cart-1")
    around.say(uid, "Unhealthy", "long ago")
    where = [] if everywhere else [around.namespace]
    async with Observer(follow(around.connect, where)) as observer:
        path = "/api/v1/events" if everywhere else events_of(around)
        await observer.until(lambda: path in around.watched)
        around.say(uid, "Unhealthy", "Readiness probe failed: HTTP 503", count=4)
        around.say(uid, "Unhealthy", "said of no pod", kind="ReplicaSet")
        around.say(uid, "BackOff", "the last")
        await observer.until(lambda: "the last" in heard)
        around.write("cart-1", running(ready=False))
        await observer.until_told_of("cart-1", Kind.UNREADY)
        unready = observer.events[-1]
        assert (unready.message, unready.seen) == ("Readiness probe failed: HTTP 503", 4)
        # What was said before we came is of the past, and what is said of others is not for us.
        assert not {"long ago", "said of no pod"} & set(heard)


async def test_nothing_waits_for_an_event_that_comes_late(around: Around, heard: list[str]) -> None:
    uid = around.run("cart-1")
    async with Observer(follow(around.connect, [around.namespace])) as observer:
        await observer.until(lambda: events_of(around) in around.watched)
        around.write("cart-1", running(ready=False))
        await observer.until_told_of("cart-1", Kind.UNREADY)
        around.say(uid, "Unhealthy", "too late")
        await observer.until(lambda: "too late" in heard)
        assert [(event.kind, event.seen) for event in observer.events] == [(Kind.UNREADY, 0)]


@pytest.mark.parametrize("forgotten", [False, True])
async def test_events_are_heard_again_after_an_outage(
    around: Around, heard: list[str], forgotten: bool
) -> None:
    uid = around.run("cart-1")
    async with Observer(follow(around.connect, [around.namespace])) as observer:
        await observer.until(lambda: events_of(around) in around.watched)
        around.say(uid, "Unhealthy", "before")
        await observer.until(lambda: "before" in heard)
        watches = around.watched.count(events_of(around))
        around.wire.cut(down=True)
        if forgotten:
            around.forget()
        around.wire.down = False
        await observer.until(lambda: around.watched.count(events_of(around)) > watches)
        async with asyncio.timeout(30):
            # With a forgotten version the first watch is refused, so it may be said to nobody.
            while "again" not in heard:
                around.say(uid, "Unhealthy", "again")
                await asyncio.sleep(0.05)


@pytest.mark.real
async def test_who_may_not_read_events_hears_nothing_of_it(
    kube: KubeServer, tmp_path: Path, heard: list[str]
) -> None:
    kube.use()
    async with Wire(kube.port) as wire:
        around = Real(wire, kube, tmp_path, user="viewer")
        uid = around.run("cart-1")
        with kube.allowed("viewer", around.namespace):
            async with Observer(follow(around.connect, [around.namespace])) as observer:
                await observer.until_watching()
                around.say(uid, "Unhealthy", "unheard")
                around.write("cart-1", running(ready=False))
                await observer.until_told_of("cart-1", Kind.UNREADY)
                assert [link.link for link in observer.links] == [Link.CONNECTING, Link.WATCHING]
                role = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{around.namespace}/roles/viewer-pods"
                rule = {"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["list", "watch"]}
                kube.call("PATCH", role, {"rules": [rule]})
                await observer.until(lambda: events_of(around) in around.watched)
                around.say(uid, "Unhealthy", "heard now")
                await observer.until(lambda: "heard now" in heard)
                assert heard == ["heard now"]


# In the demo


async def test_the_demos_pods_say_why() -> None:
    async with SimulatedCluster("incident", speed=20) as cluster:

        async def connect_to_it() -> Api:
            return plain(cluster.url, "demo")

        wanted = {Kind.IMAGE_FAILED, Kind.CRASH_LOOP}
        async with Observer(follow(connect_to_it)) as observer:
            await observer.until(lambda: wanted <= {event.kind for event in observer.events if event.seen})
    image = next(event for event in observer.events if event.kind is Kind.IMAGE_FAILED)
    assert image.message.startswith("Failed to pull image")
