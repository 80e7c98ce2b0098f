"""The life of pods on nodes, in steps of virtual time: scheduler, kubelet and node lifecycle controller.

A pod leads one life at a time; a new one (it crashes, it is stopped, its node is lost) ends the one before.
"""

from __future__ import annotations

from random import Random
from uuid import UUID

from sonickube_tui.cluster.simulated import manifest, nodes
from sonickube_tui.cluster.simulated.chronicle import Chronicle
from sonickube_tui.cluster.simulated.store import NODES, PODS, Json, Store
from sonickube_tui.cluster.simulated.timeline import Steps, Timeline

BACK_OFF = (10, 300)
"""Seconds that a kubelet waits before a restart or a pull: the first time, and at most; it doubles."""
TOLERATION = 5.0
"""Seconds that pods stay on a lost node. A real one has 300; nobody listens that long."""


class Node:
    """A node, whether the control plane hears from it, its pods by uid, and its JSON."""

    def __init__(self, name: str, number: int, since: str) -> None:
        self.name = name
        self.ip = f"10.0.1.{number}"
        self.subnet = f"10.42.{number}"
        self.up = True
        self.pods: dict[str, Pod] = {}
        self.manifest = nodes.new_node(name, self.ip, since)


class Pod:
    """A pod of this world: its JSON, its place, and the life it leads."""

    __slots__ = ("family", "home", "life", "manifest", "node", "pullable", "revision", "works")

    def __init__(self, body: Json, family: dict[str, Pod], revision: str, *, pullable: bool = True) -> None:
        self.manifest = body
        self.revision = revision
        self.pullable = pullable
        self.family = family
        """The pods of its workload by name, which it leaves when it is removed."""
        self.node: Node | None = None
        self.home: Node | None = None
        """The only node that a DaemonSet's pod goes to, and which it stays on when that is lost."""
        self.works = 0.0
        """Seconds after which a job's pod completes; 0: never."""
        self.life: Steps | None = None

    @property
    def name(self) -> str:
        """`metadata.name`."""
        name: str = self.manifest["metadata"]["name"]
        return name

    @property
    def namespace(self) -> str:
        """`metadata.namespace`."""
        namespace: str = self.manifest["metadata"]["namespace"]
        return namespace

    @property
    def uid(self) -> str:
        """`metadata.uid`."""
        uid: str = self.manifest["metadata"]["uid"]
        return uid

    @property
    def ready(self) -> bool:
        """Whether it serves: ready, and not on its way out."""
        return manifest.is_ready(self.manifest) and not self.terminating

    @property
    def terminating(self) -> bool:
        """Whether its deletion has begun."""
        return "deletionTimestamp" in self.manifest["metadata"]

    @property
    def finished(self) -> bool:
        """Whether its work is done."""
        return bool(self.manifest["status"]["phase"] == "Succeeded")


