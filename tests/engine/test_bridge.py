"""The bridge: whose lines it finds, which key they have, and who else may read it."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from peer import Running, peer
from players import event, until
from sonickube_tui.engine import bridge, sonic_pi
from sonickube_tui.engine.base import Done, Lost, PacketTooLarge
from sonickube_tui.engine.bridge import CEILING, Bridge
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.errors import UserError
from sonickube_tui.music.voice import Voice


def voice(number: int) -> Voice:
    return Voice(id=number, event=event(), snippet="ready")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sonic_pi, "RETRY_EVERY", 0.05)


def pasted(paste: str) -> str:
    """The key in the lines."""
    [key] = re.findall(r'"([0-9a-f]{32})"', paste)
    return str(key)


@pytest.fixture
def key(tmp_path: Path) -> str:
    """Of lines that were pasted in an earlier run."""
    return pasted(Bridge(tmp_path).lines())


@pytest.mark.parametrize("place", [0, 1], ids=["from 3.2", "until 3.1"])
async def test_the_bridge_of_an_earlier_run_plays_through_the_port_for_cues(
    closed: int, monkeypatch: pytest.MonkeyPatch, place: int, key: str, tmp_path: Path
) -> None:
    cues, address = await peer(None, key=key, version="v3.2.2")
    ports = [closed, closed]
    ports[place] = address.port
    monkeypatch.setattr(bridge, "PORTS", ports)
    async with Running(SonicPi(Ways(bridge=True, folder=tmp_path))) as running:
        status = await running.sounding()
        assert (status.name, status.paste) == (f"Sonic Pi 3.2.2 :{address.port} (bridge)", "")
        assert status.ceiling == CEILING
        running.engine.play(voice(1), "play 60")
        await until(lambda: Done(1) in running.reports)
        packet = running.engine.last_packet
        assert packet
        assert packet.address == "/sonickube/run"
        assert cues.codes[-1] == packet.code


async def test_without_its_lines_the_bridge_asks_for_them_and_is_found_once_they_run(
    closed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bridge, "PORTS", (closed,))
    async with Running(SonicPi(Ways(bridge=True, folder=tmp_path))) as running:
        status = await running.silent()
        assert "paste its lines into Sonic Pi" in status.advice
        assert len(status.paste.splitlines()) == 9
        assert 'sync "/osc*/sonickube/run"' in status.paste
        cues, address = await peer(None, key=pasted(status.paste))
        monkeypatch.setattr(bridge, "PORTS", (address.port,))
        assert (await running.sounding()).paste == ""
        await cues.close()
        running.engine.play(voice(1), "play 60")
        await until(lambda: running.engine.status.paste)
        assert running.engine.status.paste == status.paste


async def test_lines_that_do_not_answer_at_a_start_are_dead_from_then_on(
    monkeypatch: pytest.MonkeyPatch, key: str, tmp_path: Path
) -> None:
    monkeypatch.setattr(sonic_pi, "HELLO_TIMEOUT", 0.3)
    cues, address = await peer(None, key=key, answers=False)
    monkeypatch.setattr(bridge, "PORTS", (address.port,))
    async with Running(SonicPi(Ways(bridge=True, folder=tmp_path))) as running:
        shown = pasted((await running.silent()).paste)
        assert shown != key
        assert len(cues.codes) == 1
        cues.key, cues.answers = shown, True
        await running.sounding()
    async with Running(SonicPi(Ways(bridge=True, folder=tmp_path))) as running:
        await running.sounding()


async def test_a_required_bridge_shows_no_lines_and_leaves_the_key(
    closed: int, monkeypatch: pytest.MonkeyPatch, key: str, tmp_path: Path
) -> None:
    monkeypatch.setattr(bridge, "PORTS", (closed,))
    engine = SonicPi(Ways(bridge=True, required=True, folder=tmp_path))
    with pytest.raises(UserError, match="the bridge does not answer"):
        await engine.run(print, print)
    assert engine.status.paste == ""
    assert Bridge(tmp_path).key == key


def test_the_key_is_for_our_eyes_only_whatever_was_there_before(tmp_path: Path) -> None:
    folder = tmp_path / "sonic-pi"
    first = pasted(Bridge(folder).lines())
    (folder / "bridge.key").chmod(0o666)
    second = pasted(Bridge(folder).lines())
    assert first != second
    assert stat.S_IMODE((folder / "bridge.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert Bridge(folder).key == second


@pytest.mark.parametrize("kept", [b"", b"short", b"\xff\xfe", b"A" * 32, b'"+x+"' * 6])
def test_a_key_that_is_none_is_not_used(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "bridge.key").write_bytes(kept)
    assert Bridge(tmp_path).key == ""


def test_a_key_that_cannot_be_kept_is_good_for_this_run(tmp_path: Path) -> None:
    (tmp_path / "bridge.key").mkdir()
    one = Bridge(tmp_path)
    assert pasted(one.lines()) == one.key == pasted(one.lines())


async def test_what_is_too_long_for_the_bridge_is_refused_and_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch, key: str, tmp_path: Path
) -> None:
    monkeypatch.setattr(sonic_pi, "REPORT_TIMEOUT", 0.1)
    cues, address = await peer(None, key=key)
    monkeypatch.setattr(bridge, "PORTS", (address.port,))
    async with Running(SonicPi(Ways(bridge=True, folder=tmp_path))) as running:
        await running.sounding()
        with pytest.raises(PacketTooLarge, match="the bridge drops those over 8,192: shorten the snippet"):
            running.engine.play(voice(1), "#" * 8192)
        cues.tells = {}
        running.engine.play(voice(2), "#" * 3000)
        await until(lambda: running.reports)
        assert running.reports == [Lost(2)]
        assert not any("use_random_seed 1\n" in code for code in cues.codes)
