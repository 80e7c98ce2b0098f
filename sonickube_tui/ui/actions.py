"""The one registry of what can be done: keys, footer, help and command palette are all made from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum

import msgspec
from textual.binding import Binding, BindingType


class Pane(StrEnum):
    """Where an action's keys work."""

    ANYWHERE = "anywhere"
    EVENTS = "event log"
    MIXER = "mixer"
    SNIPPET = "snippet"
    REPLAY = "replay, anywhere"
    TIMELINE = "timeline"


class Action(msgspec.Struct, frozen=True):
    """Something the user can do.

    `name` is the method `action_<name>` of the pane's widget, `keys` are Textual's names with commas between
    them, `words` say what it does, `label` is its short form in the footer (empty: not shown there), and
    `priority` lets the keys work even where typing is taken for text.
    """

    pane: Pane
    name: str
    keys: str
    words: str
    label: str = ""
    priority: bool = False

    def shown_keys(self) -> str:
        """The keys as people read them; without any, it is found among the commands."""
        if not self.keys:
            return "by :"
        return "  ".join(_KEY_NAMES.get(key, key) for key in self.keys.split(","))


_KEY_NAMES = {
    "alt+r": "Alt+R",
    "alt+s": "Alt+S",
    "colon": ":",
    "ctrl+p": "Ctrl+P",
    "ctrl+q": "Ctrl+Q",
    "ctrl+r": "Ctrl+R",
    "ctrl+s": "Ctrl+S",
    "down": "↓",
    "end": "End",
    "enter": "Enter",
    "escape": "Esc",
    "f1": "F1",
    "full_stop": ".",
    "greater_than_sign": ">",
    "home": "Home",
    "left": "←",
    "left_square_bracket": "[",
    "less_than_sign": "<",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "question_mark": "?",
    "right": "→",
    "right_square_bracket": "]",
    "shift+left": "Shift+←",
    "shift+right": "Shift+→",
    "shift+tab": "Shift+Tab",
    "slash": "/",
    "space": "Space",
    "tab": "Tab",
    "up": "↑",
}

