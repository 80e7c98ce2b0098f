"""A session as a sound file by Sonic Pi: replayed there in its own time, recorded there, then cut to size."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from sonickube_tui.bounce.file import FORMATS, RING_OUT, Bounced, Excerpt
from sonickube_tui.bounce.recorder import Recorder, size
from sonickube_tui.engine.sonic_pi import SonicPi
from sonickube_tui.entry import Entry, Fate, Heard, Listener
from sonickube_tui.errors import UserError
from sonickube_tui.event import Event, Item
from sonickube_tui.replay import Replay
from sonickube_tui.signals import on_signals

BLOCK = 65_536
"""Frames that are copied at a time."""

GLANCE = 0.1
"""Seconds between two looks at how far it is, and at whether it is still recorded."""


def record(
    replay: Replay,
    sonic_pi: SonicPi,
    excerpt: Excerpt,
    file: Path,
    *,
    bits: int = 16,
    progress: Callable[[float], None] = lambda seconds: None,
) -> Bounced:
    """Play an excerpt and write what is heard; all that this Sonic Pi sounds is in it.

    The conductor of the replay plays on `sonic_pi`. `progress` is told the seconds that are played. SIGINT
    and SIGTERM end it early; what was recorded until then, or until Sonic Pi is gone, is written.
    Raises UserError when there is no Sonic Pi, when it records already or no more, and when the file cannot
    be written; and as the session does.
    """
    raw = file.with_name(f".{file.name}.wav")
    try:
        raw.touch()
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from None
    recorder = Recorder(sonic_pi, raw, bits)
    take = _Take(replay, excerpt, recorder, progress)
    trouble: UserError | None = None
    try:
        asyncio.run(take.run())
    except UserError as error:
        trouble = error
    seconds = _cut(raw, file, recorder.lead, take.skip, bits) if take.began and size(raw) else 0.0
    raw.unlink(missing_ok=True)
    if trouble:
        kept = f"; {file} has the first {seconds:.1f} s" if seconds else ""
        raise UserError(f"{trouble}{kept}")
    if not seconds:
        raise UserError("it was stopped before anything was played: there is no file")
    return Bounced(
        seconds, take.tally.voices, take.tally.unheard, tuple(take.tally.failures), whole=take.whole
    )


class _Tally(Listener):
    """Counts what becomes of the events."""

    def __init__(self) -> None:
        self.voices = self.unheard = 0
        self.failures: dict[str, None] = {}
        self.waiting: set[int] = set()

    def entry(self, entry: Entry) -> None:
        (self.waiting.add if entry.fate is Fate.WAITING else self.waiting.discard)(entry.seq)
        if entry.fate in (Fate.MUTED, Fate.UNMAPPED, Fate.SILENT, Fate.DROPPED):
            self.unheard += entry.count
        elif entry.heard is Heard.STARTED:
            self.voices += 1
        elif entry.heard is Heard.FAILED:
            self.failures[f"{entry.snippet}.rb line {entry.line}: {entry.problem}"] = None
        elif entry.heard is Heard.LOST:
            self.failures[f"{entry.snippet}.rb: {entry.problem}"] = None


class _Take:
    """One time through the excerpt."""

    def __init__(
        self, replay: Replay, excerpt: Excerpt, recorder: Recorder, progress: Callable[[float], None]
    ) -> None:
        self.tally = replay.conductor.listener = _Tally()
        self.began = False
        """Whether the session's clock has run."""
        self.skip = 0.0
        """Seconds that were recorded before that."""
        self.whole = False
        """Whether it was played to its end."""
        self._replay = replay
        self._excerpt = excerpt
        self._recorder = recorder
        self._progress = progress
        self._stop = asyncio.Event()

    async def run(self) -> None:
        on_signals(self._stop.set, "SIGINT", "SIGTERM")
        await self._replay.conductor.run(self._items())

    async def _items(self) -> AsyncIterator[Item]:
        """What the conductor is to play. It returns when all is recorded, lest Sonic Pi is ended before."""
        while not self._replay.conductor.engine.status.sounding:
            if self._stop.is_set():
                return
            await asyncio.sleep(GLANCE)
        try:
            await self._recorder.start()
            async for item in self._excerpted():
                yield item
            await self._ring_out()
        except BaseException:
            await self._recorder.stop()
            raise
        if not await self._recorder.stop():
            raise UserError("somebody stopped Sonic Pi's recording: the last seconds may be missing")

    async def _excerpted(self) -> AsyncIterator[Item]:
        player, items = self._replay.player, self._replay.items()
        coming = asyncio.ensure_future(anext(items, None))
        try:
            while not self._stop.is_set():
                await asyncio.wait({coming}, timeout=GLANCE)
                self._look()
                if player.now > self._excerpt.end:
                    break
                if coming.done():
                    item = coming.result()
                    if item is None:
                        break
                    if not isinstance(item, Event) or self._excerpt.hears(item):
                        yield item
                    coming = asyncio.ensure_future(anext(items, None))
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    async def _ring_out(self) -> None:
        end = time.monotonic() + RING_OUT
        conductor = self._replay.conductor
        while (
            (self.tally.waiting or conductor.sounding) and time.monotonic() < end and not self._stop.is_set()
        ):
            await asyncio.sleep(GLANCE)
            self._look()
        self.whole = not self._stop.is_set()

    def _look(self) -> None:
        """See how far it is. Raises UserError when it is lost."""
        if not self._replay.conductor.engine.status.sounding:
            raise UserError("Sonic Pi does not answer any more")
        self._recorder.look()
        played = (self._replay.player.now - self._excerpt.begin) / self._excerpt.speed
        if played > 0 and not self.began:
            self.began = True
            self.skip = time.monotonic() - played - self._recorder.began
        self._progress(played)


def _cut(raw: Path, file: Path, lead: int, skip: float, bits: int) -> float:
    """Write what was recorded, but for its first frames and seconds; how many seconds that is.

    Without any there is no file. Raises UserError when it cannot be written; then what was recorded stays.
    """
    import soundfile

    try:
        with soundfile.SoundFile(raw) as recorded:
            rate = recorded.samplerate
            begin = max(0, lead + round(skip * rate))
            if begin >= recorded.frames:
                return 0.0
            recorded.seek(begin)
            with soundfile.SoundFile(
                file, "x", rate, 2, subtype=f"PCM_{bits}", format=FORMATS[file.suffix.lower()]
            ) as out:
                for samples in recorded.blocks(BLOCK, dtype="int32", always_2d=True):
                    out.write(samples[:, [0, -1]])  # SuperSonic records a mono device as such.
                return float(out.frames / rate)
    except (OSError, soundfile.LibsndfileError) as error:
        raise UserError(f"{file} cannot be written ({error}); Sonic Pi's recording is in {raw}") from None
