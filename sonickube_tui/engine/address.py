"""How a Sonic Pi is addressed, and what the user may write for it."""

from __future__ import annotations

import re

import msgspec

from sonickube_tui.errors import UserError


class Address(msgspec.Struct, frozen=True, gc=False):
    """A host, a UDP port, and for Sonic Pi 4 and later the token (a signed 32-bit number) of its session.

    With a `key` it is the port for cues, where the user's pasted lines wait for code that is sealed with it.
    """

    host: str
    port: int
    token: int | None = None
    key: str = ""

    @property
    def bridge(self) -> bool:
        """Whether pasted lines take the code there."""
        return bool(self.key)

    @property
    def loopback(self) -> bool:
        """Whether it is on this machine."""
        return self.host == "localhost" or self.host == "::1" or self.host.startswith("127.")

    def __str__(self) -> str:
        # Token and key are passwords: they stay out of every text.
        return f":{self.port}" if self.host == "127.0.0.1" else f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Address({self})"


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
