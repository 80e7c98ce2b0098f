"""The storm: pods that live fast, so that every change is an event of its own kind."""

from __future__ import annotations

from sonickube_tui.cluster.simulated import manifest
from sonickube_tui.cluster.simulated.controllers import App
from sonickube_tui.cluster.simulated.kubelet import Kubelet, Pod
from sonickube_tui.cluster.simulated.timeline import Steps


def turn_over(kubelet: Kubelet, app: App, pod: Pod, period: float) -> Steps:
    """A ready pod's troubles and end, then its successor's life, for ever.

    One change every `period` seconds on average. States that say nothing new (ContainerCreating, the last
    moments of a pod that is terminating) are passed over: a busy watch skips them, too.
    """
    random = kubelet.random

    def rest() -> float:
        return random.uniform(0.5, 1.5) * period

    yield random.uniform(0.0, 1.0) * period
    while True:
        for _ in range(random.randrange(1, 4)):
            for _ in _trouble(kubelet, pod):
                kubelet.write(pod)
                yield rest()
        manifest.delete(pod.manifest, kubelet.at(manifest.GRACE), manifest.GRACE)
        kubelet.write(pod)
        yield rest()
        kubelet.remove(pod)
        yield rest()
        pod = app.new_pod()
        for _ in _birth(kubelet, pod):
            kubelet.write(pod)
            yield rest()


def _birth(kubelet: Kubelet, pod: Pod) -> Steps:
    yield 0  # created
    kubelet.bind(pod)
    yield 0  # scheduled
    kubelet.create_container(pod)
    kubelet.run(pod)
    yield 0  # started
    manifest.set_ready(pod.manifest, True, kubelet.at())
    yield 0  # ready


def _trouble(kubelet: Kubelet, pod: Pod) -> Steps:
    """One bad spell, from ready to ready."""
    at = kubelet.at
    ends = kubelet.random.choices(("unready", "crash", "oom"), (6, 2, 1))[0]
    if ends == "unready":
        manifest.set_ready(pod.manifest, False, at())
        yield 0
    else:
        if ends == "oom":
            manifest.end(pod.manifest, 137, "OOMKilled", at())
            yield 0
        else:
            manifest.end(pod.manifest, 1, "Error", at())
            yield 0
            kubelet.hold_back(pod, 10)
            yield 0
        kubelet.run(pod)
        yield 0
    manifest.set_ready(pod.manifest, True, at())
    yield 0
