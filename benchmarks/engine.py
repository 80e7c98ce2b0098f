"""What the real Sonic Pi takes: its round trip, how many voices a second, and what they cost us."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from sonic_pi import SonicPiServer, missing
from sonickube_tui.conductor import Conductor
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.entry import Heard
from sonickube_tui.event import Event, Item, Kind
from sonickube_tui.music.merging import Merger
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import load_theme
from sonickube_tui.settings import shipped

RATES = (10, 20, 40, 60, 80)
SECONDS = 6.0


class Figures:
    """Of one rate: `trips` in milliseconds, whether all was heard in time, and our share of a core."""

    def __init__(self, trips: list[float], clean: bool, cpu: float) -> None:
        self.trips, self.clean, self.cpu = sorted(trips), clean, cpu


async def _source(rate: float) -> AsyncIterator[Item]:
    began = time.monotonic()
    for number in range(int(rate * SECONDS)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        name = f"ns-{number % 50}"
        yield Event(at=time.time(), cluster="c", namespace=name, pod="p", uid="u", kind=Kind.CREATED)
    await asyncio.sleep(3.0)


async def _at(server: SonicPiServer, rate: float) -> Figures:
    server.errors.clear()
    conductor = Conductor(
        theme=load_theme("classic", [shipped("themes")]),
        library=Library([shipped("snippets") / "classic"]),
        engine=SonicPi(Ways(named=server.address)),
        merger=Merger(1_000, window=0.0),
        voices=1_000,
    )
    cpu, began = time.process_time(), time.monotonic()
    await conductor.run(_source(rate))
    cpu, seconds = time.process_time() - cpu, time.monotonic() - began
    heard = conductor.heard
    clean = heard[Heard.STARTED] == int(rate * SECONDS) and not heard[Heard.LOST] and not server.errors
    return Figures([1000 * trip for trip in conductor._round_trips], clean, cpu / seconds)


def measure() -> dict[int, Figures] | None:
    """Figures by voices a second; None without a Sonic Pi."""
    if missing():
        return None
    with SonicPiServer() as server:
        return {rate: asyncio.run(_at(server, rate)) for rate in RATES}
