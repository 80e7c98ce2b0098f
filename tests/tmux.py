"""A real terminal: a program in a tmux of its own, typed at and read as a person would."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import Self

import pytest

from command import environment


def require_tmux() -> None:
    """Skip without tmux, unless the real parts are required."""
    if shutil.which("tmux") is None and os.environ.get("SONICKUBE_REQUIRE_REAL") != "1":
        pytest.skip("needs tmux (apt-get install tmux)")


class Terminal:
    """A command in a terminal of `size` columns and rows; the shell says `EXIT n` when it has ended."""

    def __init__(self, home: Path, command: list[str], size: tuple[int, int] = (80, 24), **env: str) -> None:
        require_tmux()
        self._socket = str(home / "tmux")
        self._command = command
        self._size = size
        # A user's tmux, locale and terminal make no difference.
        self._environment = (
            environment(home) | {"TZ": "UTC", "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"} | env
        )
        for name in ("TMUX", "COLUMNS", "LINES"):
            self._environment.pop(name, None)

    def __enter__(self) -> Self:
        columns, rows = map(str, self._size)
        shell = f"{shlex.join(self._command)}; echo EXIT $?; exec sleep 600"
        self._tmux("-f", os.devnull, "new-session", "-d", "-x", columns, "-y", rows, "sh", "-c", shell)
        return self

    def __exit__(self, *_: object) -> None:
        self._tmux("kill-server")

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout

    def type(self, *keys: str) -> None:
        """Press keys, by tmux's names: `Enter`, `Tab`, `M-r`, `C-s`, or text."""
        for key in keys:
            self._tmux("send-keys", key)
            # Escape and a key right behind it would be taken for Alt and that key.
            time.sleep(0.15 if key == "Escape" else 0.02)

    def send(self, text: str, gap: float | None = None) -> None:
        """Send characters in one packet, or so many seconds apart."""
        codes = [f"{byte:x}" for byte in text.encode()]
        # A command of tmux takes longer to start than a gap is: all go through one client.
        client = ["tmux", "-S", self._socket, "-C", "attach", "-f", "no-output,ignore-size"]
        with subprocess.Popen(
            client, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        ) as typist:
            assert typist.stdin
            for packet in [codes] if gap is None else [[code] for code in codes]:
                print("send-keys -H", *packet, file=typist.stdin, flush=True)
                time.sleep(gap or 0)
            print("detach-client", file=typist.stdin, flush=True)

    def screen(self, *, styled: bool = False) -> str:
        """What is on the screen; `styled` leaves the escape sequences of styles in it."""
        return self._tmux("capture-pane", "-p", *(["-e"] if styled else []))

    def wait_for(self, pattern: str, seconds: float = 60) -> str:
        """Wait until a regular expression is on the screen; the screen."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            screen = self.screen()
            if re.search(pattern, screen):
                return screen
            time.sleep(0.1)
        raise AssertionError(f"{pattern!r} did not come to the screen:\n{screen}")
