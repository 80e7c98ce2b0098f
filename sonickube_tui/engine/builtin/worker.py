"""The built-in player as a process: Ruby works snippets out, the player sounds them, the console is told.

It is a process of its own so that neither Ruby nor a busy screen delays the sound, and so that nothing that
a library prints gets onto the screen. It ends when the console does.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from sonickube_tui.engine.builtin import messages, player, score
from sonickube_tui.engine.builtin.files import Files
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
from sonickube_tui.engine.builtin.player import NoDevice, Player, Start
from sonickube_tui.engine.builtin.vm import installed_ruby
from sonickube_tui.music.mixer import Level

AHEAD = 2.0
"""Seconds that a run is worked out ahead of what is rendered."""

AT_ONCE = 3
"""Runs that are worked out at the same time: what takes its whole second holds nobody up."""

LOOK_EVERY = 0.1
"""Seconds between two looks at how far runs are, while there are any."""


class _Run(msgspec.Struct):
    """A run that is not over: how far it is worked out, and what is to be told of it, and when.

    `work` is there while it is being worked out. The first `skip` answers were told by the process before
    this one.
    """

    sound: Sound
    skip: int
    work: Future[None] | None = None
    staged: bool = False
    reached: float = 0.0
    over: bool = False
    begun: bool = False
    told: list[tuple[float, Answer]] = []


class _WorkedOut(msgspec.Struct, frozen=True, gc=False):
    """How a run goes on, up to a time of its own; or what kept it from that."""

    run: int
    until: float
    outcome: list[score.ScoreEvent] | Exception


class Worker:
    """Does what the console asks, and tells it what happens."""

    def __init__(self, outbox: BinaryIO, *, null: bool, files: Files) -> None:
        self._files = files
        self._outbox = outbox
        self._inbox: queue.SimpleQueue[Request | player.News | _WorkedOut | None] = queue.SimpleQueue()
        self._player = Player(self._inbox.put, null=null)
        self._runs: dict[int, _Run] = {}
        self._levels: dict[int, Level] = {}
        self._starts: list[Start] = []
        self._hands = ThreadPoolExecutor(AT_ONCE)
        self._health = Health(0, 0)

    def work(self, inbox: BinaryIO) -> None:
        """Until the console closes its end. Raises what makes it impossible to go on."""
        self._player.start()
        self._ruby = installed_ruby(self._files)
        threading.Thread(target=self._read, args=(inbox,), daemon=True).start()
        self._send(Ready())
        while True:
            with suppress(queue.Empty):
                message = self._inbox.get(timeout=LOOK_EVERY if self._runs else None)
                if message is None:
                    return
                self._handle(message)
            # What was sounding in the process before this one begins together.
            if self._inbox.empty() and not any(run.work and run.sound.late for run in self._runs.values()):
                self._begin()
            for number in list(self._runs):
                self._go_on(number)
            self._look_after_health()

    def _read(self, inbox: BinaryIO) -> None:
        """Requests, in their order, until the pipe ends. What makes it quieter does not wait for Ruby."""
        while len(header := inbox.read(messages.HEADER.size)) == messages.HEADER.size:
            request = messages.requests.decode(inbox.read(*messages.HEADER.unpack(header)))
            if isinstance(request, Levels):
                self._levels |= request.levels
                for number, level in request.levels.items():
                    self._player.set_level(number, level)
                continue
            if isinstance(request, Stop):
                for number in request.runs:
                    self._player.set_level(number, Level(0.0))
            self._inbox.put(request)
        self._inbox.put(None)

    def _send(self, answer: Answer) -> None:
        with suppress(BrokenPipeError):  # The console is gone; the other pipe says so, too.
            self._outbox.write(messages.framed(answer))
            self._outbox.flush()

    def _handle(self, message: Request | player.News | _WorkedOut) -> None:
        match message:
            case Sound():
                self._runs[message.run] = _Run(message, message.told)
                self._work_out(message.run, message.late + AHEAD)
            case _WorkedOut():
                self._worked_out(message)
            case Stop():
                self._begin()
                for number in message.runs:
                    self._stop(number)
            case player.Began() if run := self._runs.get(message.run):
                run.begun = True
                self._send(Began(message.run))
            case player.Over():
                self._over(message.run, lost=message.lost)
            case player.Broke():
                raise RuntimeError(message.text)

    def _begin(self) -> None:
        """Let what is worked out be heard, at the levels of now."""
        if self._starts:
            replace = msgspec.structs.replace
            self._player.play(
                *(replace(start, level=self._levels.get(start.run, start.level)) for start in self._starts)
            )
            self._starts.clear()

    def _stop(self, number: int) -> None:
        """Silence a run, heard or not."""
        if run := self._runs.get(number):
            run.over = True
            if run.staged:
                self._player.stop(number)
            else:
                self._over(number)

    def _over(self, number: int, *, lost: bool = False) -> None:
        """Tell that nothing of a run sounds any more, and the rest that was to be told of it."""
        if run := self._runs.pop(number, None):
            if run.work is None or run.work.cancel():
                self._ruby.stop(number)
            self._levels.pop(number, None)
            for _, answer in run.told:
                self._send(answer)
            self._send(Over(number, lost))

    def _go_on(self, number: int) -> None:
        """Have a run worked out as far as is needed now, and tell what has come to pass in it."""
        run = self._runs[number]
        ahead = self._player.ahead(number)
        if ahead is None or not run.begun:
            return
        if not run.over and not run.work and run.reached < ahead + AHEAD:
            self._work_out(number, ahead + 2 * AHEAD)
        while run.told and run.told[0][0] <= ahead:
            self._send(run.told.pop(0)[1])

    def _work_out(self, number: int, until: float) -> None:
        run = self._runs[number]
        run.work = self._hands.submit(self._advance, run.sound, until, begins=not run.staged)

    def _advance(self, sound: Sound, until: float, *, begins: bool) -> None:
        """On one of the hands: nothing but Ruby is touched."""
        outcome: list[score.ScoreEvent] | Exception
        try:
            if begins:
                self._ruby.start(sound.run, sound.snippet, sound.event, tempo=sound.tempo, seed=sound.run)
            outcome = self._ruby.advance(sound.run, until)
        except Exception as error:
            outcome = error
        self._inbox.put(_WorkedOut(sound.run, until, outcome))

    def _worked_out(self, result: _WorkedOut) -> None:
        number, outcome = result.run, result.outcome
        run = self._runs.get(number)
        if run is None:  # It was stopped meanwhile.
            self._ruby.stop(number)
            return
        run.work = None
        if isinstance(outcome, Exception):  # One run that the sandbox cannot take must not end the others.
            self._send(Raised(number, type(outcome).__name__, str(outcome)[:300], 0))
            self._stop(number)
            return
        run.reached = result.until
        for event in outcome:
            self._tell_later(number, run, event)
        if run.staged:
            self._player.write(number, outcome)
            return
        run.staged = True
        self._starts.append(Start(run=number, events=outcome, level=run.sound.level, late=run.sound.late))
        if not run.sound.late:
            self._begin()

    def _tell_later(self, number: int, run: _Run, event: score.ScoreEvent) -> None:
        answer: Answer | None = None
        match event:
            case score.Done():
                answer = Finished(number)
            case score.Failed():
                answer = Raised(number, event.error, event.message, event.line)
            case score.Said():
                answer = Printed(number, event.text)
            case score.Ended():
                run.over = True
        if answer and run.skip:
            run.skip -= 1
        elif answer:
            run.told.append((event.at, answer))

    def _look_after_health(self) -> None:
        health = Health(self._player.gaps, self._player.stage.worlds - 1)
        if health != self._health:
            self._health = health
            self._send(health)

    def close(self) -> None:
        """Fall silent."""
        self._player.close()


def main() -> None:
    """Work on standard input and output.

    The first argument is `auto`, or `null` to play on no sound card; the second one a folder for decoded
    files, the others those that sound files are looked for in.
    """
    outbox = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    audio, decoded, *folders = sys.argv[1:]
    worker = Worker(outbox, null=audio == "null", files=Files([Path(one) for one in folders], Path(decoded)))
    try:
        worker.work(sys.stdin.buffer)
        worker.close()
    except NoDevice as lack:
        worker._send(Broke(f"{lack}: connect one, or --audio dummy plays on none"))
    except Exception as error:
        worker._send(Broke(f"{type(error).__name__}: {error}"[:300].replace("\n", " ")))
    os._exit(0)  # The threads of the sound card and of reading wait for ever.


if __name__ == "__main__":
    main()
