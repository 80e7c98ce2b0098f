"""What anybody on the machine sends to the ports of a console that has started the real Sonic Pi."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from pythonosc.osc_message_builder import build_msg

from players import Notebook, conductor, event, score, until
from sonic_pi import missing
from sonickube_tui.engine.installed import installations
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.entry import Heard
from sonickube_tui.event import Kind
from sonickube_tui.music.snippets import Library

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

FORGED = [
    build_msg("/exited-with-boot-error", "forged").dgram,
    build_msg("/log/info", [0, "forged"]).dgram,
    build_msg("/ack", "sonickube").dgram,
    *(build_msg("/error", [job, "forged", "snippet:3", 1]).dgram for job in range(60)),
    *(build_msg("/log/multi_message", [job, "", "0.0", 1, 0, "forged"]).dgram for job in range(60)),
]


@contextmanager
def stranger() -> Iterator[asyncio.Task[None]]:
    """Sends all that to each of our ports, again and again, until cancelled."""
    outbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    async def send() -> None:
        while True:
            ports = {port.laddr.port for port in psutil.Process().net_connections("udp4") if port.laddr}
            for port in ports:
                for datagram in FORGED:
                    outbox.sendto(datagram, ("127.0.0.1", port))
            await asyncio.sleep(0.2)

    task = asyncio.create_task(send())
    try:
        yield task
    finally:
        task.cancel()
        outbox.close()


async def test_a_stranger_ends_no_start_says_nothing_and_fails_no_voice(tmp_path: Path) -> None:
    if lack := missing():
        (pytest.fail if os.environ.get("SONICKUBE_REQUIRE_REAL") == "1" else pytest.skip)(lack)
    (tmp_path / "ready.rb").write_text("play 60\nputs 'ours'")
    (tmp_path / "created.rb").write_text("in_thread do\n  sleep 0.2\n  nonsense_there\nend")
    engine = SonicPi(
        Ways(running=False, installed=installations(), audio="dummy", folder=tmp_path / "engine")
    )
    desk = conductor(engine, Notebook(), library=Library([tmp_path]))  # type: ignore[arg-type]
    with stranger() as forging:
        playing = asyncio.create_task(desk.run(score()))
        try:
            await until(lambda: engine.status.sounding or engine.status.name == "silent", 90)
            assert engine.status.sounding, engine.status.advice
            for number in range(5):
                desk.take(event(Kind.READY, f"ns-{number}"))
            desk.take(event(Kind.CREATED, "sick"))
            await until(lambda: desk.heard[Heard.DONE] == 6)
            await until(lambda: desk.heard[Heard.FAILED])
            await until(lambda: sum("ours" in said.text for said in desk.log) == 5)
        finally:
            playing.cancel()
            forging.cancel()
            await asyncio.gather(playing, forging, return_exceptions=True)
    assert desk.heard[Heard.FAILED] == 1
    assert not [said for said in desk.log if "forged" in said.text]
