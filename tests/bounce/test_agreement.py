"""A bounce is what a replay would be: the same voices, as loud, and their channels as well."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import tapes
from players import ROOT, Notebook, PaperEngine, classic, conductor
from sonickube_tui.bounce.file import Excerpt, plan_of
from sonickube_tui.bounce.plan import Heard
from sonickube_tui.event import Kind
from sonickube_tui.music.merging import Merger
from sonickube_tui.music.mixer import Channel, Mixer
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.voice import Voice
from sonickube_tui.replay import Replay
from sonickube_tui.session.format import MixLine
from sonickube_tui.session.opening import Opened, open_session
from sonickube_tui.session.player import Player

SPEED = 20.0
DIM_DB = -20.0
LINES = [
    tapes.happened(0.0, Kind.OOM_KILLED),
    tapes.happened(10.0),
    MixLine(t=15.0, channels=(Channel("shop", gain_db=-6.0),), dimmed=True),
    tapes.happened(30.0),
    tapes.happened(40.0, Kind.CRASHED, "ops"),
    tapes.happened(60.0, Kind.OOM_KILLED),
    tapes.happened(70.0, Kind.READY, "ops"),
]


class Brief(PaperEngine):
    """Its voices are over at once."""

    def play(self, voice: Voice, snippet: str) -> None:
        super().play(voice, snippet)
        asyncio.get_running_loop().call_soon(self.end, voice.id)


async def replayed(session: Opened, begin: float) -> list[Voice]:
    engine, player = Brief(), Player(session, ends=True)
    player.set_speed(SPEED)
    player.seek(begin)
    desk = conductor(engine, Notebook(), clock=lambda: player.now, mixer=Mixer(dim_db=DIM_DB))
    await desk.run(Replay(player, desk).items())
    return [voice for voice, _ in engine.played]


def planned(session: Opened, begin: float) -> list[Voice]:
    _, cues = plan_of(
        session,
        Excerpt(begin=begin, end=session.index.end, speed=SPEED),
        theme=classic(),
        library=Library([ROOT / "snippets" / "classic"]),
        merger=Merger(),
        dim_db=DIM_DB,
    )
    return [cue.voice for cue in cues if isinstance(cue, Heard)]


@pytest.mark.parametrize("begin", [0.0, 20.0])
async def test_at_any_speed_a_bounce_has_the_voices_of_a_replay(tmp_path: Path, begin: float) -> None:
    with open_session([tapes.write(tmp_path / "session.jsonl", LINES)], follow=False) as session:
        session.wait()
        voices, played = planned(session, begin), await replayed(session, begin)
    assert len(voices) == (6 if begin == 0.0 else 4)
    assert [(voice.snippet, voice.level) for voice in voices] == [
        (voice.snippet, voice.level) for voice in played
    ]
    assert [voice.health for voice in voices] == pytest.approx([voice.health for voice in played], abs=0.02)
