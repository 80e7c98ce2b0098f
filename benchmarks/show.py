"""The table that benchmarks are printed as."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table


def show(rows: Iterable[tuple[str, ...]]) -> None:
    """Print what was measured, what beside, their ratio and the goal, a row each."""
    table = Table("what", "measured", "beside", "ratio", "goal")
    for row in rows:
        table.add_row(*row)
    Console(width=130).print(table)
