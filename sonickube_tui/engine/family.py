"""The processes that we started, with their children: written down while they run, and ended without a rest.

Erlang leaves its parents and survives them, and may be born while they are being ended; what it cannot leave
is their session, which is of our making. Any process may be gone between two looks at it: nothing that comes
to light of one ends us.
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

from sonickube_tui.whole import write_whole

PATIENCE = 3.0
"""Seconds that a process has to end by itself when it was asked to."""

SLACK = 1.0
"""Seconds by which two tellings of one process's beginning may differ, where it is told by a clock."""

_NO_ANSWER = (psutil.Error, OSError, RuntimeError, ValueError, OverflowError)
"""What is raised about processes that are gone, not ours to look at, or of no possible number."""


class Trace(msgspec.Struct, frozen=True):
    """A process, not to be mistaken for a later one of its number.

    `began` is the boot and the clock's ticks since then, or Unix time in seconds where that cannot be had and
    in older notes.
    """

    pid: Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
    began: str | float

    def __str__(self) -> str:
        return f"{self.pid}-{self.began}"

    @classmethod
    def of(cls, process: psutil.Process) -> Trace:
        """Raises as psutil does."""
        # psutil adds the time of the boot, which the kernel tells by the clock of today (proc(5), `btime`).
        with suppress(OSError, IndexError):
            boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
            stat = Path(f"/proc/{process.pid}/stat").read_bytes()
            # The second field, a name in brackets, may hold anything; `starttime` is the 22nd.
            return cls(process.pid, f"{boot}+{int(stat.rpartition(b')')[2].split()[19])}")
        return cls(process.pid, process.create_time())

    def process(self) -> psutil.Process | None:
        """The process, if it is still that one."""
        with suppress(*_NO_ANSWER):
            process = psutil.Process(self.pid)
            if isinstance(self.began, str):
                return process if Trace.of(process) == self else None
            return process if abs(process.create_time() - self.began) < SLACK else None
        return None

    @property
    def outdated(self) -> bool:
        """Whether the machine was started anew since: whoever has its number now is somebody else."""
        with suppress(*_NO_ANSWER):
            if isinstance(self.began, float):
                return self.began < psutil.boot_time() - 60
            boot, _, _ = self.began.partition("+")
            return boot != str(Trace.of(psutil.Process()).began).partition("+")[0]
        return False


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
        """Write down who runs now, so that the next start can end what a crash of ours leaves behind.

        A disk that takes nothing costs that alone.
        """
        for ours in self._ours:
            for member in _with_children(ours.pid):
                with suppress(*_NO_ANSWER):
                    self._known.setdefault(Trace.of(member), member)
        notes = [trace for trace in self._known if trace.process()]
        with suppress(OSError):
            write_whole(self._notes, msgspec.json.encode(notes))

    def end(self, asked: subprocess.Popen[bytes] | None) -> None:
        """End all of them; the one that was asked to end has some time to do so."""
        if asked:
            with suppress(subprocess.TimeoutExpired):
                asked.wait(PATIENCE)
        _end(self._known)
        for ours in self._ours:
            with suppress(subprocess.TimeoutExpired):
                ours.wait(PATIENCE)
            if ours.stdout:
                ours.stdout.close()
        with suppress(OSError):
            self._notes.unlink(missing_ok=True)

    @property
    def _notes(self) -> Path:
        return self._folder / "running" / f"{Trace.of(psutil.Process())}.json"


def end_leftovers(folder: Path) -> int:
    """End what a console that crashed had started; how many processes that were."""
    ended = 0
    for file in (folder / "running").glob("*.json"):
        owner = _owner(file.stem)
        if owner is None or owner.process():
            continue
        with suppress(OSError):
            with suppress(msgspec.DecodeError):
                ended += _end(msgspec.json.decode(file.read_bytes(), type=list[Trace]))
            file.unlink()
    return ended


def _owner(name: str) -> Trace | None:
    """Whose notes have that name."""
    pid, _, began = name.partition("-")
    with suppress(ValueError):
        return Trace(int(pid), began if "+" in began else float(began))
    return None


def _with_children(pid: int) -> list[psutil.Process]:
    with suppress(*_NO_ANSWER):
        leader = psutil.Process(pid)
        with suppress(*_NO_ANSWER):
            return [leader, *leader.children(recursive=True)]
        return [leader]
    return []


def _end(traces: Iterable[Trace]) -> int:
    """End the processes and whatever else is in their sessions, kindly and then not; how many that were."""
    traces, ended = [trace for trace in traces if not trace.outdated], set()
    for how in (psutil.Process.terminate, psutil.Process.kill, psutil.Process.kill):
        running = list(_running(traces))
        ended |= {process.pid for process in running}
        for process in running:
            with suppress(*_NO_ANSWER):
                how(process)
        with suppress(*_NO_ANSWER):
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
    return (process for process in found.values() if not _ended(process))


def _ended(process: psutil.Process) -> bool:
    """Whether it is gone, or waits for nothing but its parent's look at it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
