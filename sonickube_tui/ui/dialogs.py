"""What comes up over the console: something to read, a line to type, and a question before work is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from sonickube_tui.errors import UserError
from sonickube_tui.plain import plain
from sonickube_tui.ui.actions import Action, Pane, of
from sonickube_tui.ui.look import MARKS, Look

_FREEDOM = (
    "built-in player: a sandbox, without files, network and programs",
    "Sonic Pi: all that you may do, so play what people you trust have written",
)


class Paper(ModalScreen[None]):
    """Something to read. What is to be `copied` goes to the terminal's clipboard, where it has one."""

    BINDINGS: ClassVar = [
        Binding("escape,q,enter,question_mark,p", "dismiss", "close", show=False),
        Binding("y", "copy", "copy", show=False),
    ]

    def __init__(self, title: str, content: RenderableType, copied: str = "") -> None:
        super().__init__()
        self._title = title
        self._content = content
        self._copied = copied

    def compose(self) -> ComposeResult:
        """A sheet that scrolls."""
        with VerticalScroll(classes="sheet") as sheet:
            sheet.border_title = self._title
            sheet.border_subtitle = "y copies, Esc closes" if self._copied else "Esc closes"
            yield Static(self._content, markup=False)

    def action_copy(self) -> None:
        """Copy what is to be pasted elsewhere."""
        if self._copied:
            self.app.copy_to_clipboard(self._copied)


def help_text(
    panes: Iterable[Pane], look: Look, there_is: Callable[[Action], object] = lambda _: True
) -> RenderableType:
    """The keys of these panes for the actions that there are, the log's signs, and what snippets may do."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for pane in panes:
        table.add_row(Text(pane.value, look.accent), "")
        for action in filter(there_is, of(pane)):
            table.add_row(Text(f"  {action.shown_keys()}", look.strong), Text(action.words, look.plain))
        table.add_row("", "")
    signs = Text("  ").join(
        Text(f"{mark} {severity.value}", look.severity[severity]) for severity, mark in MARKS.items()
    )
    table.add_row(Text("signs", look.accent), signs)
    table.add_row("", "")
    table.add_row(Text("snippets", look.accent), Text("\n".join(_FREEDOM), look.plain))
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


class Line(ModalScreen[str | None]):
    """One line to type; None when it was left by Esc.

    `check` raises UserError with what is wrong with the line; it stays until it is right.
    """

    BINDINGS: ClassVar = [Binding("escape", "dismiss(None)", "leave")]

    def __init__(self, title: str, hint: str, check: Callable[[str], object]) -> None:
        super().__init__()
        self._title = title
        self._input = Input(compact=True)
        self._hint = hint
        self._check = check

    def compose(self) -> ComposeResult:
        """The line, and below it what it may be or what is wrong with it."""
        with Vertical(classes="line") as box:
            box.border_title = self._title
            yield self._input
            yield Static(self._hint, markup=False)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Take the line, or say what is wrong with it."""
        message.stop()
        try:
            self._check(message.value)
        except UserError as error:
            self.query_one(Static).update(plain(str(error)))
        else:
            self.dismiss(message.value)
