"""The event log: a hundred thousand rows of which only the visible ones are drawn."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Input

from sonickube_tui.entry import Entry
from sonickube_tui.ui.actions import Pane, bindings
from sonickube_tui.ui.cells import Shared, fit, fit_middle
from sonickube_tui.ui.history import History
from sonickube_tui.ui.look import MARKS, Look

_MARK, _KIND, _FATE = 2, 14, 8
_WIDE = 90
"""Cells from which on a row has room for milliseconds."""


class EventLog(ScrollView, can_focus=True, inherit_bindings=False):
    """Follows the newest event until somebody moves up, and again from the newest on."""

    BINDINGS = bindings(Pane.EVENTS)

    class Opened(Message):
        """The user wants to see the snippet that played an entry."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    class Filtering(Message):
        """The user wants to type a filter, or to be rid of it."""

        def __init__(self, *, clear: bool = False) -> None:
            super().__init__()
            self.clear = clear

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.shared = Shared()
        self.history = History()
        self.following = True
        self._cursor = 0
        self._forgotten = 0
        self._stale = False
        self._base = Style()

    @property
    def selected(self) -> Entry | None:
        """The entry under the cursor; the newest one while following."""
        return self.history[self._row] if len(self.history) else None

    @property
    def _row(self) -> int:
        last = max(0, len(self.history) - 1)
        return last if self.following else min(last, self.history.row(self._cursor))

    @property
    def below(self) -> int:
        """How many shown events are newer than the one under the cursor."""
        return max(0, len(self.history) - 1 - self._row)

    def put(self, entry: Entry) -> None:
        """Take an entry in; the screen follows at the next `flush`."""
        self.history.put(entry)
        self._stale = True

    def clear(self, first: int) -> None:
        """Forget all entries before the number `first`, and follow."""
        self.history.clear(first)
        self._forgotten = 0
        self.following = self._stale = True

    def flush(self) -> None:
        """Draw what has come since the last time."""
        if self._stale:
            self._stale = False
            self._fit()
        elif self.following and self.scroll_y < self.max_scroll_y:
            # The first rows that did not fit came before there was a scrollbar.
            self.scroll_end(animate=False, immediate=True, x_axis=False)

    def filter(self, text: str) -> None:
        """Show only what has all the words in it."""
        self.history.filter(text)
        self._forgotten = 0
        self._fit()
        self._reveal()

    def _fit(self) -> None:
        forgotten, self._forgotten = self.history.forgotten - self._forgotten, self.history.forgotten
        self.virtual_size = Size(self.size.width, len(self.history))
        if self.following:
            # With the first row that does not fit, there is a scrollbar only after the next refresh.
            self.scroll_end(animate=False, immediate=self.show_vertical_scrollbar, x_axis=False)
        elif forgotten:
            # Rows have gone at the top: what is looked at stays where it is.
            self.scroll_to(y=max(0, self.scroll_y - forgotten), animate=False, immediate=True)
        self.refresh()

    def on_resize(self, _: Resize) -> None:
        """The rows take the new width."""
        self._fit()
        self._reveal()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling up by wheel or bar stops following; scrolling to the end takes it up again."""
        super().watch_scroll_y(old_value, new_value)
        if self.following and new_value < old_value and new_value < self.max_scroll_y:
            self._stop_following()
        elif not self.following and new_value > old_value and new_value >= self.max_scroll_y:
            self.action_newest()

    def _stop_following(self) -> None:
        if self.following and (entry := self.selected):
            self._cursor = entry.seq
            self.following = False

    def _select(self, row: int) -> None:
        if not len(self.history):
            return
        row = max(0, min(len(self.history) - 1, row))
        self._cursor = self.history[row].seq
        self.following = row == len(self.history) - 1
        self._reveal()
        self.refresh()

    def _reveal(self) -> None:
        self.scroll_to_region(Region(0, self._row, 1, 1), animate=False, immediate=True, force=True)

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self._select(self._row + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by what the window shows."""
        self._select(self._row + pages * max(1, self.size.height - 1))

    def action_oldest(self) -> None:
        """To the first row."""
        self._select(0)

    def action_newest(self) -> None:
        """To the last row, and follow."""
        self._select(len(self.history) - 1)

    def action_open(self) -> None:
        """Ask for the snippet of the selected event."""
        if entry := self.selected:
            self.post_message(self.Opened(entry))

    def action_filter(self) -> None:
        """Ask for the filter's input."""
        self.post_message(self.Filtering())

    def action_clear_filter(self) -> None:
        """Ask to be rid of the filter."""
        self.post_message(self.Filtering(clear=True))

    def on_click(self, event: Click) -> None:
        """A click selects, a second one opens."""
        self._select(int(self.scroll_offset.y + event.y))
        if event.chain == 2:
            self.action_open()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows of one drawing, whose common style is looked up once."""
        self._base = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One row, drawn when it comes into view."""
        row, width = self.scroll_offset.y + y, self.size.width
        if row >= len(self.history):
            hint = (
                "  nothing yet: what the pods do appears here" if row == 0 and not self.history.total else ""
            )
            return Strip([Segment(fit(hint, width), self.look.quiet)], width).apply_style(self._base)
        strip = self._draw(self.history[row], width, chosen=row == self._row)
        return strip.apply_style(self._base)

    def _draw(self, entry: Entry, width: int, *, chosen: bool) -> Strip:
        look, event = self.look, entry.event
        severity = look.severity[event.severity]
        time = datetime.fromtimestamp(event.at).isoformat(sep=" ", timespec="milliseconds")[11:]
        time = time if width >= _WIDE else time[:8]
        fixed = 1 + len(time) + 1 + 1 + 1 + _MARK + _KIND + 1 + _FATE + 1
        room = max(18, width - fixed)
        # The cluster's name before a namespace takes its room from what has most of it.
        share, least, most = (38, 16, 36) if event.prefix else (24, 9, 20)
        namespace = min(most, max(least, room * share // 100))
        pod = min(42, max(8, room * (39 if event.prefix else 47) // 100))
        reason = room - namespace - pod
        times = f" ×{entry.count}" if entry.count > 1 else ""
        outcome, style = look.outcome(entry)
        said = entry.problem or " ".join(filter(None, (event.reason, event.message)))
        segments = [
            Segment("▸" if chosen else " ", look.accent),
            Segment(time, look.quiet),
            Segment(" " + self.shared.fit_channel(event.channel, namespace), look.quiet),
            Segment(" " + fit_middle(event.pod, pod - len(times)) + times, look.plain),
            Segment(" " + fit(MARKS[event.severity], _MARK) + fit(event.kind.words, _KIND), severity),
            Segment(fit(said, reason), look.quiet),
            Segment(" " + fit(outcome, _FATE), style),
        ]
        strip = Strip(segments).adjust_cell_length(width)
        if chosen:
            return strip.apply_style(look.cursor if self.has_focus else look.resting_cursor)
        return strip


class FilterInput(Input):
    """Where the filter is typed; Enter keeps it, Esc is rid of it."""

    BINDINGS: ClassVar = [Binding("escape", "drop", "no filter", show=False)]

    class Dropped(Message):
        """The filter is no longer wanted."""

    def action_drop(self) -> None:
        """Ask to be rid of the filter."""
        self.post_message(self.Dropped())


class EventPane(Vertical):
    """The log with its filter."""

    def __init__(self, look: Look) -> None:
        super().__init__(id="events", classes="pane")
        self.log_view = EventLog(look)
        self._input = FilterInput(placeholder="words to look for; Enter keeps, Esc clears", compact=True)

    def compose(self) -> ComposeResult:
        """The log above, the input below when it is wanted."""
        yield self.log_view
        yield self._input

    def on_mount(self) -> None:
        """No filter at first."""
        self.border_title = "events"
        self._input.display = False

    def flush(self) -> None:
        """Draw what is new, and tell in the border how much there is."""
        self.log_view.flush()
        self._tell()

    def _tell(self) -> None:
        log, history = self.log_view, self.log_view.history
        shown = f"{len(history):,} of {history.total:,}" if self._input.value else f"{history.total:,}"
        self.border_subtitle = f"{shown}, {log.below:,} below" if log.below else shown

    def on_event_log_filtering(self, message: EventLog.Filtering) -> None:
        """Open the input, or drop the filter."""
        if message.clear:
            self._close(clear=True)
        else:
            self._input.display = True
            self._input.focus()

    def on_input_changed(self, message: Input.Changed) -> None:
        """The filter holds while it is typed."""
        message.stop()
        self.log_view.filter(message.value)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Keep the filter and go back to the log."""
        message.stop()
        self._close(clear=False)

    def on_filter_input_dropped(self) -> None:
        """Show all events again and go back to the log."""
        self._close(clear=True)

    def _close(self, *, clear: bool) -> None:
        if clear:
            self._input.value = ""
        self._input.display = bool(self._input.value)
        self.log_view.focus()
