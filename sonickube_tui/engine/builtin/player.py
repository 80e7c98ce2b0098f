"""The built-in player live: what the stage renders, mixed as the faders stand now, for the sound card."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence

import msgspec
import numpy as np

from sonickube_tui.engine.builtin.mix import BLOCK, RATE, Mixer, Samples
from sonickube_tui.engine.builtin.render import STRIPS
from sonickube_tui.engine.builtin.score import ScoreEvent
from sonickube_tui.engine.builtin.stage import Stage
from sonickube_tui.engine.builtin.world import WorldDied
from sonickube_tui.music.mixer import Level

LEAD = 26 * BLOCK
"""Frames rendered ahead of the ear, 151 ms: so much later a run begins, and so long may a hiccup be."""

PERIOD = 15
"""Milliseconds that the sound card asks for at once; it holds three of them."""

STALL = 5.0
"""Seconds without a request for sound after which the sound card counts as gone, as after a sleep."""

_LOOK_EVERY = 0.02
_CHUNK = 2 * BLOCK


class Began(msgspec.Struct, frozen=True, gc=False):
    """The first sample of a run reached the sound card."""

    run: int


class Over(msgspec.Struct, frozen=True, gc=False):
    """Nothing of a run sounds any more; `lost` when it was given up before its end."""

    run: int
    lost: bool = False


class Broke(msgspec.Struct, frozen=True, gc=False):
    """The player cannot go on; the text says why."""

    text: str


News = Began | Over | Broke


class Start(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A run to begin: its score so far and its level. `late` seconds of it have passed already."""

    run: int
    events: Sequence[ScoreEvent]
    level: Level = Level()
    late: float = 0.0


class NoDevice(Exception):
    """There is nothing to play on; the text says why."""


class _Place(msgspec.Struct):
    """Where and since which frame a run sounds, and whether the ear has heard of it."""

    strip: int
    start: int
    heard: bool = False


class Player:
    """Plays runs live. Its methods never wait for sound; what happens is told on its own thread.

    With `null` it plays on no sound card but in its time.
    """

    def __init__(self, tell: Callable[[News], None], *, null: bool = False) -> None:
        self.gaps = 0
        """How often the sound card found nothing to play though something should have sounded."""
        self._tell = tell
        self._null = null
        self._mixer = Mixer(STRIPS)
        self._ready: deque[Samples] = deque()
        self._live = False
        self._fed = 0
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._places: dict[int, _Place] = {}
        self._thread = threading.Thread(target=self._work, name="player", daemon=True)

    def start(self) -> None:
        """Begin to play. Raises NoDevice when there is no sound card."""
        import miniaudio  # An extra, and 30 ms.

        try:
            self._device = miniaudio.PlaybackDevice(
                output_format=miniaudio.SampleFormat.FLOAT32,
                nchannels=2,
                sample_rate=RATE,
                buffersize_msec=PERIOD,
                backends=[miniaudio.Backend.NULL] if self._null else None,
                app_name="SonicKube",
            )
        except miniaudio.MiniaudioError:
            raise NoDevice("no sound card could be opened") from None
        if not self._null and self._device.backend == "Null":
            self._device.close()
            raise NoDevice("no sound card could be opened")
        self._stage = Stage()
        self._thread.start()
        pull = self._pull()
        next(pull)
        self._device.start(pull)

    def close(self) -> None:
        """Fall silent."""
        self._inbox.put(None)
        self._thread.join()
        self._device.close()
        self._stage.close()

    def play(self, *starts: Start) -> None:
        """Begin runs, all at the same moment."""
        self._inbox.put(lambda: self._play(starts))

    def write(self, run: int, events: Sequence[ScoreEvent]) -> None:
        """Continue a run's score."""
        self._inbox.put(lambda: self._stage.write(run, events))

    def set_level(self, run: int, level: Level) -> None:
        """Change how loud and where a run is, also what of it is rendered already."""
        if place := self._places.get(run):
            self._mixer.set(place.strip, level.amp, level.pan)
        else:
            self._inbox.put(lambda: self._set_level(run, level))

    def stop(self, run: int) -> None:
        """Silence a run."""
        self.set_level(run, Level(0.0))
        self._inbox.put(lambda: self._stage.finish(run))

    def ahead(self, run: int) -> float | None:
        """How many seconds of a run are rendered; None when it is not on stage."""
        place = self._places.get(run)
        return None if place is None else (self._stage.frame - place.start) / RATE

    @property
    def stage(self) -> Stage:
        """Where it is rendered."""
        return self._stage

    # On the player's thread.

    def _work(self) -> None:
        fed, since = 0, time.monotonic()
        try:
            while self._listen():
                while self._places and len(self._ready) * BLOCK < LEAD:
                    self._ready.extend(self._stage.render(_CHUNK).reshape(-1, BLOCK, 2 * STRIPS))
                self._live = bool(self._places)
                self._look()
                if fed != self._fed or not self._places:
                    fed, since = self._fed, time.monotonic()
                elif time.monotonic() - since > STALL:
                    self._tell(Broke("the sound card takes no more sound"))
                    return
        except Exception as error:  # Nobody else would hear of it: there would just be silence.
            self._live = False
            self._tell(Broke(str(error) if isinstance(error, WorldDied) else repr(error)))

    def _listen(self) -> bool:
        """Do what was asked; waits for it while nothing sounds. False when the player closes."""
        timeout = _LOOK_EVERY if self._places else None
        while True:
            try:
                asked = self._inbox.get(timeout=timeout)
            except queue.Empty:
                return True
            if asked is None:
                return False
            asked()
            timeout = 0

    def _play(self, starts: Sequence[Start]) -> None:
        for start in starts:
            strip = self._stage.start(start.run, late=round(start.late * RATE))
            self._mixer.place(strip, start.level.amp, start.level.pan)
            self._places[start.run] = _Place(strip, self._stage.begin(start.run))
            self._stage.write(start.run, start.events)

    def _set_level(self, run: int, level: Level) -> None:
        if place := self._places.get(run):
            self._mixer.set(place.strip, level.amp, level.pan)

    def _look(self) -> None:
        """Tell what the ear has reached."""
        heard = self._stage.frame - len(self._ready) * BLOCK
        for run in self._stage.lost:
            del self._places[run]
            self._tell(Over(run, lost=True))
        self._stage.lost.clear()
        for run, place in list(self._places.items()):
            if not place.heard and place.start <= heard:
                place.heard = True
                self._tell(Began(run))
            end = self._stage.end(run)
            if end is not None and end <= heard:
                self._stage.drop(run)
                del self._places[run]
                self._tell(Over(run))
        if not self._places:  # What is left is silence.
            self._live = False
            self._ready.clear()

    # On the sound card's thread.

    def _pull(self) -> Generator[bytes | memoryview, int, None]:
        rest = np.zeros((0, 2), np.float32)
        dry = False
        frames = yield b""
        while True:
            parts = [rest]
            have = len(rest)
            while have < frames:
                block = self._ready.popleft() if self._ready else None
                if block is None and self._live and not dry:
                    self.gaps += 1
                dry = block is None
                parts.append(self._mixer.mix(block))
                have += BLOCK
            sound = np.concatenate(parts)
            rest = sound[frames:]
            self._fed += 1
            frames = yield sound[:frames].tobytes()
