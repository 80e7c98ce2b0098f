"""What happens to nodes, told by their conditions, where the user may read them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import msgspec

from sonickube_tui.cluster.aside import Aside, Changed, Listed, Metadata, Refused
from sonickube_tui.cluster.connect import Api
from sonickube_tui.cluster.lifecycle import MESSAGE_LIMIT, Change
from sonickube_tui.cluster.pod import Condition
from sonickube_tui.cluster.vigil import GUESS
from sonickube_tui.event import Event, Kind

CHANNEL = "nodes"
"""The channel of what happens to nodes, which have no namespace."""

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
"""The conditions that are bad when they are True."""


class _Status(msgspec.Struct, frozen=True, gc=False):
    conditions: list[Condition] | None = None


class Node(msgspec.Struct, frozen=True, gc=False):
    """The fields of a node that we keep. Any may be missing or null."""

    metadata: Metadata
    status: _Status | None = None

    def condition(self, kind: str) -> Condition:
        """The condition of that type; one without a status when the node does not tell it."""
        conditions = (self.status and self.status.conditions) or ()
        return next((condition for condition in conditions if condition.type == kind), Condition(type=kind))


decode_node = msgspec.json.Decoder(Node).decode


def changes(old: Node, new: Node) -> Iterator[Change]:
    """What happened to a node between two of its states. Pure.

    A node that is not heard of has only conditions of Unknown: its pressures are then neither there nor gone.
    """
    ready = new.condition("Ready")
    was = old.condition("Ready").status
    if was == "True" and ready.status != "True":
        yield Change(Kind.NODE_NOT_READY, ready.reason or "NotReady", ready.message or "")
    elif was not in ("True", "") and ready.status == "True":
        yield Change(Kind.NODE_READY, ready.reason or "Ready", ready.message or "")
    pairs = [(old.condition(kind).status, new.condition(kind)) for kind in PRESSURES]
    if begun := [now for before, now in pairs if before != "True" and now.status == "True"]:
        yield Change(Kind.NODE_PRESSURE, *_named(begun))
    if over := [now for before, now in pairs if before == "True" and now.status == "False"]:
        yield Change(Kind.NODE_RELIEVED, *_named(over))


def _named(conditions: list[Condition]) -> tuple[str, str]:
    """Which they are, and what the node says of them."""
    names = ", ".join(condition.type for condition in conditions)
    return names, "; ".join(condition.message or condition.type for condition in conditions)


class Nodes:
    """The nodes of a cluster. Those of the first list, new ones and deleted ones are silent."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._nodes: dict[str, Node] = {}
        self._down: set[str] = set()
        self._readable = False

    async def run(self, api: Api) -> AsyncIterator[Event]:
        """What happens to them, for ever; nothing while they may not be read."""
        told = Aside(api, "/api/v1/nodes", decode_node, past=True)
        async with aclosing(told.run()) as stream:
            async for news in stream:
                for event in self._take_in(news):
                    yield event

    def _take_in(self, news: Refused | Listed[Node] | Changed[Node]) -> Iterator[Event]:
        match news:
            case Refused():
                self._readable = False
            case Listed(nodes):
                self._readable = True
                for gone in self._nodes.keys() - {node.metadata.name for node in nodes}:
                    self._forget(gone)
                for node in nodes:
                    yield from self._see(node)
            case Changed(node, gone=True):
                self._forget(node.metadata.name)
            case Changed(node):
                yield from self._see(node)

    def told(self, event: Event) -> bool:
        """Whether a pod's `node_lost` is no news: its node tells it, or if it is true will tell it."""
        if event.kind is not Kind.NODE_LOST or not self._readable:
            return False
        return event.node in self._down or (event.reason == GUESS and event.node in self._nodes)

    def _see(self, node: Node) -> Iterator[Event]:
        name, uid = node.metadata.name, node.metadata.uid
        old = self._nodes.get(name)
        self._nodes[name] = node
        if old is None or old.metadata.uid != uid:
            self._down.discard(name)
            return
        for change in changes(old, node):
            if change.kind is Kind.NODE_NOT_READY:
                self._down.add(name)
            elif change.kind is Kind.NODE_READY:
                self._down.discard(name)
            yield Event(
                at=time.time(),
                cluster=self._cluster,
                namespace=CHANNEL,
                pod=name,
                uid=uid,
                kind=change.kind,
                node=name,
                reason=change.reason,
                message=change.message[:MESSAGE_LIMIT],
            )

    def _forget(self, name: str) -> None:
        self._nodes.pop(name, None)
        self._down.discard(name)
