"""Plays a session by its own clock: what happened comes again when it is due, at any speed."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from sonickube_tui.errors import UserError
from sonickube_tui.session.format import PodLine
from sonickube_tui.session.lines import Found, Lines, Place
from sonickube_tui.session.opening import Opened
from sonickube_tui.session.state import Scene

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""The steps of a speed."""

SLIP = 1.0
"""Seconds that playing may be late before the clock waits for it: what cannot be kept up with is slower."""

BREATH = 0.01
"""Seconds after which the loop has its turn, however much is due."""

SHORTEST_LOOP = 0.1
"""Seconds of the session that a loop has at least."""

BLOCK = 1 << 18
"""Bytes read at once."""

LOW = 200
"""Lines below which the next block is read."""

LOOK_AGAIN = 0.2
"""Seconds after which the end of the file is looked at again."""


class Player:
    """The transport of one session. All times are seconds from the session's beginning.

    At the end of the file it waits for more, or with `ends` it has ended once all of it was played. `clock`
    gives monotonic seconds.
    """

    def __init__(
        self, session: Opened, *, ends: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.session = session
        self.playing = True
        self.speed = 1.0
        self.loop_from: float | None = None
        self.loop_to: float | None = None
        self.problem = ""
        """Why it cannot be played further, as one line; else empty."""
        self._ends = ends
        self._clock = clock
        self._anchor = (0.0, clock())
        self._rate = 0.0
        self._target: float | None = 0.0
        self._changed = asyncio.Event()
        self._start = 0.0
        self._next = math.inf
        self._at_end = False
        self._live = False
        self._grows = False

    @property
    def now(self) -> float:
        """The session's clock, which waits for what is due and not played yet.

        Where the file still grows it runs on, past what is written up to now.
        """
        at, since = self._anchor
        return min(at + (self._clock() - since) * self._rate, max(at, self._next))

    @property
    def position(self) -> float:
        """Where we are."""
        return min(self.now, self.duration)

    @property
    def duration(self) -> float:
        """How long the session is, as far as it is known."""
        return max(self.session.index.end, self._anchor[0])

    @property
    def began(self) -> float:
        """The Unix time at the session's beginning; 0.0 as long as nothing of it was read."""
        header = self.session.index.header
        return header.at if header else 0.0

    @property
    def at_end(self) -> bool:
        """Whether all that is there was played."""
        return self._at_end

    @property
    def live(self) -> bool:
        """Whether we have caught up with whoever still writes the file."""
        return self._at_end and self._grows

    @property
    def looping(self) -> bool:
        """Whether a region is repeated."""
        return self.loop_to is not None

    # What the listener does.

    def play(self) -> None:
        """Go on."""
        self._set(playing=True)

    def pause(self) -> None:
        """Stand still; what sounds rings out."""
        self._set(playing=False)

    def toggle(self) -> None:
        """Pause, or go on."""
        self._set(playing=not self.playing)

    def _set(self, *, playing: bool) -> None:
        self.playing = playing
        self._run(self._pace)
        self._changed.set()

    def set_speed(self, speed: float) -> None:
        """So many seconds of the session in one, from 0.1 to 100; what is beyond stops there."""
        self.speed = min(SPEEDS[-1], max(SPEEDS[0], speed))
        self._run(self._pace)
        self._changed.set()

    def step_speed(self, steps: int) -> None:
        """To the next of SPEEDS that is faster, or slower; by ones."""
        if steps > 0:
            self.set_speed(next((speed for speed in SPEEDS if speed > self.speed), SPEEDS[-1]))
        else:
            self.set_speed(next((speed for speed in reversed(SPEEDS) if speed < self.speed), SPEEDS[0]))

    def seek(self, t: float) -> None:
        """Go to a moment; what is before the beginning or behind the end stops there."""
        # What is not indexed yet may come; then the scene is waited for.
        end = self.session.index.end if self.session.caught_up else math.inf
        self._target = max(0.0, min(t, end))
        self._at_end = False
        self._run(0.0, self._target)
        self._changed.set()

    def begin_loop(self) -> None:
        """Repeat from here on, once the loop has an end."""
        self.set_loop(self.position, None)

    def end_loop(self) -> None:
        """Repeat up to here, from where the loop begins or else from the beginning.

        Raises UserError when the loop would be too short.
        """
        self.set_loop(self.loop_from or 0.0, self.position)

    def set_loop(self, begin: float | None, end: float | None) -> None:
        """Repeat a region; without an end there is no loop yet. Raises UserError when it is too short."""
        if end is not None and end - (begin or 0.0) < SHORTEST_LOOP:
            raise UserError("a loop ends behind its beginning: begin it with b, and end it later with e")
        self.loop_from, self.loop_to = begin, end
        self._changed.set()

    async def to_event(self, *, forward: bool) -> bool:
        """To the next error, or the one before; whether there is one. Raises OSError."""
        index, here = self.session.index, self._here()
        find = index.next_event if forward else index.previous_event
        found = await asyncio.to_thread(find, here)
        if found:
            self.seek(found.t)
        return found is not None

    def to_mark(self, *, forward: bool) -> bool:
        """To the next mark, or the one before; whether there is one."""
        index, here = self.session.index, self._here()
        found = index.next_mark(here) if forward else index.previous_mark(here)
        if found:
            self.seek(found.t)
        return found is not None

    def _here(self) -> float:
        return self.position if self._target is None else self._target

    # What comes again.

    async def run(self) -> AsyncIterator[Scene | Found]:
        """A scene first and after each seek, then the lines when they are due, but for pods.

        It holds at the end of the file and goes on when that grows, or with `ends` ends there. Where the file
        cannot be read any further, `problem` says so, and that is the end. Raises UserError when a scene
        cannot be read.
        """
        ahead: _Ahead | None = None
        breath = self._clock()
        while True:
            self._changed.clear()
            if ahead is None or self._target is not None:
                if scene := await self._scene():
                    ahead = _Ahead(self.session.file, scene.place)
                    yield scene
                continue
            whole = self.session.caught_up
            found = await self._peek(ahead)
            if self._target is not None or (found is None and not ahead.dry):
                continue
            self._next = found.t if found else math.inf
            if self._looped(found):
                self.seek(self.loop_from or 0.0)
            elif not self.playing:
                await self._rest(LOOK_AGAIN if found is None else None)
            elif found is None and self.now >= self.session.index.end:
                if self._ends and whole:
                    return
                self._hold(ahead.t, whole=whole)
                await self._rest(LOOK_AGAIN)
            elif self._at_end:
                self._go_on(self._due(found))
            elif (wait := (self._due(found) - self.now) / self.speed) > 0:
                await self._rest(wait if found else min(wait, LOOK_AGAIN))
            elif found:
                if self._late(found.t) > SLIP:
                    self._run(self._pace, found.t)
                ahead.take()
                yield found
                if self._clock() - breath > BREATH:
                    await asyncio.sleep(0)
                    breath = self._clock()

    async def _scene(self) -> Scene | None:
        """The scene at the target once it is indexed; None when another target was set meanwhile."""
        target = self._target or 0.0
        index = self.session.index
        while index.end < target and not self.session.caught_up:
            await self._rest(LOOK_AGAIN)
            if self._target != target:
                return None
            self._changed.clear()
        try:
            scene = await asyncio.to_thread(index.seek, target)
        except OSError as error:
            raise UserError(f"{self.session.name} cannot be read: {error.strerror}") from None
        if self._target != target:
            return None
        self._target = None
        self._start = scene.t
        self._next = math.inf
        self._run(self._pace, scene.t)
        return scene

    async def _peek(self, ahead: _Ahead) -> Found | None:
        try:
            return await ahead.peek()
        except OSError as error:
            self.problem = f"it cannot be read: {error.strerror}"
        except UserError as error:
            self.problem = str(error)
        return None

    def _looped(self, found: Found | None) -> bool:
        """Whether the end of the loop is reached; who went behind it is out of the loop."""
        if self.loop_to is None or not self.playing or self._start >= self.loop_to:
            return False
        return self.now >= self.loop_to and (found is None or found.t >= self.loop_to)

    def _late(self, t: float) -> float:
        """Seconds since a moment was due."""
        at, since = self._anchor
        return self._clock() - since - (t - at) / self.speed

    def _due(self, found: Found | None) -> float:
        due = found.t if found else self.session.index.end
        return due if self.loop_to is None or self._start >= self.loop_to else min(due, self.loop_to)

    def _hold(self, t: float, *, whole: bool) -> None:
        """All that is there was played: the clock stands still, or runs on as the writer's does."""
        self._live = whole
        if not self._at_end:
            self._at_end = True
            self._run(self._pace, max(t, self.session.index.end))

    def _go_on(self, t: float) -> None:
        """There is more. When all was there before, it is of now; else it has yet to come."""
        self._grows = self._grows or self._live
        self._at_end = False
        self._run(self._pace, t if self._live else None)

    @property
    def _pace(self) -> float:
        """How fast the clock has to run."""
        if not self.playing or self._target is not None:
            return 0.0
        if self._at_end:
            return 1.0 if self._grows else 0.0
        return self.speed

    def _run(self, rate: float, at: float | None = None) -> None:
        """From now on, and from `at` on, the clock runs at that rate."""
        self._anchor = (self.now if at is None else at, self._clock())
        self._rate = rate

    async def _rest(self, seconds: float | None) -> None:
        """Wait so long, or until the listener does something."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()


class _Ahead:
    """The lines from a place on, read in blocks by a thread, one block ahead."""

    def __init__(self, file: int, place: Place) -> None:
        self.t = place.t
        """The time of the last line that was taken."""
        self.dry = False
        """Whether the file had nothing more when it was read last."""
        self._lines = Lines(file, place)
        self._ready: deque[Found] = deque()
        self._reading: asyncio.Task[list[Found]] | None = None
        self._trouble: OSError | UserError | None = None

    async def peek(self) -> Found | None:
        """The next line, or None: there is nothing more if `dry`, else ask again.

        Raises OSError, and UserError for a header of another format.
        """
        if self._reading is None and (not self._ready or (len(self._ready) < LOW and not self.dry)):
            self._reading = asyncio.create_task(asyncio.to_thread(self._read))
        if self._reading is not None and (not self._ready or self._reading.done()):
            reading, self._reading = self._reading, None
            self._ready += await reading
        if self._trouble and not self._ready:
            trouble, self._trouble = self._trouble, None
            raise trouble
        return self._ready[0] if self._ready else None

    def take(self) -> None:
        """The line that was peeked at is done with."""
        self.t = self._ready.popleft().t

    def _read(self) -> list[Found]:
        before, lines = self._lines.place, list[Found]()
        try:
            for found in self._lines.read(before.offset + BLOCK):
                if not isinstance(found.line, PodLine):
                    lines.append(found)
        except (OSError, UserError) as error:
            # What came before it is played first.
            self._trouble = error
        self.dry = self._trouble is not None or self._lines.place == before
        return lines
