"""Records what a source delivers and what the user does, in a thread: a slow or full disk never holds up the
sound.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from sonickube_tui.errors import UserError
from sonickube_tui.event import Item
from sonickube_tui.music.mixer import Channel
from sonickube_tui.session.format import Line, MarkLine, MixLine, SnippetLine, ThemeLine
from sonickube_tui.session.known import Known
from sonickube_tui.session.redact import Redactor
from sonickube_tui.session.sink import Sink
from sonickube_tui.session.writer import Entry, Gap, Writer

EVERY = 0.5
"""Seconds between two writes: what is lost with the program is never more than one second."""

WAITING = 20_000
"""Items that wait for the disk at most; some ten seconds of a storm."""

HANGS = 3.0
"""Seconds that a write may take before the screen says so."""

ENDING = 5.0
"""Seconds that a stop waits for the disk."""


class Limits(msgspec.Struct, frozen=True):
    """When a new file is begun: at `part_mb` megabytes (0: never); the last `parts` are kept (0: all)."""

    part_mb: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    parts: Annotated[int, msgspec.Meta(ge=0)] = 0


class Recording(msgspec.Struct, frozen=True):
    """How a recording stands: `seconds` since it began, `size` in bytes on the disk, `lost` items that found
    no room, and `problem` as one line, empty when all is well.
    """

    path: Path
    seconds: float
    size: int
    lost: int
    problem: str


class Recorder:
    """Hears everything always, and writes it down while it is told to.

    All methods are for one thread, and none waits for the disk but `stop`.
    """

    def __init__(self, version: str = "") -> None:
        self.known = Known()
        self._version = version
        self._run: _Run | None = None

    def item(self, item: Item) -> None:
        """What the source delivered."""
        self._note(item)

    def mark(self, text: str) -> None:
        """A mark that the user sets."""
        self._note(MarkLine(at=time.time(), text=text))

    def mix(self, channels: Sequence[Channel], dimmed: bool) -> None:
        """The mix as it is now."""
        self._note(MixLine(at=time.time(), channels=tuple(channels), dimmed=dimmed))

    def snippet(self, name: str, text: str) -> None:
        """The text that a snippet has now."""
        if self.known.snippets.get(name) != text:
            self._note(SnippetLine(at=time.time(), name=name, text=text))

    def theme(self, name: str) -> None:
        """The theme that is heard and seen now."""
        if self.known.theme != name:
            self._note(ThemeLine(at=time.time(), name=name))

    def _note(self, what: Item | Line) -> None:
        if self._run is not None:
            self._run.feed(what, self.known)
        self.known.feed(what)

    @property
    def recording(self) -> Recording | None:
        """How the recording stands that goes on now."""
        return self._run.told() if self._run else None

    def start(self, path: Path, *, limits: Limits | None = None, redact: bool = False) -> None:
        """Begin a recording with what is known so far.

        Raises UserError when the file is there already or cannot be made, or when one is recorded already.
        """
        if self._run is not None:
            raise UserError(f"{self._run.told().path} is being recorded already; end that first")
        redactor = Redactor() if redact else None
        self._run = _Run(path, self.known.copy(), self._version, limits or Limits(), redactor)

    def stop(self) -> Recording | None:
        """End the recording, and tell how it stood at its end.

        Waits for the disk, but for no more than ENDING seconds: call it from another thread than the sound's.
        """
        run, self._run = self._run, None
        return run.stop() if run else None


class _Run:
    """One recording: a queue, and the thread that empties it."""

    def __init__(
        self, path: Path, known: Known, version: str, limits: Limits, redactor: Redactor | None
    ) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._queue: list[Entry] = []
        self._missing = 0
        self._lost = 0
        self._problem = ""
        self._writing_since: float | None = None
        self._writer = Writer(Sink(path), known, version, redactor, int(limits.part_mb * 1e6), limits.parts)
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    def feed(self, what: Item | Line, known: Known) -> None:
        """Queue it, or count it as lost; after a loss begin with all that is `known`."""
        now = time.monotonic()
        with self._lock:
            if len(self._queue) >= WAITING:
                self._missing += 1
                self._lost += 1
                return
            if self._missing:
                self._queue.append((now, Gap(self._missing, self._problem, known.copy())))
                self._missing = 0
            self._queue.append((now, what))

    def told(self) -> Recording:
        seconds = time.monotonic() - self._began
        since, problem = self._writing_since, self._problem
        if since is not None and time.monotonic() - since > HANGS:
            problem = f"the disk has not answered for {time.monotonic() - since:.0f} s"
        elif not self._thread.is_alive() and not self._stop.is_set():
            problem = "the recorder has ended by an error of its own"
        elif problem and not self._stop.is_set():
            problem += "; trying again"
        lost = self._lost + self._writer.unwritable
        return Recording(self._path, seconds, self._writer.size, lost, problem)

    def stop(self) -> Recording:
        self._stop.set()
        self._thread.join(ENDING)
        return self.told()

    def _work(self) -> None:
        while not self._stop.wait(EVERY):
            self._attempt(self._go_on)
        if not self._attempt(self._go_on):
            self._lost += len(self._queue)
            return
        self._attempt(self._writer.close)

    def _attempt(self, step: Callable[[], None]) -> bool:
        """Take a step, and keep what the disk says to it; whether all went well."""
        self._writing_since = time.monotonic()
        try:
            step()
        except OSError as error:
            self._problem = error.strerror or str(error)
            return False
        finally:
            self._writing_since = None
        self._problem = ""
        return True

    def _go_on(self) -> None:
        self._writer.drain()
        with self._lock:
            queue, self._queue = self._queue, []
        self._writer.write(queue)
