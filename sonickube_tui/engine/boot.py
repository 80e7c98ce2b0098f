"""Starts a Sonic Pi that is installed, without its window, and ends it with everything it started."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal

import msgspec
from pythonosc.osc_message_builder import build_msg

from sonickube_tui.engine.address import Address
from sonickube_tui.engine.family import Family
from sonickube_tui.engine.log_port import LogPort
from sonickube_tui.errors import UserError

Audio = Literal["auto", "dummy"]

KEEP_ALIVE = 4.0
"""Seconds between two signs of life to the daemon of 4.x, which gives up after some ninety."""

DUMMY_RATE, DUMMY_PERIOD = 44_100, 1_024
"""Jack without a sound card: frames a second, and frames a period (the one without dropouts under load)."""


JACK_NAMES = tuple(f"sonickube-{number}" for number in range(4))
"""Few and always the same: jack keeps the name of a killed server for ever, and has room for eight."""


class Installation(msgspec.Struct, frozen=True):
    """A Sonic Pi on this machine: `daemon` for 4.x and later, which starts the rest by itself."""

    script: Path
    ruby: str
    daemon: bool

    def __str__(self) -> str:
        return str(self.script.parents[3])


def installations(app: Path | None = None) -> list[Installation]:
    """What is installed in the usual places, or in `app` alone.

    Raises UserError when `app` is named and holds no Sonic Pi, or when there is no Ruby to run it.
    """
    found = [one for place in ([app] if app else _places()) for one in _look_into(place)]
    if app and not found:
        if any(_scripts(app)):
            raise UserError(f"the Sonic Pi in {app} has no Ruby of its own, and there is none on PATH")
        raise UserError(
            f"there is no Sonic Pi in {app}; --sonic-pi-app wants the folder that has app/server/ruby"
        )
    return found


def _places() -> Iterator[Path]:
    if sys.platform == "darwin":
        for applications in (Path("/Applications"), Path.home() / "Applications"):
            yield applications / "Sonic Pi.app" / "Contents" / "Resources"
    elif sys.platform == "win32":
        for variable in ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData"):
            if folder := os.environ.get(variable):
                yield Path(folder) / "Sonic Pi"
    else:
        yield from map(
            Path, ("/usr/lib/sonic-pi", "/usr/local/lib/sonic-pi", "/opt/sonic-pi", "/usr/lib64/sonic-pi")
        )


def _look_into(place: Path) -> Iterator[Installation]:
    for script in _scripts(place):
        program = "ruby.exe" if sys.platform == "win32" else "ruby"
        native = script.parents[2] / "native" / "ruby" / "bin" / program
        if ruby := str(native) if native.is_file() else shutil.which("ruby"):
            yield Installation(script, ruby, script.name == "daemon.rb")
            return


def _scripts(place: Path) -> Iterator[Path]:
    """What starts a Sonic Pi, the newer versions' first."""
    for base in (place / "app", place):
        for name in ("daemon.rb", "sonic-pi-server.rb"):
            script = base / "server" / "ruby" / "bin" / name
            if script.is_file():
                yield script


class BootFailed(Exception):
    """It did not come up; the text says why, as far as it said so."""


