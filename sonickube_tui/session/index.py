"""Where things are in a session file: built in the background, asked from anywhere.

About every megabyte there is a checkpoint that holds what the lines before it add up to, so that any moment
is found by reading one megabyte, whatever the size of the file.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

import msgspec

from sonickube_tui.errors import UserError
from sonickube_tui.event import Event, Severity
from sonickube_tui.session.counts import Counted, Counts
from sonickube_tui.session.format import EventLine, Header, MarkLine
from sonickube_tui.session.lines import Faults, Found, Lines, Place
from sonickube_tui.session.state import NAME_LENGTH, NAMES, Scene, State, faded, scene

SPACING = 2**20
"""Bytes between two checkpoints, at first."""

CHECKPOINTS = 4_096
MEMORY = 16 * 2**20
"""When the checkpoints are more, or the pains in them take more bytes, every other one goes."""

MARKS = 10_000
MARK_LENGTH = 200
"""So many marks are kept, and so many characters of each."""

POLL = 0.5
"""Seconds after which a file is looked at again that may have grown."""

BREATH = 0.0005
"""Seconds that the builder sleeps after each piece: the sound goes first."""

BREATHS = 256
"""Lines after which it does."""


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A mark in a session, `t` seconds from its beginning."""

    t: float
    text: str


class Moment(msgspec.Struct, frozen=True, gc=False):
    """An event in a session, `t` seconds from its beginning."""

    t: float
    event: Event


class _Checkpoint(msgspec.Struct, frozen=True, gc=False):
    """What the lines before `place` add up to; `counts` are of events up to here by severity's rank."""

    place: Place
    channels: int
    latest: dict[str, int]
    pains: bytes
    counts: tuple[int, ...]


