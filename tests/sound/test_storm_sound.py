"""A thousand events a second on the real Sonic Pi: heard, in time, counted to the last one, and survived."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest

from command import command, environment
from sonic_pi import SonicPiServer

pytestmark = pytest.mark.real

SILENCE = 0.002
"""Level below which nobody hears anything; a note of `classic` has some fifty times that."""


def longest_gap(level: np.ndarray, window: float) -> float:
    """Seconds of the longest silence between the first sound and the last."""
    loud = np.flatnonzero(level > SILENCE)
    return float(np.diff(loud).max(initial=1) - 1) * window


@pytest.mark.parametrize(
    "seconds", [15, pytest.param(60, marks=[pytest.mark.soak, pytest.mark.timeout(300)])]
)
async def test_a_storm_is_heard_in_time_and_leaves_sonic_pi_well(
    sonic_pi: SonicPiServer, tmp_path: Path, seconds: int
) -> None:
    storm = command(
        "demo", "--scenario", "storm", "--headless", "--for", str(seconds), "--sonic-pi", sonic_pi.named
    )
    await asyncio.to_thread(sonic_pi.start_recording)
    done = await asyncio.to_thread(
        subprocess.run, storm, env=environment(tmp_path), capture_output=True, text=True
    )
    sound = await asyncio.to_thread(sonic_pi.stop_recording)
    assert done.returncode == 0, done.stderr

    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(events) > 400 * seconds
    assert sorted(event["seq"] for event in events) == list(range(1, len(events) + 1))
    fates = Counter(event["fate"] for event in events)
    assert f"{len(events):,} events in" in done.stderr
    assert fates.total() == len(events)
    stood_for = sum(event["count"] for event in events if event["fate"] != "merged")
    assert stood_for == len(events)

    assert sonic_pi.errors == []
    assert {event["heard"] for event in events} <= {"", "done", "stopped", "started"}
    critical = sorted(e["after_ms"] for e in events if e["severity"] == "critical" and e["fate"] == "sent")
    assert len(critical) > 2 * seconds
    assert critical[int(0.99 * len(critical))] < 250
    # Nothing milder is heard while something critical waits.
    assert Counter(e["severity"] for e in events if e["fate"] == "sent")["critical"] >= 0.8 * fates["sent"]

    assert longest_gap(sound.envelope(0.1), 0.1) < 2
    await asyncio.to_thread(sonic_pi.start_recording)
    sonic_pi.run("play 60")
    await asyncio.sleep(2)
    afterwards = await asyncio.to_thread(sonic_pi.stop_recording)
    assert afterwards.sounding().rms > 0.01


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_ten_minutes_of_an_incident_take_no_more_memory_than_the_first(sonic_pi: SonicPiServer) -> None:
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            command("demo", "--headless", "--sonic-pi", sonic_pi.named),
            env=environment(Path(home)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            sizes = []
            for _ in range(60):
                time.sleep(10)
                sizes.append(psutil.Process(process.pid).memory_info().rss)
        finally:
            process.terminate()
            process.wait(30)
    first, last = np.mean(sizes[6:12]), np.mean(sizes[-6:])
    print(f"resident: {first / 2**20:.1f} MB in the second minute, {last / 2**20:.1f} MB in the tenth")
    assert last < 1.1 * first
