"""Many voices that all go on, and the keys of the mixer that they must follow."""

from __future__ import annotations

from peer import Peer
from sonickube_tui.ui.actions import Pane, of

MIXER_KEYS = [key for action in of(Pane.MIXER) for key in action.keys.split(",")] + ["d", "d", "alt+s"]
"""Every key of the mixer, and those that act on all of it."""


class Crowd(Peer):
    """Tells of every voice that it began, and that it goes on; its job has its number."""

    def report(self, code: str, prefix: str | None = None) -> None:
        number = len(self.codes)
        self.running.add(number)
        self.tells = {"started": [number]}
        super().report(code, prefix)