class Kubelet:
    """Gives pods their lives and writes what becomes of them to the store."""

    def __init__(
        self, store: Store, timeline: Timeline, random: Random, epoch: float, nodes: tuple[Node, ...]
    ) -> None:
        self.random = random
        self.nodes = nodes
        self._store = store
        self._chronicle = Chronicle(store)
        self._timeline = timeline
        self._epoch = epoch

    def at(self, offset: float = 0.0) -> str:
        """The world's time as Kubernetes writes it, `offset` seconds from now."""
        return manifest.stamp(self._epoch + self._timeline.now + offset)

    def write(self, pod: Pod) -> None:
        """Tell the API server of the pod's new state."""
        self._store.put(PODS, pod.manifest)

    def write_node(self, node: Node) -> None:
        """Tell the API server of the node's new state."""
        self._store.put(NODES, node.manifest)

    def say(self, pod: Pod, reason: str, message: str, type_: str = "Warning") -> None:
        """Tell the API server of something about the pod, as an Event."""
        self._chronicle.say(pod.manifest, reason, message, self.at(), type_)

    def remove(self, pod: Pod) -> None:
        """The pod is gone from the API server, its node and its workload."""
        self._store.remove((PODS.plural, pod.namespace, pod.name))
        del pod.family[pod.name]
        if pod.node:
            del pod.node.pods[pod.uid]

    def lead(self, pod: Pod, life: Steps) -> None:
        """Begin a life at once, in place of the one it led."""
        if pod.life:
            pod.life.close()
        pod.life = life
        self._timeline.spawn(life)

    # What a scheduler and a kubelet do to a pod, each one step.

    def bind(self, pod: Pod) -> None:
        """Give it a node: its home, or the one with the fewest pods."""
        node = pod.home or min((n for n in self.nodes if n.up), key=lambda n: len(n.pods))
        pod.node = node
        node.pods[pod.uid] = pod
        manifest.schedule(pod.manifest, node.name, self.at())

    def create_container(self, pod: Pod) -> None:
        """ContainerCreating."""
        assert pod.node
        manifest.create_container(pod.manifest, pod.node.ip, self.at())

    def run(self, pod: Pod) -> None:
        """Start the container, or start it again."""
        assert pod.node
        known = pod.manifest["status"].get("podIP")
        pod_ip = known or f"{pod.node.subnet}.{self.random.randrange(2, 255)}"
        manifest.run(pod.manifest, pod_ip, f"{self.random.getrandbits(256):064x}", self.at())

    def new_uid(self) -> str:
        """A version 4 UUID from the world's own dice."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def settle(self, pod: Pod, age: float) -> None:
        """Make it a pod that has run for `age` seconds."""
        self.bind(pod)
        self.create_container(pod)
        self.run(pod)
        manifest.set_ready(pod.manifest, True, self.at())
        manifest.backdate(pod.manifest, self.at(-age))
        self.write(pod)

    # Lives. The delays are short but in the proportions of a small image on a good day.

    def start(self, pod: Pod) -> Steps:
        """From ADDED to ready: five watch events, or for ever at the image."""
        self.write(pod)
        yield self._some(0.05, 0.2)
        self.bind(pod)
        self.write(pod)
        yield self._some(0.1, 0.3)
        self.create_container(pod)
        self.write(pod)
        if not pod.pullable:
            yield from self._pull_in_vain(pod)
        yield self._some(0.6, 1.2)
        yield from self._run_until_ready(pod)
        if pod.works:
            yield pod.works
            manifest.complete(pod.manifest, self.at())
            self.write(pod)

    def _run_until_ready(self, pod: Pod) -> Steps:
        self.run(pod)
        self.write(pod)
        yield self._some(0.7, 1.5)
        manifest.set_ready(pod.manifest, True, self.at())
        self.write(pod)

    def _pull_in_vain(self, pod: Pod) -> Steps:
        image = pod.manifest["spec"]["containers"][0]["image"]
        for delay in _back_off():
            yield self._some(0.6, 1.0)
            why = f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": not found'
            self.say(pod, "Failed", f'Failed to pull image "{image}": {why}')
            self.say(pod, "Failed", "Error: ErrImagePull")
            manifest.wait(pod.manifest, "ErrImagePull", why)
            self.write(pod)
            yield self._some(0.8, 1.2)
            self.say(pod, "BackOff", f'Back-off pulling image "{image}"', "Normal")
            manifest.wait(pod.manifest, "ImagePullBackOff", f'Back-off pulling image "{image}"')
            self.write(pod)
            yield delay

    def crash(self, pod: Pod, times: int) -> Steps:
        """End with code 1 and start again, `times` times, from the second on with a back-off; then heal."""
        delays = _back_off()
        for crash in range(times):
            manifest.end(pod.manifest, 1, "Error", self.at())
            self.write(pod)
            yield self._some(0.3, 0.5)
            if crash:
                delay = next(delays)
                self.say(pod, "BackOff", f"Back-off restarting failed container app in pod {pod.name}")
                self.hold_back(pod, delay)
                self.write(pod)
                yield delay
            if crash < times - 1:
                self.run(pod)
                self.write(pod)
                # Whole seconds are all that the times have: two ends within one would look the same.
                yield self._some(1.0, 1.3)
        yield from self._run_until_ready(pod)

    def hold_back(self, pod: Pod, delay: float) -> None:
        """CrashLoopBackOff."""
        of = f"{pod.name}_{pod.namespace}({pod.uid})"
        message = f"back-off {delay:g}s restarting failed container=app pod={of}"
        manifest.wait(pod.manifest, "CrashLoopBackOff", message)

    def run_out_of_memory(self, pod: Pod) -> Steps:
        """The kernel kills its container, the kubelet starts it again."""
        manifest.end(pod.manifest, 137, "OOMKilled", self.at())
        self.write(pod)
        yield self._some(0.3, 0.5)
        yield from self._run_until_ready(pod)

    def be_unready(self, pod: Pod, seconds: float) -> Steps:
        """Its readiness probe fails for a while."""
        for _ in range(manifest.FAILURES):
            message = "Readiness probe failed: HTTP probe failed with statuscode: 503"
            self.say(pod, "Unhealthy", message)
        manifest.set_ready(pod.manifest, False, self.at())
        self.write(pod)
        yield seconds
        manifest.set_ready(pod.manifest, True, self.at())
        self.write(pod)

    def stop(self, pod: Pod) -> Steps:
        """From deletionTimestamp, still ready, to DELETED: four watch events; on a lost node the first."""
        if pod.finished or pod.node is None:
            # Nothing runs: there is nothing to wait for.
            self.remove(pod)
            return
        manifest.delete(pod.manifest, self.at(manifest.GRACE), manifest.GRACE)
        self.write(pod)
        if pod.node.up:
            yield self._some(0.6, 1.6)
            yield from self._let_go(pod)

    def _let_go(self, pod: Pod) -> Steps:
        if manifest.container(pod.manifest):
            manifest.end(pod.manifest, 0, "Completed", self.at())
            self.write(pod)
            yield 0.02
        manifest.delete(pod.manifest, self.at(), 0)
        self.write(pod)
        self.remove(pod)

    # Nodes that are short of memory, lost and found.

    def strain(self, node: Node) -> None:
        """The node has little memory left."""
        nodes.strain(node.manifest, self.at())
        self.write_node(node)

    def relieve(self, node: Node) -> None:
        """The node lacks nothing."""
        nodes.relieve(node.manifest, self.at())
        self.write_node(node)

    def lose(self, node: Node) -> None:
        """Nothing is heard from the node: its pods turn unready, and are deleted after `TOLERATION`."""
        node.up = False
        nodes.silence(node.manifest, self.at())
        self.write_node(node)
        for pod in node.pods.values():
            if not pod.finished:
                self.lead(pod, self._be_lost(pod))

    def _be_lost(self, pod: Pod) -> Steps:
        yield self._some(0.0, 1.5)
        if pod.ready:
            manifest.lose(pod.manifest, self.at())
            self.write(pod)
            self.say(pod, "NodeNotReady", "Node is not ready")
        if pod.terminating or pod.home:
            return
        yield TOLERATION + self._some(0.0, 4.0)
        manifest.disrupt(pod.manifest, self.at())
        self.write(pod)
        manifest.delete(pod.manifest, self.at(manifest.GRACE), manifest.GRACE)
        self.write(pod)

    def restore(self, node: Node) -> None:
        """The node is heard again: it lets go of what was deleted meanwhile, and the rest is ready again."""
        node.up = True
        self.relieve(node)
        for pod in node.pods.values():
            if not pod.finished:
                self.lead(pod, self._be_found(pod))

    def _be_found(self, pod: Pod) -> Steps:
        yield self._some(0.1, 3.0)
        container = manifest.container(pod.manifest)
        if pod.terminating:
            yield from self._let_go(pod)
        elif container and "running" in container["state"] and container["ready"]:
            manifest.hear_again(pod.manifest, self.at())
            self.write(pod)
        else:
            if not container:
                self.create_container(pod)
            yield from self._run_until_ready(pod)

    def _some(self, least: float, most: float) -> float:
        return self.random.uniform(least, most)


def _back_off() -> Steps:
    delay, most = BACK_OFF
    while True:
        yield float(delay)
        delay = min(2 * delay, most)
