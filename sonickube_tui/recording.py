"""Records what a conductor plays: a key or a flag begins and ends it, the sound never waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from sonickube_tui import __version__
from sonickube_tui.conductor import Conductor
from sonickube_tui.entry import Notice
from sonickube_tui.errors import UserError
from sonickube_tui.event import Item, Severity, Sight
from sonickube_tui.session.recorder import Limits, Recorder, Recording
from sonickube_tui.session.when import clock

GLANCE = 1.0
"""Seconds between two looks at the snippets and at how the disk does."""

LONGEST_NAME = 60
"""Characters of a cluster's name in the name of a file."""


class Deck:
    """Hears the source on its way to the conductor, and the moves of the user.

    `folder` is where recordings go that nobody named. With `redact` names and messages are made
    unrecognisable.
    """

    def __init__(
        self, conductor: Conductor, folder: Path, *, limits: Limits | None = None, redact: bool = False
    ) -> None:
        self._conductor = conductor
        self._folder = folder
        self._limits = limits
        self._redact = redact
        self._recorder = Recorder(__version__)
        self._mixer: object = None
        self._recorder.theme(conductor.theme.name)
        self._read_snippets()

    @property
    def recording(self) -> Recording | None:
        """How the recording stands that goes on now."""
        return self._recorder.recording

    async def through(self, source: AsyncIterator[Item]) -> AsyncIterator[Item]:
        """The source; what the conductor has no use for ends here."""
        looking = asyncio.create_task(self._look_around())
        try:
            async for item in source:
                if self._conductor.mixer is not self._mixer:  # The mix that was kept for this cluster.
                    self.mixed()
                self._recorder.item(item)
                if not isinstance(item, Sight):
                    yield item
        finally:
            looking.cancel()

    def start(self, path: Path | None = None) -> Path:
        """Begin a recording; the file it goes to. Raises UserError when it cannot be made."""
        self.mixed()
        if path is None:
            path = self._folder / self._name()
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"{self._folder} cannot be made: {error.strerror}") from None
        self._recorder.start(path, limits=self._limits, redact=self._redact)
        return path

    def _name(self) -> str:
        clusters = "+".join(quote(cluster, safe="@ ") for cluster in self._recorder.known.clusters)
        return f"{clusters[:LONGEST_NAME] or 'session'}-{datetime.now():%Y-%m-%dT%H%M%S}.jsonl.gz"

    def stop(self) -> str:
        """End the recording; how it went as one line, or nothing when none went on. Waits for the disk."""
        recording = self._recorder.stop()
        if recording is None:
            return ""
        trouble = f"; {recording.problem}" if recording.problem else ""
        lost = f", {recording.lost:,} lines lost" if recording.lost else ""
        return (
            f"recorded {clock(recording.seconds)} in {recording.path}, {megabytes(recording.size)}"
            f"{lost}{trouble}"
        )

    async def toggle(self) -> None:
        """Begin a recording, or end the one that goes on, and say so."""
        if self.recording:
            self._say(Severity.OK, await asyncio.to_thread(self.stop))
            return
        try:
            path = self.start()
        except UserError as error:
            self._say(Severity.ERROR, str(error))
        else:
            self._say(Severity.OK, f"recording to {path}")

    def mark(self, text: str | None) -> None:
        """Set a mark; None was thought better of."""
        if text is not None:
            self._recorder.mark(text)

    def mixed(self) -> None:
        """The mix is another one."""
        self._mixer = mixer = self._conductor.mixer
        self._recorder.mix(list(mixer), mixer.dimmed)

    def _read_snippets(self) -> None:
        library = self._conductor.library
        for name in library.names:
            if snippet := library.get(name):
                self._recorder.snippet(name, snippet.text)

    async def _look_around(self) -> None:
        """Record what the snippets have become; say when the disk makes trouble, and when it does no more."""
        before = ""
        while True:
            await asyncio.sleep(GLANCE)
            self._read_snippets()
            recording = self.recording
            problem = recording.problem if recording else ""
            if recording and bool(problem) != bool(before):
                text = problem or "writing again"
                self._say(Severity.ERROR if problem else Severity.OK, f"{recording.path}: {text}")
            before = problem

    def _say(self, severity: Severity, text: str) -> None:
        self._conductor.listener.notice(Notice(severity, text))


def megabytes(size: int) -> str:
    """A file's size for people."""
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"
