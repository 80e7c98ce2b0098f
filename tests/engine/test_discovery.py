"""Where a Sonic Pi may listen: what the logs of each version say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sonickube_tui.engine.address import Address
from sonickube_tui.engine.discovery import LOG_TAIL, candidates

DEFAULT = Address("127.0.0.1", 4557)

LOG_3 = """\
Sonic Pi server booting...
The time is 2019-04-01 12:00:00 +0100
Using protocol: udp
Detecting port numbers...
Send port: 4558
Listen port: 51235
  - OK
"""
LOG_4 = """\
Sonic Pi Spider Server booting...
The time is 2023-01-10 10:00:00 +0000
Using primary protocol: udp
Detecting port numbers...
Ports: {:server_port=>33002, :gui_port=>33001, :scsynth_port=>33003, :tau_port=>33005}
Token: -1234567890
Opening UDP Server to listen to GUI on port: 33002
"""


LOG_46 = """\
[GUI] - Starting Sonic Pi 4.6.0
[GUI] - daemon_stdout: 31001
[GUI] - daemon_stdout: 31002
[GUI] - daemon_stdout: 31003
[GUI] - daemon_stdout: 31004
[GUI] - daemon_stdout: 31005
[GUI] - daemon_stdout: 31006
[GUI] - daemon_stdout: 31007
[GUI] - daemon_stdout: -731008
[GUI] - initialising
"""
FOUR_SIX = Address("127.0.0.1", 31003, -731008)


def running(home: Path | None = None) -> list[Address]:
    return [candidate.address for candidate in candidates(home)]


def write(home: Path, name: str, text: str, age: float) -> None:
    log = home / ".sonic-pi" / "log" / name
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text)
    os.utime(log, (1_000_000 - age, 1_000_000 - age))


def test_without_logs_the_default_port_is_left(tmp_path: Path) -> None:
    assert running(tmp_path) == [DEFAULT]


def test_the_newest_log_comes_first(tmp_path: Path) -> None:
    write(tmp_path, "server-output.log", LOG_3, age=10)
    write(tmp_path, "spider.log", LOG_4, age=20)
    three, four = Address("127.0.0.1", 51235), Address("127.0.0.1", 33002, -1234567890)
    assert running(tmp_path) == [three, four, DEFAULT]
    write(tmp_path, "spider.log", LOG_4, age=5)
    assert running(tmp_path) == [four, three, DEFAULT]


def test_the_last_start_in_a_log_counts(tmp_path: Path) -> None:
    write(tmp_path, "spider.log", LOG_4 + LOG_4.replace("33002", "33102").replace("-1234567890", "77"), age=0)
    assert running(tmp_path) == [Address("127.0.0.1", 33102, 77), DEFAULT]


def test_a_log_without_its_token_is_of_no_use(tmp_path: Path) -> None:
    write(tmp_path, "spider.log", LOG_4.replace("Token", "T"), age=0)
    assert running(tmp_path) == [DEFAULT]


def test_sonic_pi_home_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONIC_PI_HOME", str(tmp_path))
    write(tmp_path, "server-output.log", LOG_3, age=0)
    assert running()[0] == Address("127.0.0.1", 51235)


def test_later_versions_tell_it_by_their_daemons_eight_numbers(tmp_path: Path) -> None:
    write(tmp_path, "gui.log", LOG_46.replace("3100", "2100") + LOG_46, age=1)
    write(tmp_path, "spider.log", LOG_4.replace("Token", "T"), age=0)
    assert running(tmp_path) == [FOUR_SIX, DEFAULT]
    assert candidates(tmp_path)[0].source == "gui.log"


@pytest.mark.parametrize(
    "text",
    [
        "",
        LOG_46.replace("[GUI] - daemon_stdout: 31007\n", ""),
        LOG_46.replace("31003", "0"),
        LOG_46.replace("31003", "99999"),
        LOG_46.replace("-731008", "99999999999"),
        "\x00\xff" * 100,
    ],
)
def test_a_log_that_says_nothing_of_use_is_passed_over(tmp_path: Path, text: str) -> None:
    write(tmp_path, "gui.log", text, age=0)
    assert running(tmp_path) == [DEFAULT]


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    write(tmp_path, "server-output.log", LOG_3 + "x" * LOG_TAIL, age=0)
    assert running(tmp_path) == [DEFAULT]
    write(tmp_path, "server-output.log", "x" * LOG_TAIL + "\n" + LOG_3, age=0)
    assert running(tmp_path)[0] == Address("127.0.0.1", 51235)
