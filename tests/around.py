"""A cluster with what stands around its pods: nodes, and Events about pods. Simulated or real.

Knows nothing of pytest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import uuid4

from kube import Json, KubeServer, manifest, running
from listening import Wire
from sonickube_tui.cluster.connect import Api, connect, plain
from sonickube_tui.cluster.simulated import World
from sonickube_tui.cluster.simulated.store import EVENTS, NODES

FINE = {"MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "Ready": "True"}
"""The conditions of a node that lacks nothing."""


def conditions(**status: str) -> list[Json]:
    """A node's conditions: those of a fine one, but for these."""
    return [
        {"type": kind, "status": word, "reason": f"{kind}Is{word}", "message": f"{kind} is {word}"}
        for kind, word in {**FINE, **status}.items()
    ]


class Around(ABC):
    """A namespace of its own in a cluster, and the wire that we are connected by."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.namespace = f"test-{uuid4().hex[:8]}"
        self.node = f"node-{self.namespace}"
        self.watched: list[str] = []
        """The paths of all watches that were begun."""

    async def connect(self) -> Api:
        """Connect as an admin."""
        api = await self._connect()
        lines = api.lines

        async def noted(path: str, **query: object) -> AsyncGenerator[bytes]:
            self.watched.append(path)
            async for line in lines(path, **query):  # type: ignore[arg-type]
                yield line

        api.lines = noted  # type: ignore[method-assign]
        return api

    @abstractmethod
    async def _connect(self) -> Api: ...

    def run(self, pod: str) -> str:
        """Create a pod that is ready on the node, and return its uid."""
        uid = self._create(manifest(pod))
        self._bind(pod)
        self.write(pod, running())
        return uid

    @abstractmethod
    def _create(self, pod: Json) -> str: ...

    @abstractmethod
    def _bind(self, pod: str) -> None: ...

    @abstractmethod
    def write(self, pod: str, status: Json) -> None:
        """Write into a pod's status: a JSON merge patch."""

    @abstractmethod
    def write_node(self, suffix: str = "", **status: str) -> None:
        """Create the node, or another with a suffix to its name, or write its conditions."""

    @abstractmethod
    def remove_node(self) -> None:
        """Delete the node."""

    @abstractmethod
    def forget(self) -> None:
        """Let the cluster forget its history."""

    def say(self, uid: str, reason: str, message: str, *, count: int = 1, kind: str = "Pod") -> None:
        """Say something about an object with that uid, as an Event."""
        name = f"cart-1.{uuid4().hex[:16]}"
        involved = {"kind": kind, "namespace": self.namespace, "name": "cart-1", "uid": uid}
        self._put_event(
            {
                "metadata": {"name": name, "namespace": self.namespace},
                "involvedObject": involved,
                "type": "Warning",
                "reason": reason,
                "message": message,
                "count": count,
            }
        )

    @abstractmethod
    def _put_event(self, event: Json) -> None: ...


class Simulated(Around):
    """In the demo's world."""

    def __init__(self, wire: Wire, world: World) -> None:
        super().__init__(wire)
        self._world = world

    async def _connect(self) -> Api:
        return plain(f"http://127.0.0.1:{self.wire.port}", "test")

    def _create(self, pod: Json) -> str:
        placed = {**pod, "metadata": {**pod["metadata"], "namespace": self.namespace}}
        return str(self._world.apply(placed)["metadata"]["uid"])

    def _bind(self, pod: str) -> None:
        self._world.patch(self.namespace, pod, {"spec": {"nodeName": self.node}})

    def write(self, pod: str, status: Json) -> None:
        self._world.patch(self.namespace, pod, {"status": status})

    def write_node(self, suffix: str = "", **status: str) -> None:
        name = self.node + suffix
        known = self._world.store.get((NODES.plural, "", name))
        uid = known["metadata"]["uid"] if known else str(uuid4())
        node = {
            "metadata": {"name": name, "uid": uid},
            "spec": {},
            "status": {"conditions": conditions(**status)},
        }
        self._world.store.put(NODES, node)

    def remove_node(self) -> None:
        self._world.store.remove((NODES.plural, "", self.node))

    def forget(self) -> None:
        self._world.compact()

    def _put_event(self, event: Json) -> None:
        self._world.store.put(EVENTS, event)


class Real(Around):
    """In a real cluster, connected as `user`."""

    def __init__(self, wire: Wire, kube: KubeServer, home: Path, user: str = "admin") -> None:
        super().__init__(wire)
        self._kube = kube
        self._kubeconfig = kube.kubeconfig(home / "kubeconfig", user, port=wire.port)
        kube.create_namespace(self.namespace)

    async def _connect(self) -> Api:
        return await connect(str(self._kubeconfig))

    def _create(self, pod: Json) -> str:
        return self._kube.create_pod(self.namespace, pod)

    def _bind(self, pod: str) -> None:
        self._kube.bind(self.namespace, pod, self.node)

    def write(self, pod: str, status: Json) -> None:
        self._kube.patch_status(self.namespace, pod, status)

    def write_node(self, suffix: str = "", **status: str) -> None:
        name = self.node + suffix
        body = {"metadata": {"name": name}, "status": {"conditions": conditions(**status)}}
        nodes = self._kube.call("GET", "/api/v1/nodes")["items"]
        if name in {node["metadata"]["name"] for node in nodes}:
            self._kube.call("PATCH", f"/api/v1/nodes/{name}/status", body)
        else:
            self._kube.call("POST", "/api/v1/nodes", body)

    def remove_node(self) -> None:
        self._kube.call("DELETE", f"/api/v1/nodes/{self.node}")

    def forget(self) -> None:
        self._kube.compact()

    def _put_event(self, event: Json) -> None:
        self._kube.call("POST", f"/api/v1/namespaces/{self.namespace}/events", event)
