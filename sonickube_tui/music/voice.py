"""One sounding of one snippet."""

from __future__ import annotations

import msgspec

from sonickube_tui.event import Event


class Voice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One sounding of one snippet for one event, or for several merged into it.

    `count` is the number of events it stands for, `level` the channel's linear amplitude (1.0 is unity),
    `health` the namespace's health from 0 to 1, `tempo` the theme's beats per minute.
    """

    id: int
    event: Event
    snippet: str
    count: int = 1
    level: float = 1.0
    health: float = 1.0
    tempo: float = 60.0