class Index:
    """The index of a file that a thread builds, and goes on building as the file grows.

    `written` says whether whoever writes the file has caught up with what it writes from; without it, the
    end of the file is the end for now. All methods may be called from any thread, and answer from as much of
    the file as is indexed.
    """

    def __init__(self, file: int, *, written: Callable[[], bool] = lambda: True) -> None:
        self._file = file
        self._written = written
        self._lines = Lines(file)
        self._state = State()
        self._counts = Counts()
        self._ranks = [0] * len(Severity)
        self._checkpoints = [_Checkpoint(Place(), 0, {}, _NO_PAINS, tuple(self._ranks))]
        self._spacing = SPACING
        self._memory = 0
        self._marks: list[Mark] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._build, name="index", daemon=True)
        self.header: Header | None = None
        """The first header; None as long as none was read."""
        self.clusters: tuple[str, ...] = ()
        """All clusters that headers name."""
        self.end = 0.0
        """The time of the last line that is indexed, in seconds."""
        self.lines = 0
        """Good lines up to now."""
        self.problem = ""
        """Why the builder has given up, as one line; else empty."""
        self.caught_up = threading.Event()
        """Set while all of the file is indexed that is there."""

    @property
    def faults(self) -> Faults:
        """The bad lines up to now."""
        return self._lines.faults

    @property
    def tail(self) -> int:
        """Bytes at the end of the file that are no whole line: it broke off, or grows."""
        return self._lines.tail

    @property
    def progress(self) -> float:
        """How much of the file is indexed, 0 to 1."""
        size = os.fstat(self._file).st_size
        return 1.0 if self.caught_up.is_set() else min(1.0, self._lines.place.offset / max(1, size))

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks up to now, in order of time."""
        return tuple(self._marks)

    def start(self) -> None:
        """Begin to build."""
        self._thread.start()

    def close(self) -> None:
        """End building; the file may be closed then."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def counted(self) -> Counted:
        """Events by time and severity, up to now."""
        with self._lock:
            return self._counts.counted()

    def _build(self) -> None:
        try:
            while not self._stop.is_set():
                written = self._written()
                self._go_on()
                if written and not self._stop.is_set():
                    self.caught_up.set()
                self._wait()
        except UserError as error:
            self.problem = str(error)
        except OSError as error:
            self.problem = f"it cannot be read: {error.strerror}"
        finally:
            self.caught_up.set()  # Nobody must wait for it any more.

    def _wait(self) -> None:
        """Until the file has grown."""
        seen = self._lines.place.offset + self._lines.tail
        while not self._stop.wait(POLL if self.caught_up.is_set() else POLL / 10):
            size = os.fstat(self._file).st_size
            if size < self._lines.place.offset:
                raise UserError("it has become shorter; open it again")
            if size > seen or not self.caught_up.is_set():
                return

    def _go_on(self) -> None:
        """Index what is there and is not yet."""
        before = self._lines.place
        for count, found in enumerate(self._lines.read()):
            self.caught_up.clear()
            with self._lock:
                if before.offset - self._checkpoints[-1].place.offset >= self._spacing:
                    self._set_checkpoint(before)
                self._take(found)
                before = self._lines.place
            if count % BREATHS == 0 and self._stop.wait(BREATH):
                return

    def _take(self, found: Found) -> None:
        line = found.line
        self._state.feed(found)
        self.end = found.t
        self.lines += 1
        if isinstance(line, EventLine):
            rank = line.event.severity.rank
            self._ranks[rank] += 1
            self._counts.add(found.t, rank)
        elif isinstance(line, MarkLine) and len(self._marks) < MARKS:
            self._marks.append(Mark(found.t, line.text[:MARK_LENGTH]))
        elif isinstance(line, Header):
            self.header = self.header or line
            names = (name for name in line.clusters if len(name) <= NAME_LENGTH)
            self.clusters = tuple(dict.fromkeys((*self.clusters, *names)))[:NAMES]

    def _set_checkpoint(self, place: Place) -> None:
        state, last = self._state, self._checkpoints[-1]
        pains = msgspec.msgpack.encode(state.pains(place.t))
        self._checkpoints.append(
            _Checkpoint(place, len(state.names), state.latest, pains, tuple(self._ranks))
        )
        self._memory += len(pains)
        if state.latest is not last.latest:
            self._memory += _ENTRY * len(state.latest)
        if len(self._checkpoints) > CHECKPOINTS or self._memory > MEMORY:
            self._checkpoints = self._checkpoints[::2]
            self._memory //= 2
            self._spacing *= 2

    def seek(self, t: float) -> Scene:
        """What was so at `t`, in seconds; behind the end, at the end. Raises OSError."""
        with self._lock:
            checkpoints, end = self._checkpoints, self._lines.place.offset
            t = max(0.0, min(t, self.end))
            known = bisect_left(checkpoints, t, key=lambda checkpoint: checkpoint.place.t)
            checkpoint = checkpoints[max(0, known - 1)]
            names = self._state.names[: checkpoint.channels]
        state = State(checkpoint.latest, names)
        lines = Lines(self._file, checkpoint.place)
        place = lines.place
        for found in lines.read(end):
            if found.t >= t and not isinstance(found.line, Header):
                break
            state.feed(found)
            place = lines.place
        pains = {state.names[number]: pain for number, pain in state.pains(t).items()}
        for number, pain in _decode_pains(checkpoint.pains).items():
            name = names[number]
            pains[name] = pains.get(name, 0.0) + faded(pain, t - checkpoint.place.t)
        return scene(self._file, t, place, state, pains)

    def next_event(self, t: float, least: Severity = Severity.ERROR) -> Moment | None:
        """The first event after `t` that is at least so bad. Raises OSError."""
        spans = self._spans(least)
        first = bisect_right(spans, t, key=_span_time) - 1
        for span in spans[max(0, first) :]:
            for moment in self._moments(span, least):
                if moment.t > t:
                    return moment
        return None

    def previous_event(self, t: float, least: Severity = Severity.ERROR) -> Moment | None:
        """The last event before `t` that is at least so bad. Raises OSError."""
        spans = self._spans(least)
        for span in reversed(spans[: bisect_left(spans, t, key=_span_time)]):
            last = None
            for moment in self._moments(span, least):
                if moment.t >= t:
                    break
                last = moment
            if last:
                return last
        return None

    def _spans(self, least: Severity) -> list[_Span]:
        """Where such events are: the place where a span begins, and the offset of its end."""
        with self._lock:
            checkpoints = list(self._checkpoints)
            end, ranks = self._lines.place.offset, tuple(self._ranks)
        counts = [sum(checkpoint.counts[least.rank :]) for checkpoint in checkpoints]
        counts.append(sum(ranks[least.rank :]))
        ends = [*(checkpoint.place.offset for checkpoint in checkpoints[1:]), end]
        return [
            (checkpoint.place, ends[number])
            for number, checkpoint in enumerate(checkpoints)
            if counts[number + 1] > counts[number]
        ]

    def _moments(self, span: _Span, least: Severity) -> Iterator[Moment]:
        place, end = span
        for found in Lines(self._file, place).read(end):
            line = found.line
            if isinstance(line, EventLine) and line.event.severity.rank >= least.rank:
                yield Moment(found.t, line.event)

    def next_mark(self, t: float) -> Mark | None:
        """The first mark after `t`."""
        marks = self.marks
        found = bisect_right(marks, t, key=_time)
        return marks[found] if found < len(marks) else None

    def previous_mark(self, t: float) -> Mark | None:
        """The last mark before `t`."""
        marks = self.marks
        found = bisect_left(marks, t, key=_time)
        return marks[found - 1] if found else None


_Span = tuple[Place, int]
_NO_PAINS = msgspec.msgpack.encode({})
_decode_pains = msgspec.msgpack.Decoder(dict[int, float]).decode
_ENTRY = 100
"""Bytes, about, that one entry of a dictionary takes."""


def _time(mark: Mark) -> float:
    return mark.t


def _span_time(span: _Span) -> float:
    return span[0].t