ACTIONS = (
    Action(Pane.EVENTS, "move(-1)", "up,k", "one event up; the log stops following"),
    Action(Pane.EVENTS, "move(1)", "down,j", "one event down"),
    Action(Pane.EVENTS, "page(-1)", "pageup", "a page up"),
    Action(Pane.EVENTS, "page(1)", "pagedown", "a page down"),
    Action(Pane.EVENTS, "oldest", "home,g", "to the oldest event"),
    Action(Pane.EVENTS, "newest", "G,end", "back to the newest event, and follow", "newest"),
    Action(Pane.EVENTS, "filter", "slash", "show only events with all of these words", "filter"),
    Action(Pane.EVENTS, "clear_filter", "escape", "show all events again"),
    Action(Pane.EVENTS, "open", "enter", "open the snippet that played the event", "its snippet"),
    Action(Pane.MIXER, "move(-1)", "up,k", "one channel up"),
    Action(Pane.MIXER, "move(1)", "down,j", "one channel down"),
    Action(Pane.MIXER, "mute", "m", "mute the channel, or let it be heard", "mute"),
    Action(Pane.MIXER, "solo", "s", "solo the channel, or take it out of the solo", "solo"),
    Action(Pane.MIXER, "clear_solos", "x", "clear all solos", "solo"),
    Action(Pane.MIXER, "nudge(-1)", "h,left", "1 dB quieter", "gain"),
    Action(Pane.MIXER, "nudge(1)", "l,right", "1 dB louder", "gain"),
    Action(Pane.MIXER, "unity", "0", "fader to unity, 0 dB", "gain"),
    Action(Pane.MIXER, "nudge_pan(-1)", "H,shift+left", "pan to the left", "pan"),
    Action(Pane.MIXER, "nudge_pan(1)", "L,shift+right", "pan to the right", "pan"),
    Action(Pane.MIXER, "centre", "c", "pan to the middle", "pan"),
    Action(Pane.MIXER, "stop", "full_stop", "stop what sounds in the channel", "stop"),
    Action(Pane.SNIPPET, "leave", "escape", "back to the event log", "events"),
    Action(Pane.REPLAY, "pause", "space", "pause, or play on", "pause"),
    Action(Pane.REPLAY, "speed(-1)", "less_than_sign", "slower", "speed"),
    Action(Pane.REPLAY, "speed(1)", "greater_than_sign", "faster", "speed"),
    Action(Pane.REPLAY, "next_error", "n", "to the next error", "error"),
    Action(Pane.REPLAY, "previous_error", "N", "to the error before", "error"),
    Action(Pane.REPLAY, "next_mark", "right_square_bracket", "to the next mark"),
    Action(Pane.REPLAY, "previous_mark", "left_square_bracket", "to the mark before"),
    Action(Pane.REPLAY, "go_to", "t", "go to a time", "go to"),
    Action(Pane.REPLAY, "loop_from", "b", "begin a loop here"),
    Action(Pane.REPLAY, "loop_to", "e", "end the loop here, and repeat it"),
    Action(Pane.REPLAY, "clear_loop", "B", "no loop any more"),
    Action(Pane.REPLAY, "follow_mix", "", "follow the recorded mix again"),
    Action(Pane.TIMELINE, "step(-5)", "left,h", "5 s back", "5 s"),
    Action(Pane.TIMELINE, "step(5)", "right,l", "5 s on", "5 s"),
    Action(Pane.TIMELINE, "step(-60)", "shift+left,H", "a minute back"),
    Action(Pane.TIMELINE, "step(60)", "shift+right,L", "a minute on"),
    Action(Pane.TIMELINE, "begin", "home,g", "to the beginning"),
    Action(Pane.TIMELINE, "finish", "end,G", "to the end"),
    Action(Pane.ANYWHERE, "help", "question_mark,f1", "this help", "help"),
    Action(Pane.ANYWHERE, "quit", "q", "quit", "quit"),
    Action(Pane.ANYWHERE, "quit", "ctrl+q", "quit, from the editor too", "", True),
    Action(Pane.ANYWHERE, "play", "alt+r,ctrl+r", "play the text for the selected event", "play", True),
    Action(Pane.ANYWHERE, "save", "ctrl+s", "save the snippet", "save", True),
    Action(Pane.ANYWHERE, "stop_sound", "alt+s", "stop all sound", "stop all", True),
    Action(Pane.ANYWHERE, "focus_next", "tab", "to the next pane", "pane"),
    Action(Pane.ANYWHERE, "focus_previous", "shift+tab", "to the pane before"),
    Action(Pane.ANYWHERE, "command_palette", "colon,ctrl+p", "find a command or a snippet", "commands"),
    Action(Pane.ANYWHERE, "dim", "d", "dim all but what is critical, or raise it again", "dim"),
    Action(Pane.ANYWHERE, "record", "r", "record the session, or end the recording", "record"),
    Action(Pane.ANYWHERE, "mark", "M", "set a mark in the recording"),
    Action(Pane.ANYWHERE, "engine_log", "o", "read what Sonic Pi said", "log"),
    Action(Pane.ANYWHERE, "packet", "p", "read the last packet that was sent", "packet"),
    Action(Pane.ANYWHERE, "light", "", "colours for a dark or a bright room"),
)


def of(pane: Pane) -> Iterator[Action]:
    """The actions of a pane, in the order in which they are shown."""
    return (action for action in ACTIONS if action.pane is pane)


def bindings(pane: Pane) -> list[BindingType]:
    """Textual's bindings for the widget that is the pane; neighbours of one label share it in the footer."""
    labels = Counter(action.label for action in of(pane))
    return [
        Binding(
            action.keys,
            action.name,
            action.label or action.words,
            show=bool(action.label),
            priority=action.priority,
            group=Binding.Group(action.label) if action.label and labels[action.label] > 1 else None,
        )
        for action in of(pane)
        if action.keys
    ]
