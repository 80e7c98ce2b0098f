"""Where a Sonic Pi may be listening on this machine: what its logs say, and where it always was."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from sonickube_tui.engine.address import Address

DEFAULT_PORT = 4557
"""Where Sonic Pi 2.x and a bare 3.x server listen."""

LOG_TAIL = 262_144
"""Bytes read from the end of a log: a long session's log grows to many megabytes."""


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """An address to try, and where it is known from; `written` is Unix time in seconds, 0 without a log."""

    address: Address
    source: str
    written: float = 0.0


def candidates(home: Path | None = None) -> list[Candidate]:
    """All addresses to try, the newest log's first and the default port last.

    Logs are below `home`, by default `SONIC_PI_HOME` or the user's own folder. Which version writes what was
    read in Sonic Pi's source and measured on 3.2.2 and 4.5.1: 3.x `server-output.log`; 4.0 to 4.5.1
    `spider.log`, with the token; later versions only the daemon's eight numbers in `gui.log`.
    """
    root = home or Path(os.environ.get("SONIC_PI_HOME") or Path.home())
    found = [
        Candidate(address, name, log.stat().st_mtime)
        for name, read in _READERS
        if (log := root / ".sonic-pi" / "log" / name).is_file()
        for address in read(_tail(log))
    ]
    found.sort(key=lambda candidate: candidate.written, reverse=True)
    found.append(Candidate(Address("127.0.0.1", DEFAULT_PORT), "the default port"))
    unique: dict[Address, Candidate] = {}
    for candidate in found:
        unique.setdefault(candidate.address, candidate)
    return list(unique.values())


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _server_output(text: str) -> Iterator[Address]:
    yield from _address(re.findall(r"^Listen port: *(\d+)", text, re.MULTILINE)[-1:], [])


def _spider(text: str) -> Iterator[Address]:
    ports = re.findall(r"server_port(?:=>|: ?)(\d+)", text)[-1:]
    if tokens := re.findall(r"^Token: (-?\d+)", text, re.MULTILINE)[-1:]:
        yield from _address(ports, tokens)


def _gui(text: str) -> Iterator[Address]:
    # daemon, gui-listen, gui-send, scsynth, cues, tau, phx, token: code goes to the third.
    numbers = re.findall(r"daemon_stdout: *\"?(-?\d+)", text)[-8:]
    if len(numbers) == 8:
        yield from _address(numbers[2:3], numbers[7:])


def _address(ports: list[str], tokens: list[str]) -> Iterator[Address]:
    port, token = int(ports[0]) if ports else 0, int(tokens[0]) if tokens else None
    if 1 <= port <= 65535 and (token is None or -(2**31) <= token < 2**31):
        yield Address("127.0.0.1", port, token)


_READERS: tuple[tuple[str, Callable[[str], Iterator[Address]]], ...] = (
    ("server-output.log", _server_output),
    ("spider.log", _spider),
    ("gui.log", _gui),
)
