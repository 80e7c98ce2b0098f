"""The scenarios of the demo. Standard library only: the command line needs their names and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

from sonickube_tui.cluster.simulated.actions import (
    NODES,
    Action,
    BadImage,
    Crash,
    LoseNode,
    OutOfMemory,
    Pause,
    RelieveNode,
    Replace,
    RestoreNode,
    RollBack,
    Rollout,
    RunJob,
    Scale,
    Scenario,
    Stir,
    StrainNode,
    Unready,
    Workload,
)

TOWN = (
    Workload("shop", "cart", "Deployment", 3),
    Workload("shop", "checkout", "Deployment", 2),
    Workload("shop", "frontend", "Deployment", 3),
    Workload("payments", "ledger", "StatefulSet", 3),
    Workload("payments", "gateway", "Deployment", 2),
    Workload("search", "index", "StatefulSet", 3),
    Workload("search", "query", "Deployment", 2),
    Workload("batch", "nightly", "Job"),
    Workload("kube-system", "coredns", "Deployment", 2),
    Workload("kube-system", "node-agent", "DaemonSet"),
)
JOB = "batch/nightly"
STATEFUL = tuple(w.path for w in TOWN if w.kind == "StatefulSet")
STATELESS = tuple(w.path for w in TOWN if w.kind == "Deployment" and w.namespace != "kube-system")

CROWD = tuple(
    Workload(namespace, name, "Deployment", 20)
    for namespace in (
        "accounts",
        "billing",
        "catalog",
        "delivery",
        "events",
        "fraud",
        "identity",
        "media",
        "search",
        "shop",
    )
    for name in ("api", "cache", "worker")
)
STORM_RATE = 1_000.0
"""Changes a second; every one of them is an event of its own kind."""


def _calm(random: Random) -> Iterator[Action]:
    while True:
        # A thing that happens is two to six events, so these pauses make one event in 2 to 4 s.
        yield Pause(random.uniform(8, 16))
        happening = random.randrange(4)
        workload = random.choice(STATELESS)
        if happening == 0:
            yield RunJob(JOB)
        elif happening == 1:
            yield Replace(workload)
        elif happening == 2:
            yield Scale(workload, +1)
            yield Pause(random.uniform(12, 20))
            yield Scale(workload, -1)
        else:
            yield Unready(workload, random.uniform(3, 6))


def _rollout(random: Random) -> Iterator[Action]:
    while True:
        for workload in TOWN:
            yield Pause(random.uniform(1, 3))
            if workload.kind == "Job":
                yield RunJob(workload.path)
                yield Pause(8)
            else:
                yield Rollout(workload.path)
                yield Pause(4.5 * (workload.replicas or len(NODES)))


def _incident(random: Random) -> Iterator[Action]:
    while True:
        rolled, mistyped, crashing, quiet = random.sample(STATELESS, 4)
        # The first ten seconds let every voice be heard once, one after the other.
        yield Pause(0.3)
        yield Rollout(rolled)
        yield Pause(random.uniform(1.2, 1.8))
        yield OutOfMemory(random.choice(STATEFUL))
        yield Pause(random.uniform(0.8, 1.4))
        yield BadImage(mistyped)
        yield Pause(random.uniform(0.8, 1.4))
        yield Crash(crashing, times=3)
        yield Pause(random.uniform(9, 11))
        yield RollBack(mistyped)
        yield Pause(random.uniform(5, 7))
        yield RunJob(JOB)
        yield Pause(random.uniform(10, 12))

        node = random.choice(NODES)
        yield LoseNode(node)
        yield Pause(random.uniform(16, 22))
        yield RestoreNode(node)
        yield Pause(random.uniform(14, 18))

        yield StrainNode(node)
        yield Unready(quiet, random.uniform(3, 5))
        yield Pause(random.uniform(6, 9))
        yield RelieveNode(node)
        yield Rollout(random.choice((quiet, *STATEFUL)))
        yield Pause(random.uniform(18, 22))
        yield RunJob(JOB)
        yield Pause(random.uniform(16, 24))


def _storm(random: Random) -> Iterator[Action]:
    yield Stir(STORM_RATE)


BY_NAME: Mapping[str, Scenario] = {
    "calm": Scenario("a quiet day: now and then a job completes or a pod is replaced", TOWN, _calm),
    "rollout": Scenario("new versions roll through the namespaces, one after the other", TOWN, _rollout),
    "incident": Scenario("crash loops, a wrong image, a node lost, and the quiet between", TOWN, _incident),
    "storm": Scenario("a thousand pod events a second, for ever", CROWD, _storm),
}
SCENARIOS: Mapping[str, str] = {name: scenario.description for name, scenario in BY_NAME.items()}
"""What can be chosen: name -> one line that describes it."""
