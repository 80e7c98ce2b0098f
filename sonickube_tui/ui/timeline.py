"""The timeline of a session that is replayed: what happened when, and where we are in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.strip import Strip
from textual.widget import Widget

from sonickube_tui.event import Severity
from sonickube_tui.plain import plain
from sonickube_tui.replay import Replay
from sonickube_tui.session.counts import Counted
from sonickube_tui.session.player import Player
from sonickube_tui.session.when import clock
from sonickube_tui.ui.actions import Pane, bindings
from sonickube_tui.ui.look import MARKS, Look

BARS = "▁▂▃▄▅▆▇█"

PIN = "▾"
"""A mark that the user has set."""

HEAD = "┃"
"""Where we are."""

_RANKS = tuple(Severity)


class Column(msgspec.Struct, frozen=True, gc=False):
    """What a column stands for: how many events, and the worst of them."""

    count: int = 0
    worst: Severity = Severity.OK


def columns(counted: Counted, duration: float, width: int) -> list[Column]:
    """The counts of a session on so many columns; where these are finer than the counts, neighbours share."""
    if duration <= 0 or width <= 0:
        return [Column()] * max(0, width)
    sums = [[0] * len(_RANKS) for _ in range(width)]
    span = duration / width
    if span >= counted.width:
        for number, counts in enumerate(counted.buckets):
            place = min(width - 1, int((number + 0.5) * counted.width / span))
            for rank, count in enumerate(counts):
                sums[place][rank] += count
    else:
        for place in range(width):
            number = int((place + 0.5) * span / counted.width)
            if number < len(counted.buckets):
                sums[place] = list(counted.buckets[number])
    return [_column(counts) for counts in sums]


def _column(counts: Sequence[int]) -> Column:
    worst = max((rank for rank, count in enumerate(counts) if count), default=0)
    return Column(sum(counts), _RANKS[worst])


class Timeline(Widget, can_focus=True, inherit_bindings=False):
    """A graph of the events by severity, with marks, loop and playhead; below it where we are in words.

    In a low terminal the signs of marks and severities stand in the graph itself.
    """

    BINDINGS = bindings(Pane.TIMELINE)

    def __init__(self, replay: Replay, look: Look, *, colour: bool) -> None:
        super().__init__(id="timeline")
        self.look = look
        self._replay = replay
        self._colour = colour
        self._drawn: object = None
        self._columns: list[Column] = []
        self._counted: object = None

    @property
    def _player(self) -> Player:
        return self._replay.player

    def flush(self) -> None:
        """Draw the timeline when something on it has changed."""
        index, width = self._player.session.index, self.size.width
        counted = (index.lines, index.end, width)
        if counted != self._counted:
            self._counted = counted
            self._columns = columns(index.counted(), index.end, width)
        picture = (counted, len(index.marks), self._words(), self._place(self._player.position))
        if picture != self._drawn:
            self._drawn = picture
            self.refresh()

    def on_resize(self) -> None:
        """The columns are others."""
        self.flush()

    def _place(self, t: float) -> int:
        """The column of a moment."""
        duration = self._player.duration
        return min(self.size.width - 1, int(t / duration * self.size.width)) if duration else 0

    def on_click(self, event: Click) -> None:
        """A click goes there."""
        offset = event.get_content_offset(self)
        if offset is not None:
            self._player.seek(self._player.duration * (offset.x + 0.5) / self.size.width)
            self.flush()

    def action_step(self, seconds: float) -> None:
        """Some seconds on, or back."""
        self._player.seek(min(self._player.position + seconds, self._player.duration))
        self.flush()

    def action_begin(self) -> None:
        """To the beginning."""
        self._player.seek(0.0)
        self.flush()

    def action_finish(self) -> None:
        """To the end of what is there."""
        self._player.seek(self._player.duration)
        self.flush()

    def render_line(self, y: int) -> Strip:
        """A row: signs where there is room for them, the graph, the words."""
        width, rows = self.size.width, self.size.height
        if y == rows - 1:
            strip = self._words()
        elif y == rows - 2:
            strip = self._graph(signs=rows < 3)
        else:
            strip = self._signs() if y == 0 else Strip.blank(width)
        return strip.adjust_cell_length(width).apply_style(self.rich_style)

    def _graph(self, *, signs: bool) -> Strip:
        look, most = self.look, max((column.count for column in self._columns), default=0)
        cells: list[tuple[str, Style]] = []
        for column in self._columns:
            if not column.count:
                cells.append((" ", look.quiet))
                continue
            # A single event can be seen next to a storm: heights are logarithms.
            height = math.ceil(len(BARS) * math.log1p(column.count) / math.log1p(most)) - 1
            bar = BARS[height]
            if signs and not self._colour and column.worst.rank >= Severity.ERROR.rank:
                bar = MARKS[column.worst]
            cells.append((bar, self._style(column)))
        if signs:
            self._pin(cells)
        return self._with_head(cells)

    def _style(self, column: Column) -> Style:
        troubled = column.worst.rank >= Severity.WARNING.rank
        return self.look.severity[column.worst] if troubled else self.look.quiet

    def _signs(self) -> Strip:
        cells = [
            (MARKS[column.worst], self._style(column))
            if column.worst.rank >= Severity.ERROR.rank
            else (" ", self.look.quiet)
            for column in self._columns
        ]
        self._pin(cells)
        return self._with_head(cells)

    def _pin(self, cells: list[tuple[str, Style]]) -> None:
        """Put marks and the ends of the loop over the cells."""
        if not cells:
            return
        player, accent = self._player, self.look.accent
        for mark in player.session.index.marks:
            cells[self._place(mark.t)] = (PIN, accent)
        if player.loop_from is not None:
            cells[self._place(player.loop_from)] = ("[", accent)
        if player.loop_to is not None:
            cells[self._place(player.loop_to)] = ("]", accent)

    def _with_head(self, cells: list[tuple[str, Style]]) -> Strip:
        if cells:
            cells[self._place(self._player.position)] = (HEAD, self.look.accent)
        return Strip([Segment(text, style) for text, style in cells])

    def _words(self) -> Strip:
        look, player, session = self.look, self._player, self._player.session
        position, duration = player.position, player.duration
        sign = "❚❚" if not player.playing else "■ " if player.at_end and not player.live else "▶ "
        segments = [
            Segment("▸" if self.has_focus else " ", look.accent),
            Segment(sign, look.quiet if sign == "■ " else look.accent),
            Segment(f" {clock(position, duration)}", look.strong),
            Segment(f" / {clock(duration, duration)}", look.quiet),
            Segment(f"  ×{player.speed:<4g}", look.plain if player.speed == 1 else look.accent),
            Segment(f"  {self._moment(position)}", look.plain),
        ]
        if player.live:
            segments.append(Segment("  live", look.accent))
        if player.loop_from is not None or player.loop_to is not None:
            begin = clock(player.loop_from or 0.0, duration)
            end = "…" if player.loop_to is None else clock(player.loop_to, duration)
            segments.append(Segment(f"  loop {begin}–{end}", look.accent))
        if not self._replay.follows_mix:
            segments.append(Segment("  own mix", look.quiet))
        if not session.caught_up:
            segments.append(Segment(f"  indexed {100 * session.progress:3.0f} %", look.quiet))
        if mark := session.index.previous_mark(position + 0.001):
            segments.append(Segment(f"  {PIN} {plain(mark.text) or 'mark'}", look.accent))
        width = self.size.width
        name = plain(session.name)
        line = Strip(segments)
        if (room := width - line.cell_length - 3) >= 12:
            shown = name if len(name) <= room else f"…{name[-(room - 1) :]}"
            return Strip([*segments, Segment(f"   {shown}".rjust(width - line.cell_length), look.quiet)])
        return line.crop(0, width)

    def _moment(self, position: float) -> str:
        """The time on the wall at that moment, with its date when that is not today."""
        began = self._player.began
        if not began:
            return " " * 8
        moment = datetime.fromtimestamp(began + position)
        return (
            f"{moment:%H:%M:%S}" if moment.date() == datetime.now().date() else f"{moment:%a %d %b %H:%M:%S}"
        )
