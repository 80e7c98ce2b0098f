"""What Sonic Pi says on the port of its window, which is ours when we started it."""

from __future__ import annotations

import asyncio
import html
import re
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from sonickube_tui.engine.osc import unpack

HELD = 200
"""Datagrams that are kept until it is known who sent them: the words of a start, some twenty, with room."""


class LogPort(asyncio.DatagramProtocol):
    """Hears our Sonic Pi's server alone, though everybody on the machine can send here.

    It says all from one socket (`gui` in sonic-pi-server.rb:127 of 3.2.2, spider-server.rb:167 of 4.5.1 and
    dev), and it alone is told `proof`, as the name of a `/ping`: what comes from where that is said again
    goes to `received`, also what came from there before, and nothing else.
    """

    def __init__(self, received: Callable[[bytes], None]) -> None:
        self.proof = secrets.token_hex(16)
        self._received = received
        self._server: object = None
        self._held: deque[tuple[object, bytes]] = deque(maxlen=HELD)

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Pass it on, hold it until its sender is known, or drop it."""
        if addr == self._server:
            self._received(data)
        elif unpack(data) == ("/ack", [self.proof]):
            self._server = addr
            held, self._held = self._held, deque(maxlen=HELD)
            for sender, said in held:
                self.datagram_received(said, sender)
        elif self._server is None:
            self._held.append((addr, data))

    @property
    def boot_error(self) -> str:
        """Why it could not start, as somebody said here, it may be: one that did not start proves nothing."""
        for _, said in self._held:
            match unpack(said):
                case "/exited-with-boot-error", [str(text), *_]:
                    # Its own backtrace follows the reason.
                    return " ".join(text.partition('["')[0].split()) or "it said nothing of why"
        return ""


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """One thing said: `job` is the run it is about or None, `line` the snippet's line of an error, or 0."""

    text: str
    job: int | None = None
    error: bool = False
    line: int = 0


def read_log(address: str, args: list[Any]) -> Iterator[LogLine]:
    """The lines of one message; none for what is not meant for people, or is not of the form that 3.2.2 and
    4.5.1 send.
    """
    match address, args:
        case "/log/info", [_, str(text)] if not text.startswith(_OF_EVERY_RUN):
            yield LogLine(text.strip())
        case "/log/multi_message", [int(job), _, _, int(), *parts]:
            for text in parts[1::2]:
                yield LogLine(_as_written(str(text).strip()), job)
        case "/error", [int(job), str(text), str(trace), int()]:
            said = html.unescape(text)
            found = re.search(r"^snippet:(\d{1,6})", html.unescape(trace), re.MULTILINE)
            yield LogLine(_reason(said), job, True, int(found[1]) if found else 0)
        case "/syntax_error", [int(job), str(text), *_]:
            yield LogLine(_reason(html.unescape(text)), job, True)


_OF_EVERY_RUN = (
    "Starting run ", "Completed run ", "Stopping run ", "Stopping Run ", "Aborted Run ", "All runs completed",
    "Defining fn ", "Redefining fn ",
)  # fmt: skip
"""What it says of every run alike, and we know better."""


def _as_written(text: str) -> str:
    """With the loops' names as their author wrote them, without the run that we put behind."""
    return re.sub(r"__sk\d+\b", "", text)


def _reason(text: str) -> str:
    """An error's class, thread and message, without Sonic Pi's own place: that counts our wrapper's lines."""
    said = " ".join(re.sub(r"^\[.*?\]\s*(-\s*)?", "", _as_written(text).strip()).split()).replace(
        " for Runtime:SonicPiLang", ""
    )
    died = re.fullmatch(r"(\S+) Thread death(?:!| \+--> :(\S+)) (.*)", said)
    return f"{died[1]} in {died[2] or 'a thread'}: {died[3]}" if died else said
