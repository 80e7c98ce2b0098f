"""The console in a terminal of our own: when it first paints, and how soon a key shows."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

CONSOLE = [sys.executable, "-m", "sonickube_tui", "demo", "--engine", "silent"]


class Terminal:
    """A program in a pseudo-terminal of 160x48."""

    def __init__(self, command: list[str]) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )
        os.close(slave)

    def wait_for(self, text: str, seconds: float = 30) -> float:
        """Read the screen until `text` comes; the seconds since the start of the call."""
        began, wanted, tail = time.perf_counter(), text.encode(), b""
        while time.perf_counter() - began < seconds:
            if select.select([self.master], [], [], 0.05)[0]:
                tail += os.read(self.master, 65536)
                if wanted in tail:
                    return time.perf_counter() - began
                tail = tail[-len(wanted) :]
        raise TimeoutError(f"{text!r} did not come to the screen in {seconds} s")

    def drain(self, seconds: float) -> None:
        """Read what comes for so long."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            if select.select([self.master], [], [], left)[0]:
                os.read(self.master, 65536)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self.master, text.encode())

    def close(self) -> None:
        """End the program."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.master)


def first_paint() -> float:
    """Seconds from the start of `sonickube demo` until its first frame."""
    terminal = Terminal(CONSOLE)
    try:
        terminal.wait_for("mixer")
        return time.perf_counter() - terminal.began
    finally:
        terminal.close()


def import_textual() -> float:
    """Seconds of `python -c "import textual.app"`."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import textual.app"], check=True)
    return time.perf_counter() - began


def key_to_screen(keys: int = 60) -> list[float]:
    """Seconds from a key typed into the filter until it shows, with a storm of 1,000 events a second."""
    terminal = Terminal([*CONSOLE, "--scenario", "storm"])
    try:
        terminal.wait_for("mixer")
        terminal.drain(6)
        terminal.type("/")
        terminal.drain(1)
        delays = []
        for number in range(keys):
            # A sign that nothing else on the screen has, another one each time.
            sign = chr(0x0531 + number % 36)
            terminal.type(sign)
            delays.append(terminal.wait_for(sign))
            terminal.type("\x7f")
            terminal.drain(0.13 + 0.007 * (number % 10))
        return delays
    finally:
        terminal.close()
