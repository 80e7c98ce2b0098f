"""Whether the terminal is fit for the console, and the checks as it shows them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sonickube_tui.doctor.check import Check, State, told
from sonickube_tui.plain import plain


def terminal() -> list[Check]:
    """That there is one, large enough, with colours and all characters."""
    closed = [name for name in ("stdin", "stdout", "stderr") if not getattr(sys, name).isatty()]
    width, height = shutil.get_terminal_size()
    console = Console(force_terminal=True)
    colours = {"truecolor": "24-bit colour", "256": "256 colours"}.get(console.color_system or "")
    problems = []
    if closed:
        problems.append(f"none at {', '.join(closed)}; the console needs one; without: sonickube --headless")
    elif width < 80 or height < 24:
        problems.append(f"{width}x{height}; make it 80x24 or larger")
    if colours is None and not closed:
        problems.append("16 colours or fewer; if it can show more: export COLORTERM=truecolor")
    if not _utf8():
        problems.append(f"{sys.stdout.encoding} in place of UTF-8; export LANG=C.UTF-8")
    off = " (off, as NO_COLOR says)" if console.no_color else ""
    return [told("terminal", problem, State.WARNING) for problem in problems] or [
        Check("terminal", State.OK, f"{width}x{height}, {colours}{off}, UTF-8")
    ]


def table(checks: Sequence[Check]) -> Table:
    """A line or two for each check; the name of several is shown once."""
    table = Table.grid(padding=(0, 1))
    for _ in range(3):
        table.add_column(overflow="fold")
    signs = dict(zip(State, "✓!✗" if _utf8() else "+!x", strict=True))
    colours = dict(zip(State, ("green", "yellow", "red"), strict=True))
    before = ""
    for check in checks:
        name = Text("" if check.name == before else check.name)
        table.add_row(Text(signs[check.state], colours[check.state]), name, Text(check.says))
        if check.advice:
            table.add_row("", "", Padding(Text(check.advice), (0, 0, 0, 2)))
        before = check.name
    return table


def printable(text: str) -> str:
    """One plain line, without what this terminal has no characters for."""
    line = " ".join(plain(text).split())
    return line.encode(sys.stdout.encoding, "replace").decode(sys.stdout.encoding)


def _utf8() -> bool:
    return "utf" in sys.stdout.encoding.lower()
