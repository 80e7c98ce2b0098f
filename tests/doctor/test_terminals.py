"""What the doctor says of the terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest
from rich.cells import cell_len

from command import command, environment

pytestmark = pytest.mark.slow


UNSET = ("COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "PYTHONIOENCODING")


def in_a_terminal(home: Path, columns: int, rows: int, **env: str) -> str:
    """What it shows in a terminal of that size."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    plain = {key: value for key, value in environment(home).items() if key not in UNSET}
    process = subprocess.Popen(
        command("doctor", "--engine", "silent"),
        env={**plain, "TERM": "xterm", **env},
        stdin=its,
        stdout=its,
        stderr=its,
        cwd=home,
    )
    os.close(its)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # Linux says so when the other end is closed.
        pass
    finally:
        os.close(ours)
        process.wait(30)
    return shown.decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("size", "env", "says"),
    [
        ((100, 30), {"COLORTERM": "truecolor"}, ["100x30, 24-bit colour, UTF-8"]),
        ((80, 24), {"TERM": "xterm-256color"}, ["80x24, 256 colours, UTF-8"]),
        (
            (80, 24), {"TERM": "xterm-256color", "NO_COLOR": "1"},
            ["80x24, 256 colours (off, as NO_COLOR says), UTF-8"],
        ),
        ((79, 24), {"COLORTERM": "truecolor"}, ["79x24", "make it 80x24 or larger"]),
        ((80, 23), {"COLORTERM": "truecolor"}, ["80x23", "make it 80x24 or larger"]),
        ((80, 24), {"TERM": "xterm"}, ["16 colours or fewer", "export COLORTERM=truecolor"]),
        (
            (80, 24), {"COLORTERM": "truecolor", "PYTHONIOENCODING": "iso8859-1"},
            ["iso8859-1 in place of UTF-8", "x kubeconfig", "! terminal"],
        ),
    ],
)  # fmt: skip
def test_the_terminal(tmp_path: Path, size: tuple[int, int], env: dict[str, str], says: list[str]) -> None:
    shown = in_a_terminal(tmp_path, *size, **env)
    assert "Traceback" not in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    for text in says:
        assert text in plain
    assert max(cell_len(line.rstrip("\r")) for line in plain.splitlines()) <= size[0]
    assert ("\x1b" in shown) is ("NO_COLOR" not in env)
