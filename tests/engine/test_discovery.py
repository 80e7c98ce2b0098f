"""Where a Sonic Pi may listen: what the logs of each version say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sonickube_tui.engine.address import Address
from sonickube_tui.engine.discovery import LOG_PART, candidates, what_logs_say

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

LOG_5 = """\
[00:27:02.692] [API] [INFO ] : Started...
[00:27:02.692] [API] [INFO ] : Reading Boot Daemon output...
[00:27:02.870] [API] [INFO ] : daemon_stdout: 35477
[00:27:02.870] [API] [INFO ] : daemon_stdout: 35474
[00:27:02.870] [API] [INFO ] : daemon_stdout: 35473
[00:27:02.870] [API] [INFO ] : daemon_stdout: 35475
[00:27:02.870] [API] [INFO ] : daemon_stdout: 4560
[00:27:02.870] [API] [INFO ] : daemon_stdout: 1567795345
[00:27:02.870] [API] [INFO ] : Setting up OSC sender to Spider on port 35473
"""
"""As 5.0.0-RC1 wrote it on a Raspberry Pi."""
FIVE = Address("127.0.0.1", 35473, 1567795345)


def told(*words: object) -> str:
    """What the window writes of its daemon's words."""
    lines = [f"[API] [INFO ] : daemon_stdout: {word}\n" for word in words]
    return "".join(["[API] [INFO ] : Started...\n", *lines, "[API] [INFO ] : API Init Started...\n"])


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


def test_later_versions_tell_it_by_their_daemons_numbers(tmp_path: Path) -> None:
    write(tmp_path, "gui.log", LOG_46.replace("3100", "2100") + LOG_46, age=1)
    write(tmp_path, "spider.log", LOG_4.replace("Token", "T"), age=0)
    assert running(tmp_path) == [FOUR_SIX, DEFAULT]
    assert candidates(tmp_path)[0].source == "gui.log"


def test_5_has_six_of_them_with_the_time_in_front(tmp_path: Path) -> None:
    write(tmp_path, "gui.log", LOG_5, age=0)
    assert running(tmp_path) == [FIVE, DEFAULT]


@pytest.mark.parametrize("count", range(5, 13))
def test_however_many_numbers_there_are_the_first_three_and_the_last_are_known(
    tmp_path: Path, count: int
) -> None:
    numbers = [35477, 35474, 35473, *range(40_001, 40_001 + count - 4), -99]
    write(tmp_path, "gui.log", told(*numbers), age=0)
    assert running(tmp_path) == [Address("127.0.0.1", 35473, -99), DEFAULT]


@pytest.mark.parametrize(
    ("first", "second"), [(LOG_46, LOG_5), (LOG_5, LOG_46), (LOG_5.replace("354", "364"), LOG_5)]
)
def test_the_numbers_of_two_starts_are_not_mixed(tmp_path: Path, first: str, second: str) -> None:
    write(tmp_path, "gui.log", first + second, age=0)
    assert running(tmp_path) == [FIVE if "1567795345" in second else FOUR_SIX, DEFAULT]


@pytest.mark.parametrize(
    "later", [told(31001, 31002, 31003), told("SuperCollider", "Audio", "Server", "Boot", "Error", "4557")]
)
def test_an_earlier_start_is_over_when_a_later_one_is_not_told_whole(tmp_path: Path, later: str) -> None:
    write(tmp_path, "gui.log", LOG_5 + later, age=0)
    assert running(tmp_path) == [DEFAULT]


@pytest.mark.parametrize(
    "text",
    [
        "",
        told(31001, 31002, 31003, 5),
        told(*range(31001, 31014)),
        told(31001, 31002, 0, 31004, 31005, -731008),
        told(31001, 31002, 99999, 31004, 31005, -731008),
        told(31001, 31002, 31003, 31004, 31005, 99999999999),
        told(31001, 31002, "31003.5", 31004, 31005, -731008),
        told("²", "²", "²", "²", "²", "²"),
        "\x00\xff" * 100,
    ],
)
def test_a_log_that_says_nothing_of_use_is_passed_over(tmp_path: Path, text: str) -> None:
    write(tmp_path, "gui.log", text, age=0)
    assert running(tmp_path) == [DEFAULT]


@pytest.mark.parametrize(
    ("name", "log", "address"),
    [("server-output.log", LOG_3, Address("127.0.0.1", 51235)), ("gui.log", LOG_5, FIVE)],
)
def test_of_a_long_log_its_beginning_and_its_end_are_read(
    tmp_path: Path, name: str, log: str, address: Address
) -> None:
    long = "x" * LOG_PART + "\n"
    write(tmp_path, name, log + long, age=0)
    assert running(tmp_path)[0] == address
    write(tmp_path, name, log.replace("35473", "35472").replace("51235", "51234") + long + log, age=0)
    assert running(tmp_path)[0] == address
    write(tmp_path, name, long + log + long, age=0)
    assert running(tmp_path) == [DEFAULT]


def test_the_flatpaks_own_home_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SONIC_PI_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / ".var" / "app" / "net.sonic_pi.SonicPi", "gui.log", LOG_5, age=0)
    assert running() == [FIVE, DEFAULT]


def test_what_each_log_is_worth_is_told_without_what_is_in_it(tmp_path: Path) -> None:
    write(tmp_path, "gui.log", LOG_5, age=0)
    write(tmp_path, "spider.log", LOG_4.replace("Token", "T"), age=0)
    assert what_logs_say(tmp_path) == (
        f"in {tmp_path}/.sonic-pi/log: server-output.log is not there (3.x), "
        "spider.log names no address (4.0 to 4.5.1), gui.log names an address (4.6 and later)"
    )
    assert "1567795345" not in repr(candidates(tmp_path))
