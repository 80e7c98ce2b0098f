"""Two thousand voices that all sound: every key of the mixer reaches them, in packets that fit."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from crowd import MIXER_KEYS, Crowd
from players import Notebook, classic, conductor, event, score, until
from sonickube_tui.engine.address import Address
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.entry import Fate, Heard
from sonickube_tui.event import Kind
from sonickube_tui.music.merging import Merger
from sonickube_tui.ui.app import Console
from sonickube_tui.ui.mixer import MixerPanel

VOICES = 2000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def reached(codes: Iterable[str]) -> set[str]:
    """The jobs whose levels were set."""
    return {job for code in codes if "sk_levels" in code for job in re.findall(r"(\d+)=>", code)}


async def test_every_key_of_the_mixer_reaches_two_thousand_voices(tmp_path: Path) -> None:
    transport, crowd = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Crowd(1), local_addr=("127.0.0.1", 0)
    )
    address = Address("127.0.0.1", transport.get_extra_info("sockname")[1], 1)
    engine = SonicPi(Ways(named=address, required=True))
    theme = msgspec.structs.replace(classic(), tail=600.0)  # A busy machine may be slow to hear of them all.
    merger = Merger(100_000, 0.0)
    desk = conductor(engine, Notebook(), merger=merger, voices=2 * VOICES, theme=theme)  # type: ignore[arg-type]
    app = Console(desk, score(), save_to=tmp_path, keep_mix=lambda: None)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(lambda: engine.status.sounding)
        for number in range(VOICES):
            desk.take(event(Kind.READY, f"ns-{number % 3}"))
            await until(lambda: desk.heard[Heard.STARTED] > number)  # noqa: B023
        app.query_one(MixerPanel).focus()
        for key in MIXER_KEYS:
            before = len(crowd.codes)
            await pilot.press(key)
            await pilot.pause(0.05)  # Lest packets of many keys are lost for want of room.
            if key in ("m", "d", "h", "L"):
                await until(lambda: len(reached(crowd.codes[before:])) == VOICES)  # noqa: B023
        await until(lambda: desk.sounding == 0)
    assert desk.fates == {Fate.SENT: VOICES}
