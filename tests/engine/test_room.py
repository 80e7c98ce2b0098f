"""The demo on an engine that is deaf: nothing that it plays is taken to sound for ever."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from peer import peer
from players import Notebook, conductor
from sonickube_tui.assemble import simulation
from sonickube_tui.conductor import Conductor
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.entry import Fate, Heard
from sonickube_tui.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HOUR = 3600.0


class Hasty(selectors.DefaultSelector):
    """Waits for nothing but what is there: when a loop has only its timers, the next one's time has come."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.skipped = 0.0
        for name in ("time", "monotonic"):
            monkeypatch.setattr(time, name, self._clock(getattr(time, name)))

    def _clock(self, real: Callable[[], float]) -> Callable[[], float]:
        return lambda: real() + self.skipped

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout is None:
            return ready or super().select(timeout)
        self.skipped += max(timeout, 0)
        return ready


async def an_hour_on(tells: Mapping[str, list[Any]]) -> tuple[Conductor, Notebook]:
    """The plain demo on an engine that answers a search, and of its voices only what it `tells`."""
    deaf, address = await peer(1)
    deaf.tells = dict(tells)
    notebook = Notebook()
    desk = conductor(SonicPi(Ways(named=address)), notebook)  # type: ignore[arg-type]
    playing = asyncio.create_task(desk.run(simulation(Settings(), "incident", 1)))
    try:
        while not desk.events and not playing.done():  # Before that, a thread imports.
            await asyncio.sleep(1)
        end = time.monotonic() + HOUR
        while time.monotonic() < end and not playing.done():
            await asyncio.sleep(1)
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
    return desk, notebook


@pytest.mark.parametrize(
    ("tells", "heard"),
    [({"started": [40]}, Heard.STARTED), ({}, Heard.LOST)],
    ids=["deaf after the start", "deaf after the hello"],
)
def test_an_hour_of_the_demo_on_a_deaf_engine_drops_nothing(
    monkeypatch: pytest.MonkeyPatch, tells: Mapping[str, list[Any]], heard: Heard
) -> None:
    hasty = Hasty(monkeypatch)
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(hasty)) as runner:
        desk, notebook = runner.run(an_hour_on(tells))
    assert hasty.skipped > HOUR / 2
    assert desk.heard[heard] > 3000
    assert [entry.problem for entry in notebook.entries if entry.fate is Fate.DROPPED] == []
