"""One engine, and another one for as long as the first does not sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from players import PaperEngine, event, until
from sonickube_tui.engine.base import Report, Status
from sonickube_tui.engine.fallback import Fallback
from sonickube_tui.event import Kind
from sonickube_tui.music.voice import Voice


class Switched(PaperEngine):
    """An engine that says what it is told to say of itself, while it runs."""

    def __init__(self, name: str, *said: Status) -> None:
        super().__init__()
        self.status = Status(False, name, "looking")
        self.said = list(said)
        self.runs = 0
        self.changed: Callable[[Status], None] | None = None

    async def run(self, report: Callable[[Report], None], changed: Callable[[Status], None]) -> None:
        self.runs += 1
        self.report = report

        def tell(status: Status) -> None:
            self.status = status
            changed(status)

        self.changed = tell
        try:
            for status in self.said:
                tell(status)
            await asyncio.Event().wait()
        finally:
            self.changed = None


FIRST, NO_FIRST = Status(True, "first"), Status(False, "silent", "no first")
SECOND, NO_SECOND = Status(True, "second"), Status(False, "second", "no parts")


@asynccontextmanager
async def running(first: Switched, second: Switched) -> AsyncIterator[tuple[Fallback, list[Status]]]:
    told: list[Status] = []
    engine = Fallback(first, second)
    task = asyncio.create_task(engine.run(lambda report: None, told.append))
    try:
        await until(lambda: told)
        yield engine, told
    finally:
        task.cancel()
        await asyncio.wait([task])


def voice(number: int) -> Voice:
    return Voice(id=number, event=event(Kind.READY), snippet="ready")


async def test_while_the_first_sounds_the_second_does_not_run() -> None:
    first, second = Switched("first", FIRST), Switched("second", SECOND)
    async with running(first, second) as (engine, told):
        engine.play(voice(1), "play 60")
        assert told == [FIRST] == [engine.status]
        assert [len(first.played), len(second.played), second.runs] == [1, 0, 0]


async def test_the_second_plays_until_the_first_comes_and_again_when_it_is_gone() -> None:
    first, second = Switched("first", NO_FIRST), Switched("second", SECOND)
    async with running(first, second) as (engine, told):
        assert told == [SECOND]
        engine.play(voice(1), "play 60")
        assert len(second.played) == 1
        assert first.changed
        first.changed(FIRST)
        # What sounded on the second is over, and whoever listens must know.
        assert [status.sounding for status in told] == [True, False, True]
        assert engine.status == FIRST
        await until(lambda: second.changed is None)
        engine.play(voice(2), "play 60")
        assert [len(first.played), len(second.played)] == [1, 1]
        first.changed(NO_FIRST)
        await until(lambda: second.runs == 2)
        engine.play(voice(3), "play 60")
        assert len(second.played) == 2


async def test_when_neither_sounds_both_say_why() -> None:
    async with running(Switched("first", NO_FIRST), Switched("second", NO_SECOND)) as (engine, told):
        assert told == [Status(False, "silent", "no first; second: no parts")] == [engine.status]


async def test_what_the_first_raises_comes_out() -> None:
    class Broken(Switched):
        async def run(self, report: Callable[[Report], None], changed: Callable[[Status], None]) -> None:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await Fallback(Broken("first"), Switched("second")).run(lambda report: None, lambda status: None)
