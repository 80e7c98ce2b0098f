"""The one way through the house: from an event to a sound, and back from the engine's reports."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress

import msgspec

from sonickube_tui.engine.base import (
    Done,
    Ended,
    Engine,
    Failed,
    Lost,
    PacketTooLarge,
    Report,
    Said,
    Started,
    Status,
)
from sonickube_tui.entry import Entry, Fate, Heard, Listener, Notice
from sonickube_tui.event import Connection, Event, Item, Severity
from sonickube_tui.music.health import Health
from sonickube_tui.music.merging import Batch, Merger
from sonickube_tui.music.mixer import Level, Mixer
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import Theme
from sonickube_tui.music.voice import Voice

VOICES = 32
"""How many voices may sound at once: ten onsets a second, of some three seconds each."""

RING_OUT = 10.0
"""Seconds that the last voices have when a source ends."""

UNPROVEN = 1000
"""How many voices without a sign of life still follow mixer and stop, should they sound after all."""

LOG_LINES = 500
"""Lines of the engine's log that are kept."""


class _Sounding(msgspec.Struct):
    """A voice that the engine has and that may still sound; `sign` is when that was known last."""

    entry: Entry
    voice: Voice
    sign: float
    job: int | None = None
    stopped: bool = False


class Conductor:
    """Brings every event to its fate: picks the snippet, minds the mix, spaces the voices, hears the reports.

    Everything happens on one asyncio loop; nothing here blocks.
    """

    def __init__(
        self,
        *,
        theme: Theme,
        library: Library,
        engine: Engine,
        mixer: Mixer | None = None,
        merger: Merger | None = None,
        voices: int = VOICES,
        listener: Listener | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.theme = theme
        self.library = library
        self.engine = engine
        self.mixer = Mixer() if mixer is None else mixer
        self.health = Health()
        self.clock = clock
        """The seconds by which health heals: a session that is replayed has its own."""
        self.listener = listener or Listener()
        self.player = ""
        """What the engine that sounds now, or sounded last, is called."""
        self.connections: dict[str, Connection] = {}
        """How the source stands with each cluster, by the cluster's name."""
        self.events = 0
        self.fates: Counter[Fate] = Counter()
        self.heard: Counter[Heard] = Counter()
        self.activity: dict[str, tuple[float, Severity]] = {}
        """When a channel last sounded (monotonic seconds), and the severity of what did."""
        self.log: deque[Said] = deque(maxlen=LOG_LINES)
        """What the engine said last, as far as its log is ours to hear."""
        self._merger = Merger(window=theme.window) if merger is None else merger
        self._onsets_per_second = self._merger.onsets_per_second
        self._most_voices = voices
        self._waiting: dict[int, Entry] = {}
        self._sounding: dict[int, _Sounding] = {}
        self._round_trips: deque[float] = deque(maxlen=100)
        self._sent = 0
        self._auditions = 0
        self._wake = asyncio.Event()
        self._engine_known = asyncio.Event()

    @property
    def round_trip(self) -> float | None:
        """Median seconds from sending to the first report, over the last ten voices."""
        return statistics.median(list(self._round_trips)[-10:]) if self._round_trips else None

    @property
    def late(self) -> bool:
        """Whether the round trip has risen: to over 50 ms, and to three times what it was."""
        trip = self.round_trip
        return trip is not None and trip > 0.05 and trip > 3 * statistics.median(self._round_trips)

    @property
    def sounding(self) -> int:
        """How many voices sound now, as far as the engine's reports tell."""
        return sum(map(self._sounds, self._sounding.values()))

    def _sounds(self, sounding: _Sounding) -> bool:
        return not sounding.stopped and self._proven(sounding)

    def _proven(self, sounding: _Sounding) -> bool:
        return time.monotonic() - sounding.sign < self.theme.tail

    def cluster_health(self) -> float:
        """The cluster's health now, 0 to 1."""
        return self.health.of_cluster(self.clock())

    def channel_health(self, channel: str) -> float:
        """A channel's health now, 0 to 1."""
        return self.health.of(self.clock(), channel)

    async def run(self, source: AsyncIterator[Item]) -> None:
        """Play a source to its end. Raises what the source raises."""
        jobs = {
            asyncio.create_task(job)
            for job in (
                self.engine.run(self._report, self._engine_changed),
                self._pace(),
                self._watch_snippets(),
                self._play_source(source),
            )
        }
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                job.result()
        finally:
            # What a snippet loops would sound for ever.
            with suppress(OSError):
                self._stop(self._sounding.values())
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            self._give_up(self._merger.drain(), "the console ended before its turn")

    async def _play_source(self, source: AsyncIterator[Item]) -> None:
        # Until the engine is found, or known to be missing, the first events would be silent for no reason.
        await self._engine_known.wait()
        async for item in source:
            if isinstance(item, Event):
                self.take(item)
            elif isinstance(item, Connection):
                self.connections[item.cluster] = item
                self.listener.connection(item)
        with suppress(TimeoutError):
            async with asyncio.timeout(RING_OUT):
                while self._merger or self.sounding:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    def take(self, event: Event) -> None:
        """Bring one event in; its fate follows at once, or when its turn comes."""
        self.events += 1
        self.health.feed(self.clock(), event)
        entry = Entry(seq=self.events, event=event)
        snippet = self.library.pick(self.theme, event.kind)
        if snippet is None:
            self._settle(entry, Fate.UNMAPPED)
        elif not self.mixer.audible(event.channel):
            self._settle(entry, Fate.MUTED, snippet=snippet.name)
        elif not self.engine.status.sounding:
            self._settle(entry, Fate.SILENT, snippet=snippet.name)
        elif self._merger.offer(time.monotonic(), entry.seq, event):
            entry = self._waiting[entry.seq] = msgspec.structs.replace(entry, snippet=snippet.name)
            self.listener.entry(entry)
            self._leave()
            self._wake.set()
        else:
            self._settle(entry, Fate.MERGED, snippet=snippet.name)

    def audition(self, event: Event, name: str, text: str) -> None:
        """Play a text for an event as it is in the editor, past mute, merging and the log.

        Raises PacketTooLarge, and OSError when the network refuses it.
        """
        self._auditions -= 1
        self._play(Entry(seq=self._auditions, event=event, snippet=name), text, Level())

    def stop_sound(self, channel: str | None = None) -> None:
        """Silence all of ours that sounds, or all of one channel, and forget what waits."""
        self._stop(
            sounding
            for sounding in self._sounding.values()
            if channel is None or sounding.entry.event.channel == channel
        )
        self._give_up(self._merger.drain(channel), "stopped")

    def restore(self, health: Health, before: Iterable[Event] = ()) -> None:
        """Go on at another moment of a session, where the channels were as well as `health` says.

        What happened right `before` is told without its sound.
        """
        self.stop_sound()
        self.health = health
        self.listener.restored(self.events + 1)
        for event in before:
            self.events += 1
            snippet = self.library.pick(self.theme, event.kind)
            name = snippet.name if snippet else ""
            self.listener.entry(Entry(seq=self.events, event=event, fate=Fate.PAST, snippet=name))

    def _stop(self, soundings: Iterable[_Sounding]) -> None:
        stopping = [sounding for sounding in soundings if not sounding.stopped]
        self.engine.stop([sounding.job for sounding in stopping if sounding.job is not None])
        for sounding in stopping:
            sounding.stopped = True
            if not sounding.entry.heard.final:
                self._hear(sounding, Heard.STOPPED)

    def remix(self) -> None:
        """Let what sounds already follow the mixer."""
        self.engine.set_levels({s.job: self._level(s) for s in self._sounding.values() if s.job is not None})

    def dim(self) -> None:
        """Lower all but what is critical, or raise it again."""
        self.mixer.dimmed = not self.mixer.dimmed
        self.remix()

    def _level(self, sounding: _Sounding) -> Level:
        event = sounding.entry.event
        return Level() if sounding.entry.seq < 0 else self.mixer.level(event.channel, event.severity)

    def _settle(self, entry: Entry, fate: Fate, **changes: object) -> Entry:
        entry = msgspec.structs.replace(entry, fate=fate, **changes)
        self.fates[fate] += 1
        self.mixer[entry.event.channel]
        self.listener.entry(entry)
        return entry

    async def _pace(self) -> None:
        while True:
            turn = self._merger.next_turn()
            if turn is None:
                await self._wake.wait()
                self._wake.clear()
            else:
                await asyncio.sleep(max(0.0, turn - time.monotonic()))
            self._leave()

    def _leave(self) -> None:
        """Send the batch whose turn it is, and give up on those whose time is over."""
        now = time.monotonic()
        self._give_up(self._merger.expire(now), "waited too long for its turn")
        turn = self._merger.take(now)
        if turn is None:
            return
        batch = turn.batch
        self._give_up(turn.overtaken, f"overtaken by {batch.event.kind.words}")
        entry = self._waiting.pop(batch.seq)
        channel = entry.event.channel
        snippet = self.library.get(entry.snippet)
        if not self.mixer.audible(channel):
            self._settle(entry, Fate.MUTED, count=batch.count)
        elif snippet is None:
            self._settle(entry, Fate.DROPPED, count=batch.count, problem=f"{entry.snippet}.rb is gone")
        elif not self._make_room(batch.event.severity):
            self._settle(entry, Fate.DROPPED, count=batch.count, problem="more urgent voices sound")
        else:
            self._send(msgspec.structs.replace(entry, count=batch.count), snippet.text)

    def _make_room(self, severity: Severity) -> bool:
        """Steal the oldest of the least severe voices when too many sound; whether there is room now."""
        if self.sounding < self._most_voices:
            return True
        weaker = [
            sounding
            for sounding in self._sounding.values()
            if self._sounds(sounding) and sounding.entry.event.severity.rank <= severity.rank
        ]
        if not weaker:
            return False
        self._stop([min(weaker, key=lambda s: (s.entry.event.severity.rank, s.voice.id))])
        return True

    def _send(self, entry: Entry, text: str) -> None:
        channel = entry.event.channel
        try:
            voice = self._play(entry, text, self.mixer.level(channel, entry.event.severity))
        except (PacketTooLarge, OSError) as error:
            self._settle(entry, Fate.DROPPED, problem=str(error))
            return
        self.activity[channel] = (time.monotonic(), entry.event.severity)
        self._sounding[voice].entry = self._settle(entry, Fate.SENT)

    def _play(self, entry: Entry, text: str, level: Level) -> int:
        voice = Voice(
            id=self._sent + 1,
            event=entry.event,
            snippet=entry.snippet,
            count=entry.count,
            level=level,
            health=self.channel_health(entry.event.channel),
            tempo=self.theme.tempo,
        )
        self.engine.play(voice, text)
        self._sent = voice.id
        self._sounding[voice.id] = _Sounding(entry, voice, time.monotonic())
        if len(self._sounding) > UNPROVEN:
            self._forget()
        return voice.id

    def _forget(self) -> None:
        """Let go of the oldest voices of which no end was heard."""
        unproven = [voice for voice, sounding in self._sounding.items() if not self._proven(sounding)]
        for voice in unproven[: len(self._sounding) - UNPROVEN]:
            del self._sounding[voice]

    def _give_up(self, batches: Iterable[Batch], why: str) -> None:
        for batch in batches:
            self._settle(self._waiting.pop(batch.seq), Fate.DROPPED, count=batch.count, problem=why)

    def _report(self, report: Report) -> None:
        if isinstance(report, Said):
            self.log.append(report)
            self.listener.said(report)
            return
        sounding = self._sounding.get(report.voice)
        if sounding is None:
            return
        sounding.sign = time.monotonic()
        match report:
            case Started(job=job, after=after):
                sounding.job = job
                self._round_trips.append(after)
                if sounding.stopped:
                    self.engine.stop([job])
                    return
                if (level := self._level(sounding)) != sounding.voice.level:
                    self.engine.set_levels({job: level})
                self._hear(sounding, Heard.STARTED, after=after)
            case Done():
                if not sounding.entry.heard.final:
                    self._hear(sounding, Heard.DONE)
            case Failed(error=error, message=message, line=line):
                problem = message if error in ("", "SyntaxError") else f"{error}: {message}"
                self._hear(sounding, Heard.FAILED, problem=problem.strip().split("\n")[0], line=line)
            case Lost():
                del self._sounding[report.voice]
                self._hear(sounding, Heard.LOST, problem="Sonic Pi did not report in time")
            case Ended():
                del self._sounding[report.voice]

    def _hear(self, sounding: _Sounding, heard: Heard, **changes: object) -> None:
        sounding.entry = msgspec.structs.replace(sounding.entry, heard=heard, **changes)
        self.heard[heard] += 1
        self.listener.entry(sounding.entry)

    def _engine_changed(self, status: Status) -> None:
        self._engine_known.set()
        if status.sounding:
            self.player = status.name
        self._merger.onsets_per_second = min(
            self._onsets_per_second, status.ceiling / 2 if status.ceiling else self._onsets_per_second
        )
        if not status.sounding:
            for sounding in self._sounding.values():
                if not sounding.entry.heard.final:
                    self._hear(sounding, Heard.LOST, problem="Sonic Pi is gone")
            self._sounding.clear()
        severity = Severity.OK if status.sounding else Severity.WARNING
        if text := status.name if status.sounding else status.advice:
            self.listener.notice(Notice(severity, text))

    async def _watch_snippets(self) -> None:
        for problem in self.library.problems:
            self.listener.snippet_changed(problem)
        async for change in self.library.watch():
            self.listener.snippet_changed(change)
