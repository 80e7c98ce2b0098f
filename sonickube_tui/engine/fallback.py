"""One engine, and another one for as long as the first does not sound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from sonickube_tui.engine.base import Engine, Packet, Report, Status
from sonickube_tui.music.mixer import Level
from sonickube_tui.music.voice import Voice


class Fallback:
    """Plays on `first` whenever it sounds, and else on `second`, which runs only meanwhile."""

    def __init__(self, first: Engine, second: Engine) -> None:
        self._first = first
        self._second = second
        self._active = first
        self._needed = asyncio.Event()
        self._not_needed = asyncio.Event()
        self.status = first.status

    @property
    def last_packet(self) -> Packet | None:
        """What was sent last by the engine that sounds."""
        return self._active.last_packet

    async def run(self, report: Callable[[Report], None], changed: Callable[[Status], None]) -> None:
        """Run the first one, and the second when that is needed, until cancelled. Raises what they raise."""

        def tell(status: Status) -> None:
            if status != self.status:
                self.status = status
                changed(status)

        def first_changed(status: Status) -> None:
            if status.sounding:
                if self._active is self._second and self.status.sounding:
                    tell(Status(False, "silent", f"{status.name} answers: it plays from now on"))
                self._active = self._first
                self._needed.clear()
                self._not_needed.set()
                tell(status)
            else:
                self._not_needed.clear()
                self._needed.set()

        def second_changed(status: Status) -> None:
            if not self._needed.is_set():
                return
            self._active = self._second if status.sounding else self._first
            lack = self._first.status
            advice = "; ".join(filter(None, (lack.advice, f"{status.name}: {status.advice}")))
            tell(status if status.sounding else Status(False, lack.name, advice))

        jobs = [
            asyncio.create_task(self._first.run(report, first_changed)),
            asyncio.create_task(self._run_second(report, second_changed)),
        ]
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                job.result()
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _run_second(self, report: Callable[[Report], None], changed: Callable[[Status], None]) -> None:
        while True:
            await self._needed.wait()
            playing = asyncio.create_task(self._second.run(report, changed))
            over = asyncio.create_task(self._not_needed.wait())
            try:
                await asyncio.wait((playing, over), return_when=asyncio.FIRST_COMPLETED)
                if playing.done():
                    playing.result()
            finally:
                playing.cancel()
                over.cancel()
                await asyncio.gather(playing, over, return_exceptions=True)

    def play(self, voice: Voice, snippet: str) -> None:
        """Send a voice. Raises PacketTooLarge, and OSError when it cannot be sent."""
        self._active.play(voice, snippet)

    def set_levels(self, levels: Mapping[int, Level]) -> None:
        """Set how loud and where runs are that sound, by job number."""
        self._active.set_levels(levels)

    def stop(self, jobs: Iterable[int]) -> None:
        """Silence the given runs and no others."""
        self._active.stop(jobs)
