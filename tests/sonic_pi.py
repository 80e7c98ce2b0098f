"""Sonic Pi's own server without its window, on a jack without a sound card, its sound recorded into arrays.

It is Debian's, of version 3.2.2; a later version is this one under the later one's rules, with its daemon in
front of it (sonic_pi_rules/). It takes free ports and a jack of its own, so it lives beside
one that is in use.
Knows nothing of pytest: the tests, the benchmarks and the README's picture use it.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, Self, get_args

import msgspec
import numpy as np
import psutil
from pythonosc.osc_message_builder import build_msg

from sonickube_tui.engine.address import Address
from sonickube_tui.engine.boot import free_ports
from sonickube_tui.engine.osc import pack_code, unpack
from sonickube_tui.music.render import Reply, render_hello

INSTALLED = Path("/usr/lib/sonic-pi")

SERVER = INSTALLED / "app/server/ruby/bin/sonic-pi-server.rb"

RULES = Path(__file__).parent / "sonic_pi_rules"

Version = Literal["3.2.2", "4.5.1", "5.x"]

VERSIONS: tuple[Version, ...] = get_args(Version)

TOLD: dict[Version, str] = {"3.2.2": "3.2.2", "4.5.1": "4.5.1", "5.x": "5.0.0-beta-1"}
"""What each says when it is asked for its version, but for a leading v."""

PARTS = {
    "jackd": "jackd2",
    "jack_lsp": "jackd2",
    "ruby": "ruby",
    "ps": "procps",
    "scsynth": "supercollider-server sc3-plugins-server",
}

BOOT_TIMEOUT = 60.0
"""Seconds; it takes four when nothing else runs."""

RECORDER_BUFFER = 65_536
"""Frames of silence in front of every recording: Sonic Pi writes its recorder's empty buffer to the file."""


def missing() -> str:
    """What this machine lacks to run the server and how to get it; empty when all is there."""
    packages = [package for program, package in PARTS.items() if shutil.which(program) is None]
    if not SERVER.is_file():
        packages.append("sonic-pi-server")
    if not packages:
        return ""
    needed = " ".join(dict.fromkeys(packages))
    return f"Sonic Pi's server needs: {needed} (apt-get install --no-install-recommends {needed})"


class Sound(msgspec.Struct, frozen=True):
    """A recording: `samples` has a row for each frame and a column for each ear, from -1 to 1."""

    samples: np.ndarray[Any, np.dtype[np.float64]]
    rate: int

    @classmethod
    def read(cls, file: Path) -> Sound:
        """Read a 16-bit WAV file."""
        with wave.open(str(file)) as wav:
            frames = np.frombuffer(wav.readframes(wav.getnframes()), "<i2")
            return cls(frames.reshape(-1, wav.getnchannels()) / 32768, wav.getframerate())

    def between(self, start: float, end: float | None = None) -> Sound:
        """The part between two times in seconds."""
        last = None if end is None else max(0, round(end * self.rate))
        return Sound(self.samples[max(0, round(start * self.rate)) : last], self.rate)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate

    @property
    def peak(self) -> float:
        """The largest sample of either ear."""
        return float(np.abs(self.samples).max(initial=0.0))

    @property
    def rms(self) -> float:
        """The mean level of both ears."""
        return float(np.sqrt(np.mean(self.samples**2))) if len(self.samples) else 0.0

    def envelope(self, window: float = 0.02) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The level in windows of that many seconds."""
        size = round(window * self.rate)
        whole = self.samples[: len(self.samples) // size * size]
        return np.sqrt(np.mean(whole.reshape(-1, size * whole.shape[1]) ** 2, axis=1))

    def sounding(self, floor: float = 0.02) -> Sound:
        """The part from the first window to the last that is above `floor` of the loudest one."""
        level = self.envelope()
        loud = np.flatnonzero(level > floor * level.max(initial=0.0))
        return self.between(loud[0] * 0.02, (loud[-1] + 1) * 0.02) if len(loud) else self.between(0, 0)

    @property
    def loudness(self) -> float:
        """The level of its loudest 200 ms, the time in which the ear adds up."""
        level = self.envelope(0.05) ** 2
        return float(np.sqrt(np.convolve(level, np.ones(4) / 4, "valid").max(initial=0.0)))

    def spectrum(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Frequencies in Hz and the power at them."""
        mono = self.samples.mean(axis=1)
        power = np.abs(np.fft.rfft(mono * np.hanning(len(mono)))) ** 2
        return np.fft.rfftfreq(len(mono), 1 / self.rate), power

    @property
    def centroid(self) -> float:
        """The centre of the spectrum in Hz: how bright it is."""
        frequencies, power = self.spectrum()
        return float((frequencies * power).sum() / max(power.sum(), 1e-30))

    @property
    def pitch(self) -> float:
        """The strongest frequency in Hz."""
        frequencies, power = self.spectrum()
        return float(frequencies[power.argmax()])

    def strength(self, frequency: float) -> float:
        """The amplitude of one frequency in Hz, within 5 Hz."""
        frequencies, power = self.spectrum()
        return float(np.sqrt(power[np.abs(frequencies - frequency) < 5].sum()))

    @property
    def onsets(self) -> int:
        """How many separate sounds begin: the level triples within 30 ms and is not a flutter of the last."""
        level = self.envelope(0.01)
        rising = level > np.maximum(3 * np.roll(level, 3), 0.15 * level.max(initial=0.0))
        return int(np.count_nonzero(rising[1:] & ~rising[:-1])) + int(rising[:1].any())


