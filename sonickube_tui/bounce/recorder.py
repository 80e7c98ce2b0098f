"""Sonic Pi's own recorder: what it sounds goes into a WAV file of ours, and nobody's recording is touched."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from sonickube_tui.engine.recording import Noted, start_recording, stop_recording
from sonickube_tui.engine.sonic_pi import SonicPi
from sonickube_tui.errors import UserError

STALLED = 5.0
"""Seconds without a byte more after which a recording is lost; some come every 0.7 s."""


class Recorder:
    """Records what a Sonic Pi sounds into `file`, from `start` to `stop`, with 16 or 24 bits a sample."""

    def __init__(self, sonic_pi: SonicPi, file: Path, bits: int) -> None:
        self.began = 0.0
        """When a voice had to be sent to sound at the recording's beginning, in monotonic seconds."""
        self.lead = 0
        """Frames of silence in front of that."""
        self._ask = sonic_pi.ask
        self._file = file.absolute()
        self._noted = Noted(sonic_pi.folder, file)
        self._bits = bits
        self._grown = (0, 0.0)

    async def start(self) -> None:
        """Begin. Raises UserError when it records already, and when it does not say that it has begun."""
        try:
            self._noted.begin()
        except OSError as error:
            raise UserError(f"it cannot be noted that Sonic Pi records: {error}") from None
        asked = time.monotonic()
        match await start_recording(self._ask, self._file, self._bits):
            case ["yes", int(lead), float(late)]:
                self._grown = (0, time.monotonic())
                self.lead = lead
                self.began = asked if lead else time.monotonic() - late
            case ["busy"]:
                self._noted.end()
                raise UserError("Sonic Pi is recording already: stop that first, there or in another bounce")
            case [said, *_]:
                self._noted.end()
                raise UserError(f"Sonic Pi cannot record: {said}")
            case _:
                raise UserError(
                    "Sonic Pi did not begin to record: restart it, or bounce with the built-in player"
                )

    def look(self) -> None:
        """Raises UserError when nothing is recorded any more."""
        now, grown = time.monotonic(), size(self._file)
        if grown != self._grown[0]:
            self._grown = (grown, now)
        elif now - self._grown[1] > STALLED:
            raise UserError(
                f"Sonic Pi has recorded nothing for {STALLED:g} s: somebody stopped it, the disk is full, or "
                "it runs where this folder is not"
            )

    async def stop(self) -> bool:
        """End it, and wait until the file is whole; whether it was still being recorded."""
        answer = await stop_recording(self._ask, self._file)
        if answer:
            self._noted.end()
        recorded = answer is not None and answer[0] == "yes"
        end = time.monotonic() + (STALLED if recorded else 0.0)
        # Its header is the last that scsynth writes, some 0.1 s after Sonic Pi has answered.
        while not self._whole() and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return recorded

    def _whole(self) -> bool:
        if not size(self._file):
            return False
        with self._file.open("rb") as wav:
            told = int.from_bytes(wav.read(8)[4:], "little")
        return told + 8 == size(self._file)


def size(file: Path) -> int:
    """The bytes of a file; 0 when there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return 0
