"""Starts a Sonic Pi that is installed, without its window, and ends it with everything it started.

Each way to start one gives an Address, by `_start_server` (3.x) or `_start_daemon` (4.x and later); a third
beside them is all that another entry point of upstream's, such as its headless HTTP server, needs.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal

from pythonosc.osc_message_builder import build_msg

from sonickube_tui.engine.address import Address
from sonickube_tui.engine.daemon import Daemon, complaint, read_line
from sonickube_tui.engine.family import Family
from sonickube_tui.engine.installed import Installation
from sonickube_tui.engine.log_port import LogPort

Audio = Literal["auto", "dummy"]

KEEP_ALIVE = 4.0
"""Seconds between two signs of life to a daemon: it waits 40, and gives up after five times 10 without one
(KillSwitch in 4.x's and 5.x's daemon.rb).
"""

DUMMY_RATE, DUMMY_PERIOD = 44_100, 1_024
"""Jack without a sound card: frames a second, and frames a period (the one without dropouts under load)."""

JACK_NAMES = tuple(f"sonickube-{number}" for number in range(4))
"""Few and always the same: jack keeps the name of a killed server for ever, and has room for eight."""

PW_JACK = '#!/bin/sh\nexec "$@"\n'
"""In place of PipeWire's program: 4.x does not start without it, and gives scsynth the jack that it names
(ScsynthBooter in daemon.rb).
"""


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
        self._daemon: Daemon | None = None
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
        for folder in ("log", "config"):
            (self._home / ".sonic-pi" / folder).mkdir(parents=True, exist_ok=True)
        environment = {**self._installation.environment(), "SONIC_PI_HOME": str(self._home)}
        try:
            self._folder.chmod(0o700)  # 4.x writes its token into its logs.
            self._choose_driver()
            if self._audio == "dummy":
                environment |= await self._start_jack()
                path = environment.get("PATH") or os.environ.get("PATH", "")
                environment["PATH"] = f"{self._write_pw_jack()}{os.pathsep}{path}"
            if self._installation.daemon:
                self.address = await self._start_daemon(environment)
            else:
                self.address = await self._start_server(environment)
        except OSError as error:
            raise BootFailed(str(error)) from None
        return self.address

    @property
    def _home(self) -> Path:
        return self._folder / "home"

    @property
    def _daemon_log(self) -> Path:
        return self._home / ".sonic-pi" / "log" / "daemon.log"

    def _choose_driver(self) -> None:
        """Tell 5.x which sound to use: its SuperSonic takes jack only when it is told to."""
        settings = self._home / ".sonic-pi" / "config" / "v5-audio-settings.toml"
        if self._audio == "dummy":
            settings.write_text('audio_driver = "JACK"\n')
        else:
            settings.unlink(missing_ok=True)

    def _write_pw_jack(self) -> Path:
        program = self._folder / "bin" / "pw-jack"
        program.parent.mkdir(exist_ok=True)
        program.write_text(PW_JACK)
        program.chmod(0o755)
        return program.parent

    async def _start_jack(self) -> Mapping[str, str]:
        if self._installation.flatpak:
            raise BootFailed("a flatpak cannot use --audio dummy: the jack that it needs is outside of it")
        if shutil.which("jackd") is None:
            raise BootFailed("--audio dummy needs jackd (on Debian and Ubuntu: apt install jackd2)")
        for name in JACK_NAMES:
            environment = {
                "JACK_DEFAULT_SERVER": name,
                "JACK_NO_AUDIO_RESERVATION": "1",
                "JACK_NO_START_SERVER": "1",
            }
            if await _succeeds("jack_lsp", os.environ | environment):
                continue  # Another console's: it would end ours with itself.
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
        command = self._installation.command(self._home, "-u", *map(str, ports))
        self._spawn(command, environment, "home/.sonic-pi/log/server-output.log")
        return Address("127.0.0.1", server)

    async def _start_daemon(self, environment: Mapping[str, str]) -> Address:
        process = self._spawn(self._installation.command(self._home), environment, None)
        self._daemon = daemon = await self._numbers(process)
        await self._listen(daemon.window)
        self._keeping = asyncio.create_task(self._keep_alive(daemon))
        return daemon.address

    async def _numbers(self, process: subprocess.Popen[bytes]) -> Daemon:
        """What the daemon says of itself; it may say other things before. Raises BootFailed."""
        loop, lines = asyncio.get_running_loop(), asyncio.Queue[str | None]()

        def read() -> None:
            # Until its end: a daemon whose pipe is full would stand still.
            assert process.stdout
            with suppress(OSError, ValueError, RuntimeError):
                for line in process.stdout:
                    loop.call_soon_threadsafe(lines.put_nowait, line.decode("utf-8", "replace"))
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(lines.put_nowait, None)

        threading.Thread(target=read, daemon=True).start()
        said: deque[str] = deque(maxlen=100)
        while (line := await lines.get()) is not None:
            if daemon := read_line(line):
                return daemon
            said.append(line)
        raise BootFailed(f"daemon.rb gave no ports: {complaint(said, _text(self._daemon_log))}")

    async def _keep_alive(self, daemon: Daemon) -> None:
        while True:
            _send(daemon.port, "/daemon/keep-alive", daemon.token)
            await asyncio.sleep(KEEP_ALIVE)

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
                bufsize=0,
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
        if self._daemon:
            return f"its daemon ended: {complaint((), _text(self._daemon_log))}"
        return self._said("home/.sonic-pi/log/server-output.log")

    def _said(self, log: str) -> str:
        lines = [line.strip() for line in _text(self._folder / log).split("\n") if line.strip()]
        return " / ".join(lines[-3:]) or "it left no log"

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
        if self._daemon:
            _send(self._daemon.port, "/daemon/exit", self._daemon.token)
        elif self.address:
            _send(self.address.port, "/exit", "sonickube")
        await asyncio.to_thread(self._family.end, self._main)


def _send(port: int, address: str, *arguments: int | str) -> None:
    """A message to a port of this machine, lost when nobody listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outbox, suppress(OSError):
        outbox.sendto(build_msg(address, arguments).dgram, ("127.0.0.1", port))


def _text(log: Path) -> str:
    try:
        return log.read_text("utf-8", "replace")
    except OSError:
        return ""


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
