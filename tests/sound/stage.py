"""An engine that has found the server, and a voice at a time on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from players import at_work, event, until
from sonic_pi import SonicPiServer
from sonickube_tui.engine.base import Alive, Ended, Failed, Report
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.event import Event, Kind
from sonickube_tui.music.voice import Voice


class Stage:
    """Plays texts through the real engine and keeps the reports of each voice."""

    def __init__(self, engine: SonicPi) -> None:
        self.engine = engine
        self.reports: defaultdict[int, list[Report]] = defaultdict(list)
        self._voices = 0

    def play(self, text: str, about: Event | None = None, **fields: object) -> int:
        """Send a voice; its number."""
        self._voices += 1
        about = about or event(Kind.READY)
        self.engine.play(Voice(id=self._voices, event=about, snippet="test", **fields), text)  # type: ignore[arg-type]
        return self._voices

    async def ended(self, voice: int, seconds: float = 20) -> list[str]:
        """The names of its reports but for signs of life, in order, once nothing of it sounds any more."""
        await until(lambda: any(isinstance(report, Ended) for report in self.reports[voice]), seconds)
        return [type(report).__name__ for report in self.reports[voice] if not isinstance(report, Alive)]

    def failure(self, voice: int) -> Failed | None:
        """How the voice failed, if it did."""
        return next((report for report in self.reports[voice] if isinstance(report, Failed)), None)


@asynccontextmanager
async def on_stage(server: SonicPiServer) -> AsyncIterator[Stage]:
    """A stage whose engine has found that server."""
    stage = Stage(SonicPi(Ways(named=server.address, required=True)))
    playing = stage.engine.run(lambda report: stage.reports[report.voice].append(report), lambda status: None)
    async with at_work(playing, lambda: stage.engine.status.sounding):
        yield stage
