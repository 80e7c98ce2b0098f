"""The lines above and below the panes: how the cluster is, and what went to Sonic Pi and came back."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from rich.text import Text
from textual.widget import Widget

from sonickube_tui.conductor import Conductor
from sonickube_tui.entry import Entry, Fate, Heard
from sonickube_tui.event import Severity
from sonickube_tui.music.health import words
from sonickube_tui.plain import plain
from sonickube_tui.recording import Deck
from sonickube_tui.session.when import clock
from sonickube_tui.ui.cells import fit
from sonickube_tui.ui.look import Look, duration
from sonickube_tui.ui.standing import standing

_BARS = "▁▂▃▄▅▆▇█"


class HeaderBar(Widget):
    """Cluster, connection, health and its last half minute, theme, recording and clock."""

    def __init__(self, conductor: Conductor, look: Look, deck: Deck | None = None) -> None:
        super().__init__(id="header")
        self.look = look
        self._conductor = conductor
        self._deck = deck
        self._healths = deque([1.0] * 16, maxlen=16)

    def restart(self) -> None:
        """What was before is of another time."""
        self._healths.extend([self._conductor.cluster_health()] * len(self._healths))
        self.refresh()

    def tick(self) -> None:
        """Another second has passed."""
        self._healths.append(self._conductor.cluster_health())
        self.refresh()

    def render(self) -> Text:
        """One line; what has no room is left out from the right, but for recording and clock."""
        look = self.look
        health = self._conductor.cluster_health()
        line = Text(no_wrap=True, overflow="ellipsis", end="")
        line.append("SonicKube ", look.accent)
        line.append(" ")
        line.append_text(standing([*self._conductor.connections.values()], look, self.size.width))
        line.append(f"   {words(health)} ", look.health(health))
        seconds = list(self._healths)[-16 if self.size.width >= 100 else -8 :]
        line.append("".join(_BARS[round((1 - h) * (len(_BARS) - 1))] for h in seconds), look.quiet)
        line.append(f"   {self._conductor.theme.name}", look.quiet)
        right = self._recording()
        right.append(f"  {datetime.now():%H:%M:%S}", look.quiet)
        line.truncate(max(0, self.size.width - right.cell_len), overflow="ellipsis", pad=True)
        return line.append_text(right)

    def _recording(self) -> Text:
        """How long it is recorded, and what is wrong with that."""
        line = Text()
        recording = self._deck and self._deck.recording
        if recording:
            trouble = self.look.severity[Severity.ERROR]
            line.append(f"  ● REC {clock(recording.seconds)}", trouble)
            if recording.problem:
                line.append(f" {plain(recording.problem)}", trouble)
                line.truncate(max(16, self.size.width // 2), overflow="ellipsis")
        return line


class SenderBar(Widget):
    """The OSC sender: the engine, what left, what came back, and the last packet."""

    def __init__(self, conductor: Conductor, look: Look) -> None:
        super().__init__(id="sender")
        self.look = look
        self._conductor = conductor
        self._last: Entry | None = None
        self._failed: Entry | None = None
        self._drawn: object = None

    def heed(self, entry: Entry) -> None:
        """An entry that was sent is the last one to speak of; a failure is kept until the next one."""
        if entry.heard is Heard.FAILED:
            self._failed = entry
        elif entry.fate is Fate.SENT or entry.seq < 0:
            self._last = entry

    def flush(self) -> None:
        """Draw the bar when a number on it has changed."""
        conductor = self._conductor
        picture = (
            conductor.fates.copy(), conductor.heard.copy(), conductor.engine.status, self._last, self._failed,
            conductor.round_trip, conductor.late,
        )  # fmt: skip
        if picture != self._drawn:
            self._drawn = picture
            self.refresh()

    def render(self) -> Text:
        """Two lines."""
        lines = [self._numbers(), self._packet()]
        for line in lines:
            line.truncate(self.size.width, overflow="ellipsis")
        return Text("\n").join(lines)

    def _numbers(self) -> Text:
        look, conductor = self.look, self._conductor
        status, fates, heard = conductor.engine.status, conductor.fates, conductor.heard
        line = Text()
        line.append(status.name, look.sounding if status.sounding else look.severity[Severity.WARNING])
        if not status.sounding:
            line.append(f"  {plain(status.advice)}", look.quiet)
            return line
        trip = conductor.round_trip
        rising = conductor.late
        line.append(
            f"  {fit(duration(trip) if trip is not None else '', 6)}{'↑' if rising else ' '}",
            look.severity[Severity.WARNING] if rising else look.plain,
        )
        numbers = (
            ("sent", fates[Fate.SENT], look.quiet),
            ("heard", heard[Heard.STARTED], look.quiet),
            ("merged", fates[Fate.MERGED], look.quiet),
            ("failed", heard[Heard.FAILED], look.severity[Severity.ERROR]),
            ("lost", heard[Heard.LOST], look.severity[Severity.WARNING]),
            ("dropped", fates[Fate.DROPPED], look.severity[Severity.WARNING]),
        )
        for name, number, style in numbers:
            line.append(f"  {name} ", look.quiet)
            line.append(f"{number:,}", style if number else look.quiet)
        return line

    def _packet(self) -> Text:
        look, packet = self.look, self._conductor.engine.last_packet
        line = Text()
        if self._failed and (self._last is None or self._failed.seq >= self._last.seq):
            where = f" line {self._failed.line}" if self._failed.line else ""
            line.append(
                plain(f"✗ {self._failed.snippet}.rb{where}: {self._failed.problem}"),
                look.severity[Severity.ERROR],
            )
        elif packet and self._last:
            event = self._last.event
            times = f" ×{self._last.count}" if self._last.count > 1 else ""
            line.append(f"{packet.address} {packet.size:,} B  ", look.quiet)
            line.append(f"{self._last.snippet}.rb", look.plain)
            line.append(plain(f"  {event.channel}/{event.pod} {event.kind.words}{times}"), look.quiet)
        return line
