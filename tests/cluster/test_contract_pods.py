"""What a pod is to us, simulated or real: its life, and which of them are chosen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kube import Json, manifest, running, status
from listening import STARTED, Observer
from place import Place, all_told, reflecting
from sonickube_tui.cluster.source import follow
from sonickube_tui.errors import UserError
from sonickube_tui.event import Event, Kind

Step = Callable[[Place], object]


def says(status: Json) -> Step:
    return lambda place: place.write("cart-1", status)


def waits(reason: str, restarts: int = 0, **last: Json) -> Step:
    state = {"waiting": {"reason": reason, "message": "it is said why"}}
    return says(status(state, phase="Running" if restarts else "Pending", restarts=restarts, **last))


def ended(code: int, reason: str, at: str = "2026-01-01T00:01:00Z") -> Json:
    return {"exitCode": code, "reason": reason, "finishedAt": at}


def bound(place: Place) -> None:
    place.bind("cart-1")


STARTS: list[Step] = [bound, waits("ContainerCreating"), says(running(ready=False)), says(running())]
AGAIN = "2026-01-01T00:01:10Z"
NO_NODE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}

LIVES: dict[str, tuple[list[Step], list[Kind]]] = {
    "a start": (STARTS, STARTED),
    "a readiness that is lost": ([*STARTS, says(running(ready=False))], [*STARTED, Kind.UNREADY]),
    "crashes that become a loop": (
        [
            *STARTS,
            says(status({"terminated": ended(1, "Error")})),
            says(running(ready=False, at=AGAIN, restarts=1, terminated=ended(1, "Error"))),
            waits("CrashLoopBackOff", 1, terminated=ended(1, "Error", "2026-01-01T00:02:00Z")),
            waits("CrashLoopBackOff", 2, terminated=ended(1, "Error", "2026-01-01T00:03:00Z")),
        ],
        [*STARTED, Kind.CRASHED, Kind.STARTED, Kind.CRASH_LOOP, Kind.CRASH_LOOP],
    ),
    "too little memory": (
        [
            *STARTS,
            says(status({"terminated": ended(137, "OOMKilled")})),
            says(running(ready=False, at=AGAIN, restarts=1, terminated=ended(137, "OOMKilled"))),
        ],
        [*STARTED, Kind.OOM_KILLED, Kind.STARTED],
    ),
    "an image that is not there": (
        [bound, waits("ErrImagePull"), waits("ImagePullBackOff"), waits("ErrImagePull")],
        [Kind.CREATED, Kind.SCHEDULED, Kind.IMAGE_FAILED],
    ),
    "a configuration that is not there": (
        [bound, waits("CreateContainerConfigError")],
        [Kind.CREATED, Kind.SCHEDULED, Kind.CONFIG_FAILED],
    ),
    "no room on any node": (
        [says({"conditions": [NO_NODE]}), *STARTS],
        [Kind.CREATED, Kind.UNSCHEDULABLE, *STARTED[1:]],
    ),
    "work that is done": (
        [*STARTS, says(status({"terminated": ended(0, "Completed")}, phase="Succeeded"))],
        [*STARTED, Kind.COMPLETED],
    ),
    "work that fails": (
        [*STARTS, says({"phase": "Failed", "reason": "DeadlineExceeded", "containerStatuses": None})],
        [*STARTED, Kind.FAILED],
    ),
    "an eviction": (
        [*STARTS, says({"phase": "Failed", "reason": "Evicted", "message": "the node was low on memory"})],
        [*STARTED, Kind.EVICTED],
    ),
    "an end in peace": (
        [
            *STARTS,
            lambda place: place.mark("cart-1"),
            says(status({"terminated": ended(143, "Error")})),
            lambda place: place.delete("cart-1"),
        ],
        [*STARTED, Kind.TERMINATING, Kind.DELETED],
    ),
    "an end at once": (
        [*STARTS, lambda place: place.delete("cart-1")],
        [*STARTED, Kind.TERMINATING, Kind.DELETED],
    ),
}


@pytest.mark.parametrize("story", LIVES)
async def test_a_pods_life_is_told(place: Place, story: str) -> None:
    steps, kinds = LIVES[story]
    async with reflecting(place) as (observer, _):
        place.create(manifest("cart-1", restart_policy="Never" if "work" in story else "Always"))
        for step in steps:
            step(place)
        await all_told(place, observer)
        assert observer.of("cart-1") == kinds


async def test_an_event_tells_whose_pod_it_is_and_why_it_happened(place: Place) -> None:
    async with reflecting(place) as (observer, _):
        uid = place.create(manifest("cart-1"))
        bound(place)
        waits("CrashLoopBackOff", 4, terminated=ended(1, "Error"))(place)
        await observer.until_told_of("cart-1", Kind.CRASH_LOOP)
        event = observer.events[-1]
        assert event == Event(
            at=event.at,
            cluster=observer.links[0].cluster,
            namespace=place.namespace,
            pod="cart-1",
            uid=uid,
            kind=Kind.CRASH_LOOP,
            owner="Deployment/cart",
            node="node-a",
            reason="CrashLoopBackOff",
            message="it is said why",
            restarts=4,
        )


# Selectors


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("app=cart", ["cart", "cart-db"]),
        ("app==cart,tier!=db", ["cart"]),
        ("app in (cart, web),tier notin (db)", ["cart", "web"]),
        ("tier", ["cart-db"]),
        ("!tier,app", ["cart", "web"]),
    ],
)
async def test_a_selector_chooses_the_pods(place: Place, selector: str, selected: list[str]) -> None:
    pods = {"cart": {"app": "cart"}, "cart-db": {"app": "cart", "tier": "db"}, "web": {"app": "web"}}

    def create(suffix: str) -> None:
        for name, labels in pods.items():
            place.create(manifest(name + suffix, **labels))

    create("-old")
    async with reflecting(place, selector) as (observer, _):
        assert observer.links[-1].pods == len(selected)
        create("")
        place.create(manifest("bare"))
        await observer.until_told_of(selected[-1])
        assert [event.pod for event in observer.events] == selected


@pytest.mark.parametrize("selector", ["app in (", "a=b=c", "-app"])
async def test_a_selector_that_does_not_parse_is_for_the_user_to_mend(place: Place, selector: str) -> None:
    async with Observer(follow(place.connect, [place.namespace], selector)) as observer:
        with pytest.raises(UserError) as refused:
            await observer.until(lambda: False)
    assert f"does not understand the selector {selector!r}" in str(refused.value)
