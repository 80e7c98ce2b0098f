"""Nodes: what their conditions tell, on the simulated API server and on a real one."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from around import FINE, Around, Real, conditions
from kube import Json, KubeServer, running
from listening import Observer, Wire
from sonickube_tui.cluster import aside
from sonickube_tui.cluster.connect import Api, plain
from sonickube_tui.cluster.nodes import CHANNEL, Node, changes, decode_node
from sonickube_tui.cluster.simulated import SimulatedCluster
from sonickube_tui.cluster.source import follow
from sonickube_tui.event import Event, Kind

# What two states tell


def node(**status: str) -> Node:
    return msgspec.convert({"metadata": {"name": "a"}, "status": {"conditions": conditions(**status)}}, Node)


UNKNOWN = dict.fromkeys(FINE, "Unknown")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({}, {}, []),
        ({}, {"Ready": "False"}, [(Kind.NODE_NOT_READY, "ReadyIsFalse")]),
        ({}, UNKNOWN, [(Kind.NODE_NOT_READY, "ReadyIsUnknown")]),
        ({"Ready": "False"}, UNKNOWN, []),
        (UNKNOWN, {}, [(Kind.NODE_READY, "ReadyIsTrue")]),
        ({"Ready": "False"}, {}, [(Kind.NODE_READY, "ReadyIsTrue")]),
        ({}, {"DiskPressure": "True"}, [(Kind.NODE_PRESSURE, "DiskPressure")]),
        ({}, {"NetworkUnavailable": "True"}, [(Kind.NODE_PRESSURE, "NetworkUnavailable")]),
        (
            {},
            {"MemoryPressure": "True", "PIDPressure": "True"},
            [(Kind.NODE_PRESSURE, "MemoryPressure, PIDPressure")],
        ),
        ({"DiskPressure": "True"}, {"DiskPressure": "True"}, []),
        ({"DiskPressure": "True"}, {}, [(Kind.NODE_RELIEVED, "DiskPressure")]),
        ({"DiskPressure": "True"}, UNKNOWN, [(Kind.NODE_NOT_READY, "ReadyIsUnknown")]),
        (
            UNKNOWN,
            {"PIDPressure": "True"},
            [(Kind.NODE_READY, "ReadyIsTrue"), (Kind.NODE_PRESSURE, "PIDPressure")],
        ),
        (
            {"DiskPressure": "True"},
            {"MemoryPressure": "True"},
            [(Kind.NODE_PRESSURE, "MemoryPressure"), (Kind.NODE_RELIEVED, "DiskPressure")],
        ),
    ],
)
def test_two_states_tell(old: dict[str, str], new: dict[str, str], told: list[tuple[Kind, str]]) -> None:
    found = list(changes(node(**old), node(**new)))
    assert [(change.kind, change.reason) for change in found] == told
    assert all(change.message for change in found)


def test_a_node_that_tells_nothing_yet_is_silent() -> None:
    bare = decode_node(b'{"metadata":{"name":"a"},"status":{"conditions":null}}')
    assert list(changes(bare, node())) == []
    assert list(changes(decode_node(b'{"metadata":{}}'), bare)) == []


states = st.fixed_dictionaries(dict.fromkeys(FINE, st.sampled_from(["True", "False", "Unknown"])))


@given(st.lists(states, min_size=1, max_size=20))
def test_what_is_told_of_a_life_alternates(life: list[dict[str, str]]) -> None:
    told = [change for old, new in pairwise([FINE, *life]) for change in changes(node(**old), node(**new))]
    turns = [change.kind for change in told if change.kind in (Kind.NODE_NOT_READY, Kind.NODE_READY)]
    assert turns == [Kind.NODE_NOT_READY, Kind.NODE_READY] * (len(turns) // 2) + (
        [Kind.NODE_NOT_READY] if len(turns) % 2 else []
    )
    assert (life[-1]["Ready"] == "True") is (len(turns) % 2 == 0)


# On a cluster


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch, hasty: None) -> None:
    """Pauses of a tenth of a second, after a refusal too."""
    monkeypatch.setattr(aside, "ASK_AGAIN", 0.1)


class Nodes(Observer):
    """What is told of a cluster whose nodes are watched."""

    def __init__(self, around: Around) -> None:
        super().__init__(follow(around.connect))
        self._around = around

    async def until_watching_nodes(self) -> None:
        """Wait until they are listed."""
        await self.until(lambda: "/api/v1/nodes" in self._around.watched)

    @property
    def told(self) -> list[Kind]:
        """What happened to the node."""
        return self.of(self._around.node)


async def test_a_node_that_is_lost_and_found_is_told_on_the_channel_of_nodes(around: Around) -> None:
    around.write_node()
    async with Nodes(around) as observer:
        await observer.until_watching_nodes()
        around.write_node(DiskPressure="True")
        around.write_node(DiskPressure="True", Ready="False")
        around.write_node(**UNKNOWN)
        around.write_node()
        around.write_node(MemoryPressure="True")
        around.write_node()
        await observer.until_told_of(around.node, Kind.NODE_RELIEVED)
        assert observer.told == [
            Kind.NODE_PRESSURE,
            Kind.NODE_NOT_READY,
            Kind.NODE_READY,
            Kind.NODE_PRESSURE,
            Kind.NODE_RELIEVED,
        ]
        first = next(event for event in observer.events if event.pod == around.node)
        assert first == Event(
            at=first.at,
            cluster=observer.links[0].cluster,
            namespace=CHANNEL,
            pod=around.node,
            uid=first.uid,
            kind=Kind.NODE_PRESSURE,
            node=around.node,
            reason="DiskPressure",
            message="DiskPressure is True",
        )
        assert first.uid


async def test_what_a_node_was_before_and_its_coming_and_going_are_silent(around: Around) -> None:
    around.write_node(Ready="False", DiskPressure="True")
    async with Nodes(around) as observer:
        await observer.until_watching_nodes()
        around.remove_node()
        around.write_node(Ready="Unknown")
        around.remove_node()
        around.write_node()
        around.write_node(PIDPressure="True")
        await observer.until_told_of(around.node, Kind.NODE_PRESSURE)
        assert observer.told == [Kind.NODE_PRESSURE]


@pytest.mark.parametrize("forgotten", [False, True])
async def test_what_happened_to_a_node_meanwhile_is_told_once(around: Around, forgotten: bool) -> None:
    around.write_node()
    async with Nodes(around) as observer:
        await observer.until_watching_nodes()
        around.wire.cut(down=True)
        around.write_node(**UNKNOWN)
        if forgotten:
            around.forget()
        around.wire.down = False
        await observer.until_told_of(around.node, Kind.NODE_NOT_READY)
        around.wire.cut()
        around.write_node()
        await observer.until_told_of(around.node, Kind.NODE_READY)
        assert observer.told == [Kind.NODE_NOT_READY, Kind.NODE_READY]


def fall(around: Around, *pods: str) -> None:
    """The pods' node is no longer heard of: their containers were ready when it last was."""
    for pod in pods:
        silent = running()
        silent["conditions"][0]["status"] = "False"
        around.write(pod, silent)


