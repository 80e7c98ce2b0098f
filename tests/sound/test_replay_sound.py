"""A recorded session on the real Sonic Pi, recorded in its turn and measured."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import tapes
from command import sonickube
from sonic_pi import SonicPiServer
from sonickube_tui.music.mixer import Channel
from sonickube_tui.session.format import MixLine

pytestmark = pytest.mark.real

WINDOW = 0.01
SILENCE = 0.002
"""Level below which nobody hears anything."""


async def test_a_replay_is_heard_with_its_mix_and_in_its_time(
    sonic_pi: SonicPiServer, tmp_path: Path
) -> None:
    muted = MixLine(t=0.0, channels=(Channel("ops", muted=True),))
    session = tapes.write(
        tmp_path / "session.jsonl",
        [muted, tapes.happened(1.0), tapes.happened(7.0, namespace="ops"), tapes.happened(13.0)],
    )
    (tmp_path / "snippets").mkdir()
    (tmp_path / "snippets" / "ready.rb").write_text("play 60, release: 0.5")
    await asyncio.to_thread(sonic_pi.start_recording)
    done = await asyncio.to_thread(
        sonickube, tmp_path, "replay", str(session), "--headless", "--speed", "2",
        "--sonic-pi", sonic_pi.named, "--snippets", str(tmp_path / "snippets"),
    )  # fmt: skip
    sound = await asyncio.to_thread(sonic_pi.stop_recording)
    assert done.returncode == 0, done.stderr
    loud = np.flatnonzero(sound.envelope(WINDOW) > SILENCE) * WINDOW
    begins = [loud[0], *(after for before, after in pairwise(loud) if after - before > 1)]
    assert len(begins) == 2
    assert begins[1] - begins[0] == pytest.approx(6.0, abs=0.1)
