"""`python -m benchmarks.bounce`: ten minutes of the recorded incident as a sound file, beside its length."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import msgspec

from benchmarks.sessions import again, incident
from benchmarks.show import show
from sonickube_tui.engine.builtin import parts
from sonickube_tui.session.format import Header, decode
from sonickube_tui.session.tools import write

LENGTH = 600.0
"""Seconds of the session."""

GOAL = 10.0
"""Times as fast as it sounds, at least."""


class Figures(msgspec.Struct, frozen=True):
    """Seconds of sound that were written, by the clock, and of all processors; voices that are in it."""

    sound: float
    clock: float
    processors: float
    voices: int


def measure() -> Figures:
    """Bounce it by the command, from its start to its end."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        session, out = Path(name) / "session.jsonl", Path(name) / "out.wav"
        write(takewhile(_within, (line for line, _ in again(incident()))), session)
        command = [sys.executable, "-m", "sonickube_tui", "bounce", str(session), str(out)]
        before, began = _processors(), time.perf_counter()
        said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        clock, processors = time.perf_counter() - began, _processors() - before
    sound, voices = re.findall(r"([\d.,]+) (?:s|voices)\b", said)
    return Figures(float(sound), clock, processors, int(voices.replace(",", "")))


def _within(line: bytes) -> bool:
    told = decode(line)
    return isinstance(told, Header) or told.t <= LENGTH


def _processors() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def rows() -> Iterator[tuple[str, ...]]:
    """For the table of all benchmarks; none where the built-in player is not installed."""
    if parts.missing():
        return
    figures = measure()
    yield (
        f"bounce of {LENGTH / 60:.0f} minutes of incident, {figures.voices:,} voices",
        f"{figures.clock:.1f} s, {figures.processors:.1f} s CPU",
        f"{figures.sound:.1f} s of sound",
        f"{figures.sound / figures.clock:.1f}x",
        f">= {GOAL:.0f}x",
    )


def main() -> None:
    """Measure it and print it."""
    show(rows())


if __name__ == "__main__":
    main()
