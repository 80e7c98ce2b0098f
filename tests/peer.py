"""What listens like a Sonic Pi but runs no Ruby, and an engine at work: for tests of the protocol."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from typing import Any

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from sonickube_tui.engine.address import Address
from sonickube_tui.engine.base import Report, Status
from sonickube_tui.engine.osc import MAX_BRIDGED, MAX_DATAGRAM
from sonickube_tui.engine.sonic_pi import SonicPi


class Peer(asyncio.DatagramProtocol):
    """Receives as Sonic Pi does: from 4.x on the token as an OSC int, before it (`token` None) any name, the
    lines pasted for a bridge what is sealed with their `key` and newer than the last; at most 16,384 bytes,
    or 8,192; silence on anything else.

    It runs no Ruby: it reads from the text where reports go and sends them; of a voice what it `tells`, each
    with what follows the voice's number; asked for runs, those of its `running`. Without `answers` it
    receives and keeps still.
    """

    def __init__(
        self, token: int | None, *, key: str = "", answers: bool = True, version: str = "v4.5.1"
    ) -> None:
        self.token, self.key, self.answers, self.version = token, key, answers, version
        self.heard = 0.0
        self.codes: list[str] = []
        self.running: set[int] = set()
        self.tells: dict[str, list[Any]] = {"started": [40], "done": []}

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        name = b",ss\x00" if self.token is None else b",is\x00"
        head = b"/sonickube/run\x00\x00,ss\x00" if self.key else b"/run-code\x00\x00\x00" + name
        if len(data) > (MAX_BRIDGED if self.key else MAX_DATAGRAM) or not data.startswith(head):
            return
        first, code = OscMessage(data).params
        if self.takes(first, code):
            self.codes.append(code.partition("\n")[2] if self.key else code)
            if self.answers:
                self.report(code)

    def takes(self, first: object, code: str) -> bool:
        """Whether it would run this."""
        if not self.key:
            return self.token is None or first == self.token
        at = float(code.partition("\n")[0])
        if first != hashlib.sha256((code + self.key).encode()).hexdigest() or at <= self.heard:
            return False
        self.heard = at
        return True

    def report(self, code: str, prefix: str | None = None) -> None:
        """Report as the run would, or below another `prefix`."""
        if (reply := self.reply(code)) is None:
            return
        where, told = reply
        prefix = prefix or told
        if f"{told}hello" in code:
            self.send(where, f"{prefix}hello", self.version)
        elif asked := re.search(r"sk_running = \[([\d,]+)\]", code):
            question = re.search(r'running", (\d+)', code)
            assert question
            running = [int(job) for job in asked[1].split(",") if int(job) in self.running]
            self.send(where, f"{prefix}running", int(question[1]), *running)
        elif number := re.search(r"use_random_seed (\d+)", code):
            for what, args in self.tells.items():
                self.send(where, f"{prefix}{what}", int(number[1]), *args)

    @staticmethod
    def reply(code: str) -> tuple[tuple[str, int], str] | None:
        """Host and port that a run reports to, and the prefix with the secret."""
        target = re.search(r'UDPClient\.new\("([\d.]+)", (\d+)\)', code)
        secret = re.search(r"/sonickube/\w+/", code)
        return ((target[1], int(target[2])), secret[0]) if target and secret else None

    def send(self, where: tuple[str, int], address: str, *args: Any) -> None:
        builder = OscMessageBuilder(address)
        for arg in args:
            builder.add_arg(arg)
        self.transport.sendto(builder.build().dgram, where)

    async def close(self) -> None:
        """Give the port back, as a Sonic Pi that ends does; afterwards it refuses."""
        self.transport.close()
        await asyncio.sleep(0)


async def peer(token: int | None, port: int = 0, **rules: Any) -> tuple[Peer, Address]:
    """A peer, by default at a free port, and its address."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Peer(token, **rules), local_addr=("127.0.0.1", port)
    )
    port = transport.get_extra_info("sockname")[1]
    return protocol, Address("127.0.0.1", port, token, protocol.key)


class Running:
    """An engine at work, and all it said."""

    def __init__(self, engine: SonicPi) -> None:
        self.engine = engine
        self.reports: list[Report] = []
        self.statuses: asyncio.Queue[Status] = asyncio.Queue()

    async def __aenter__(self) -> Running:
        self.task = asyncio.create_task(self.engine.run(self.reports.append, self.statuses.put_nowait))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def until(self, reports: int) -> None:
        async with asyncio.timeout(30):
            while len(self.reports) < reports:
                await asyncio.sleep(0.01)

    async def sounding(self) -> Status:
        """The next status that says so."""
        return await self._told(lambda status: status.sounding)

    async def silent(self) -> Status:
        """The next status that says so, with the advice of what to do."""
        return await self._told(lambda status: status.name == "silent")

    async def _told(self, wanted: Callable[[Status], bool]) -> Status:
        async with asyncio.timeout(30):
            while True:
                while self.statuses.empty():
                    if self.task.done():
                        self.task.result()
                    await asyncio.sleep(0.01)
                if wanted(status := self.statuses.get_nowait()):
                    return status
