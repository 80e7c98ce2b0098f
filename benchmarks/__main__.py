"""`python -m benchmarks` prints the table; every ratio is of two things measured side by side in this run."""

from __future__ import annotations

import statistics

from rich.console import Console
from rich.table import Table

from benchmarks import bounce, engine, live, player, reload, rivals, scale, sessions, sustained, terminal
from benchmarks.child import server
from sonickube_tui.engine.builtin import parts


def percentile(values: list[float], percent: float) -> float:
    """The value that so many percent do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def main() -> None:
    """Measure everything and print it as one table."""
    table = Table("what", "measured", "beside", "ratio", "goal")

    with server(1_000, 6_000) as fast:
        ours = 6_000 / fast.measure("headless", 6_000)["seconds"]
        theirs = 1_500 / fast.measure("documented", 1_500)["seconds"]
    table.add_row(
        "watch events/s, whole headless path, one core",
        f"{ours:,.0f}",
        f"{theirs:,.0f} (Watch().stream alone)",
        f"{ours / theirs:.1f}x",
        ">= 8x",
    )

    for name, voices in (("no spacing of voices", 100_000.0), ("10 onsets/s, as shipped", 10.0)):
        with server(1_000, 2_000, rate=200) as steady:
            steady.measure("headless", 2_000, voices)
            waits = steady.latencies()
        table.add_row(
            f"watch line to datagram at 200 events/s, {name}",
            f"p50 {percentile(waits, 50):.1f} ms, p99 {percentile(waits, 99):.1f} ms",
            f"{len(waits):,} voices",
            "",
            "",
        )

    for row in sustained.rows():
        table.add_row(*row)
    for row in scale.rows():
        table.add_row(*row)
    for row in rivals.rows():
        table.add_row(*row)

    paints = [(terminal.first_paint(), terminal.import_textual()) for _ in range(7)]
    paint, textual = (statistics.median(times) for times in zip(*paints, strict=True))
    table.add_row(
        "first paint of sonickube demo",
        f"{paint:.2f} s",
        f"{textual:.2f} s (import textual.app)",
        f"{paint / textual:.2f}x",
        "< 3x",
    )

    if not parts.missing():
        sounds = [live.first_sound() for _ in range(5)]
        table.add_row(
            "first sound of sonickube demo on the built-in player",
            f"{statistics.median(sounds):.2f} s, max {max(sounds):.2f} s",
            f"{len(sounds)} starts",
            "",
            "< 3 s",
        )
        work = live.work(20)
        table.add_row(
            "built-in player, 20 voices/s of all shipped snippets",
            f"{work.cpu:.0%} of a core, {work.gaps} gaps",
            f"{work.begun} voices",
            "",
            "< 60 %",
        )

    keys = [1000 * delay for delay in terminal.key_to_screen()]
    table.add_row(
        "key to screen at 1,000 events/s",
        f"p50 {percentile(keys, 50):.0f} ms, p95 {percentile(keys, 95):.0f} ms",
        f"{len(keys)} keys",
        "",
        "p95 < 60 ms",
    )

    saves = [1000 * delay for delay in reload.save_to_use()]
    table.add_row(
        "snippet saved to in use",
        f"p50 {percentile(saves, 50):.0f} ms, max {max(saves):.0f} ms",
        f"{len(saves)} saves",
        "",
        "< 150 ms",
    )

    if figures := engine.measure():
        twenty = figures[20]
        table.add_row(
            "round trip of a voice on Sonic Pi, 20 voices/s",
            f"p50 {percentile(twenty.trips, 50):.1f} ms, p99 {percentile(twenty.trips, 99):.1f} ms",
            f"our CPU {100 * twenty.cpu:.1f} % of a core",
            "",
            "",
        )
        clean = [rate for rate, measured in figures.items() if measured.clean]
        table.add_row(
            "voices/s that Sonic Pi takes in time, before merging",
            f"{max(clean, default=0)}",
            f"of {', '.join(map(str, figures))} (jack's period: 43/s)",
            "",
            "",
        )

    for row in bounce.rows():
        table.add_row(*row)

    measured = player.measure()
    for row in player.rows(measured):
        table.add_row(*row)
    Console(width=130).print(table)
    if measured:
        Console(width=180).print(player.table(measured))
    sessions.main()


if __name__ == "__main__":
    main()
