"""The processes that we started, with their children: written down while they run, and ended without a rest.

Erlang leaves its parents and survives them, and may be born while they are being ended; what it cannot leave
is their session, which is of our making.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
import psutil

PATIENCE = 3.0
"""Seconds that a process has to end by itself when it was asked to."""


class Trace(msgspec.Struct, frozen=True):
    """A process, not to be mistaken for a later one of its number: `began` is Unix time in seconds."""

    pid: Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
    began: float

    def process(self) -> psutil.Process | None:
        """The process, if it is still that one."""
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.began) < 0.05:
                return process
        return None


def _trace(process: psutil.Process) -> Trace:
    return Trace(process.pid, process.create_time())


class Family:
    """Processes in sessions of their own, and all that comes of them, written down in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ours: list[subprocess.Popen[bytes]] = []
        self._known: dict[Trace, psutil.Process] = {}

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Take in a process that was started with a session of its own."""
        self._ours.append(process)
        self.note()

    def note(self) -> None:
        """Write down who runs now, so that the next start can end what a crash of ours leaves behind."""
        for ours in self._ours:
            with suppress(psutil.Error):
                leader = psutil.Process(ours.pid)
                for member in (leader, *leader.children(recursive=True)):
                    self._known.setdefault(_trace(member), member)
        notes = [trace for trace, member in self._known.items() if member.is_running()]
        file = _notes(self._folder, _trace(psutil.Process()))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.encode(notes))

    def end(self, asked: subprocess.Popen[bytes] | None) -> None:
        """End all of them; the one that was asked to end has some time to do so."""
        if asked:
            with suppress(subprocess.TimeoutExpired):
                asked.wait(PATIENCE)
        _end(self._known)
        for ours in self._ours:
            ours.wait()
            if ours.stdout:
                ours.stdout.close()
        _notes(self._folder, _trace(psutil.Process())).unlink(missing_ok=True)


def end_leftovers(folder: Path) -> int:
    """End what a console that crashed had started; how many processes that were."""
    ended = 0
    for file in (folder / "running").glob("*.json"):
        pid, _, began = file.stem.partition("-")
        with suppress(ValueError, OSError, msgspec.DecodeError):
            if Trace(int(pid), float(began)).process() is None:
                ended += _end(msgspec.json.decode(file.read_bytes(), type=list[Trace]))
                file.unlink()
    return ended


def _notes(folder: Path, owner: Trace) -> Path:
    return folder / "running" / f"{owner.pid}-{owner.began:.2f}.json"


def _end(traces: Iterable[Trace]) -> int:
    """End the processes and whatever else is in their sessions, kindly and then not; how many that were."""
    traces, ended = list(traces), set()
    for how in (psutil.Process.terminate, psutil.Process.kill, psutil.Process.kill):
        running = list(_running(traces))
        ended |= {process.pid for process in running}
        for process in running:
            with suppress(psutil.Error):
                how(process)
        psutil.wait_procs(running, timeout=2)
    return len(ended)


def _running(traces: Iterable[Trace]) -> Iterator[psutil.Process]:
    found = {process.pid: process for trace in traces if (process := trace.process())}
    if hasattr(os, "getsid"):
        # A number stays taken while there are members of the session that had it.
        sessions = {trace.pid for trace in traces if trace.pid in found or not psutil.pid_exists(trace.pid)}
        for process in psutil.process_iter():
            with suppress(OSError):
                if os.getsid(process.pid) in sessions:
                    found.setdefault(process.pid, process)
    return (process for process in found.values() if process.status() != psutil.STATUS_ZOMBIE)
