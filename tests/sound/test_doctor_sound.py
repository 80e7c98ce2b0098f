"""`sonickube doctor` on a real Sonic Pi: one that runs, and one that it starts and ends again."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from command import command, environment, sonickube
from patient import kubeconfig
from sonic_pi import TOLD, SonicPiServer, Version
from sonickube_tui.cluster.simulated.server import SimulatedCluster

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

LOG: dict[Version, str] = {"3.2.2": "server-output.log", "4.5.1": "spider.log", "5.x": "gui.log"}
"""What tells the address of a version."""


async def test_all_is_well_and_the_test_sound_is_heard(sonic_pi: SonicPiServer, tmp_path: Path) -> None:
    await asyncio.to_thread(sonic_pi.start_recording)
    async with SimulatedCluster() as cluster:
        args = ("doctor", "--kubeconfig", str(kubeconfig(tmp_path, cluster.url)))
        done = await asyncio.to_thread(sonickube, tmp_path, *args, SONIC_PI_HOME=str(sonic_pi.home))
    await asyncio.sleep(1)
    sound = await asyncio.to_thread(sonic_pi.stop_recording)
    assert done.returncode == 0, done.stdout + done.stderr
    where = f"Sonic Pi {TOLD[sonic_pi.version]} :{sonic_pi.address.port}"
    assert f"✓ sonic pi    {where} ({LOG[sonic_pi.version]}" in done.stdout
    assert f"✓ test sound  {where} played it and reported back after" in done.stdout
    assert done.stdout.endswith("\nThe main job would work.\n")
    assert sound.sounding().rms > 0.01


BOOT = ("doctor", "--engine", "boot", "--audio", "dummy", "--json", "--sonic-pi-app")


async def test_one_that_is_only_installed_is_started_for_the_test_and_ended(
    app: Path, tmp_path: Path
) -> None:
    async with SimulatedCluster() as cluster:
        config = str(kubeconfig(tmp_path, cluster.url))
        done = await asyncio.to_thread(sonickube, tmp_path, *BOOT, str(app), "--kubeconfig", config)
    assert done.returncode == 0, done.stdout + done.stderr
    sound = next(check for check in json.loads(done.stdout)["checks"] if check["name"] == "test sound")
    assert "(started by us) played it" in sound["says"]
    assert not list((tmp_path / "state").rglob("running/*.json"))


def test_a_signal_in_the_middle_leaves_nothing_behind(app: Path, tmp_path: Path) -> None:
    # A shell has what a script leaves in the background ignore Ctrl+C.
    background = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command(*BOOT, str(app))]
    process = subprocess.Popen(
        background, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    family: list[psutil.Process] = []
    end = time.monotonic() + 30
    names: set[str] = set()
    while "scsynth" not in names and time.monotonic() < end:
        time.sleep(0.05)
        family = psutil.Process(process.pid).children(recursive=True)
        for member in family:
            with suppress(psutil.NoSuchProcess):  # Some live for a moment only.
                names.add(member.name())
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == b""
    assert b"Traceback" not in err
    assert {"jackd", "scsynth"} <= names
    assert not [member for member in family if member.is_running() and member.status() != "zombie"]
