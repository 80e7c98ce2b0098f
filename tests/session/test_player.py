"""The transport: what is due comes when it is due, in order, from any moment and at any speed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from players import until
from sonickube_tui.errors import UserError
from sonickube_tui.event import Kind
from sonickube_tui.session.format import EventLine, Line, encode
from sonickube_tui.session.opening import open_session
from sonickube_tui.session.player import SPEEDS, Player
from sonickube_tui.session.state import Scene
from tapes import BEGAN, happened, marked, write

pytestmark = pytest.mark.slow


class Listener:
    """Writes down what a player plays."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.scenes: list[Scene] = []
        self.heard: list[tuple[float, str]] = []
        """Since the last scene: the session's time by the player's clock, and the pod."""
        self.late: list[float] = []

    @property
    def pods(self) -> list[str]:
        return [pod for _, pod in self.heard]

    async def listen(self) -> None:
        async for what in self.player.run():
            if isinstance(what, Scene):
                self.scenes.append(what)
                self.heard.clear()
            elif isinstance(what.line, EventLine):
                self.heard.append((self.player.now, what.line.event.pod))
                self.late.append(self.player._late(what.t))


@contextmanager
def playing(path: Path, *, ends: bool = False, speed: float = 1.0) -> Iterator[Listener]:
    with open_session([path]) as session:
        player = Player(session, ends=ends)
        player.set_speed(speed)
        yield Listener(player)


def story(count: int, seed: int = 1, every: float = 0.1) -> list[Line]:
    """Events of some pods at uneven times."""
    chance, t, lines = random.Random(seed), 0.0, list[Line]()
    for number in range(count):
        t += chance.expovariate(1 / every)
        kind = chance.choice([Kind.READY, Kind.CREATED, Kind.CRASHED])
        lines.append(happened(t, kind, chance.choice(["shop", "batch"]), f"pod-{number}"))
    return lines


def names(lines: Iterable[Line]) -> list[str]:
    return [line.event.pod for line in lines if isinstance(line, EventLine)]


@pytest.mark.parametrize("speed", [1.0, 50.0, 100.0])
async def test_all_events_come_in_their_order_at_any_speed(tmp_path: Path, speed: float) -> None:
    lines = story(300, every=0.005 * speed)
    with playing(write(tmp_path / "s.jsonl", lines), ends=True, speed=speed) as listener:
        await listener.listen()
    assert listener.pods == names(lines)
    assert min(listener.late) >= 0, "nothing comes before its time"
    assert len(listener.scenes) == 1


