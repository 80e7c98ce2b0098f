"""The bridge on the real Sonic Pi: we play through its lines, and nobody else does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pythonosc.osc_message_builder import build_msg

from players import Notebook, conductor, event, score, until
from sonic_pi import SonicPiServer
from sonickube_tui.engine import bridge
from sonickube_tui.engine import sonic_pi as engine_module
from sonickube_tui.engine.address import Address
from sonickube_tui.engine.bridge import Bridge
from sonickube_tui.engine.osc import pack_code, unpack
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.entry import Heard
from sonickube_tui.event import Kind
from sonickube_tui.music.snippets import Library

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

STOP_OTHERS = "stop_all_jobs rescue @job_mixers.keys.each { |j| __stop_job j unless j == __current_job_id }"


@pytest.fixture(autouse=True)
def no_rest(sonic_pi: SonicPiServer) -> Iterator[None]:
    yield
    sonic_pi.run(STOP_OTHERS)


async def test_it_plays_through_the_port_for_cues_also_after_a_restart_of_ours(
    sonic_pi: SonicPiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "PORTS", (sonic_pi.cues,))
    monkeypatch.setattr(engine_module, "RETRY_EVERY", 1.0)
    (tmp_path / "ready.rb").write_text("play 60, sustain: 0.5")
    (tmp_path / "oom_killed.rb").write_text("raise 'ill'")
    sound = None
    for start in ("first", "second"):
        engine = SonicPi(Ways(bridge=True, folder=tmp_path))
        desk = conductor(engine, Notebook(), library=Library([tmp_path]))  # type: ignore[arg-type]
        playing = asyncio.create_task(desk.run(score()))
        try:
            if start == "first":
                await until(lambda engine=engine: engine.status.paste)
                sonic_pi.run(engine.status.paste)
            await until(lambda engine=engine: engine.status.sounding, 60)
            assert "(bridge)" in engine.status.name
            assert engine.status.paste == ""
            await asyncio.to_thread(sonic_pi.start_recording)
            desk.take(event(Kind.OOM_KILLED, "ill"))
            for n in range(12):
                desk.take(event(Kind.READY, f"ns-{n}"))
            await until(lambda desk=desk: desk.heard[Heard.DONE] == 12 and desk.heard[Heard.FAILED] == 1)
            await asyncio.sleep(1.5)
            sound = await asyncio.to_thread(sonic_pi.stop_recording)
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
        assert sound.sounding().rms > 0.01
        assert desk.heard[Heard.LOST] == 0


class Inbox:
    """Where code says that it ran, and the port for cues where everybody may send."""

    def __init__(self, cues: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._cues = cues

    def code(self, word: str) -> str:
        port = self._socket.getsockname()[1]
        return f'SonicPi::OSC::UDPClient.new("127.0.0.1", {port}).send("/{word}")'

    def send(self, *args: object) -> None:
        self.throw(build_msg("/sonickube/run", args).dgram)

    def throw(self, datagram: bytes) -> None:
        self._socket.sendto(datagram, ("127.0.0.1", self._cues))

    def heard(self, seconds: float = 10.0) -> str:
        """The next word, or none."""
        self._socket.settimeout(seconds)
        try:
            return (unpack(self._socket.recv(65536)) or ("", []))[0]
        except TimeoutError:
            return ""

    def close(self) -> None:
        self._socket.close()


def pasted(sonic_pi: SonicPiServer, folder: Path) -> Address:
    """The bridge whose lines have just been run; its loop listens as soon as it has said so."""
    lines = Bridge(folder)
    sonic_pi.run(lines.lines())
    return Address("127.0.0.1", sonic_pi.cues, key=lines.key)


@pytest.fixture
def inbox(sonic_pi: SonicPiServer) -> Iterator[Inbox]:
    inbox = Inbox(sonic_pi.cues)
    yield inbox
    inbox.close()


def first_word(inbox: Inbox, address: Address) -> None:
    """Wait until the lines run."""
    for _ in range(20):
        inbox.throw(pack_code(address, inbox.code("first")))
        if inbox.heard(1.0) == "/first":
            return
    raise AssertionError("the pasted lines never ran")


def test_what_others_send_and_what_is_sent_again_does_nothing(
    sonic_pi: SonicPiServer, inbox: Inbox, tmp_path: Path
) -> None:
    address = pasted(sonic_pi, tmp_path)
    first_word(inbox, address)
    evil = inbox.code("evil")
    ours = pack_code(address, inbox.code("ours"))
    inbox.throw(ours)
    assert inbox.heard() == "/ours"
    _, [seal, text] = unpack(ours) or ("", [])
    for _ in range(3):
        inbox.throw(ours)
    inbox.throw(pack_code(Address("127.0.0.1", sonic_pi.cues, key="0" * 32), evil))
    attempts = [
        (evil,),
        ("", evil),
        (seal, evil),
        (seal, f"9999999999.0\n{evil}"),
        (seal, f"{text}\n{evil}"),
        (evil, seal),
        (seal, text, evil),
        (5, evil),
        (seal, 5),
        (seal, 1.5),
        (),
        (5, 6),
    ]
    for attempt in attempts:
        inbox.send(*attempt)
    inbox.throw(pack_code(address, inbox.code("still-ours")))
    assert [inbox.heard(), inbox.heard(2.0)] == ["/still-ours", ""]


def test_code_that_fails_leaves_the_loop_as_it_is(
    sonic_pi: SonicPiServer, inbox: Inbox, tmp_path: Path
) -> None:
    address = pasted(sonic_pi, tmp_path)
    first_word(inbox, address)
    for code in ("raise 'ill'", "play )", "ring = 3", "stop", "exit", "throw :x", "#" * 7900, "\u2028 ♪"):
        inbox.throw(pack_code(address, code))
    inbox.throw(pack_code(address, inbox.code("last")))
    assert inbox.heard() == "/last"


def test_lines_that_are_pasted_later_end_the_ones_before(
    sonic_pi: SonicPiServer, inbox: Inbox, tmp_path: Path
) -> None:
    before = pasted(sonic_pi, tmp_path)
    first_word(inbox, before)
    after = pasted(sonic_pi, tmp_path)
    assert before != after
    # Both runs are there when a third, sent after them, has said so.
    sonic_pi.run(f"sleep 0.5; {inbox.code('both')}")
    assert inbox.heard() == "/both"
    inbox.throw(pack_code(before, inbox.code("old")))
    inbox.throw(pack_code(after, inbox.code("new")))
    assert [inbox.heard(), inbox.heard(2.0)] == ["/new", ""]
