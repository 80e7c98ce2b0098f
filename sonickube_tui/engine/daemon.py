"""What the daemon of Sonic Pi 4 and later says: where it listens, and why it did not come up.

Read in upstream's source: app/server/ruby/bin/daemon.rb prints one line of numbers, which the window copies
into gui.log (app/api/src/sonicpi_api.cpp), one a line. 4.x has eight: daemon, gui-listen, gui-send, scsynth,
cues, tau, phx, token. 5.x has six: the same without tau and phx. What all have is read from both ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

import msgspec

from sonickube_tui.engine.address import Address, Token, fits, without_numbers

COUNTS = range(5, 13)
"""How many numbers the line may have: those of every version, and room for what later ones add."""

_STAMP = re.compile(r"\s*\[[\d\-: .]+\]\s*")
"""The time in front of a line: `[HH:MM:SS.mmm]` in 5.x, with the date in 4.x."""


class Daemon(msgspec.Struct, frozen=True, gc=False):
    """Its ports for signs of life, for its window and for code, and the token that each message carries."""

    port: int
    window: int
    code: int
    token: Token

    @property
    def address(self) -> Address:
        """Where code goes."""
        return Address("127.0.0.1", self.code, self.token)


def read_line(line: str) -> Daemon | None:
    """The daemon of a line of its standard output; None for any other line."""
    return _read(_STAMP.sub("", line, count=1).split())


def read_log(text: str) -> Daemon | None:
    """The daemon that gui.log tells of last; None when there is none, or when its numbers are not whole."""
    runs = groupby(text.splitlines(), lambda line: re.search(r"daemon_stdout:(.*)", line) is not None)
    last = None
    for told, lines in runs:
        if told:
            last = [line.partition("daemon_stdout:")[2].strip(' "') for line in lines]
    return _read(last) if last else None


def _read(words: Sequence[str]) -> Daemon | None:
    if len(words) not in COUNTS or not all(re.fullmatch(r"-?\d{1,10}", word) for word in words):
        return None
    *ports, token = map(int, words)
    if not all(0 < port < 65536 for port in ports[:3]) or not fits(token):
        return None
    return Daemon(ports[0], ports[1], ports[2], Token(token))


def complaint(lines: Sequence[str], log: str) -> str:
    """Why a daemon gave no numbers: what it printed, else the error in its daemon.log. Without any number."""
    said = _plain(lines)
    if not said and "[BUG]" in log:
        said = _plain(log.rpartition("[BUG]")[2].splitlines()[1:3])  # Its class and its message.
    return without_numbers(" / ".join([*said[:1], *said[1:][-2:]])) or "it said nothing"


def _plain(lines: Sequence[str]) -> list[str]:
    return [said for line in lines if (said := _STAMP.sub("", line, count=1).strip())]
