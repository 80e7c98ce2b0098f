"""Sonic Pi as the engine: found or started, proven by a run that reports back, and found again."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sonickube_tui.engine import bridge
from sonickube_tui.engine.address import Address
from sonickube_tui.engine.base import Alive, Done, Ended, Failed, Lost, Packet, Report, Said, Started, Status
from sonickube_tui.engine.boot import Audio, BootedServer, BootFailed
from sonickube_tui.engine.discovery import Candidate, candidates
from sonickube_tui.engine.family import end_leftovers
from sonickube_tui.engine.installed import Installation
from sonickube_tui.engine.log_port import read_log
from sonickube_tui.engine.osc import Link, unpack
from sonickube_tui.engine.recording import stop_leftovers
from sonickube_tui.errors import UserError
from sonickube_tui.music.mixer import Level
from sonickube_tui.music.render import (
    Reply,
    render,
    render_hello,
    render_levels,
    render_running,
    render_stop,
)
from sonickube_tui.music.voice import Voice
from sonickube_tui.plain import cut

HELLO_TIMEOUT = 2.0
"""Seconds to wait for the report of the first run: a busy Sonic Pi takes some tenths."""

BOOT_TIMEOUT = 30.0
"""Seconds until one that we start must answer; it takes four when nothing else runs."""

LONGEST_VERSION = 40
"""Characters of what it says of its version; a development version has some twenty."""

BOOT_ERROR_TIMEOUT = 10.0
"""Seconds that it has to answer all the same when somebody has said on its behalf that it cannot."""

NO_ANSWER = f"no answer in {BOOT_TIMEOUT:g} s; without sound hardware, --audio dummy starts it all the same"

RETRY_EVERY = 5.0
"""Seconds between two searches for a Sonic Pi."""

KNOCK_EVERY = 2.0
"""Seconds between two looks whether it is still there, when nothing is sent."""

REPORT_TIMEOUT = 5.0
"""Seconds after which a voice without any report is lost."""

ASK_EVERY = 3.0
"""Seconds without a sign of life from a voice after which Sonic Pi is asked whether it still runs."""

FORGET_AFTER = 60.0
"""Seconds without one after which it is asked no more."""

PIECE = 100
"""Runs that one datagram names at most: with their levels some 6 kB, which the bridge takes, too."""


_Item = TypeVar("_Item")


class Ways(msgspec.Struct, frozen=True, kw_only=True):
    """How to come by a Sonic Pi.

    `named` is where the user says it is; otherwise, with `running`, it is looked for, or with `bridge` its
    pasted lines are. One of `installed` is started when none is found. With `required` it is an error when
    none answers at the start, and nothing is to be pasted. Logs of ours, notes of what we have set off and
    the bridge's key are in `folder`.
    """

    named: Address | None = None
    running: bool = True
    bridge: bool = False
    installed: Sequence[Installation] = ()
    audio: Audio = "auto"
    folder: Path = Path()
    required: bool = False


class _Run(msgspec.Struct):
    """A voice as Sonic Pi has it: the number of its run, and when it last gave a sign of life."""

    job: int
    sign: float


class SonicPi:
    """Plays voices on a Sonic Pi of version 2.11 or later."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._bridge = bridge.Bridge(ways.folder)
        self._address: Address | None = None
        self._link: Link | None = None
        self._server: BootedServer | None = None
        self._boot_failure = ""
        self._secret = secrets.token_hex(16)
        self._asked: dict[str, asyncio.Future[list[Any]]] = {}
        self._gone = asyncio.Event()
        self._sent: dict[int, float] = {}
        self._runs: dict[int, _Run] = {}
        self._questions: dict[int, dict[int, int]] = {}
        self._looked = 0.0
        self._told: set[str] = set()
        self._report: Callable[[Report], None] = lambda report: None
        self.status = Status(False, "looking for Sonic Pi")
        self.last_packet: Packet | None = None
        self.ignored = 0
        """Datagrams at our report port that were not reports to us."""

    async def run(self, report: Callable[[Report], None], changed: Callable[[Status], None]) -> None:
        """Find or start Sonic Pi, watch over the voices' reports, and look again when it is gone.

        Raises UserError when a required one does not answer at the start.
        """
        self._report = report

        def tell(status: Status) -> None:
            if status != self.status:
                self.status = status
                changed(status)

        required = self._ways.required
        if self._ways.installed:
            await asyncio.to_thread(end_leftovers, self._ways.folder)
        try:
            while True:
                status = await self._find(tell)
                if required and not status.sounding:
                    raise UserError(status.advice)
                required = False
                tell(status)
                if status.sounding:
                    await self._watch_over()
                    tell(Status(False, "silent", f"{status.name} does not answer any more; looking for it"))
                else:
                    await asyncio.sleep(RETRY_EVERY)
        finally:
            self._close()
            await self._end_server()

    def play(self, voice: Voice, snippet: str) -> None:
        """Send a voice. Raises PacketTooLarge, and OSError when the network refuses it."""
        self._send(render(voice, snippet, self._reply))
        self._sent[voice.id] = time.monotonic()

    def set_levels(self, levels: Mapping[int, Level]) -> None:
        """Set how loud and where runs are that sound, by job number."""
        if self._link:
            for piece in _pieces(list(levels.items())):
                self._send(render_levels(dict(piece)))

    def stop(self, jobs: Iterable[int]) -> None:
        """Silence the given runs and no others."""
        if self._link:
            for piece in _pieces(list(jobs)):
                self._send(render_stop(piece))

    async def ask(
        self, what: str, code: Callable[[Reply], str], seconds: float = HELLO_TIMEOUT
    ) -> list[Any] | None:
        """Run code that reports `what` once: its arguments, or None when nothing comes in so many seconds."""
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._asked[what] = answer
        try:
            if self._link is None or self._address is None:
                return None
            self._link.send(self._address, code(self._reply))
            # Not wait_for: before Python 3.12 it forgets a cancellation that comes with the answer.
            async with asyncio.timeout(seconds):
                return await answer
        except (OSError, TimeoutError):
            return None
        finally:
            self._asked.pop(what, None)

    @property
    def _reply(self) -> Reply:
        if self._link is None:
            raise ConnectionError("no Sonic Pi to send to")
        host, port = self._link.local
        return Reply(host, port, self._secret)

    def _send(self, code: str) -> None:
        if self._link is None or self._address is None:
            raise ConnectionError("no Sonic Pi to send to")
        self.last_packet = self._link.send(self._address, code)

    @property
    def folder(self) -> Path:
        """Where it is noted what we have set off."""
        return self._ways.folder

    # Finding.

    async def _find(self, tell: Callable[[Status], None]) -> Status:
        await self._end_server()
        passed: list[str] = []
        for candidate in await self._candidates():
            if version := await self._prove(candidate.address):
                await self._stop_leftovers()
                self._say(f"passed over {', '.join(passed)}: nobody answers there" if passed else "")
                if not candidate.address.bridge:
                    return self._sounding(version, None)
                self._bridge.answered()
                return self._sounding(version, bridge.CEILING)
            if candidate.written:
                passed.append(f"{candidate.address} of {candidate.source}")
        if self._ways.installed and not self._boot_failure:
            return await self._boot(tell)
        paste = self._bridge.lines() if self._ways.bridge and not self._ways.required else ""
        return Status(False, "silent", self._advice(passed), paste=paste)

    async def _candidates(self) -> Sequence[Candidate]:
        ways = self._ways
        if ways.named:
            return [Candidate(ways.named, "--sonic-pi")]
        if ways.bridge:
            key = self._bridge.key
            addresses = [Address("127.0.0.1", port, key=key) for port in bridge.PORTS if key]
            return [Candidate(address, "the bridge") for address in addresses]
        return await asyncio.to_thread(candidates) if ways.running else []

    def _sounding(self, version: str, ceiling: float | None) -> Status:
        assert self._address
        how = " (bridge)" if self._address.bridge else " (started by us)" if self._server else ""
        return Status(True, f"Sonic Pi {version.lstrip('v')} {self._address}{how}", ceiling=ceiling)

    def _advice(self, passed: Sequence[str]) -> str:
        if self._ways.bridge:
            return "the bridge does not answer: paste its lines into Sonic Pi and run them there"
        if self._boot_failure:
            return f"Sonic Pi could not be started: {self._boot_failure}"
        where = f" at {self._ways.named}" if self._ways.named else ""
        over = f" (passed over {', '.join(passed)})" if passed else ""
        return f"no Sonic Pi answers{where}{over}: start it, or name it: SONICKUBE_SONIC_PI=HOST:PORT[:TOKEN]"

    async def _boot(self, tell: Callable[[Status], None]) -> Status:
        """Start the first installation; when that fails, say why and do not try again."""
        ways, installation = self._ways, self._ways.installed[0]
        tell(Status(False, "starting Sonic Pi", f"starting the Sonic Pi in {installation}"))
        self._boot_failure = ""
        server = self._server = BootedServer(installation, ways.audio, ways.folder, self._logged)
        try:
            async with asyncio.timeout(BOOT_TIMEOUT):
                address = await server.start()
            deadline = time.monotonic() + BOOT_TIMEOUT
            while time.monotonic() < deadline and server.alive:
                if version := await self._prove(address):
                    server.settle()
                    self._knock()
                    return self._sounding(version, server.ceiling)
                if server.window.boot_error:
                    deadline = min(deadline, time.monotonic() + BOOT_ERROR_TIMEOUT)
                await asyncio.sleep(0.2)
            said = NO_ANSWER if server.alive else server.failure()
            self._boot_failure = server.window.boot_error or said
        except BootFailed as failure:
            self._boot_failure = str(failure)
        except TimeoutError:
            self._boot_failure = NO_ANSWER
        await self._end_server()
        return Status(False, "silent", self._advice(()))

    async def _end_server(self) -> None:
        server, self._server = self._server, None
        if server:
            await server.stop()

    async def _stop_leftovers(self) -> None:
        for file in await stop_leftovers(self.ask, self._ways.folder):
            self._say(f"stopped a recording that a bounce had left running; what there is of it is in {file}")

    async def _prove(self, address: Address) -> str | None:
        """The version of the Sonic Pi at `address`, told by itself; None when it does not answer."""
        try:
            if self._address != address or self._link is None:
                self._close()
                self._link = await Link.open(address, self._received, self._refused)
                self._address = address
            self._gone.clear()
            answer = await self.ask("hello", render_hello)
        except OSError:
            answer = None
        if answer is None:
            self._close()
            return None
        return cut(str(*answer[:1]), LONGEST_VERSION)

    def _close(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = self._address = None
        self._sent.clear()
        self._runs.clear()
        self._questions.clear()

    def _knock(self) -> None:
        if self._link and self._address:
            self._link.knock(self._address, self._server.window.proof if self._server else "sonickube")

    def _refused(self) -> None:
        self._gone.set()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(ConnectionRefusedError("nobody listens there"))

    async def _watch_over(self) -> None:
        """Until Sonic Pi is gone: its port is closed, or voices are lost and a run that asks for it, too."""
        knocked = time.monotonic()
        while not self._gone.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await self._gone.wait()
            now = time.monotonic()
            if now - knocked >= KNOCK_EVERY:
                self._knock()
                knocked = now
            self._look_after(now)
            lost = [voice for voice, sent in self._sent.items() if sent < now - REPORT_TIMEOUT]
            for voice in lost:
                del self._sent[voice]
                self._report(Lost(voice))
            if lost and not (self._address and await self._prove(self._address)):
                return

    def _look_after(self, now: float) -> None:
        """Ask which of the runs still run that have given no sign of life for a while."""
        if now - self._looked < ASK_EVERY or self._link is None or self._address is None:
            return
        self._looked = now
        self._runs = {voice: run for voice, run in self._runs.items() if now - run.sign < FORGET_AFTER}
        quiet = [(run.job, voice) for voice, run in self._runs.items() if now - run.sign >= ASK_EVERY]
        self._questions = dict(enumerate(map(dict, _pieces(quiet))))
        for question, jobs in self._questions.items():
            self._link.send(self._address, render_running(jobs, question, self._reply))

    # Hearing.

    def _received(self, datagram: bytes) -> None:
        osc_address, args = unpack(datagram) or ("", [])
        prefix, _, what = osc_address.rpartition("/")
        ours = prefix == f"/sonickube/{self._secret}"
        if ours and (answer := self._asked.get(what)) and not answer.done():
            answer.set_result(args)
        elif ours and (reports := self._read(what, args)) is not None:
            for report in reports:
                self._report(report)
        else:
            self.ignored += 1

    def _read(self, what: str, args: list[Any]) -> list[Report] | None:
        match what, args:
            case "started", [int(voice), int(job)] if voice in self._sent:
                now = time.monotonic()
                self._runs[voice] = _Run(job, now)
                return [Started(voice, job, now - self._sent.pop(voice))]
            case "done", [int(voice)]:
                self._signed(voice)
                return [Done(voice)]
            case "ended", [int(voice)] if voice in self._runs or voice in self._sent:
                self._sent.pop(voice, None)
                self._runs.pop(voice, None)
                return [Ended(voice)]
            case "failed", [int(voice), str(error), str(message), int(line)]:
                self._signed(voice)
                return [Failed(voice, error, message, line)]
            case "running", [int(question), *running] if jobs := self._questions.pop(question, None):
                return [self._answered(voice, job in running) for job, voice in jobs.items()]
        return None

    def _signed(self, voice: int) -> None:
        self._sent.pop(voice, None)
        if run := self._runs.get(voice):
            run.sign = time.monotonic()

    def _answered(self, voice: int, running: bool) -> Report:
        if running:
            self._signed(voice)
            return Alive(voice)
        self._runs.pop(voice, None)
        return Ended(voice)

    def _logged(self, datagram: bytes) -> None:
        """Something came for the window of the Sonic Pi that we started."""
        for line in read_log(*(unpack(datagram) or ("", []))):
            voice = next((voice for voice, run in self._runs.items() if run.job == line.job), None)
            self._report(Said(line.text, line.error, voice))
            if line.error and voice is not None:
                self._report(Failed(voice, "", line.text, line.line))

    def _say(self, text: str) -> None:
        if text and text not in self._told:
            self._told.add(text)
            self._report(Said(text))


def _pieces(items: list[_Item]) -> Iterator[list[_Item]]:
    return (items[start : start + PIECE] for start in range(0, len(items), PIECE))
