"""Sonic Pi's own recorder: the Ruby that starts and stops it, and what becomes of one that was left running.

Its studio is asked, not the `recording_*` of its language: those would forget what the user recorded and has
not saved yet. `@mod_sound_studio` and what is used of it are in Sonic Pi's source from 2.11 on (studio.rb).
Its `@recorders` hold scsynth's buffer, which knows its file, and from 5.x on the name of the file itself.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil

from sonickube_tui.engine.family import Trace
from sonickube_tui.music.render import Reply

PATIENCE = 15.0
"""Seconds to wait for an answer: Sonic Pi itself waits up to five for each thing it asks of scsynth."""

GROWTH = 10.0
"""Seconds after which a file that did not grow is not recorded any more; some bytes come every 0.7 s."""

LEAD = 65_536
"""Frames of silence in front of what scsynth records: its empty buffer, opened in studio.rb."""

Ask = Callable[[str, Callable[[Reply], str], float], Awaitable[list[Any] | None]]
"""Runs code that reports a word once: what SonicPi.ask does."""


async def start_recording(ask: Ask, file: Path, bits: int) -> list[Any] | None:
    """Record into a file: `busy`; what went wrong; or `yes`, with the frames of silence that are written
    first, and the seconds that a sound which is asked for at the same time comes later.

    scsynth writes its empty buffer first, and begins when such a sound does. SuperSonic writes what it sounds
    from the moment on at which it answers, with 24 bits a sample whatever it is asked for.
    """
    return await ask(
        "recording", lambda reply: _render(_START.format(bits=bits, lead=LEAD), file, reply), PATIENCE
    )


async def stop_recording(ask: Ask, file: Path) -> list[Any] | None:
    """Stop a recording into this file and no other: `yes`; `no` when there is none; else what went wrong."""
    return await ask("recording", lambda reply: _render(_STOP, file, reply), PATIENCE)


def _render(code: str, file: Path, reply: Reply) -> str:
    path = base64.b64encode(os.fsencode(file.absolute())).decode()
    return _RUN.format(host=reply.host, port=reply.port, prefix=reply.prefix, path=path, code=code)


class _Note(msgspec.Struct, frozen=True):
    """Who records into which file."""

    owner: Trace
    file: str


class Noted:
    """A recording of this process, written down in `folder` from `begin` to `end`."""

    def __init__(self, folder: Path, file: Path) -> None:
        note = _Note(Trace.of(psutil.Process()), str(file.absolute()))
        self._note = msgspec.json.encode(note)
        self._where = _notes(folder) / f"{note.owner}.json"

    def begin(self) -> None:
        """To be called before it is asked for. Raises OSError."""
        self._where.parent.mkdir(parents=True, exist_ok=True)
        self._where.write_bytes(self._note)

    def end(self) -> None:
        """To be called when it is known to have stopped."""
        with suppress(OSError):
            self._where.unlink(missing_ok=True)


async def stop_leftovers(ask: Ask, folder: Path) -> list[Path]:
    """Stop what a process that is gone has left running in this Sonic Pi; the files of what was stopped.

    Nobody else's recording is touched. A note about one of another Sonic Pi is kept for when that is met, for
    as long as its file grows.
    """
    stopped = []
    for where in _notes(folder).glob("*.json"):
        with suppress(OSError, msgspec.DecodeError):
            note = msgspec.json.decode(where.read_bytes(), type=_Note)
            if note.owner.process():
                continue
            file = Path(note.file)
            answer = await stop_recording(ask, file)
            if answer and answer[0] == "yes":
                stopped.append(file)
            elif not answer or _grows(file):
                continue
            where.unlink(missing_ok=True)
    return stopped


def _grows(file: Path) -> bool:
    try:
        return time.time() - file.stat().st_mtime < GROWTH
    except OSError:
        return False


def _notes(folder: Path) -> Path:
    return folder / "recording"


_RUN = """\
sk_tell = ->(*said) {{ SonicPi::OSC::UDPClient.new("{host}", {port}).send("{prefix}recording", *said) }}
begin
  sk_path = File.expand_path("{path}".unpack("m")[0].force_encoding("utf-8"))
  sk_studio = @mod_sound_studio
  sk_into = -> {{ (sk_studio.instance_variable_get(:@recorders) || {{}}).values.map(&:first) }}
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
    sk_began = sk_studio.recording_start(sk_path)
    sk_studio.instance_variable_set(:@sample_format, sk_depth)
    if !sk_began
      sk_tell.call("it refused, and its log may say why")
    elsif sk_into.call.any? {{ |into| into.is_a?(String) }}
      sk_tell.call("yes", 0, current_sched_ahead_time.to_f)
    else
      sk_tell.call("yes", {lead}, 0.0)
    end
  end"""

_STOP = """\
  sk_files = sk_into.call.map { |into| into.is_a?(String) ? into : into.instance_variable_get(:@path) }
  sk_tell.call(sk_files.include?(sk_path) && sk_studio.recording_stop ? "yes" : "no")"""
