"""The command line as a user runs it: a process of its own, with folders of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent


def environment(home: Path) -> dict[str, str]:
    """An environment in which nothing of this user's settings shows."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SONICKUBE_", "KUBE"))}
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_STATE_HOME": str(home / "state"),
        "SONIC_PI_HOME": str(home),
        "PYTHONPATH": str(ROOT),
    }


def command(*args: str) -> list[str]:
    """`sonickube` with arguments, run from this checkout."""
    return [sys.executable, "-m", "sonickube_tui", *args]


def sonickube(home: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end, without a terminal."""
    return subprocess.run(
        command(*args),
        env=environment(home) | env,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )


def executable(file: Path, text: str = "") -> Path:
    """A program, in folders that are made for it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


def lives(process: psutil.Process) -> bool:
    """Whether it runs, and is not just waited for."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
