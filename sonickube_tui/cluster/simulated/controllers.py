"""Controllers: they look at the pods of a workload and take one step towards what is wanted.

One step at a time, a few times a second: so a rollout is a tune and not a chord.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from sonickube_tui.cluster.simulated import manifest
from sonickube_tui.cluster.simulated.actions import Workload
from sonickube_tui.cluster.simulated.kubelet import Kubelet, Node, Pod
from sonickube_tui.cluster.simulated.store import Json
from sonickube_tui.cluster.simulated.timeline import Steps

PERIOD = 0.25
"""Seconds between two looks of a controller."""
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""The letters of generated names: no vowels, so no words (apimachinery's `pkg/util/rand`)."""
JOB_KEPT = 12.0
"""Seconds that a completed pod stays before its job is cleaned up."""


class Revision:
    """One version of a workload's pod template, and whether its image can be pulled."""

    def __init__(self, hash_: str, owner: manifest.Owner, template: Json, *, pullable: bool) -> None:
        self.hash = hash_
        self.owner = owner
        self.template = template
        self.pullable = pullable


class App:
    """A workload that runs: what is wanted of it, and its pods by name."""

    def __init__(self, workload: Workload, kubelet: Kubelet) -> None:
        self.workload = workload
        self.replicas = workload.replicas
        self.pods: dict[str, Pod] = {}
        self._kubelet = kubelet
        self._minor = itertools.count()
        self._runs = itertools.count(29_384_701)
        self._set_uid = kubelet.new_uid()
        self.revision = self._revise(pullable=True)
        self._before = self.revision

    def release(self, *, pullable: bool = True) -> None:
        """Want a new version of the pods."""
        self._before, self.revision = self.revision, self._revise(pullable=pullable)

    def roll_back(self) -> None:
        """Want the version before this one."""
        self._before, self.revision = self.revision, self._before

    def _revise(self, *, pullable: bool) -> Revision:
        workload = self.workload
        tag = f"1.{next(self._minor)}" if pullable else "latets"
        hash_ = self.letters(10)
        template = manifest.spec(
            f"registry.example/{workload.namespace}/{workload.name}:{tag}",
            restart_policy="Never" if workload.kind == "Job" else "Always",
            service_account=workload.name,
        )
        if workload.kind == "Deployment":
            owner = manifest.Owner(
                "apps/v1", "ReplicaSet", f"{workload.name}-{hash_}", self._kubelet.new_uid()
            )
        else:
            owner = manifest.Owner("apps/v1", workload.kind, workload.name, self._set_uid)
        return Revision(hash_, owner, template, pullable=pullable)

    def run_job(self) -> None:
        """Make a job of this name with one pod; a number tells its runs apart, as a CronJob's."""
        name = f"{self.workload.name}-{next(self._runs)}"
        owner = manifest.Owner("batch/v1", "Job", name, self._kubelet.new_uid())
        labels = {
            "app": self.workload.name,
            "batch.kubernetes.io/controller-uid": owner.uid,
            "batch.kubernetes.io/job-name": name,
        }
        pod = self._new(f"{name}-{self.letters(5)}", owner, labels)
        pod.works = self._kubelet.random.uniform(3, 5)
        self._kubelet.lead(pod, self._kubelet.start(pod))

    def new_pod(self, *, ordinal: int | None = None, home: Node | None = None) -> Pod:
        """A pod of the revision that is wanted, not yet written."""
        workload, revision = self.workload, self.revision
        labels = {"app": workload.name}
        if workload.kind == "Deployment":
            name = f"{revision.owner.name}-{self.letters(5)}"
            labels["pod-template-hash"] = revision.hash
        elif workload.kind == "StatefulSet":
            name = f"{workload.name}-{ordinal}"
            labels["apps.kubernetes.io/pod-index"] = str(ordinal)
            labels["controller-revision-hash"] = f"{workload.name}-{revision.hash}"
            labels["statefulset.kubernetes.io/pod-name"] = name
        else:
            name = f"{workload.name}-{self.letters(5)}"
            labels["controller-revision-hash"] = revision.hash
            labels["pod-template-generation"] = "1"
        pod = self._new(name, revision.owner, labels)
        pod.home = home
        return pod

    def _new(self, name: str, owner: manifest.Owner, labels: dict[str, str]) -> Pod:
        body = manifest.new_pod(
            namespace=self.workload.namespace,
            name=name,
            uid=self._kubelet.new_uid(),
            at=self._kubelet.at(),
            labels=labels,
            owner=owner,
            template=self.revision.template,
        )
        pod = Pod(body, self.pods, self.revision.hash, pullable=self.revision.pullable)
        self.pods[name] = pod
        return pod

    def start(self, *, ordinal: int | None = None, home: Node | None = None) -> None:
        """Create a pod and let it start."""
        pod = self.new_pod(ordinal=ordinal, home=home)
        self._kubelet.lead(pod, self._kubelet.start(pod))

    def stop(self, pod: Pod) -> None:
        """Delete a pod."""
        self._kubelet.lead(pod, self._kubelet.stop(pod))

    def letters(self, count: int) -> str:
        """Random letters as in generated names."""
        return "".join(self._kubelet.random.choices(ALPHABET, k=count))

    @property
    def wanted(self) -> list[tuple[int | None, Node | None]]:
        """Ordinal and home of the pods that it has when all is well."""
        if self.workload.kind == "DaemonSet":
            return [(None, node) for node in self._kubelet.nodes]
        return [(n if self.workload.kind == "StatefulSet" else None, None) for n in range(self.replicas)]

    def control(self) -> Steps:
        """Look and act, for ever."""
        if self.workload.kind == "Job":
            yield from self._clean_up_jobs()
        step = _STEPS[self.workload.kind]
        while True:
            yield PERIOD
            step(self)

    def _clean_up_jobs(self) -> Steps:
        seen: set[str] = set()
        while True:
            yield JOB_KEPT / 2
            finished = {pod.uid: pod for pod in self.pods.values() if pod.finished}
            for uid in seen & finished.keys():
                self.stop(finished[uid])
            seen = set(finished)


