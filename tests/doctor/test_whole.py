"""`sonickube doctor` from end to end: what it prints, and with which code it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from command import sonickube
from patient import ROOT, TOKEN, checks, doctor
from peer import peer
from sonickube_tui.cluster.simulated.server import SimulatedCluster
from sonickube_tui.event import Kind

pytestmark = pytest.mark.slow


async def test_where_all_is_well_it_says_so_within_80_columns(tmp_path: Path) -> None:
    _, address = await peer(TOKEN)
    named = f"127.0.0.1:{address.port}:{TOKEN}"
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url, "--sonic-pi", named)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "✓ kubeconfig  /" in done.stdout
    assert f"✓ api server  Kubernetes v1.31.0+simulated at {cluster.url} answered in" in done.stdout
    assert "✓ permissions pods: list and watch in all namespaces" in done.stdout
    assert f"✓ test sound  Sonic Pi 4.5.1 :{address.port} played it and reported back after" in done.stdout
    assert f"✓ theme       classic: {len(Kind)} of {len(Kind)} kinds of events have a sound" in done.stdout
    files = len(list((ROOT / "snippets" / "classic").glob("*.rb")))
    assert f"✓ snippets    {files} files, all of them Ruby" in done.stdout
    assert done.stdout.endswith("\nThe main job would work.\n")
    assert max(map(cell_len, done.stdout.splitlines())) <= 80


async def test_json_is_one_object_and_nothing_else(tmp_path: Path) -> None:
    _, address = await peer(None, version="v3.2.2")
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url, "--sonic-pi", f"127.0.0.1:{address.port}", "--json")
    found = checks(done)
    assert done.returncode == 0
    assert list(found) == [
        "kubeconfig", "api server", "permissions", "sonic pi", "installed", "player", "test sound", "theme",
        "snippets", "terminal",
    ]  # fmt: skip
    assert found["kubeconfig"]["says"].endswith("/kubeconfig: real (current)")
    assert found["test sound"]["says"].startswith(f"Sonic Pi 3.2.2 :{address.port} played it")
    assert found["terminal"]["state"] == "warning"


async def test_without_an_engine_the_sound_is_skipped_and_that_is_said(tmp_path: Path) -> None:
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url, "--engine", "silent", "--json")
    found = checks(done)
    assert done.returncode == 0
    assert found["test sound"]["state"] == "warning"
    assert found["test sound"]["says"].startswith("skipped")
    assert "sonic pi" not in found
    assert "installed" not in found


def test_the_failed_are_named_in_the_last_line(tmp_path: Path) -> None:
    done = sonickube(tmp_path, "doctor", "--sonic-pi", "127.0.0.1:9", "--theme", "jazz")
    assert done.returncode == 1
    assert done.stdout.endswith("\nThe main job would not work: kubeconfig, test sound, theme.\n")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--sonic-pi", "localhost"], "must be HOST:PORT"),
        (["--sonic-pi", f"localhost:1:{TOKEN}:"], "must be HOST:PORT"),
        (["--snippets", "nowhere"], "there is no snippet folder nowhere"),
        (["--config", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["--engine", "loud"], "'loud' is not one of"),
        (["--headless"], "No such option"),
    ],
)
def test_bad_flags_are_one_line(tmp_path: Path, args: list[str], says: str) -> None:
    done = sonickube(tmp_path, "doctor", *args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert str(TOKEN) not in done.stderr
