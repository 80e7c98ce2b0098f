"""What comes up over the console: the help, the last packet, and a question before work is lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from sonickube_tui.ui.actions import Pane, of
from sonickube_tui.ui.look import MARKS, Look


class Paper(ModalScreen[None]):
    """Something to read."""

    BINDINGS: ClassVar = [Binding("escape,q,enter,question_mark,p", "dismiss", "close", show=False)]

    def __init__(self, title: str, content: RenderableType) -> None:
        super().__init__()
        self._title = title
        self._content = content

    def compose(self) -> ComposeResult:
        """A sheet that scrolls."""
        with VerticalScroll(classes="sheet") as sheet:
            sheet.border_title = self._title
            sheet.border_subtitle = "Esc closes"
            yield Static(self._content, markup=False)


def help_text(look: Look) -> RenderableType:
    """All keys by pane, and the signs of the log."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for pane in Pane:
        table.add_row(Text(pane.value, look.accent), "")
        for action in of(pane):
            table.add_row(Text(f"  {action.shown_keys()}", look.strong), Text(action.words, look.plain))
        table.add_row("", "")
    signs = Text("  ").join(
        Text(f"{mark} {severity.value}", look.severity[severity]) for severity, mark in MARKS.items()
    )
    table.add_row(Text("signs", look.accent), signs)
    return table


class Unsaved(ModalScreen[str]):
    """Snippets were edited and not saved: `save` them, `discard` them, or `stay`."""

    BINDINGS: ClassVar = [
        Binding("s", "dismiss('save')", "save"),
        Binding("d", "dismiss('discard')", "discard"),
        Binding("escape", "dismiss('stay')", "stay"),
    ]

    def __init__(self, names: Iterable[str], look: Look) -> None:
        super().__init__()
        self._names = ", ".join(f"{name}.rb" for name in names)
        self._look = look

    def compose(self) -> ComposeResult:
        """The question and its three keys."""
        keys = Text("  ").join(
            Text.assemble((key, self._look.accent), " ", (word, self._look.plain))
            for key, word in (("s", "save and quit"), ("d", "discard and quit"), ("Esc", "stay"))
        )
        with Vertical(classes="question"):
            yield Static(f"Edited and not saved: {self._names}", markup=False)
            yield Static(keys)
