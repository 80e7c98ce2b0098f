"""Recording by keys, and what the header says of it."""

from __future__ import annotations

import re
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from players import ROOT, PaperEngine, event, score, until
from players import conductor as make_conductor
from sonickube_tui.entry import Listener
from sonickube_tui.event import Connection, Link
from sonickube_tui.music.snippets import Library
from sonickube_tui.recording import Deck
from sonickube_tui.session.format import MarkLine, MixLine
from sonickube_tui.session.opening import open_session
from sonickube_tui.ui.app import Console
from ui.test_console import Show

pytestmark = pytest.mark.slow

WATCHING = Connection(at=1.0, cluster="prod-eu", link=Link.WATCHING, pods=412)


@asynccontextmanager
async def recording(tmp_path: Path) -> AsyncIterator[Show]:
    engine, own = PaperEngine(), tmp_path / "own"
    own.mkdir()
    desk = make_conductor(engine, Listener(), library=Library([ROOT / "snippets" / "classic", own]))
    deck = Deck(desk, tmp_path / "sessions")
    source = deck.through(score(WATCHING, event()))
    app = Console(desk, source, save_to=own, keep_mix=lambda: None, deck=deck)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(lambda: desk.events)
        try:
            yield Show(app, pilot, engine)
        finally:
            deck.stop()


async def test_r_records_m_marks_and_the_header_says_so(tmp_path: Path) -> None:
    async with recording(tmp_path) as show:
        await show.press("M")
        assert "nothing is recorded: r begins a recording" in show.notices()
        await show.press("r")
        await until(lambda: "● REC 0:00:0" in show.screen())
        [path] = (tmp_path / "sessions").iterdir()
        assert f"recording to {path}" in show.notices()
        await show.press("M", *"deploy 4.2", "enter")
        await show.press("M", *"thought better", "escape")
        await show.press("tab", "m", "d")
        await show.press("r")
        await until(lambda: any(re.match(r"recorded 0:00:\d\d", text) for text in show.notices()))
        await until(lambda: "REC" not in show.screen().splitlines()[0])
    with open_session([path], follow=False) as session:
        assert session.wait(20)
        lines = list(session.lines())
    assert [line.text for line in lines if isinstance(line, MarkLine)] == ["deploy 4.2"]
    mixes = [(line.channels[0].muted, line.dimmed) for line in lines if isinstance(line, MixLine)]
    assert mixes == [(False, False), (True, False), (True, True)]


async def test_a_full_disk_is_in_the_header_until_there_is_room(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with recording(tmp_path) as show:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))
            await show.press("r", "M", *"now", "enter")
            await until(lambda: "File too large" in show.screen().splitlines()[0])
            await until(lambda: any("File too large" in text for text in show.notices()))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        await until(lambda: any("writing again" in text for text in show.notices()))
        await until(lambda: "File too large" not in show.screen().splitlines()[0])
        assert "● REC" in show.screen()
        assert show.desk.events == 1
