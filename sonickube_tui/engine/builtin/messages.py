"""What the console and the built-in player's process tell one another: MessagePack in frames, over pipes."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from sonickube_tui.music.mixer import Level


class Sound(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Sound a snippet for an event, at a level.

    `late` seconds of it have passed already, and the first `told` of its answers were given.
    """

    run: int
    snippet: str
    event: dict[str, Any]
    tempo: float
    level: Level
    late: float = 0.0
    told: int = 0


class Levels(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Set the levels of runs."""

    levels: dict[int, Level]


class Stop(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Silence runs."""

    runs: list[int]


Request = Sound | Levels | Stop


class Ready(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Ruby and the sound card are there."""


class Broke(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The process cannot go on, and ends; the text says why."""

    text: str


class Began(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A run is heard from now on."""

    run: int


class Finished(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The snippet itself ran to its end."""

    run: int


class Raised(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The snippet, or a thread of it, raised: Ruby's class and message, and the line (0 when unknown)."""

    run: int
    error: str
    message: str
    line: int


class Printed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The snippet printed a line."""

    run: int
    text: str


class Over(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Nothing of a run sounds any more; `lost` when it was given up before its end."""

    run: int
    lost: bool = False


class Health(msgspec.Struct, frozen=True, gc=False, tag=True):
    """How often the sound card ran dry so far, and how often SuperCollider's engine was begun again."""

    gaps: int
    restarts: int


Answer = Ready | Broke | Began | Finished | Raised | Printed | Over | Health

HEADER = struct.Struct(">I")
"""The length of a frame's content, before it."""

requests = msgspec.msgpack.Decoder(Request)
answers = msgspec.msgpack.Decoder(Answer)


def framed(message: Request | Answer) -> bytes:
    """A message as it goes through the pipe."""
    content = msgspec.msgpack.encode(message)
    return HEADER.pack(len(content)) + content
