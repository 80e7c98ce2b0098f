"""The command palette: the registry's actions, and all snippets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from textual.app import App, SystemCommand
from textual.widget import Widget

from sonickube_tui.ui.actions import ACTIONS, Pane

Homes = Mapping[Pane, Widget | App[None]]
"""The widgets whose actions there are now."""


def commands(
    app: App[None], homes: Homes, snippets: Iterable[str], show: Callable[[str], None]
) -> Iterator[SystemCommand]:
    """What can be done, but for steps that only keys make sense for; `show` opens a snippet."""
    for action in ACTIONS:
        home = homes.get(action.pane)
        step = action.name.endswith(")") or action.name == "command_palette"
        if home is not None and not step and app.check_action(action.name, ()):
            run = partial(app.run_action, action.name, home)
            yield SystemCommand(action.words, f"{action.pane.value}  {action.shown_keys()}", run)
    for name in snippets:
        yield SystemCommand(f"{name}.rb", "open this snippet", partial(show, name))
