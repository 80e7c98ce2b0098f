"""How a Sonic Pi is addressed, and what the user may write for it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sonickube_tui.errors import UserError


class Token(int):
    """The token of a Sonic Pi's session: a number where it is sent, and nothing where it is shown.

    It is a password: a crash report, which tells what variables hold, must not tell it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "…"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "…"


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

    def __post_init__(self) -> None:
        if self.token is not None:
            msgspec.structs.force_setattr(self, "token", Token(self.token))

    @property
    def loopback(self) -> bool:
        """Whether it is on this machine."""
        return self.host == "localhost" or self.host == "::1" or self.host.startswith("127.")

    def __str__(self) -> str:
        # Token and key are passwords: they stay out of every text.
        return f":{self.port}" if self.host == "127.0.0.1" else f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Address({self})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("at", str(self))]


def parse_address(text: str) -> Address:
    """Read `HOST:PORT` or `HOST:PORT:TOKEN`. Raises UserError, which shows no number, when it is neither."""
    match = re.fullmatch(r"([^:\s]+|\[[0-9A-Fa-f:]+\]):(\d+)(?::(-?\d+))?", text)
    if match is None:
        raise UserError(f"Sonic Pi's address must be HOST:PORT or HOST:PORT:TOKEN, not {_hidden(text)!r}")
    port, token = int(match[2]), int(match[3]) if match[3] else None
    if not 1 <= port <= 65535:
        raise UserError("Sonic Pi's port must be between 1 and 65535; it stands before the token")
    if token is not None and not fits(token):
        raise UserError(
            "Sonic Pi's token must fit into a signed 32-bit number; spider.log (4.x) has it as 'Token:', "
            "gui.log as the last 'daemon_stdout:'"
        )
    return Address(match[1].strip("[]"), port, token)


def fits(token: int) -> bool:
    """Whether a number can be a token."""
    return -(2**31) <= token < 2**31


def without_numbers(text: str) -> str:
    """A text of which we do not know what its numbers are: one may be a token."""
    return re.sub(r"-?\d{6,}|(?<!\w)-?\d+(?!\w)", "…", text)


def _hidden(text: str) -> str:
    # Whatever is not a host may be the token, put in a wrong place.
    host, *rest = text.split(":")
    return ":".join([without_numbers(host), *("…" for _ in rest)])
