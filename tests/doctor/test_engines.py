"""What the doctor says of Sonic Pi and the built-in player."""

from __future__ import annotations

from pathlib import Path

import pytest

from patient import TOKEN, checks, doctor, examined
from peer import peer
from sonickube_tui.cluster.simulated.server import SimulatedCluster
from sonickube_tui.engine.builtin.parts import missing

pytestmark = pytest.mark.slow


async def test_one_found_by_its_log_has_a_version_and_keeps_its_token(tmp_path: Path) -> None:
    sonic_pi, address = await peer(TOKEN)
    log = tmp_path / ".sonic-pi" / "log" / "spider.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"Ports: {{:server_port=>{address.port}, :gui_port=>1}}\nToken: {TOKEN}\n")
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url)
        as_json = await doctor(tmp_path, cluster.url, "--json")
    assert done.returncode == as_json.returncode == 0, done.stdout
    assert f"✓ sonic pi    Sonic Pi 4.5.1 :{address.port} (spider.log, with a token)" in done.stdout
    assert f"✓ test sound  Sonic Pi 4.5.1 :{address.port} played it" in done.stdout
    assert any("use_random_seed 1" in code for code in sonic_pi.codes)
    said = done.stdout + done.stderr + as_json.stdout + as_json.stderr
    assert str(TOKEN).lstrip("-") not in said


async def test_5_is_found_by_its_windows_log_and_keeps_its_token(tmp_path: Path) -> None:
    _, address = await peer(TOKEN, version="v5.0.0-RC2")
    log = tmp_path / ".sonic-pi" / "log" / "gui.log"
    log.parent.mkdir(parents=True)
    for number in (30_001, 30_002, address.port, 30_004, 4560, TOKEN):
        with log.open("a") as file:
            file.write(f"[00:27:02.870] [API] [INFO ] : daemon_stdout: {number}\n")
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url)
    assert done.returncode == 0, done.stdout
    assert f"✓ sonic pi    Sonic Pi 5.0.0-RC2 :{address.port} (gui.log, with a token)" in done.stdout
    assert str(TOKEN).lstrip("-") not in done.stdout + done.stderr


async def test_when_none_answers_it_says_which_logs_tell_nothing(tmp_path: Path) -> None:
    log = tmp_path / ".sonic-pi" / "log" / "gui.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"[API] [INFO ] : daemon_stdout: {TOKEN}\n")
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url, "--json")
    found = checks(done)["sonic pi"]
    assert "nobody answers at :4557 (the default port)" in found["says"]
    assert "server-output.log is not there (3.x), spider.log is not there (4.0 to 4.5.1)" in found["says"]
    assert "gui.log names no address (4.6 and later)" in found["says"]
    assert "SONICKUBE_SONIC_PI=HOST:PORT" in found["advice"]
    assert str(TOKEN).lstrip("-") not in done.stdout


@pytest.mark.parametrize("given", [f":{TOKEN + 1}", ""])
async def test_a_wrong_token_is_told_from_the_right_one_without_either(tmp_path: Path, given: str) -> None:
    _, address = await peer(TOKEN)
    log = tmp_path / ".sonic-pi" / "log" / "spider.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"Ports: {{:server_port=>{address.port}}}\nToken: {TOKEN}\n")
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url, "--sonic-pi", f"127.0.0.1:{address.port}{given}")
    assert done.returncode == 1
    token = ", with a token" if given else ""
    assert f"! sonic pi    nobody answers at :{address.port} (--sonic-pi{token})" in done.stdout
    assert f"✓             Sonic Pi 4.5.1 :{address.port} (spider.log, with a token)" in done.stdout
    assert f"✗ test sound  no Sonic Pi answers at :{address.port}" in done.stdout
    assert "The main job would not work: test sound." in done.stdout
    assert "12345678" not in done.stdout + done.stderr


async def test_another_machine_is_not_asked_until_that_is_allowed(tmp_path: Path) -> None:
    args = ("--sonic-pi", f"192.0.2.1:4557:{TOKEN}", "--json")
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url, *args)
    found = checks(done)
    assert done.returncode == 1
    assert "192.0.2.1:4557 is another machine" in found["test sound"]["says"]
    assert "--allow-remote" in found["test sound"]["advice"]
    assert "--sonic-pi)" not in done.stdout
    assert str(TOKEN) not in done.stdout + done.stderr


async def test_a_folder_without_a_sonic_pi(tmp_path: Path) -> None:
    async with SimulatedCluster() as cluster:
        args = ("--engine", "boot", "--sonic-pi-app", str(tmp_path), "--json")
        done = await doctor(tmp_path, cluster.url, *args)
    found = checks(done)
    assert done.returncode == 1
    assert found["installed"]["state"] == "warning"
    assert found["test sound"]["state"] == "failed"
    for name in ("installed", "test sound"):
        assert found[name]["says"] == f"there is no Sonic Pi in {tmp_path}"


async def test_a_sonic_pi_that_does_not_come_up_is_told_with_what_it_said(tmp_path: Path) -> None:
    script = tmp_path / "app" / "server" / "ruby" / "bin" / "daemon.rb"
    script.parent.mkdir(parents=True)
    script.touch()
    ruby = tmp_path / "app" / "server" / "native" / "ruby" / "bin" / "ruby"
    ruby.parent.mkdir(parents=True)
    ruby.write_text(f"#!/bin/sh\necho no sound card 1 2 3 {TOKEN}\n")
    (tmp_path / "VERSION").write_text("5.0.0-RC2\n")
    ruby.chmod(0o755)
    async with SimulatedCluster() as cluster:
        args = ("--engine", "boot", "--sonic-pi-app", str(tmp_path), "--json")
        done = await doctor(tmp_path, cluster.url, *args)
    sound = checks(done)["test sound"]
    installed = f"Sonic Pi in {tmp_path}/app (5.0.0-RC2, started by its daemon)"
    assert checks(done)["installed"]["says"] == installed
    assert str(TOKEN) not in done.stdout
    assert sound["state"] == "failed"
    assert sound["says"].startswith("Sonic Pi could not be started: ")
    assert "no sound card" in sound["says"]
    assert "--audio dummy" in sound["advice"]


async def test_the_bridge_that_is_not_pasted_yet(tmp_path: Path) -> None:
    done = await doctor(tmp_path, "http://127.0.0.1:1", "--engine", "bridge", "--json")
    sound = checks(done)["test sound"]
    assert sound["says"] == "the bridge does not answer"
    assert "sonickube --engine bridge" in sound["advice"]


async def test_the_built_in_player_is_tried_where_it_is_chosen(tmp_path: Path) -> None:
    async with SimulatedCluster() as cluster:
        found = await examined(tmp_path, cluster.url, engine="builtin", audio="dummy")
    assert [check for check in found if "sonic" in check] == []
    if lack := missing():
        assert found["test sound"].state == "failed"
        assert lack[0] in found["player"].says
    else:
        assert found["test sound"].says.startswith("built-in player played it and reported back after")
