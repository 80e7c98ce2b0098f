"""A little cluster that lives in virtual time: nodes, workloads and pods, and a story that happens to them.

No sockets and no clock: the same scenario and seed make the same changes, with the same names and uids,
however time is cut into steps. Without a scenario it is an empty cluster that is driven by hand.
"""

from __future__ import annotations

from random import Random

from sonickube_tui.cluster.simulated import actions, storm
from sonickube_tui.cluster.simulated.actions import NODES, Action, Scenario
from sonickube_tui.cluster.simulated.controllers import App
from sonickube_tui.cluster.simulated.kubelet import Kubelet, Node, Pod
from sonickube_tui.cluster.simulated.manifest import stamp
from sonickube_tui.cluster.simulated.scenarios import BY_NAME
from sonickube_tui.cluster.simulated.store import NAMESPACES, PODS, Json, Store
from sonickube_tui.cluster.simulated.timeline import Steps, Timeline

EPOCH = 1_767_225_600.0
"""2026-01-01: when a world begins that is not told otherwise."""
NODES_AGE = 500_000.0
"""Seconds that the nodes have been there before."""


class World:
    """A cluster and its virtual time.

    `epoch` is the Unix time at which its time is 0; it shows in timestamps and nowhere else.
    Raises ValueError for an unknown scenario.
    """

    def __init__(self, scenario: str | None = None, *, seed: int = 1, epoch: float = EPOCH) -> None:
        if scenario is not None and scenario not in BY_NAME:
            raise ValueError(f"unknown scenario {scenario!r}; there are: {', '.join(BY_NAME)}")
        self.store = Store()
        self._timeline = Timeline()
        self._random = Random(seed)
        self._epoch = epoch
        since = stamp(epoch - NODES_AGE)
        self._nodes = {name: Node(name, number, since) for number, name in enumerate(NODES, start=1)}
        self._kubelet = Kubelet(
            self.store, self._timeline, self._random, epoch, nodes=tuple(self._nodes.values())
        )
        self._apps: dict[str, App] = {}
        self._controls: list[Steps] = []
        if scenario is not None:
            self._begin(BY_NAME[scenario])

    @property
    def now(self) -> float:
        """Seconds since the world began."""
        return self._timeline.now

    def advance(self, seconds: float) -> None:
        """Let virtual time pass; all that happens meanwhile is in the store afterwards."""
        self._timeline.advance(seconds)

    # By hand.

    def apply(self, pod: Json) -> Json:
        """Create a pod or write over it, and return it as stored.

        `metadata.name` and `metadata.namespace` are needed; uid and creationTimestamp are kept or made up.
        """
        metadata = pod["metadata"]
        key = (PODS.plural, metadata["namespace"], metadata["name"])
        known = (self.store.get(key) or {"metadata": {}})["metadata"]
        made = {
            "uid": known.get("uid") or self._kubelet.new_uid(),
            "creationTimestamp": known.get("creationTimestamp") or self._kubelet.at(),
        }
        self._ensure_namespace(metadata["namespace"])
        self.store.put(PODS, {"spec": {}, "status": {}, **pod, "metadata": {**made, **metadata}})
        return self._stored(metadata["namespace"], metadata["name"])

    def patch(self, namespace: str, name: str, patch: Json) -> Json:
        """Change a pod by a JSON merge patch (RFC 7396: lists are replaced, null removes) and return it.

        Raises KeyError when it is not there.
        """
        merged = _merge(self._stored(namespace, name), patch)
        self.store.put(PODS, merged)
        return self._stored(namespace, name)

    def delete(self, namespace: str, name: str) -> None:
        """Remove a pod at once, as with a grace period of 0. Raises KeyError when it is not there."""
        self.store.remove((PODS.plural, namespace, name))

    def compact(self) -> None:
        """Forget the history: a watch or a page from before now gets a 410."""
        self.store.compact()

    def _stored(self, namespace: str, name: str) -> Json:
        pod = self.store.get((PODS.plural, namespace, name))
        if pod is None:
            raise KeyError(f"no pod {namespace}/{name}")
        return pod

    def _ensure_namespace(self, name: str) -> None:
        if (NAMESPACES.plural, "", name) in self.store:
            return
        self.store.put(
            NAMESPACES,
            {
                "metadata": {
                    "name": name,
                    "uid": self._kubelet.new_uid(),
                    "creationTimestamp": stamp(self._epoch),
                    "labels": {"kubernetes.io/metadata.name": name},
                },
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            },
        )

    # By a story.

    def _begin(self, scenario: Scenario) -> None:
        for node in self._nodes.values():
            self._kubelet.write_node(node)
        for workload in scenario.workloads:
            self._ensure_namespace(workload.namespace)
            app = self._apps[workload.path] = App(workload, self._kubelet)
            for ordinal, home in app.wanted:
                pod = app.new_pod(ordinal=ordinal, home=home)
                self._kubelet.settle(pod, age=self._random.uniform(3_600, 400_000))
            control = app.control()
            self._controls.append(control)
            self._timeline.spawn(control, self._random.uniform(0, 0.25))
        # A cluster has always been there before: nobody can watch it from its beginning.
        self.store.compact()
        self._timeline.spawn(self._tell(scenario))

    def _tell(self, scenario: Scenario) -> Steps:
        for action in scenario.story(self._random):
            if isinstance(action, actions.Pause):
                yield action.seconds
            else:
                self._perform(action)

    def _perform(self, action: Action) -> None:
        match action:
            case actions.Rollout(workload):
                self._apps[workload].release()
            case actions.BadImage(workload):
                self._apps[workload].release(pullable=False)
            case actions.RollBack(workload):
                self._apps[workload].roll_back()
            case actions.Scale(workload, by):
                app = self._apps[workload]
                app.replicas = max(1, app.replicas + by)
            case actions.RunJob(workload):
                self._apps[workload].run_job()
            case actions.LoseNode(node):
                self._kubelet.lose(self._nodes[node])
            case actions.RestoreNode(node):
                self._kubelet.restore(self._nodes[node])
            case actions.StrainNode(node):
                self._kubelet.strain(self._nodes[node])
            case actions.RelieveNode(node):
                self._kubelet.relieve(self._nodes[node])
            case actions.Replace(workload):
                if pod := self._pick(workload):
                    self._kubelet.lead(pod, self._kubelet.stop(pod))
            case actions.Crash(workload, times):
                if pod := self._pick(workload):
                    self._kubelet.lead(pod, self._kubelet.crash(pod, times))
            case actions.OutOfMemory(workload):
                if pod := self._pick(workload):
                    self._kubelet.lead(pod, self._kubelet.run_out_of_memory(pod))
            case actions.Unready(workload, seconds):
                if pod := self._pick(workload):
                    self._kubelet.lead(pod, self._kubelet.be_unready(pod, seconds))
            case actions.Stir(rate):
                self._stir(rate)

    def _pick(self, workload: str) -> Pod | None:
        """One of its pods that are ready; None when there is none to whom something could happen."""
        ready = [pod for pod in self._apps[workload].pods.values() if pod.ready]
        return self._random.choice(ready) if ready else None

    def _stir(self, rate: float) -> None:
        for control in self._controls:
            control.close()
        pods = [(app, pod) for app in self._apps.values() for pod in app.pods.values()]
        for app, pod in pods:
            self._timeline.spawn(storm.turn_over(self._kubelet, app, pod, len(pods) / rate))


def _merge(target: Json, patch: Json) -> Json:
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            known = merged.get(key)
            merged[key] = _merge(known if isinstance(known, dict) else {}, value)
        else:
            merged[key] = value
    return merged