def disrupted(reason: str) -> Json:
    disruption = {"type": "DisruptionTarget", "status": "True", "reason": reason}
    return {"conditions": [{"type": "Ready", "status": "True"}, disruption]}


async def test_a_lost_node_is_told_by_itself_and_not_by_its_pods(around: Around) -> None:
    around.write_node()
    for pod in ("cart-1", "cart-2", "cart-3"):
        around.run(pod)
    async with Nodes(around) as observer:
        await observer.until_watching_nodes()
        around.write_node(**UNKNOWN)
        await observer.until_told_of(around.node, Kind.NODE_NOT_READY)
        fall(around, "cart-1", "cart-2")
        around.write("cart-3", disrupted("DeletionByTaintManager"))
        around.run("last")
        await observer.until_told_of("last")
        carts = [event.kind for event in observer.events if event.pod.startswith("cart")]
        assert carts == [Kind.UNREADY, Kind.UNREADY]


async def test_pods_of_a_node_that_is_ready_or_gone_say_themselves_that_it_is_lost(around: Around) -> None:
    around.write_node()
    around.run("cart-1")
    async with Nodes(around) as observer:
        await observer.until_watching_nodes()
        around.write("cart-1", disrupted("DeletionByPodGC"))
        await observer.until_told_of("cart-1", Kind.NODE_LOST)
        around.remove_node()
        for pod in ("cart-2", "cart-3"):
            around.run(pod)
            await observer.until_told_of(pod, Kind.READY)
        # That a node is gone is not told, but comes before what happens to another.
        around.write_node("-2")
        around.write_node("-2", DiskPressure="True")
        await observer.until_told_of(f"{around.node}-2", Kind.NODE_PRESSURE)
        fall(around, "cart-2", "cart-3")
        await observer.until_told_of("cart-3", Kind.NODE_LOST)


