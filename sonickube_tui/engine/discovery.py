"""Where a Sonic Pi may be listening on this machine: what its logs say, and where it always was."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from sonickube_tui.engine.address import Address, fits
from sonickube_tui.engine.daemon import read_log
from sonickube_tui.engine.installed import FLATPAK

DEFAULT_PORT = 4557
"""Where Sonic Pi 2.x and a bare 3.x server listen."""

LOG_PART = 262_144
"""Bytes read from the end of a log, else from its beginning, where a start is told: a long session's log
grows to many megabytes.
"""


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """An address to try, and where it is known from; `written` is Unix time in seconds, 0 without a log."""

    address: Address
    source: str
    written: float = 0.0


def candidates(home: Path | None = None) -> list[Candidate]:
    """All addresses to try, the newest log's first and the default port last.

    Logs are below `home`, by default `SONIC_PI_HOME` or the user's own folder and the flatpak's in it. Which
    version writes what was read in Sonic Pi's source and measured on 3.2.2 and 4.5.1.
    """
    found = [
        Candidate(address, log.name, log.stat().st_mtime)
        for log, kind in _logs(home)
        if log.is_file() and (address := _address_in(log, kind))
    ]
    found.sort(key=lambda candidate: candidate.written, reverse=True)
    found.append(Candidate(Address("127.0.0.1", DEFAULT_PORT), "the default port"))
    unique: dict[Address, Candidate] = {}
    for candidate in found:
        unique.setdefault(candidate.address, candidate)
    return list(unique.values())


def what_logs_say(home: Path | None = None) -> str:
    """Of each log that is looked for: which versions write it, and whether it is of use."""
    logs = _logs(home)[: len(_KINDS)]
    told = (f"{log.name} {_use(log, kind)} ({kind.versions})" for log, kind in logs)
    return f"in {logs[0][0].parent}: {', '.join(told)}"


def _use(log: Path, kind: _Kind) -> str:
    if not log.is_file():
        return "is not there"
    return "names an address" if _address_in(log, kind) else "names no address"


def _logs(home: Path | None) -> list[tuple[Path, _Kind]]:
    named = home or os.environ.get("SONIC_PI_HOME")
    homes = [Path(named)] if named else [Path.home(), Path.home() / ".var" / "app" / FLATPAK]
    return [(root / ".sonic-pi" / "log" / kind.name, kind) for root in homes for kind in _KINDS]


def _address_in(log: Path, kind: _Kind) -> Address | None:
    try:
        with log.open("rb") as file:
            for start in (max(0, log.stat().st_size - LOG_PART), 0):
                file.seek(start)
                if address := kind.read(file.read(LOG_PART).decode("utf-8", "replace")):
                    return address
    except OSError:
        pass
    return None


def _server_output(text: str) -> Address | None:
    ports = re.findall(r"^Listen port: *(\d{1,5})\b", text, re.MULTILINE)
    return _address(ports[-1], None) if ports else None


def _spider(text: str) -> Address | None:
    ports = re.findall(r"server_port(?:=>|: ?)(\d{1,5})\b", text)
    tokens = re.findall(r"^(?:\[[\d:. -]+\] *)?Token: (-?\d{1,10})\b", text, re.MULTILINE)
    return _address(ports[-1], tokens[-1]) if ports and tokens else None


def _gui(text: str) -> Address | None:
    daemon = read_log(text)
    return daemon.address if daemon else None


def _address(port: str, token: str | None) -> Address | None:
    if not 1 <= int(port) <= 65535 or not fits(int(token or 0)):
        return None
    return Address("127.0.0.1", int(port), int(token) if token else None)


class _Kind(msgspec.Struct, frozen=True):
    """A log, the versions that tell their address in it, and how it is read there."""

    name: str
    versions: str
    read: Callable[[str], Address | None]


_KINDS = (
    _Kind("server-output.log", "3.x", _server_output),
    _Kind("spider.log", "4.0 to 4.5.1", _spider),
    _Kind("gui.log", "4.6 and later", _gui),
)
