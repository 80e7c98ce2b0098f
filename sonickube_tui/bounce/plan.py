"""What of a session is heard, and when: the conductor's decisions, made ahead of time. Pure.

All times are seconds of the bounce: those of the session from its first moment on, divided by the speed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from sonickube_tui.event import Event
from sonickube_tui.music.health import Health
from sonickube_tui.music.merging import Batch, Merger
from sonickube_tui.music.mixer import Mixer
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import Theme
from sonickube_tui.music.voice import Voice


class Heard(msgspec.Struct, frozen=True, gc=False):
    """A voice begins `at` seconds from the beginning, and plays the text of its snippet."""

    at: float
    voice: Voice
    text: str


class Mixed(msgspec.Struct, frozen=True, gc=False):
    """The mix is another one from `at` on: it holds for what sounds already, too."""

    at: float
    mixer: Mixer


class Plan:
    """Takes a session's events and mixes in order of their time, and tells what is heard.

    Health heals by the session's seconds, of which `speed` are in one; `health` is for a clock at 0.
    """

    def __init__(
        self,
        *,
        theme: Theme,
        library: Library,
        merger: Merger,
        health: Health | None = None,
        speed: float = 1.0,
    ) -> None:
        self.unheard = 0
        """Events without a voice of their own or a share in one: muted, without a snippet, or too many."""
        self._theme = theme
        self._library = library
        self._merger = merger
        self._health = health or Health()
        self._speed = speed
        self._mixer = Mixer()
        self._waiting: dict[int, str] = {}
        self._events = 0
        self._voices = 0

    def work_out(self, happenings: Iterable[tuple[float, Event | Mixer]]) -> Iterator[Heard | Mixed]:
        """What is heard, in order of time."""
        now = 0.0
        for at, what in happenings:
            yield from self._leave(before=at)
            now = max(now, at)
            if isinstance(what, Event):
                self._take(now, what)
            else:
                self._mixer = what
                yield Mixed(now, what)
        yield from self._leave(before=float("inf"))

    def _take(self, now: float, event: Event) -> None:
        self._events += 1
        self._health.feed(now * self._speed, event)
        snippet = self._library.pick(self._theme, event.kind)
        if snippet is None or not self._mixer.audible(event.channel):
            self.unheard += 1
        elif self._merger.offer(now, self._events, event):
            self._waiting[self._events] = snippet.name

    def _leave(self, before: float) -> Iterator[Heard]:
        while (now := self._merger.next_turn()) is not None and now <= before:
            self._give_up(self._merger.expire(now))
            turn = self._merger.take(now)
            if turn is None:
                continue
            self._give_up(turn.overtaken)
            batch = turn.batch
            snippet = self._library.get(self._waiting.pop(batch.seq))
            level = self._mixer.level(batch.event.channel, batch.event.severity)
            if snippet is None or not level.amp:
                self.unheard += batch.count
                continue
            self._voices += 1
            voice = Voice(
                id=self._voices,
                event=batch.event,
                snippet=snippet.name,
                count=batch.count,
                level=level,
                health=self._health.of(now * self._speed, batch.event.channel),
                tempo=self._theme.tempo,
            )
            yield Heard(now, voice, snippet.text)

    def _give_up(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            del self._waiting[batch.seq]
            self.unheard += batch.count
