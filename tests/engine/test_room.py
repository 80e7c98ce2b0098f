"""The demo on an engine that is deaf: nothing that it plays is taken to sound for ever."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import pytest

from peer import Peer, peer
from players import Notebook, conductor, until
from sonickube_tui.assemble import simulation
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.entry import Fate, Heard
from sonickube_tui.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HOUR = 3600.0


class Hasty(selectors.DefaultSelector):
    """Waits for nothing but what is there: while a loop has only its timers, its time is at the next at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.skipped = 0.0
        for name in ("time", "monotonic"):
            monkeypatch.setattr(time, name, self._clock(getattr(time, name)))

    def _clock(self, real: Any) -> Any:
        return lambda: real() + self.skipped

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout is None:
            return ready or super().select(timeout)
        self.skipped += max(timeout, 0)
        return ready


@pytest.mark.parametrize(
    ("tells", "heard"),
    [({"started": [40]}, Heard.STARTED), ({}, Heard.LOST)],
    ids=["silent after the start", "silent after the hello"],
)
def test_an_hour_of_the_demo_drops_nothing_for_want_of_room(
    monkeypatch: pytest.MonkeyPatch, tells: Mapping[str, list[Any]], heard: Heard
) -> None:
    async def hour() -> None:
        deaf, address = await peer(1)
        deaf.tells = dict(tells)
        notebook = Notebook()
        desk = conductor(SonicPi(Ways(named=address)), notebook)  # type: ignore[arg-type]
        playing = asyncio.create_task(desk.run(simulation(Settings(), "incident", 1)))
        try:
            while not desk.events and not playing.done():  # It begins with what is imported in a thread.
                await asyncio.sleep(1)
            end = time.monotonic() + HOUR
            while time.monotonic() < end and not playing.done():
                await asyncio.sleep(1)
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
        print(desk.fates, desk.heard, desk.sounding, desk.events)

    hasty = Hasty(monkeypatch)
    began = time.perf_counter()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(hasty)) as runner:
        runner.run(hour())
    print(time.perf_counter()-began)
    assert 0
