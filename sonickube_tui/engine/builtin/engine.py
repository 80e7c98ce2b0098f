"""The built-in player as the engine: its process, begun again when it ends, and what it reports."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import msgspec

from sonickube_tui.engine.base import Alive, Done, Ended, Failed, Lost, Packet, Report, Said, Started, Status
from sonickube_tui.engine.builtin import messages, parts
from sonickube_tui.engine.builtin.messages import (
    Answer,
    Began,
    Broke,
    Finished,
    Health,
    Levels,
    Over,
    Printed,
    Raised,
    Ready,
    Request,
    Sound,
    Stop,
)
from sonickube_tui.music.mixer import Level
from sonickube_tui.music.render import event_data
from sonickube_tui.music.voice import Voice

NAME = "built-in player"

STARTING = "starting it"

START_TIMEOUT = 90.0
"""Seconds until it must be ready: half a second, but Ruby is compiled anew after an upgrade of wasmtime."""

RETRY_EVERY = 5.0
"""Seconds until it is begun again when it could not go on: a part or the sound card may come."""

BEGIN_TIMEOUT = 10.0
"""Seconds after which a voice that does not begin is lost, and the process is begun again."""

END_TIMEOUT = 2.0
"""Seconds in which it must end once it is told to."""

PATIENCE = 3
"""How many times in a row the process may end within `QUICKLY` seconds before the last voice is given up."""

QUICKLY = 10.0


class _Sent(msgspec.Struct):
    """A voice that is not over: as asked for, when, since when it is heard, how much was told of it."""

    sound: Sound
    sent: float
    began: float | None = None
    told: int = 0
    stopped: bool = False


class BuiltIn:
    """Plays voices without Sonic Pi. `audio` is "dummy" to play on no sound card, but in its time.

    `samples` are the folders in which snippets may find sound files.
    """

    def __init__(self, audio: Literal["auto", "dummy"] = "auto", samples: Sequence[Path] = ()) -> None:
        self._audio = audio
        self._samples = samples
        self._decoded = ""
        self._process: asyncio.subprocess.Process | None = None
        self._voices: dict[int, _Sent] = {}
        self._why = ""
        self._report: Callable[[Report], None] = lambda report: None
        self._changed: Callable[[Status], None] = lambda status: None
        self.status = Status(False, NAME, STARTING)
        self.last_packet: Packet | None = None
        self.health = Health(0, 0)

    async def run(self, report: Callable[[Report], None], changed: Callable[[Status], None]) -> None:
        """Keep the player's process running until cancelled; when it dies, what sounded goes on."""
        self._report, self._changed = report, changed
        try:
            # What was decoded outlives the process that did it.
            with TemporaryDirectory(prefix="sonickube-", ignore_cleanup_errors=True) as self._decoded:
                await self._keep_running()
        finally:
            self._voices.clear()
            self.status = Status(False, NAME)

    async def _keep_running(self) -> None:
        quick = 0
        while True:
            if lack := await asyncio.to_thread(parts.missing):
                self._tell(Status(False, NAME, "; ".join(lack)))
                await asyncio.sleep(RETRY_EVERY)
                continue
            began = time.monotonic()
            await self._serve()
            if self._why:
                self._tell(Status(False, NAME, self._why))
                self._give_up(list(self._voices))
                await asyncio.sleep(RETRY_EVERY)
                continue
            quick = quick + 1 if time.monotonic() - began < QUICKLY else 1
            if quick >= PATIENCE:
                self._give_up(list(self._voices)[-1:])
                await asyncio.sleep(RETRY_EVERY)

    def play(self, voice: Voice, snippet: str) -> None:
        """Send a voice. Raises ConnectionError when the player does not run."""
        if not self.status.sounding:
            raise ConnectionError(self.status.advice)
        sound = Sound(
            run=voice.id, snippet=snippet, event=event_data(voice), tempo=voice.tempo, level=voice.level
        )
        self._voices[voice.id] = _Sent(sound, time.monotonic())
        self._ask(sound)
        self.last_packet = Packet("sandboxed", len(messages.framed(sound)), snippet)

    def set_levels(self, levels: Mapping[int, Level]) -> None:
        """Set how loud and where runs are that sound, by job number, which is the voice's."""
        for number, level in levels.items():
            if sent := self._voices.get(number):
                sent.sound = msgspec.structs.replace(sent.sound, level=level)
        self._ask(Levels(dict(levels)))

    def stop(self, jobs: Iterable[int]) -> None:
        """Silence the given runs and no others."""
        for number in (jobs := list(jobs)):
            if sent := self._voices.get(number):
                sent.stopped = True
        self._ask(Stop(jobs))

    def _tell(self, status: Status) -> None:
        if status != self.status:
            self.status = status
            self._changed(status)

    def _ask(self, request: Request) -> None:
        if self._process and self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(messages.framed(request))

    async def _serve(self) -> None:
        """One process from its start to its end. `_why` says why it could not go on, if it said so."""
        self._why = ""
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "sonickube_tui.engine.builtin.worker", "null" if self._audio == "dummy" else "auto"),
            *(self._decoded, *map(str, self._samples)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl+C is for the console.
        )
        watch = asyncio.create_task(self._watch(process))
        try:
            async with asyncio.timeout(START_TIMEOUT) as start:
                async for answer in _answers(process):
                    if isinstance(answer, Ready):
                        start.reschedule(None)
                        self._go_on()
                    self._hear(answer)
        except TimeoutError:
            self._why = f"it was not ready in {START_TIMEOUT:g} s"
        finally:
            watch.cancel()
            self._process = None
            await _end(process)

    def _go_on(self) -> None:
        """Take up in a new process what sounded in the old one."""
        now = time.monotonic()
        self._give_up([number for number, sent in self._voices.items() if sent.stopped])
        for sent in self._voices.values():
            late = 0.0 if sent.began is None else now - sent.began
            self._ask(msgspec.structs.replace(sent.sound, late=late, told=sent.told))
        self._tell(Status(True, NAME))

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Tell which voices go on, and end a process in which one does not begin: it hangs."""
        while True:
            await asyncio.sleep(1.0)
            for run in [run for run, sent in self._voices.items() if sent.began is not None]:
                self._report(Alive(run))
            since = time.monotonic() - BEGIN_TIMEOUT
            late = [run for run, sent in self._voices.items() if sent.began is None and sent.sent < since]
            if late and self.status.sounding:
                self._give_up(late)
                process.kill()

    def _give_up(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            sent = self._voices.pop(number)
            self._report(Lost(number) if sent.began is None else Ended(number))

    def _hear(self, answer: Answer) -> None:
        match answer:
            case Broke():
                self._why = answer.text
            case Health():
                self.health = answer
            case Began() if (sent := self._voices.get(answer.run)) and sent.began is None:
                sent.began = time.monotonic()
                self._report(Started(answer.run, answer.run, sent.began - sent.sent))
            case Finished() | Raised() | Printed() if sent := self._voices.get(answer.run):
                sent.told += 1
                self._report(_report_of(answer))
            case Over() if answer.run in self._voices:
                if answer.lost:
                    self._give_up([answer.run])
                else:
                    del self._voices[answer.run]
                    self._report(Ended(answer.run))


def _report_of(answer: Finished | Raised | Printed) -> Report:
    match answer:
        case Finished():
            return Done(answer.run)
        case Raised():
            return Failed(answer.run, answer.error, answer.message, answer.line)
        case Printed():
            return Said(answer.text, voice=answer.run)


async def _end(process: asyncio.subprocess.Process) -> None:
    """It ends by itself when nothing more can come from us; if not, it is killed."""
    assert process.stdin
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), END_TIMEOUT)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _answers(process: asyncio.subprocess.Process) -> AsyncIterator[Answer]:
    """What the process says, until it ends."""
    assert process.stdout
    with suppress(asyncio.IncompleteReadError):
        while True:
            header = await process.stdout.readexactly(messages.HEADER.size)
            content = await process.stdout.readexactly(*messages.HEADER.unpack(header))
            yield messages.answers.decode(content)
