"""The mixing desk: a channel for each namespace (of each cluster), and which of them are heard."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sonickube_tui.event import Severity

UNITY_DB = 0.0
MAX_DB = 6.0
MIN_DB = -48.0
"""A fader at its bottom is silence, not a very small level."""

CENTRE, LEFT, RIGHT = 0.0, -1.0, 1.0
"""Where a pan stands. It turns down the ear that it goes away from, and at its end nothing is left there."""

DIM_DB = -12.0
"""What a dim takes away: about half as loud to the ear, and still there."""


class Level(msgspec.Struct, frozen=True, gc=False):
    """How loud something is heard, as linear amplitude (1.0 is unity), and where, from `LEFT` to `RIGHT`."""

    amp: float = 1.0
    pan: float = CENTRE


class Channel(msgspec.Struct, frozen=True, gc=False):
    """A strip for one namespace.

    `gain_db` in decibels, from `MIN_DB` (silence) to `MAX_DB`; `pan` from `LEFT` to `RIGHT`.
    """

    name: str
    gain_db: float = UNITY_DB
    muted: bool = False
    soloed: bool = False
    pan: float = CENTRE

    def __post_init__(self) -> None:
        if not MIN_DB <= self.gain_db <= MAX_DB:
            raise ValueError(f"gain_db must be between {MIN_DB:g} and {MAX_DB:g}, not {self.gain_db:g}")
        if not LEFT <= self.pan <= RIGHT:
            raise ValueError(f"pan must be between {LEFT:g} and {RIGHT:g}, not {self.pan:g}")

    @property
    def gain(self) -> float:
        """Linear amplitude: 1.0 at 0 dB, 0.0 at the fader's bottom."""
        return 0.0 if self.gain_db <= MIN_DB else 10 ** (self.gain_db / 20)


class Mixer:
    """Channels in order of name. A channel appears when it is first named.

    While `dimmed`, everything but what is critical is `dim_db` decibels lower.
    """

    def __init__(self, channels: tuple[Channel, ...] = (), *, dim_db: float = DIM_DB) -> None:
        self._channels = {channel.name: channel for channel in channels}
        self.dimmed = False
        self.dim_db = dim_db

    def __iter__(self) -> Iterator[Channel]:
        return iter(sorted(self._channels.values(), key=lambda channel: channel.name))

    def __len__(self) -> int:
        return len(self._channels)

    def __getitem__(self, name: str) -> Channel:
        """The channel of that name; a new one at unity if there was none."""
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(name)
        return channel

    def _set(self, name: str, **changes: object) -> None:
        self._channels[name] = msgspec.structs.replace(self[name], **changes)

    @property
    def soloing(self) -> bool:
        """Whether any channel is soloed."""
        return any(channel.soloed for channel in self._channels.values())

    def audible(self, name: str) -> bool:
        """As on every desk: with any solo on, the soloed are heard; otherwise all that are not muted."""
        channel = self[name]
        return channel.soloed if self.soloing else not channel.muted

    def level(self, name: str, severity: Severity) -> Level:
        """How something of that severity is heard: with an `amp` of 0.0 when it is not audible."""
        channel = self[name]
        if not self.audible(name):
            return Level(0.0, channel.pan)
        dim = 10 ** (self.dim_db / 20) if self.dimmed and severity is not Severity.CRITICAL else 1.0
        return Level(channel.gain * dim, channel.pan)

    def toggle_mute(self, name: str) -> None:
        """Mute the channel, or let it be heard again."""
        self._set(name, muted=not self[name].muted)

    def toggle_solo(self, name: str) -> None:
        """Add the channel to the soloed ones, or take it out."""
        self._set(name, soloed=not self[name].soloed)

    def clear_solos(self) -> None:
        """Back to the mix as it was before any solo."""
        for name in self._channels:
            self._set(name, soloed=False)

    def set_gain(self, name: str, gain_db: float) -> None:
        """Set the fader, in decibels; what is out of its travel stops at its end."""
        self._set(name, gain_db=min(MAX_DB, max(MIN_DB, gain_db)))

    def nudge(self, name: str, by_db: float) -> None:
        """Move the fader by so many decibels."""
        self.set_gain(name, self[name].gain_db + by_db)

    def set_pan(self, name: str, pan: float) -> None:
        """Set the pan; what is out of its travel stops at its end."""
        self._set(name, pan=min(RIGHT, max(LEFT, pan)))

    def nudge_pan(self, name: str, by: float) -> None:
        """Move the pan by so much, in hundredths: steps there and back meet the centre again."""
        self.set_pan(name, round(self[name].pan + by, 2))
