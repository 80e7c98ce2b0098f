"""What many pods cost: memory, bytes, and the CPU time of the first list and of events.

`python -m benchmarks.scale` prints the table of docs/scale.md and the lines through its figures. CPU time is
the process's own, whatever else the machine does.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from urllib.request import ProxyHandler, build_opener

from rich.console import Console
from rich.table import Table

from benchmarks.child import server

SIZES = (1_000, 5_000, 10_000, 20_000)
PLANNED = 100_000
CHANGES = 10_000
PAGE = 500

Figures = dict[str, float]


def measure(pods: int, lists: str) -> Figures:
    """The headless path with so many pods of 10 kB, listed in `pages` or as a `stream`."""
    with server(pods, CHANGES, lists=lists) as child:
        figures = child.measure("headless", CHANGES)
        figures["rate"] = CHANGES / figures["events_cpu"]
        with build_opener(ProxyHandler({})).open(f"{child.api}/api/v1/pods?limit={PAGE}") as page:
            figures["page"] = len(page.read()) / 1e6
    return figures


def line(by_size: dict[int, Figures], name: str) -> tuple[float, float]:
    """The straight line through a figure: per thousand pods, and without any."""
    thousands = [size / 1_000 for size in by_size]
    return statistics.linear_regression(thousands, [figures[name] for figures in by_size.values()])


def rows() -> Iterator[tuple[str, ...]]:
    """For the table of all benchmarks."""
    for lists in ("pages", "stream"):
        by_size = {size: measure(size, lists) for size in (1_000, 10_000)}
        figures, (slope, _) = by_size[10_000], line(by_size, "rss")
        yield (
            f"10,000 pods of 10 kB, listed {'in pages' if lists == 'pages' else 'as a stream'}",
            f"{figures['rss']:.0f} MB, peak {figures['peak']:.0f} MB",
            f"{slope:.1f} MB per 1,000; {figures['list_cpu']:.1f} s CPU",
            "",
            "< 150 MB",
        )


def main() -> None:
    """Measure all sizes both ways and print them."""
    console = Console(width=120)
    for lists in ("pages", "stream"):
        columns = (
            "pods",
            "MB",
            "peak MB",
            "list, CPU s",
            "CPU s/page",
            "MB/page",
            "start, CPU s",
            "events/CPU s",
        )
        table = Table(*columns, title=f"listed: {lists}")
        by_size = {size: measure(size, lists) for size in SIZES}
        for size, it in by_size.items():
            table.add_row(
                f"{size:,}",
                f"{it['rss']:.0f}",
                f"{it['peak']:.0f}",
                f"{it['list_cpu']:.2f}",
                f"{it['list_cpu'] / (size / PAGE):.3f}",
                f"{it['page']:.2f}",
                f"{it['start_cpu']:.2f}",
                f"{it['rate']:,.0f}",
            )
        console.print(table)
        for name in ("rss", "peak", "list_cpu"):
            slope, none = line(by_size, name)
            planned = none + slope * PLANNED / 1_000
            console.print(
                f"{name}: {slope:.3f} per 1,000 pods, {none:.1f} without; {PLANNED:,}: {planned:,.0f}"
            )


if __name__ == "__main__":
    main()