def _step_deployment(app: App) -> None:
    """maxSurge 1, maxUnavailable 0: one new pod first; when it is ready, one old pod goes."""
    live = [pod for pod in app.pods.values() if not pod.terminating]
    old = [pod for pod in live if pod.revision != app.revision.hash]
    fresh = [pod for pod in live if pod.revision == app.revision.hash]
    ready = sum(pod.ready for pod in live)
    broken = next((pod for pod in old if not pod.ready), None)
    if broken and len(live) > app.replicas:
        app.stop(broken)
    elif len(fresh) < app.replicas and len(live) <= app.replicas:
        app.start()
    elif old and ready > app.replicas:
        app.stop(old[0])
    elif len(fresh) > app.replicas:
        app.stop(min(reversed(fresh), key=lambda pod: pod.ready))


def _step_stateful_set(app: App) -> None:
    """One pod at a time: missing ones upwards, old versions from the last one downwards."""
    names = [f"{app.workload.name}-{ordinal}" for ordinal in range(app.replicas)]
    for ordinal, name in enumerate(names):
        pod = app.pods.get(name)
        if pod is None:
            app.start(ordinal=ordinal)
        if pod is None or not pod.ready:
            return
    for name in reversed(names):
        if app.pods[name].revision != app.revision.hash:
            app.stop(app.pods[name])
            return


def _step_daemon_set(app: App) -> None:
    """One pod on every node that is heard from; old versions go one by one."""
    homes = {pod.home for pod in app.pods.values()}
    missing = next((home for _, home in app.wanted if home not in homes and home and home.up), None)
    if missing:
        app.start(home=missing)
    elif all(pod.ready for pod in app.pods.values() if pod.home and pod.home.up):
        old = (pod for pod in app.pods.values() if pod.revision != app.revision.hash and pod.ready)
        if pod := next(old, None):
            app.stop(pod)


_STEPS: dict[str, Callable[[App], None]] = {
    "Deployment": _step_deployment,
    "StatefulSet": _step_stateful_set,
    "DaemonSet": _step_daemon_set,
}