@contextmanager
def _jack_name() -> Iterator[str]:
    """A name that no other of ours has now: jack keeps a killed server's for ever, and has room for eight."""
    for number in itertools.cycle(range(3)):
        with (Path(tempfile.gettempdir()) / f"sonickube-test-{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.1)
                continue
            yield f"sonickube-test-{number}"
            return


class Recorder:
    """Runs code on a Sonic Pi that runs at `address`, and records it; files lie in `home` meanwhile."""

    def __init__(self, address: Address, home: Path) -> None:
        self.address = address
        self.home = home
        self._outbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._began = 0.0

    @property
    def named(self) -> str:
        """Its address as `--sonic-pi` takes it."""
        host, port, token = self.address.host, self.address.port, self.address.token
        return f"{host}:{port}" if token is None else f"{host}:{port}:{int(token)}"

    def run(self, code: str) -> None:
        """Run code as Sonic Pi's window does."""
        self._outbox.sendto(pack_code(self.address, code), (self.address.host, self.address.port))

    def ask(self, code: Callable[[Reply], str], timeout: float = 10.0) -> list[Any] | None:
        """Run code that sends one report to the reply it is given; the report's arguments, None when late."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inbox:
            inbox.bind(("127.0.0.1", 0))
            inbox.settimeout(min(timeout, 2.0))
            end = time.monotonic() + timeout
            while time.monotonic() < end:
                self.run(code(Reply("127.0.0.1", inbox.getsockname()[1], "test")))
                with suppress(TimeoutError):
                    _, arguments = unpack(inbox.recv(65536)) or ("", [])
                    return arguments
        return None

    def silence(self) -> None:
        """Stop all that runs."""
        self._send("/stop-all-jobs")

    def start_recording(self) -> None:
        """Record from now on."""
        self._send("/start-recording")
        if self.ask(render_hello) is None:  # Served in order: when this comes back, the recorder runs.
            raise RuntimeError("Sonic Pi stopped answering")
        self._began = time.monotonic()

    @property
    def recorded(self) -> float:
        """Seconds since the recording began: where in it a run that is sent now will sound, to some 50 ms.

        (Sonic Pi starts and stops its recorder half a second late, as it does all its sounds.)
        """
        return time.monotonic() - self._began

    def stop_recording(self) -> Sound:
        """End the recording and give it; takes about a second."""
        file = self.home / f"{time.monotonic_ns()}.wav"
        self._send("/stop-recording")
        self.ask(render_hello)
        time.sleep(0.8)  # scsynth completes the file's header after it has said that it stopped.
        self._send("/save-recording", str(file))
        self._wait(file.is_file, file)
        time.sleep(0.1)
        sound = Sound.read(file)
        file.unlink()
        return Sound(sound.samples[RECORDER_BUFFER:], sound.rate)

    def _send(self, address: str, *arguments: str) -> None:
        who = "sonickube" if self.address.token is None else self.address.token
        message = build_msg(address, [who, *arguments])
        self._outbox.sendto(message.dgram, (self.address.host, self.address.port))

    @staticmethod
    def _wait(ready: Callable[[], bool], log: Path) -> None:
        end = time.monotonic() + BOOT_TIMEOUT
        while not ready():
            if time.monotonic() > end:
                said = log.read_text("utf-8", "replace")[-2000:] if log.is_file() else f"no {log}"
                raise RuntimeError(f"not ready after {BOOT_TIMEOUT:g} s; it said: {said}")
            time.sleep(0.05)


class SonicPiServer(Recorder):
    """A Sonic Pi server of a `version` that runs from `start` to `stop`, or within `with`.

    `address` is where it takes code, `home` its SONIC_PI_HOME with the logs that tell the address as far as
    its version does (one of its own unless it is given), `cues` its port for cues, `errors` what it said went
    wrong, also in the threads of a snippet, which no report tells.
    """

    def __init__(self, home: Path | None = None, version: Version = "3.2.2") -> None:
        self.version = version
        self._given_home = home
        self.errors: list[str] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start jack and the server until a run reports back. Raises RuntimeError when none does."""
        if lack := missing():
            raise RuntimeError(lack)
        with ExitStack() as stack:
            home = self._given_home or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="sonic-pi-"))
            )
            logs = home / ".sonic-pi" / "log"
            logs.mkdir(parents=True, exist_ok=True)
            jack = stack.enter_context(_jack_name())
            environment = os.environ | {
                "JACK_DEFAULT_SERVER": jack,
                "JACK_NO_AUDIO_RESERVATION": "1",
                "JACK_NO_START_SERVER": "1",
                "SONIC_PI_HOME": str(home),
                "SONIC_PI_RULES": self.version,
                "TMPDIR": str(home),
            }
            jackd = ["jackd", "-n", jack, "-r", "-d", "dummy", "-r", "44100", "-p", "1024"]
            stack.enter_context(_running(jackd, environment, logs / "jackd.log"))
            self._wait(lambda: _succeeds("jack_lsp", environment), logs / "jackd.log")
            gui = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            start = self._start_server if self.version == "3.2.2" else self._start_daemon
            address, log = start(stack, environment, gui, logs)
            super().__init__(address, home)
            stack.enter_context(self._outbox)
            threading.Thread(target=self._note_errors, args=(gui.dup(),), daemon=True).start()
            self._wait(self._hello, log)
            self._send("/cue-port-start")  # Its window does so at its start.
            self._stack = stack.pop_all()

    def _start_server(
        self, stack: ExitStack, environment: dict[str, str], gui: socket.socket, logs: Path
    ) -> tuple[Address, Path]:
        """As the window of 3.x does; where it will listen, and what it says meanwhile."""
        gui.bind(("127.0.0.1", 0))
        server, scsynth, self.cues, *others = free_ports(8)
        ports = [server, gui.getsockname()[1], scsynth, scsynth, self.cues, *others]
        # Where the window keeps it: a console with this home finds the address there.
        log = logs / "server-output.log"
        ruby = ["ruby", "-E", "utf-8", str(SERVER), "-u", *map(str, ports)]
        self._main = stack.enter_context(_running(ruby, environment, log))
        stack.callback(_tell, server, "/exit", "sonickube")
        return Address("127.0.0.1", server), log

    def _start_daemon(
        self, stack: ExitStack, environment: dict[str, str], gui: socket.socket, logs: Path
    ) -> tuple[Address, Path]:
        """As the window of later versions does."""
        said = logs / "daemon.out"
        ruby = ["ruby", str(RULES / "daemon.rb")]
        self._main = stack.enter_context(_running(ruby, environment, said))
        self._wait(lambda: said.read_bytes().endswith(b"\n"), said)
        daemon, listen, server, _, self.cues, *_, token = map(int, said.read_text().split())
        gui.bind(("127.0.0.1", listen))
        # v4.5.1 app/api/src/sonicpi_api.cpp:240-274, app/api/include/api/logger.h:52; the time is 5.x's.
        stamp = "[12:34:56.789] " if self.version == "5.x" else ""
        with (logs / "gui.log").open("a") as window:
            window.write(f"{stamp}[API] [INFO ] : Reading Boot Daemon output...\n")
            for number in said.read_text().split():
                window.write(f"{stamp}[API] [INFO ] : daemon_stdout: {number}\n")

        def keep_alive() -> None:
            while not ended.wait(4.0):
                _tell(daemon, "/daemon/keep-alive", token)

        ended = threading.Event()
        threading.Thread(target=keep_alive, daemon=True).start()
        stack.callback(_tell, daemon, "/daemon/exit", token)
        stack.callback(ended.set)
        return Address("127.0.0.1", server, token), logs / "spider.log"

    def stop(self) -> None:
        """End all that `start` started, with its children."""
        self._stack.close()

    def kill(self) -> None:
        """End it in the middle of a note, as a crash does."""
        main = psutil.Process(self._main.pid)
        for process in (main, *main.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._stack.close()

    def _hello(self) -> bool:
        return self.ask(render_hello, timeout=0.5) is not None

    def _note_errors(self, gui: socket.socket) -> None:
        with gui:
            gui.settimeout(1.0)
            while True:
                try:
                    address, arguments = unpack(gui.recv(65536)) or ("", [])
                except TimeoutError:
                    continue
                if address in ("/error", "/syntax_error"):
                    self.errors.append(str(arguments[1]))
                elif address.startswith("/exited"):
                    return


def _tell(port: int, what: str, who: str | int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outbox:
        outbox.sendto(build_msg(what, [who]).dgram, ("127.0.0.1", port))


def installed(folder: Path, version: Version) -> Path:
    """A folder for `--sonic-pi-app` in which a later version is installed."""
    script = folder / "app" / "server" / "ruby" / "bin" / "daemon.rb"
    script.parent.mkdir(parents=True)
    script.write_text(f'ENV["SONIC_PI_RULES"] = "{version}"\nload "{RULES / "daemon.rb"}"\n')
    return folder


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path) -> Any:
    """A process in a group of its own; the group takes its children along when it ends."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1 if command[0] == "jackd" else 5)
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, how)
            with suppress(subprocess.TimeoutExpired):
                process.wait(2)


def _succeeds(program: str, environment: dict[str, str]) -> bool:
    return subprocess.run([program], env=environment, capture_output=True, timeout=30).returncode == 0
