"""The lines that a user pastes into Sonic Pi to let this console, and nobody else, run code there.

Anybody on the machine can send to Sonic Pi's port for cues, and its window shows what comes in, so no address
there is a secret. The lines run what is sealed with a key that only they and we know, and newer than
what they ran last: what somebody else sends, or sends again, does nothing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sonickube_tui.whole import write_whole

PORTS = (4560, 4559)
"""Where cues come in: from 3.2 on, and until 3.1."""

CEILING = 10.0
"""Runs a second that the bridge takes; a burst of 50 lost 11."""

MEANING = (
    "As long as these lines run in Sonic Pi, the console runs code there with all that you may do, and so "
    "does whoever knows the key in them: show them to nobody."
)

# No line is longer than a dialog of 80 columns shows whole. A loop of this name goes on where it waits,
# with the lines that it had: the last cue makes it take these.
_LINES = """\
require "digest"
key, heard = "{key}", Time.now.to_f
live_loop :sonickube do
  use_real_time
  seal, code = sync "/osc*/sonickube/run"
  ours = Digest::SHA256.hexdigest(code + key) == seal rescue false
  run_code code if ours && code.to_f > heard && heard = code.to_f
end
cue "/osc/sonickube/run"
"""


class Bridge:
    """The key, kept in `folder` for the next start, where only the user may read it.

    It lasts as long as lines with it answer. Those that are shown because none did have a new one, and are
    the only ones that count from then on.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "bridge.key"
        self._lasting = False
        self.key = ""
        with suppress(OSError, UnicodeDecodeError):
            kept = self._file.read_text("ascii").strip()
            self.key = kept if re.fullmatch(r"[0-9a-f]{32}", kept) else ""

    def answered(self) -> None:
        """Lines with this key run in Sonic Pi: it lasts until this console ends."""
        self._lasting = True

    def lines(self) -> str:
        """What the user is to paste."""
        if not self._lasting:
            self.key, self._lasting = secrets.token_hex(16), True
            with suppress(OSError):  # Then these lines are good for this console alone.
                write_whole(self._file, self.key.encode(), private=True)
        return _LINES.format(key=self.key)


def sealed(key: str, code: str) -> tuple[str, str]:
    """A seal, and what it is for: the code below the moment at which it was sealed, itself a line of Ruby."""
    text = f"{next(_moments):.6f}\n{code}"
    # The key goes last: a sum of what begins with a secret can be continued without knowing it.
    return hashlib.sha256((text + key).encode()).hexdigest(), text


def _rising() -> Iterator[float]:
    """Unix time in seconds; where the clock is put back it goes on from where it was."""
    last = 0.0
    while True:
        last = max(time.time(), last + 1e-5)
        yield last


_moments = _rising()
