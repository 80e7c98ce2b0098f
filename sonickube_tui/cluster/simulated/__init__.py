"""The demo's cluster: an API server on loopback with a small deterministic world behind it.

`SCENARIOS` costs nothing to import; `SimulatedCluster` and `World` load aiohttp and msgspec when first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sonickube_tui.cluster.simulated.scenarios import SCENARIOS

if TYPE_CHECKING:
    from sonickube_tui.cluster.simulated.server import SimulatedCluster
    from sonickube_tui.cluster.simulated.world import World

__all__ = ["SCENARIOS", "SimulatedCluster", "World"]

_HOMES = {"SimulatedCluster": "server", "World": "world"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
