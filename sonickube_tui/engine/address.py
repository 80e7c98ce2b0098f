"""Where a Sonic Pi may be listening: what the user named, what its logs say, where it always was."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from sonickube_tui.errors import UserError

DEFAULT_PORT = 4557
"""Where Sonic Pi 2.x and a bare 3.x server listen."""

_PORT_LOGS = (
    ("spider.log", re.compile(r"server_port(?:=>|: ?)(\d+)"), re.compile(r"^Token: (-?\d+)", re.MULTILINE)),
    ("server-output.log", re.compile(r"^Listen port: *(\d+)", re.MULTILINE), None),
)


class Address(msgspec.Struct, frozen=True, gc=False):
    """A host, a UDP port, and for Sonic Pi 4 and later the token (a signed 32-bit number) of its session."""

    host: str
    port: int
    token: int | None = None

    def __str__(self) -> str:
        # The token is a password: it stays out of every text.
        return f":{self.port}" if self.host == "127.0.0.1" else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read `HOST:PORT` or `HOST:PORT:TOKEN`. Raises UserError when it is neither."""
    match = re.fullmatch(r"([^:\s]+|\[[0-9A-Fa-f:]+\]):(\d+)(?::(-?\d+))?", text)
    if match is None:
        raise UserError(f"Sonic Pi's address must be HOST:PORT or HOST:PORT:TOKEN, not {_hidden(text)!r}")
    port, token = int(match[2]), int(match[3]) if match[3] else None
    if not 1 <= port <= 65535:
        raise UserError(f"Sonic Pi's port must be between 1 and 65535, not {port}")
    if token is not None and not -(2**31) <= token < 2**31:
        raise UserError(
            "Sonic Pi's token must fit into a signed 32-bit number; its spider.log has it as 'Token:'"
        )
    return Address(match[1].strip("[]"), port, token)


def _hidden(text: str) -> str:
    host, *rest = text.split(":", 2)
    return ":".join([host, *rest[:1], *("…" for _ in rest[1:])])


def running(home: Path | None = None) -> list[Address]:
    """The addresses on this machine to try, the newest log's first and the default port last.

    The logs are those of 3.x (`server-output.log`) and 4.0 to 4.5.1 (`spider.log`) below
    `SONIC_PI_HOME` or the home folder; later versions do not write their port there.
    """
    root = home or Path(os.environ.get("SONIC_PI_HOME") or Path.home())
    found: list[tuple[float, Address]] = []
    for name, port_of, token_of in _PORT_LOGS:
        log = root / ".sonic-pi" / "log" / name
        try:
            text, written = log.read_text("utf-8", "replace"), log.stat().st_mtime
        except OSError:
            continue
        ports, tokens = port_of.findall(text), token_of.findall(text) if token_of else []
        if ports and (tokens or not token_of):
            found.append((written, Address("127.0.0.1", int(ports[-1]), int(tokens[-1]) if tokens else None)))
    addresses = [address for _, address in sorted(found, key=lambda f: f[0], reverse=True)]
    default = Address("127.0.0.1", DEFAULT_PORT)
    return addresses if default in addresses else [*addresses, default]
