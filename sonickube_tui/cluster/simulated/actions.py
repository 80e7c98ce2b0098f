"""What a scenario is made of: the workloads of a cluster and the things that can happen to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

NODES = ("node-a", "node-b", "node-c", "node-d")


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that owns pods. A DaemonSet has one on every node, a Job one for each run."""

    namespace: str
    name: str
    kind: Literal["Deployment", "StatefulSet", "DaemonSet", "Job"]
    replicas: int = 0

    @property
    def path(self) -> str:
        """How actions name it: `shop/cart`."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing new for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Rollout:
    """A new version comes, one pod after the other."""

    workload: str


@dataclass(frozen=True, slots=True)
class BadImage:
    """A new version comes whose image is not there; the old pods stay."""

    workload: str


@dataclass(frozen=True, slots=True)
class RollBack:
    """Back to the version before."""

    workload: str


@dataclass(frozen=True, slots=True)
class Scale:
    """`by` more pods, or fewer; never less than one."""

    workload: str
    by: int


@dataclass(frozen=True, slots=True)
class Replace:
    """One pod is deleted; its controller makes another."""

    workload: str


@dataclass(frozen=True, slots=True)
class Crash:
    """One pod ends with code 1 again and again, `times` times with a growing back-off, then heals."""

    workload: str
    times: int


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """One pod's container is killed for its memory and starts again."""

    workload: str


@dataclass(frozen=True, slots=True)
class Unready:
    """One pod fails its readiness probe for some seconds."""

    workload: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RunJob:
    """A run of a job: a pod that works a while and completes."""

    workload: str


@dataclass(frozen=True, slots=True)
class LoseNode:
    """The control plane hears nothing from a node any more."""

    node: str


@dataclass(frozen=True, slots=True)
class RestoreNode:
    """A lost node is heard again."""

    node: str


@dataclass(frozen=True, slots=True)
class StrainNode:
    """A node has little memory left."""

    node: str


@dataclass(frozen=True, slots=True)
class RelieveNode:
    """It has enough again."""

    node: str


@dataclass(frozen=True, slots=True)
class Stir:
    """From now on pods live fast and die young: `rate` changes a second, for ever, without controllers."""

    rate: float


Action = (
    Pause
    | Rollout
    | BadImage
    | RollBack
    | Scale
    | Replace
    | Crash
    | OutOfMemory
    | Unready
    | RunJob
    | LoseNode
    | RestoreNode
    | StrainNode
    | RelieveNode
    | Stir
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """The workloads a cluster begins with, and the story that is then told: endless, in virtual seconds."""

    description: str
    workloads: tuple[Workload, ...]
    story: Callable[[Random], Iterator[Action]]
