"""Sonic Pi goes and comes back on other ports; the console goes on by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from players import Notebook, conductor, event, score, until
from sonic_pi import TOLD, SonicPiServer, Version
from sonickube_tui.engine import sonic_pi as engine_module
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.entry import Heard
from sonickube_tui.event import Kind, Severity
from sonickube_tui.music.snippets import Library

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


def library(folder: Path) -> Library:
    (folder / "ready.rb").write_text("play 60, sustain: 0.5")
    return Library([folder])


async def test_killed_in_mid_play_and_started_on_other_ports_it_plays_on(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "RETRY_EVERY", 1.0)
    monkeypatch.setenv("SONIC_PI_HOME", str(tmp_path))
    notebook = Notebook()
    desk = conductor(SonicPi(Ways()), notebook, library=library(tmp_path))  # type: ignore[arg-type]
    playing = asyncio.create_task(desk.run(score()))
    first, second = SonicPiServer(tmp_path, version), SonicPiServer(tmp_path, version)
    try:
        await asyncio.to_thread(first.start)
        await until(lambda: desk.engine.status.sounding, 60)
        desk.take(event(Kind.READY, "before"))
        await until(lambda: desk.heard[Heard.STARTED] == 1)
        await asyncio.to_thread(first.kill)
        desk.take(event(Kind.READY, "between"))
        await until(lambda: not desk.engine.status.sounding, 60)
        await asyncio.to_thread(second.start)
        await until(lambda: desk.engine.status.sounding, 60)
        assert f":{second.address.port}" in desk.engine.status.name
        await asyncio.to_thread(second.start_recording)
        desk.take(event(Kind.READY, "after"))
        await until(lambda: notebook.last()[3].heard is Heard.DONE)
        await asyncio.sleep(1.5)
        sound = await asyncio.to_thread(second.stop_recording)
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        for server in (first, second):
            await asyncio.to_thread(server.stop)
    assert sound.sounding().rms > 0.01
    fates = {entry.event.namespace: (entry.fate.value, entry.heard) for entry in notebook.last().values()}
    assert fates["after"] == ("sent", Heard.DONE)
    assert fates["between"] in (("sent", Heard.LOST), ("silent", Heard.NOTHING))
    told = [(notice.severity, notice.text) for notice in notebook.notices]
    assert (Severity.OK, f"Sonic Pi {TOLD[version]} :{first.address.port}") in told
    assert (Severity.OK, f"Sonic Pi {TOLD[version]} :{second.address.port}") in told
    assert any("does not answer any more" in text for severity, text in told if severity is Severity.WARNING)
