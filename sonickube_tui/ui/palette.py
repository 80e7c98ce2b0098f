"""The command palette: the registry's actions, and all snippets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import ClassVar

import msgspec
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.events import Click
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, OptionList

from sonickube_tui.ui.actions import ACTIONS, Pane
from sonickube_tui.ui.look import Look

Homes = Mapping[Pane, Widget | App[None]]
"""The widgets whose actions there are now."""

PAGE = 8
"""Commands that a page key goes on by."""


class Command(msgspec.Struct, frozen=True):
    """Something that can be done: in words, where and by which keys it is done otherwise, and how."""

    words: str
    where: str
    run: Callable[[], Awaitable[object] | None]


def commands(
    app: App[None], homes: Homes, snippets: Iterable[str], show: Callable[[str], None]
) -> Iterator[Command]:
    """What can be done, but for steps that only keys make sense for; `show` opens a snippet."""
    for action in ACTIONS:
        home = homes.get(action.pane)
        step = action.name.endswith(")") or action.name == "command_palette"
        if home is not None and not step and app.check_action(action.name, ()):
            run = partial(app.run_action, action.name, home)
            yield Command(action.words, f"{action.pane.value}  {action.shown_keys()}", run)
    for name in snippets:
        yield Command(f"{name}.rb", "open this snippet", partial(show, name))


def find(text: str, among: Iterable[Command]) -> list[Command]:
    """The commands with all the words of a text in them, those that begin with it first."""
    text = text.strip().lower()
    found = [
        command
        for command in among
        if all(word in f"{command.words} {command.where}".lower() for word in text.split())
    ]
    return sorted(found, key=lambda command: not command.words.lower().startswith(text))


class CommandPalette(ModalScreen[Command]):
    """A line to type, and the commands that have its words; what is chosen is the result.

    The list is always that of the line as it stands: Enter right behind the words takes what they say.
    """

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss", "leave", show=False),
        Binding("up", "move(-1)", "one up", show=False),
        Binding("down", "move(1)", "one down", show=False),
        Binding("pageup", "page(-1)", "a page up", show=False),
        Binding("pagedown", "page(1)", "a page down", show=False),
    ]

    def __init__(self, all_commands: Iterable[Command], look: Look) -> None:
        super().__init__()
        self._look = look
        self._all = self._found = list(all_commands)
        self._list = OptionList()
        self._list.can_focus = False

    def compose(self) -> ComposeResult:
        """The line above, the list below."""
        with Vertical(classes="palette") as box:
            box.border_title = "commands"
            yield Input(placeholder="a command or a snippet", compact=True)
            yield self._list

    def on_mount(self) -> None:
        """All commands at first."""
        self._show("")

    def _show(self, text: str) -> None:
        self._found = find(text, self._all)
        rows = [
            Text.assemble((command.words, self._look.plain), "\n", (f"  {command.where}", self._look.quiet))
            for command in self._found
        ]
        self._list.clear_options().add_options(rows)
        self._list.highlighted = 0 if rows else None
        self.query_one(Vertical).border_subtitle = "" if rows else "nothing has all these words"

    def on_input_changed(self, message: Input.Changed) -> None:
        """The list follows the line."""
        message.stop()
        self._show(message.value)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Take the chosen command; where there is none, the line stays."""
        message.stop()
        if self._list.highlighted is not None:
            self.dismiss(self._found[self._list.highlighted])

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """A click takes a command."""
        message.stop()
        if self.is_active:
            self.dismiss(self._found[message.option_index])

    def on_click(self, event: Click) -> None:
        """A click beside it leaves; of two in a row the first has done so."""
        if self.is_active and event.widget is self:
            self.dismiss()

    def action_move(self, rows: int) -> None:
        """Choose another one."""
        if self._list.highlighted is not None:
            self._list.highlighted = max(0, min(len(self._found) - 1, self._list.highlighted + rows))

    def action_page(self, pages: int) -> None:
        """Choose one further away: as far before the list is drawn as after it."""
        self.action_move(pages * PAGE)