class BootedServer:
    """One Sonic Pi of ours, from `start` to `stop`.

    `folder` is where it keeps its logs and where we note what runs, so that the next start can end what a
    crash of ours left behind. `log` gets what it sends to its window.
    """

    def __init__(
        self, installation: Installation, audio: Audio, folder: Path, log: Callable[[bytes], None]
    ) -> None:
        self._installation = installation
        self._audio = audio
        self._folder = folder
        self.window = LogPort(log)
        self._family = Family(folder)
        self._main: subprocess.Popen[bytes] | None = None
        self._transports: list[asyncio.DatagramTransport] = []
        self._daemon: tuple[int, int] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self.address: Address | None = None

    @property
    def ceiling(self) -> float | None:
        """Sounding runs a second that it can take: the rate of jack's periods, where the period is ours."""
        return DUMMY_RATE / DUMMY_PERIOD if self._audio == "dummy" else None

    @property
    def alive(self) -> bool:
        """Whether its main process runs."""
        return self._main is not None and self._main.poll() is None

    async def start(self) -> Address:
        """Start it and give its address; whether it answers there yet is for a run to prove.

        Raises BootFailed.
        """
        home = self._folder / "home"
        (home / ".sonic-pi" / "log").mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"SONIC_PI_HOME": str(home)}
        try:
            self._folder.chmod(0o700)  # 4.x writes its token into its logs.
            if self._audio == "dummy":
                environment |= await self._start_jack()
            if self._installation.daemon:
                self.address = await self._start_daemon(environment)
            else:
                self.address = await self._start_server(environment)
        except OSError as error:
            raise BootFailed(str(error)) from None
        return self.address

    async def _start_jack(self) -> Mapping[str, str]:
        if shutil.which("jackd") is None:
            raise BootFailed("--audio dummy needs jackd (on Debian and Ubuntu: apt install jackd2)")
        for name in JACK_NAMES:
            environment = {
                "JACK_DEFAULT_SERVER": name,
                "JACK_NO_AUDIO_RESERVATION": "1",
                "JACK_NO_START_SERVER": "1",
            }
            driver = ["-d", "dummy", "-r", str(DUMMY_RATE), "-p", str(DUMMY_PERIOD)]
            jackd = self._spawn(["jackd", "-n", name, "-r", *driver], environment, "jackd.log")
            for _ in range(100):
                if jackd.poll() is not None:
                    break
                if await _succeeds("jack_lsp", os.environ | environment):
                    return environment
                await asyncio.sleep(0.1)
        raise BootFailed(f"jackd did not come up: {self._said('jackd.log')}")

    async def _start_server(self, environment: Mapping[str, str]) -> Address:
        server, scsynth, *others = free_ports(8)
        gui = await self._listen(0)
        ports = (server, gui, scsynth, scsynth, *others)
        command = [
            self._installation.ruby,
            "-E",
            "utf-8",
            str(self._installation.script),
            "-u",
            *map(str, ports),
        ]
        self._spawn(command, environment, "home/.sonic-pi/log/server-output.log")
        return Address("127.0.0.1", server)

    async def _start_daemon(self, environment: Mapping[str, str]) -> Address:
        process = self._spawn([self._installation.ruby, str(self._installation.script)], environment, None)
        assert process.stdout
        line = await asyncio.to_thread(process.stdout.readline)
        numbers = [int(number) for number in re.findall(rb"-?\d+", line)]
        *ports, token = numbers or [0]
        if len(ports) != 7 or not all(0 < port < 65536 for port in ports) or not -(2**31) <= token < 2**31:
            said = line.decode("utf-8", "replace").strip()
            raise BootFailed(f"daemon.rb said {said!r} in place of its eight numbers")
        daemon, gui, send, *_ = ports
        await self._listen(gui)
        self._daemon = (daemon, token)
        self._keeping = asyncio.create_task(self._keep_alive())
        return Address("127.0.0.1", send, token)

    async def _keep_alive(self) -> None:
        while True:
            self._tell_daemon("/daemon/keep-alive")
            await asyncio.sleep(KEEP_ALIVE)

    def _tell_daemon(self, address: str) -> None:
        if self._daemon:
            port, token = self._daemon
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outbox, suppress(OSError):
                outbox.sendto(build_msg(address, token).dgram, ("127.0.0.1", port))

    async def _listen(self, port: int) -> int:
        """Take the port of its window."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: self.window, local_addr=("127.0.0.1", port)
        )
        self._transports.append(transport)
        bound: int = transport.get_extra_info("sockname")[1]
        return bound

    def _spawn(
        self, command: list[str], environment: Mapping[str, str], log: str | None
    ) -> subprocess.Popen[bytes]:
        """A process that does not see our terminal's signals, its words in a log of `folder` or in a pipe."""
        out = (self._folder / log).open("wb") if log else None
        try:
            process = subprocess.Popen(
                command,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=out or subprocess.PIPE,
                stderr=subprocess.STDOUT if out else subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            if out:
                out.close()
        self._family.add(process)
        self._main = process
        return process

    def failure(self) -> str:
        """What it said last, when it ended by itself."""
        return self._said("home/.sonic-pi/log/server-output.log")

    def _said(self, log: str) -> str:
        with suppress(OSError):
            lines = (self._folder / log).read_text("utf-8", "replace").split("\n")
            return " / ".join([line.strip() for line in lines if line.strip()][-3:])
        return "it left no log"

    def settle(self) -> None:
        """To be called when it answers: by now its children are there."""
        self._family.note()

    async def stop(self) -> None:
        """End it and all that it started; takes up to some seconds."""
        for transport in self._transports:
            transport.close()  # What it says of its end is no news.
        self._family.note()
        if self._keeping:
            self._keeping.cancel()
        self._tell_daemon("/daemon/exit")
        if self.address and not self._daemon:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outbox, suppress(OSError):
                where = (self.address.host, self.address.port)
                outbox.sendto(build_msg("/exit", "sonickube").dgram, where)
        await asyncio.to_thread(self._family.end, self._main)


def free_ports(count: int) -> list[int]:
    """UDP ports of loopback below those that systems give away by themselves, so that they stay free."""
    first = random.randrange(20_000, 30_000)
    with ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with suppress(OSError):
                probe.bind(("127.0.0.1", first))
                found.append(first)
            first += 1
        return found


async def _succeeds(program: str, environment: Mapping[str, str]) -> bool:
    process = await asyncio.create_subprocess_exec(
        program, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    return await process.wait() == 0
