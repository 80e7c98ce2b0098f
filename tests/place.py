"""A cluster to follow, simulated or real, and a reflector of it.

Knows nothing of pytest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from kube import Json, KubeServer, manifest
from listening import Diary, Observer, Wire
from sonickube_tui.cluster.connect import Api, connect, plain
from sonickube_tui.cluster.reflector import Reflector
from sonickube_tui.cluster.simulated import World


class Place(ABC):
    """A namespace of its own in a cluster, what happens there, and the wire that we are connected by."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.namespace = f"test-{uuid4().hex[:8]}"

    @abstractmethod
    async def connect(self) -> Api:
        """Connect as an admin."""

    @abstractmethod
    def create(self, pod: Json, namespace: str = "") -> str:
        """Create a pod and return its uid."""

    @abstractmethod
    def bind(self, pod: str) -> None:
        """Give a pod its node, `node-a`."""

    @abstractmethod
    def write(self, pod: str, status: Json) -> None:
        """Write into a pod's status: a JSON merge patch."""

    @abstractmethod
    def mark(self, pod: str) -> None:
        """Delete a pod that has a node, with time to end its work: it stays, marked."""

    @abstractmethod
    def delete(self, pod: str) -> None:
        """Delete a pod at once."""


class Simulated(Place):
    """In the demo's world."""

    def __init__(self, wire: Wire, world: World) -> None:
        super().__init__(wire)
        self._world = world

    async def connect(self) -> Api:
        return plain(f"http://127.0.0.1:{self.wire.port}", "test")

    def create(self, pod: Json, namespace: str = "") -> str:
        placed = {**pod, "metadata": {**pod["metadata"], "namespace": namespace or self.namespace}}
        return str(self._world.apply(placed)["metadata"]["uid"])

    def bind(self, pod: str) -> None:
        self._world.patch(self.namespace, pod, {"spec": {"nodeName": "node-a"}})

    def write(self, pod: str, status: Json) -> None:
        self._world.patch(self.namespace, pod, {"status": status})

    def mark(self, pod: str) -> None:
        self._world.patch(self.namespace, pod, {"metadata": {"deletionTimestamp": "2026-01-01T00:01:00Z"}})

    def delete(self, pod: str) -> None:
        self._world.delete(self.namespace, pod)


class Real(Place):
    """In a real cluster."""

    def __init__(self, wire: Wire, kube: KubeServer, home: Path) -> None:
        super().__init__(wire)
        self._kube = kube
        self._kubeconfig = kube.kubeconfig(home / "kubeconfig", port=wire.port)
        kube.create_namespace(self.namespace)

    async def connect(self) -> Api:
        return await connect(str(self._kubeconfig))

    def create(self, pod: Json, namespace: str = "") -> str:
        return self._kube.create_pod(namespace or self.namespace, pod)

    def bind(self, pod: str) -> None:
        self._kube.bind(self.namespace, pod, "node-a")

    def write(self, pod: str, status: Json) -> None:
        self._kube.patch_status(self.namespace, pod, status)

    def mark(self, pod: str) -> None:
        self._kube.delete_pod(self.namespace, pod, grace=30)

    def delete(self, pod: str) -> None:
        self._kube.delete_pod(self.namespace, pod)


@asynccontextmanager
async def reflecting(
    place: Place, selector: str = "", namespace: str = "", **instead: str
) -> AsyncIterator[tuple[Observer, Diary]]:
    """A reflector of the place that has read its first list, and what it asks the server."""
    async with await place.connect() as api:
        diary = Diary(api, **instead)
        async with Observer(Reflector(api, namespace or place.namespace, selector).run()) as observer:
            await observer.until_watching()
            yield observer, diary


async def all_told(place: Place, observer: Observer, **labels: str) -> None:
    """Wait until a last pod is told of, and so all that happened before it."""
    place.create(manifest("last", **labels))
    await observer.until_told_of("last")
