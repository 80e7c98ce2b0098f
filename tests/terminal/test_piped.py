"""The console on what kubectl writes: its stdin is a pipe, and keys come from the terminal."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from command import command
from tmux import Terminal

pytestmark = pytest.mark.real

POD = {"kind": "Pod", "metadata": {"name": "cart", "namespace": "shop", "uid": "1", "resourceVersion": "1"}}


def piped(tmp_path: Path, *others: str) -> Terminal:
    """The console, on a pod that comes and goes and on what other commands do in its pipe."""
    stream = tmp_path / "stream"
    lines = [json.dumps({"type": kind, "object": POD}) for kind in ("ADDED", "DELETED")]
    stream.write_text("\n".join(lines) + "\n")
    console = shlex.join(command("--stdin", "--engine", "silent"))
    writer = "; ".join([f"cat {shlex.quote(str(stream))}", *others])
    return Terminal(tmp_path, ["sh", "-c", f"({writer}) | {console}"], size=(120, 36))


def test_keys_reach_the_console_while_kubectl_writes_to_it(tmp_path: Path) -> None:
    with piped(tmp_path, "sleep 4") as terminal:
        terminal.wait_for(r"cart .* deleted")
        terminal.type("q")
        terminal.wait_for("EXIT 0")


def test_the_console_ends_when_kubectl_does(tmp_path: Path) -> None:
    with piped(tmp_path) as terminal:
        assert "Traceback" not in terminal.wait_for("EXIT 0")
