"""Sonic Pi's own recorder: what it sounds goes into a WAV file of ours, and nobody's recording is touched.

Its studio is asked, not the `recording_*` of its language: those would forget what the user recorded and has
not saved yet. `@mod_sound_studio` and what is used of it are in Sonic Pi's source from 2.11 to 2026.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from pathlib import Path

from sonickube_tui.engine.sonic_pi import SonicPi
from sonickube_tui.errors import UserError
from sonickube_tui.music.render import Reply

BUFFER = 65_536
"""Frames of silence in front of every recording: scsynth writes its empty buffer to the file first."""

PATIENCE = 15.0
"""Seconds to wait for an answer: Sonic Pi itself waits up to five for each thing it asks of scsynth."""

STALLED = 5.0
"""Seconds without a byte more after which a recording is lost; some come every 0.7 s."""


class Recorder:
    """Records what a Sonic Pi sounds into `file`, from `start` to `stop`, with 16 or 24 bits a sample."""

    def __init__(self, sonic_pi: SonicPi, file: Path, bits: int) -> None:
        self.began = 0.0
        """When a voice had to be sent to sound at the recording's beginning, in monotonic seconds."""
        self._sonic_pi = sonic_pi
        self._file = file.absolute()
        self._bits = bits
        self._grown = (0, 0.0)

    async def start(self) -> None:
        """Begin. Raises UserError when it records already, and when it does not say that it has begun."""
        self.began = time.monotonic()
        match await self._ask(_START.format(bits=self._bits)):
            case "yes":
                self._grown = (0, time.monotonic())
            case "busy":
                raise UserError("Sonic Pi is recording already: stop that first, there or in another bounce")
            case str(said):
                raise UserError(f"Sonic Pi cannot record: {said}")
            case None:
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
        recorded = await self._ask(_STOP) == "yes"
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

    async def _ask(self, code: str) -> str | None:
        path = base64.b64encode(os.fsencode(self._file)).decode()

        def run(reply: Reply) -> str:
            where = f'"{reply.host}", {reply.port}, "{reply.prefix}recording"'
            return _RUN.format(where=where, path=path, code=code)

        answer = await self._sonic_pi.ask("recording", run, PATIENCE)
        return None if answer is None else str(*answer[:1])


def size(file: Path) -> int:
    """The bytes of a file; 0 when there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


_RUN = """\
use_debug false
use_osc_logging false
sk_tell = ->(said) {{ with_real_time {{ osc_send {where}, said }} }}
begin
  sk_path = File.expand_path("{path}".unpack("m")[0].force_encoding("utf-8"))
  sk_studio = @mod_sound_studio
{code}
rescue Exception => e
  sk_tell.call(e.message.to_s.dup.force_encoding("utf-8").scrub("?").tr("\\0\\n", " ")[0, 200])
end
"""

_START = """\
  if sk_studio.recording?
    sk_tell.call("busy")
  else
    sk_depth = sk_studio.instance_variable_get(:@sample_format)
    sk_studio.bit_depth = {bits}
    sk_studio.recording_start(sk_path)
    sk_studio.instance_variable_set(:@sample_format, sk_depth)
    sk_tell.call("yes")
  end"""

_STOP = """\
  sk_files = (sk_studio.instance_variable_get(:@recorders) || {}).values.map {
    |stream, _| stream.instance_variable_get(:@path)
  }
  sk_tell.call(sk_files.include?(sk_path) && sk_studio.recording_stop ? "yes" : "no")"""