@pytest.mark.parametrize("more", [{"namespaces": ["{}"]}, {"selector": "app"}, {"namespaces": ["!nodes"]}])
async def test_who_follows_a_part_of_the_cluster_hears_of_no_nodes(
    around: Around, more: dict[str, object]
) -> None:
    around.write_node()
    if more.get("namespaces") == ["{}"]:
        more = {"namespaces": [around.namespace]}
    async with Observer(follow(around.connect, **more)) as observer:  # type: ignore[arg-type]
        await observer.until(lambda: [path for path in around.watched if path.endswith("/events")])
        around.write_node(Ready="False")
        around.run("cart-1")
        await asyncio.sleep(0.3)
        assert observer.of(around.node) == []
        assert "/api/v1/nodes" not in around.watched


# On a real one, with real permissions


@pytest.mark.real
async def test_a_permission_that_is_missing_is_no_error_and_one_that_comes_is_noticed(
    kube: KubeServer, tmp_path: Path
) -> None:
    kube.use()
    with kube.allowed("viewer"):
        async with Wire(kube.port) as wire:
            around = Real(wire, kube, tmp_path, user="viewer")
            around.write_node()
            async with Nodes(around) as observer:
                await observer.until_watching()
                around.run("cart-1")
                around.run("cart-2")
                await observer.until_told_of("cart-2", Kind.READY)
                fall(around, "cart-1", "cart-2")
                await observer.until_told_of("cart-2", Kind.NODE_LOST)
                assert {link.detail for link in observer.links[1:]} == {""}
                with kube.allowed("viewer", resource="nodes"):
                    await observer.until_watching_nodes()
                    around.write_node(Ready="False")
                    await observer.until_told_of(around.node, Kind.NODE_NOT_READY)
            assert observer.told == [Kind.NODE_NOT_READY]


# In the demo


async def test_the_demos_incident_loses_a_node_and_finds_it_again() -> None:
    async with SimulatedCluster("incident", speed=30) as cluster:

        async def connect_to_it() -> Api:
            return plain(cluster.url, "demo")

        async with Observer(follow(connect_to_it)) as observer:
            await observer.until(lambda: Kind.NODE_RELIEVED in {event.kind for event in observer.events})
    told = [event for event in observer.events if event.namespace == CHANNEL]
    kinds = [Kind.NODE_NOT_READY, Kind.NODE_READY, Kind.NODE_PRESSURE, Kind.NODE_RELIEVED]
    assert [event.kind for event in told] == kinds
    assert len({event.node for event in told}) == 1
    assert Kind.NODE_LOST not in {event.kind for event in observer.events}
