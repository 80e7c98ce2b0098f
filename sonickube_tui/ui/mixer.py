"""The mixer panel: a row for each namespace's channel."""

from __future__ import annotations

import time

from rich.segment import Segment
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from sonickube_tui.conductor import Conductor
from sonickube_tui.music.health import words
from sonickube_tui.music.mixer import CENTRE, MAX_DB, MIN_DB, UNITY_DB, Channel
from sonickube_tui.ui.actions import Pane, bindings
from sonickube_tui.ui.cells import Shared, fit
from sonickube_tui.ui.look import Look

STEP_DB = 1.0
"""What one key press moves a fader by."""

PAN_STEP = 0.1
"""What one key press moves a pan by: a tenth of the way from the middle to an ear."""

METER = 6
"""Cells of a meter."""

METER_HALF_LIFE = 0.4
"""Seconds in which a meter falls by half."""

_FADER, _GAIN, _PAN, _LAMPS = 16, 6, 5, 6
_SHORT_FADER, _NAME = 8, 19
"""Where there is little room the fader gives way to the name, as far as this."""


class MixerPanel(ScrollView, can_focus=True, inherit_bindings=False):
    """Channels in order of name, one of them selected."""

    BINDINGS = bindings(Pane.MIXER)

    class Changed(Message):
        """The mix is another one."""

    def __init__(self, conductor: Conductor, look: Look) -> None:
        super().__init__(id="mixer", classes="pane")
        self.look = look
        self.shared = Shared()
        self._conductor = conductor
        self._selected = ""
        self._drawn: object = None

    def on_mount(self) -> None:
        """The name in the border."""
        self.border_title = "mixer"

    @property
    def channels(self) -> list[Channel]:
        """All channels, in the order of the rows."""
        return list(self._conductor.mixer)

    @property
    def selected(self) -> Channel | None:
        """The channel that the keys act on."""
        channels = self.channels
        return channels[self._row(channels)] if channels else None

    def _row(self, channels: list[Channel]) -> int:
        return next((row for row, channel in enumerate(channels) if channel.name == self._selected), 0)

    def flush(self) -> None:
        """Draw the panel when something on it has changed: the mix, a meter, a health word."""
        now = time.monotonic()
        rows = [(channel, self._meter(channel.name, now), self._state(channel)) for channel in self.channels]
        picture = (self._conductor.mixer.dimmed, rows)
        if picture != self._drawn:
            self._drawn = picture
            mixer = self._conductor.mixer
            self.border_title = f"mixer · dim {mixer.dim_db:.0f} dB" if mixer.dimmed else "mixer"
            self.virtual_size = Size(self.size.width, len(rows))
            self.refresh()

    def _meter(self, name: str, now: float) -> int:
        if (activity := self._conductor.activity.get(name)) is None:
            return 0
        return int(METER * 0.5 ** ((now - activity[0]) / METER_HALF_LIFE) + 0.5)

    def _state(self, channel: Channel) -> str:
        if not self._conductor.mixer.audible(channel.name):
            return "by solo" if self._conductor.mixer.soloing else "muted"
        health = self._conductor.channel_health(channel.name)
        return "" if health >= 0.9 else words(health)

    def _select(self, row: int) -> None:
        if channels := self.channels:
            row = max(0, min(len(channels) - 1, row))
            self._selected = channels[row].name
            self.scroll_to_region(Region(0, row, 1, 1), animate=False, immediate=True, force=True)
            self.refresh()

    def action_move(self, rows: int) -> None:
        """Select another channel."""
        self._select(self._row(self.channels) + rows)

    def action_mute(self) -> None:
        """Toggle the mute."""
        if channel := self.selected:
            self._conductor.mixer.toggle_mute(channel.name)
            self._changed()

    def action_solo(self) -> None:
        """Toggle the solo."""
        if channel := self.selected:
            self._conductor.mixer.toggle_solo(channel.name)
            self._changed()

    def action_nudge(self, steps: int) -> None:
        """Move the fader."""
        if channel := self.selected:
            self._conductor.mixer.nudge(channel.name, steps * STEP_DB)
            self._changed()

    def action_unity(self) -> None:
        """Fader to 0 dB."""
        if channel := self.selected:
            self._conductor.mixer.set_gain(channel.name, UNITY_DB)
            self._changed()

    def action_nudge_pan(self, steps: int) -> None:
        """Move the pan."""
        if channel := self.selected:
            self._conductor.mixer.nudge_pan(channel.name, steps * PAN_STEP)
            self._changed()

    def action_centre(self) -> None:
        """Pan to the middle."""
        if channel := self.selected:
            self._conductor.mixer.set_pan(channel.name, CENTRE)
            self._changed()

    def action_clear_solos(self) -> None:
        """The mix as it was before any solo."""
        self._conductor.mixer.clear_solos()
        self._changed()

    def action_stop(self) -> None:
        """Silence what sounds in the channel."""
        if channel := self.selected:
            self._conductor.stop_sound(channel.name)

    def _changed(self) -> None:
        if channel := self.selected:
            self._selected = channel.name
        self._conductor.remix()
        self.post_message(self.Changed())
        self.flush()

    def on_click(self, event: Click) -> None:
        """A click selects a channel."""
        offset = event.get_content_offset(self)
        if offset is not None:
            self._select(int(self.scroll_offset.y + offset.y))

    def render_line(self, y: int) -> Strip:
        """One channel."""
        row, width, channels = self.scroll_offset.y + y, self.size.width, self.channels
        if row >= len(channels):
            hint = "  a channel for each namespace, from its first event on" if row == 0 else ""
            return Strip([Segment(fit(hint, width), self.look.quiet)], width).apply_style(self.rich_style)
        strip = self._draw(channels[row], width, chosen=row == self._row(channels))
        return strip.apply_style(self.rich_style)

    def _draw(self, channel: Channel, width: int, *, chosen: bool) -> Strip:
        look, heard = self.look, self._conductor.mixer.audible(channel.name)
        room = width - 1 - _GAIN - _PAN - _LAMPS - METER - 24
        travel = min(_FADER, max(_SHORT_FADER, room - _NAME))
        name = min(28, max(8, room - travel))
        knob = round(travel * fader(channel.gain_db))
        lit = self._meter(channel.name, time.monotonic())
        _, severity = self._conductor.activity.get(channel.name, (0.0, None))
        meter = look.severity[severity] if severity else look.quiet
        body = look.plain if heard else look.quiet
        state = self._state(channel)
        troubled = look.health(self._conductor.channel_health(channel.name)) if heard else look.quiet
        gain = "off" if channel.gain_db <= MIN_DB else f"{channel.gain_db:.1f}"
        segments = [
            Segment("▸" if chosen else " ", look.accent),
            Segment(self.shared.fit_channel(channel.name, name) + " ", body),
            Segment("━" * knob, look.accent if heard else look.quiet),
            Segment("╌" * (travel - knob), look.quiet),
            Segment(gain.rjust(_GAIN), body),
            Segment(side(channel.pan).rjust(_PAN) + " ", body if channel.pan != CENTRE else look.quiet),
            Segment("[M]" if channel.muted else " M ", look.strong if channel.muted else look.quiet),
            Segment("[S]" if channel.soloed else " S ", look.accent if channel.soloed else look.quiet),
            Segment("  " + "▮" * lit, meter),
            Segment("▯" * (METER - lit) + "  ", look.quiet),
            Segment(state, troubled),
        ]
        strip = Strip(segments).adjust_cell_length(width)
        if chosen:
            return strip.apply_style(look.cursor if self.has_focus else look.resting_cursor)
        return strip


def side(pan: float) -> str:
    """A pan in at most four cells, in hundredths of the way to an ear: `L40`, `C`, `R100`."""
    hundredths = round(100 * pan)
    return f"{'L' if hundredths < 0 else 'R'}{abs(hundredths)}" if hundredths else "C"


def fader(gain_db: float) -> float:
    """Where a fader stands between its bottom (0) and its top (1): by the cube root of amplitude, which gives
    most of its travel to the decibels that are used most.
    """
    return 0.0 if gain_db <= MIN_DB else float(10 ** ((gain_db - MAX_DB) / 60))
