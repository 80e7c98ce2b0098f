"""The registry: what it lists can be done, and no key means two things in one place."""

from __future__ import annotations

from collections import Counter

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

from sonickube_tui.ui.actions import ACTIONS, Action, Pane, bindings, of
from sonickube_tui.ui.app import Console
from sonickube_tui.ui.events import EventLog
from sonickube_tui.ui.mixer import MixerPanel
from sonickube_tui.ui.snippet import SnippetPane
from sonickube_tui.ui.stage import Stage
from sonickube_tui.ui.timeline import Timeline

HOMES: dict[Pane, type[DOMNode]] = {
    Pane.ANYWHERE: Console,
    Pane.EVENTS: EventLog,
    Pane.MIXER: MixerPanel,
    Pane.SNIPPET: SnippetPane,
    Pane.REPLAY: Stage,
    Pane.TIMELINE: Timeline,
}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: f"{action.pane}-{action.name}")
def test_every_action_is_there(action: Action) -> None:
    method = action.name.partition("(")[0]
    assert callable(getattr(HOMES[action.pane], f"action_{method}"))


@pytest.mark.parametrize("pane", Pane)
def test_no_key_means_two_things_in_one_place(pane: Pane) -> None:
    keys = Counter(
        key
        for action in ACTIONS
        if action.pane in {pane, Pane.REPLAY, Pane.ANYWHERE}
        for key in action.keys.split(",")
        if key
    )
    assert [key for key, times in keys.items() if times > 1] == []


@pytest.mark.parametrize("pane", Pane)
def test_the_panes_bind_what_the_registry_says(pane: Pane) -> None:
    assert bindings(pane) == HOMES[pane].BINDINGS
    bound = {(b.action, b.key) for b in bindings(pane) if isinstance(b, Binding)}
    assert bound == {(action.name, action.keys) for action in of(pane) if action.keys}
