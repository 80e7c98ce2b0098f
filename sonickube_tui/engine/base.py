"""What the conductor asks of an engine, and what it hears back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec
from msgspec.structs import force_setattr

from sonickube_tui.music.mixer import Level
from sonickube_tui.music.voice import Voice
from sonickube_tui.plain import cut, plain, plain_lines


def _clean(said: msgspec.Struct, **fields: Callable[[str], str]) -> None:
    # Versions, errors, prints: data from outside, whichever engine has them, wherever they are shown.
    for field, clean in fields.items():
        force_setattr(said, field, clean(cut(getattr(said, field))))


class Started(msgspec.Struct, frozen=True, gc=False):
    """The engine began a voice: as which of its runs, and how many seconds after we sent it."""

    voice: int
    job: int
    after: float


class Alive(msgspec.Struct, frozen=True, gc=False):
    """The engine knows that the voice still runs or rings."""

    voice: int


class Done(msgspec.Struct, frozen=True, gc=False):
    """The snippet ran to its end; what it set off may still ring."""

    voice: int


class Ended(msgspec.Struct, frozen=True, gc=False):
    """Nothing of the voice sounds any more."""

    voice: int


class Failed(msgspec.Struct, frozen=True, gc=False):
    """The snippet raised: Ruby's class and message, and the snippet's line (0 when unknown)."""

    voice: int
    error: str
    message: str
    line: int

    def __post_init__(self) -> None:
        _clean(self, error=plain, message=plain_lines)


class Lost(msgspec.Struct, frozen=True, gc=False):
    """No report of the voice came in time."""

    voice: int


class Said(msgspec.Struct, frozen=True, gc=False):
    """A line of the engine's own log: what a snippet printed, a warning, or what went wrong.

    `voice` is the one it is about, or None.
    """

    text: str
    error: bool = False
    voice: int | None = None

    def __post_init__(self) -> None:
        _clean(self, text=plain_lines)


Report = Started | Alive | Done | Ended | Failed | Lost | Said


class Packet(msgspec.Struct, frozen=True, gc=False):
    """One voice as it left: its OSC address, or a word for where it went without one; its size in bytes, and
    the Ruby text in it.
    """

    address: str
    size: int
    code: str


class Status(msgspec.Struct, frozen=True, gc=False):
    """Whether the engine sounds, its name for people, and when it does not: why, and what to do.

    `ceiling` is how many sounding runs a second it can take, where that is known, and `paste` what the user
    is to paste into Sonic Pi.
    """

    sounding: bool
    name: str
    advice: str = ""
    ceiling: float | None = None
    paste: str = ""

    def __post_init__(self) -> None:
        _clean(self, name=plain, advice=plain)


class PacketTooLarge(Exception):
    """A rendered voice does not fit into one datagram; the text says by how much."""


class Engine(Protocol):
    """What makes voices sound."""

    @property
    def status(self) -> Status:
        """Whether it sounds now."""

    @property
    def last_packet(self) -> Packet | None:
        """What was sent last."""

    async def run(self, report: Callable[[Report], None], changed: Callable[[Status], None]) -> None:
        """Find what makes the sound and stay in touch with it until cancelled."""

    def play(self, voice: Voice, snippet: str) -> None:
        """Send a voice. Raises PacketTooLarge, and OSError when the network refuses it."""

    def set_levels(self, levels: Mapping[int, Level]) -> None:
        """Set how loud and where runs are that sound, by job number. Raises nothing, for however many."""

    def stop(self, jobs: Iterable[int]) -> None:
        """Silence the given runs and no others. Raises nothing, for however many."""


class Silence:
    """The engine that makes no sound, on purpose or for want of a better one."""

    def __init__(self, advice: str = "") -> None:
        self.status = Status(False, "silent", advice)
        self.last_packet: Packet | None = None

    async def run(self, report: Callable[[Report], None], changed: Callable[[Status], None]) -> None:
        """Nothing to find."""
        changed(self.status)
        await asyncio.Event().wait()

    def play(self, voice: Voice, snippet: str) -> None:
        """Nothing sounds."""

    def set_levels(self, levels: Mapping[int, Level]) -> None:
        """Nothing sounds."""

    def stop(self, jobs: Iterable[int]) -> None:
        """Nothing sounds."""
