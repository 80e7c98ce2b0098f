"""One sounding of one snippet."""

from __future__ import annotations

import msgspec

from sonickube_tui.event import Event
from sonickube_tui.music.mixer import Level


class Voice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One sounding of one snippet for one event, or for several merged into it.

    `count` is the number of events it stands for, `level` how loud and where its channel is,
    `health` the namespace's health from 0 to 1, `tempo` the theme's beats per minute.
    """

    id: int
    event: Event
    snippet: str
    count: int = 1
    level: Level = Level()
    health: float = 1.0
    tempo: float = 60.0
