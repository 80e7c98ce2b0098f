"""The built-in player on miniaudio's null device: its first sound after a start, and what it costs."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import msgspec
import psutil

from players import event, until
from sonickube_tui.engine.base import Report, Started
from sonickube_tui.engine.builtin.engine import BuiltIn
from sonickube_tui.event import Kind
from sonickube_tui.music.voice import Voice
from sonickube_tui.settings import shipped

DEMO = [
    sys.executable,
    "-m",
    "sonickube_tui",
    "demo",
    "--headless",
    "--engine",
    "builtin",
    "--audio",
    "dummy",
]
LINES = 5
"""A line is printed when its sound is over: the first to sound is among the first."""

SECONDS = 30


class Work(msgspec.Struct, frozen=True):
    """How many voices began to sound, the part of one core that took, and how often the device ran dry."""

    begun: int
    cpu: float
    gaps: int


def first_sound() -> float:
    """Seconds from the start of the demo until its first voice sounds."""
    began = time.time()
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as demo:
        assert demo.stdout
        events = [json.loads(line) for line, _ in zip(demo.stdout, range(LINES), strict=False)]
        demo.terminate()
    heard = [
        datetime.fromisoformat(event["at"]).timestamp() + event["after_ms"] / 1000
        for event in events
        if event["fate"] == "sent"
    ]
    return min(heard) - began


def work(rate: int) -> Work:
    """So many voices a second, of all shipped snippets in turn, for half a minute."""
    files = sorted(Path(shipped("snippets")).rglob("*.rb"))
    texts = {file.stem: file.read_text("utf-8") for file in files}
    return asyncio.run(_play(texts, rate))


async def _play(snippets: dict[str, str], rate: int) -> Work:
    engine, reports = BuiltIn("dummy"), list[Report]()
    running = asyncio.create_task(engine.run(reports.append, lambda status: None))
    await until(lambda: engine.status.sounding)
    family = psutil.Process().children(recursive=True)
    began, before = time.monotonic(), _busy(family)
    for number, (name, text) in zip(range(rate * SECONDS), itertools.cycle(snippets.items()), strict=False):
        engine.play(Voice(id=number + 1, event=event(Kind.READY), snippet=name), text)
        await asyncio.sleep(1 / rate)
    used = (_busy(family) - before) / (time.monotonic() - began)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    begun = sum(isinstance(report, Started) for report in reports)
    return Work(begun, used, engine.health.gaps)


def _busy(family: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in family)