async def test_at_normal_speed_nothing_is_late(tmp_path: Path) -> None:
    lines = story(400, every=0.01)
    with playing(write(tmp_path / "s.jsonl", lines), ends=True) as listener:
        await listener.listen()
    late = sorted(listener.late)
    p50, p99 = late[len(late) // 2], late[len(late) * 99 // 100]
    print(f"late at 1x: p50 {1000 * p50:.1f} ms, p99 {1000 * p99:.1f} ms, most {1000 * late[-1]:.1f} ms")
    assert p50 < 0.02, "generous, since the machine may be busy"
    assert p99 < 0.2


async def test_a_second_of_the_session_takes_as_long_as_the_speed_says(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [happened(0), happened(10)])
    with playing(path, ends=True, speed=20) as listener:
        began = time.monotonic()
        await listener.listen()
        assert 0.5 <= time.monotonic() - began < 5


async def test_much_that_is_due_at_once_leaves_the_loop_to_others(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", (happened(0, pod=f"pod-{number}") for number in range(30_000)))
    with playing(path, ends=True, speed=100) as listener:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        task = asyncio.create_task(other())
        await listener.listen()
        task.cancel()
    assert len(listener.heard) == 30_000
    assert turns > 20


@pytest.mark.parametrize("seed", range(5))
async def test_from_any_moment_comes_what_the_file_has_from_there_on(tmp_path: Path, seed: int) -> None:
    lines = story(200, seed)
    chance = random.Random(seed)
    with playing(write(tmp_path / "s.jsonl", lines), speed=100) as listener:
        task = asyncio.create_task(listener.listen())
        player = listener.player
        for _ in range(8):
            t = chance.choice([chance.uniform(-1, 25), chance.choice(lines).t])
            scenes = len(listener.scenes)
            player.seek(t)
            expected = names(line for line in lines if line.t >= min(max(t, 0), lines[-1].t))
            await until(lambda s=scenes: len(listener.scenes) > s)  # type: ignore[misc]
            await until(lambda e=expected: len(listener.heard) >= len(e))  # type: ignore[misc]
            assert listener.pods == expected
        task.cancel()


async def test_a_pause_holds_all_and_the_time_too(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [happened(0), happened(0.2), happened(0.4)])
    with playing(path) as listener:
        task = asyncio.create_task(listener.listen())
        await until(lambda: listener.pods == ["pod-0"])
        listener.player.pause()
        here = listener.player.position
        await asyncio.sleep(0.6)
        assert (listener.pods, listener.player.position) == (["pod-0"], here)
        listener.player.toggle()
        await until(lambda: len(listener.heard) == 3)
        assert [at < due + 0.2 for (at, _), due in zip(listener.heard, (0, 0.2, 0.4), strict=True)]
        task.cancel()


async def test_seeking_behind_the_end_stops_there(tmp_path: Path) -> None:
    with playing(write(tmp_path / "s.jsonl", [happened(0), happened(9)])) as listener:
        player = listener.player
        assert player.session.wait(20)
        player.seek(1e9)
        assert (player.position, player.duration) == (9, 9)
        player.seek(-1)
        assert player.position == 0


async def test_a_change_of_speed_counts_from_the_moment_it_is_made(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [happened(0), happened(100)])
    with playing(path) as listener:
        task = asyncio.create_task(listener.listen())
        await until(lambda: listener.pods)
        before = listener.player.position
        listener.player.set_speed(100)
        assert listener.player.position < before + 1, "it does not jump"
        listener.player.set_speed(1e9)
        assert listener.player.speed == 100
        await until(lambda: len(listener.heard) == 2)
        task.cancel()


def test_the_speed_goes_by_steps_and_stops_at_both_ends(tmp_path: Path) -> None:
    with playing(write(tmp_path / "s.jsonl", [])) as listener:
        player, seen = listener.player, []
        for _ in range(9):
            player.step_speed(-1)
        for _ in range(12):
            seen.append(player.speed)
            player.step_speed(1)
        assert tuple(seen[: len(SPEEDS)]) == SPEEDS
        assert player.speed == SPEEDS[-1]
        player.set_speed(3)
        player.step_speed(-1)
        assert player.speed == 2


async def test_seeking_while_paused_shows_the_moment_and_stays_there(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [happened(0), happened(5, Kind.CRASHED), happened(9)])
    with playing(path) as listener:
        task = asyncio.create_task(listener.listen())
        listener.player.pause()
        listener.player.seek(6)
        await until(lambda: listener.scenes and listener.scenes[-1].t == 6)
        assert listener.scenes[-1].pains
        await asyncio.sleep(0.3)
        assert (listener.player.position, listener.pods) == (6, [])
        task.cancel()


async def test_errors_and_marks_are_found_in_both_directions(tmp_path: Path) -> None:
    lines = [
        happened(1), happened(2, Kind.CRASHED), marked(3, "deploy"), happened(4, Kind.OOM_KILLED),
        happened(5), marked(6, "rollback"), happened(7, Kind.CRASHED),
    ]  # fmt: skip
    with playing(write(tmp_path / "s.jsonl", lines)) as listener:
        player = listener.player
        player.pause()
        task = asyncio.create_task(listener.listen())
        await until(lambda: player.session.caught_up and listener.scenes)

        async def visit(steps: Iterable[bool]) -> list[float]:
            return [player.position for forward in steps if await player.to_event(forward=forward)]

        assert await visit([True, True, True, True]) == [2, 4, 7]
        assert await visit([False, False, False]) == [4, 2]
        assert player.to_mark(forward=True)
        assert player.position == 3
        assert player.to_mark(forward=True)
        assert player.position == 6
        assert not player.to_mark(forward=True)
        assert player.to_mark(forward=False)
        assert player.position == 3
        task.cancel()


async def test_a_loop_repeats_its_region_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [happened(t) for t in range(10)])
    with playing(path, speed=20) as listener:
        player, rounds = listener.player, list[list[str]]()
        player.set_loop(3, 6)

        async def listen() -> None:
            async for what in player.run():
                if isinstance(what, Scene):
                    rounds.append([])
                elif isinstance(what.line, EventLine):
                    rounds[-1].append(what.line.event.pod)

        task = asyncio.create_task(listen())
        await until(lambda: len(rounds) > 4)
        assert rounds[0] == [f"pod-{t}" for t in range(6)], "it is entered from the beginning"
        assert rounds[1:4] == [["pod-3", "pod-4", "pod-5"]] * 3
        player.seek(8)
        await until(lambda: rounds[-1] == ["pod-8", "pod-9"])
        await asyncio.sleep(0.2)
        assert rounds[-1] == ["pod-8", "pod-9"], "who goes behind the loop has left it"
        player.seek(2)
        player.set_loop(None, None)
        await until(lambda: rounds[-1] == [f"pod-{t}" for t in range(2, 10)])
        task.cancel()


async def test_a_loop_to_the_end_goes_round(tmp_path: Path) -> None:
    with playing(write(tmp_path / "s.jsonl", [happened(0), happened(1), happened(2)]), speed=20) as listener:
        listener.player.set_loop(1, 2)
        task = asyncio.create_task(listener.listen())
        await until(lambda: len(listener.scenes) > 3)
        task.cancel()


def test_a_loop_that_is_too_short_is_refused(tmp_path: Path) -> None:
    with playing(write(tmp_path / "s.jsonl", [])) as listener:
        listener.player.begin_loop()
        with pytest.raises(UserError, match="begin it with b"):
            listener.player.end_loop()
        assert not listener.player.looping


async def test_a_file_that_grows_is_followed(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [happened(0), happened(0.1)])
    with playing(path) as listener:
        task = asyncio.create_task(listener.listen())
        await until(lambda: listener.player.at_end)
        await asyncio.sleep(0.5)
        # Long after what was there: whoever writes it was silent meanwhile, and so were we.
        write(path, [happened(100), happened(100.3)], begin=False)
        began = time.monotonic()
        await until(lambda: len(listener.heard) == 4)
        assert time.monotonic() - began > 0.2, "what follows keeps its distance"
        assert listener.pods == ["pod-0", "pod-0.1", "pod-100", "pod-100.3"]
        await until(lambda: listener.player.live)
        before = listener.player.now
        await asyncio.sleep(0.2)
        assert listener.player.now > before, "pain heals while nothing is written"
        assert listener.player.position == listener.player.duration
        task.cancel()


async def test_a_line_that_is_half_written_is_waited_for(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [happened(0)])
    whole = encode(happened(0.1))
    with path.open("ab") as file:
        file.write(whole[:20])
    with playing(path) as listener:
        task = asyncio.create_task(listener.listen())
        await until(lambda: listener.player.at_end)
        with path.open("ab") as file:
            file.write(whole[20:])
        await until(lambda: listener.pods == ["pod-0", "pod-0.1"])
        task.cancel()


async def test_at_the_end_of_a_whole_session_the_time_stands_still(tmp_path: Path) -> None:
    with playing(write(tmp_path / "s.jsonl", [happened(0), happened(0.1)])) as listener:
        task = asyncio.create_task(listener.listen())
        await until(lambda: listener.player.at_end)
        await asyncio.sleep(0.3)
        assert listener.player.now == listener.player.position == 0.1
        assert not task.done()
        listener.player.seek(0)
        await until(lambda: len(listener.scenes) == 2 and len(listener.heard) == 2)
        task.cancel()


async def test_a_session_of_another_format_further_on_is_played_up_to_there(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [happened(0), happened(0.1)])
    with path.open("ab") as file:
        file.write(b'{"is":"header","format":99,"at":1}\n' + encode(happened(1)))
    with playing(path, ends=True) as listener:
        await listener.listen()
        assert listener.pods == ["pod-0", "pod-0.1"]
        assert "format 99" in listener.player.problem


async def test_bad_lines_are_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", [happened(0)])
    with path.open("ab") as file:
        file.write(b'{"is":"event","t":1e999}\n\xff\xfe\n[[[[\n' + b"[" * 100_000 + b"\n")
        file.write(encode(happened(0.1)))
    with playing(path, ends=True) as listener:
        await listener.listen()
        assert listener.pods == ["pod-0", "pod-0.1"]
        assert listener.player.session.index.faults.total == 4


async def test_a_moment_that_is_not_indexed_yet_is_waited_for(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", (happened(t / 100) for t in range(60_000)))
    with playing(path) as listener:
        listener.player.pause()
        listener.player.seek(599)
        task = asyncio.create_task(listener.listen())
        await until(lambda: listener.scenes)
        assert listener.scenes[0].t == 599
        assert listener.scenes[0].at == BEGAN + 599
        task.cancel()


async def test_the_position_never_runs_ahead_of_what_was_played(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", (happened(t / 1000) for t in range(20_000)))
    with playing(path, speed=100, ends=True) as listener:
        before = 0.0
        async for what in listener.player.run():
            if not isinstance(what, Scene):
                assert before <= listener.player.position <= what.t + 0.001
                before = listener.player.position
                time.sleep(0.0001)  # noqa: ASYNC251  # Whoever listens is slower than the session.
