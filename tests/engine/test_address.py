"""Where a Sonic Pi may listen: what the user names, what logs say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sonickube_tui.engine.address import Address, parse_address, running
from sonickube_tui.errors import UserError

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


def write(home: Path, name: str, text: str, age: float) -> None:
    log = home / ".sonic-pi" / "log" / name
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text)
    os.utime(log, (1_000_000 - age, 1_000_000 - age))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:4557", Address("127.0.0.1", 4557)),
        ("localhost:33002:-1234567890", Address("localhost", 33002, -1234567890)),
        ("[::1]:4557", Address("::1", 4557)),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("4557", "must be HOST:PORT or HOST:PORT:TOKEN, not '4557'"),
        ("localhost:", "must be HOST:PORT"),
        ("localhost:0", "between 1 and 65535, not 0"),
        ("localhost:70000", "between 1 and 65535, not 70000"),
        ("localhost:4557:99999999999", "signed 32-bit"),
        ("localhost:4557:secret", "not 'localhost:4557:…'"),
    ],
)
def test_a_wrong_address_says_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_address(text)


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


def test_a_token_is_never_shown() -> None:
    assert "1234567890" not in str(Address("127.0.0.1", 33002, -1234567890))
