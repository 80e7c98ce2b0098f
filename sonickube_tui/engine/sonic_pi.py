"""Sonic Pi as the engine: found, proven by a run that reports back, asked again when it falls silent."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sonickube_tui.engine.address import Address, running
from sonickube_tui.engine.base import Done, Ended, Failed, Lost, Packet, Report, Started, Status
from sonickube_tui.engine.osc import Link, unpack
from sonickube_tui.errors import UserError
from sonickube_tui.music.render import Reply, render, render_hello, render_levels, render_stop
from sonickube_tui.music.voice import Voice

HELLO_TIMEOUT = 2.0
"""Seconds to wait for the report of the first run: a busy Sonic Pi takes some tenths."""

RETRY_EVERY = 5.0
"""Seconds between two searches for a Sonic Pi."""

REPORT_TIMEOUT = 5.0
"""Seconds after which a voice without any report is lost."""

ADVICE = "no Sonic Pi answers{where}: start it, or name it with --sonic-pi HOST:PORT[:TOKEN]"


class SonicPi:
    """Plays voices on a Sonic Pi of version 2.11 or later that runs already.

    `address` is where it is; None looks in Sonic Pi's logs and at its default port. Without an answer it
    goes on looking, unless one is `required`.
    """

    def __init__(self, address: Address | None = None, *, required: bool = False) -> None:
        self._named = address
        self._required = required
        self._address: Address | None = None
        self._link: Link | None = None
        self._secret = secrets.token_hex(8)
        self._hello: asyncio.Future[str] | None = None
        self._sent: dict[int, float] = {}
        self._report: Callable[[Report], None] = lambda report: None
        self.status = Status(False, "looking for Sonic Pi")
        self.last_packet: Packet | None = None
        self.ignored = 0
        """Datagrams at our report port that were not reports to us."""

    async def run(self, report: Callable[[Report], None], changed: Callable[[Status], None]) -> None:
        """Find Sonic Pi, watch over the voices' reports, and look again when they stay away.

        Raises UserError when a required one does not answer at the start.
        """
        self._report = report
        try:
            while True:
                status = await self._find()
                if self._required and not status.sounding:
                    raise UserError(status.advice)
                self._required = False
                if status != self.status:
                    self.status = status
                    changed(status)
                if status.sounding:
                    await self._watch_over_voices()
                else:
                    await asyncio.sleep(RETRY_EVERY)
        finally:
            self._close()

    def play(self, voice: Voice, snippet: str) -> None:
        """Send a voice. Raises PacketTooLarge, and OSError when the network refuses it."""
        self._send(render(voice, snippet, self._reply))
        self._sent[voice.id] = time.monotonic()

    def set_levels(self, levels: Mapping[int, float]) -> None:
        """Set the linear amplitude of runs that sound, by job number."""
        if levels and self._link:
            self._send(render_levels(levels))

    def stop(self, jobs: Iterable[int]) -> None:
        """Silence the given runs and no others."""
        if (jobs := list(jobs)) and self._link:
            self._send(render_stop(jobs))

    @property
    def _reply(self) -> Reply:
        assert self._link is not None
        host, port = self._link.local
        return Reply(host, port, self._secret)

    def _send(self, code: str) -> None:
        if self._link is None or self._address is None:
            raise ConnectionError("no Sonic Pi to send to")
        self.last_packet = self._link.send(self._address, code)

    async def _find(self) -> Status:
        for address in [self._named] if self._named else await asyncio.to_thread(running):
            version = await self._prove(address)
            if version is not None:
                return Status(True, f"Sonic Pi {version.lstrip('v')} {address}")
        where = f" at {self._named}" if self._named else ""
        return Status(False, "silent", ADVICE.format(where=where))

    async def _prove(self, address: Address) -> str | None:
        """The version of the Sonic Pi at `address`, told by itself; None when it does not answer."""
        try:
            if self._address != address:
                self._close()
                self._link = await Link.open(address, self._received, self._refused)
                self._address = address
            self._hello = asyncio.get_running_loop().create_future()
            self._send(render_hello(self._reply))
            return await asyncio.wait_for(self._hello, HELLO_TIMEOUT)
        except (OSError, TimeoutError):
            self._close()
            return None

    async def _watch_over_voices(self) -> None:
        """Until a voice is lost: Sonic Pi may be gone then."""
        while True:
            await asyncio.sleep(0.5)
            late = time.monotonic() - REPORT_TIMEOUT
            lost = [voice for voice, sent in self._sent.items() if sent < late]
            for voice in lost:
                del self._sent[voice]
                self._report(Lost(voice))
            if lost:
                return

    def _close(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = self._address = None

    def _refused(self) -> None:
        if self._hello is not None and not self._hello.done():
            self._hello.set_exception(ConnectionRefusedError("nobody listens there"))

    def _received(self, datagram: bytes) -> None:
        osc_address, args = unpack(datagram) or ("", [])
        prefix, _, what = osc_address.rpartition("/")
        ours = prefix == f"/sonickube/{self._secret}"
        if ours and what == "hello" and self._hello is not None and not self._hello.done():
            self._hello.set_result(str(*args[:1]))
        elif ours and (report := self._read(what, args)):
            self._report(report)
        else:
            self.ignored += 1

    def _read(self, what: str, args: list[Any]) -> Report | None:
        match what, args:
            case "started", [int(voice), int(job)] if voice in self._sent:
                return Started(voice, job, time.monotonic() - self._sent.pop(voice))
            case "done", [int(voice)]:
                return Done(voice)
            case "ended", [int(voice)]:
                return Ended(voice)
            case "failed", [int(voice), str(error), str(message), int(line)]:
                self._sent.pop(voice, None)
                return Failed(voice, error, message, line)
        return None
