"""The mix: moves without clicks, no gaps, and what reaches a sound card (a null one) in time, or an array."""

from __future__ import annotations

import io
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from sonic_pi import Sound
from sonickube_tui.engine.builtin import player, worker
from sonickube_tui.engine.builtin.files import Files
from sonickube_tui.engine.builtin.messages import Levels, framed
from sonickube_tui.engine.builtin.messages import Sound as Tone
from sonickube_tui.engine.builtin.mix import BLOCK, CEILING, RAMP, RATE, Mixer, Samples
from sonickube_tui.engine.builtin.offline import Move, Take, offline
from sonickube_tui.engine.builtin.player import Began, Broke, News, NoDevice, Over, Player, Start
from sonickube_tui.engine.builtin.score import Ended, Play, ScoreEvent
from sonickube_tui.music.mixer import Level

real = [pytest.mark.real, pytest.mark.usefixtures("sound")]


def note(at: float = 0.0, note: float = 60.0, node: int = 1, **args: float) -> Play:
    return Play(at, node, "sonic-pi-beep", {"note": note, **args})


# The mixer alone.


def blocks(mixer: Mixer, level: float, count: int, strips: int = 2) -> Samples:
    """What comes of so many blocks with a constant on each strip; its lag is cut off."""
    block = np.full((BLOCK, 2 * strips), level, np.float32)
    return np.concatenate([mixer.mix(block) for _ in range(count + 1)])[BLOCK:]


def test_silence_is_exactly_nothing() -> None:
    mixer = Mixer(2)
    assert not mixer.mix(None).any()
    assert not blocks(mixer, 0.5, 4).any()


def test_a_move_is_quick_and_smooth_and_ends_where_it_should() -> None:
    mixer = Mixer(2)
    mixer.place(0, 1.0)
    assert (blocks(mixer, 0.5, 4)[:, 0] == 0.5).all()
    mixer.set(0, 0.0)
    left = blocks(mixer, 0.5, 8)[:, 0]
    assert np.abs(np.diff(left)).max() <= 0.5 / RAMP * 1.01
    assert not left[RAMP + BLOCK :].any()
    assert RAMP + BLOCK < 0.05 * RATE


def test_pan_turns_down_the_other_ear() -> None:
    mixer = Mixer(2)
    for pan, left, right in ((-1.0, 0.5, 0.0), (-0.5, 0.5, 0.25), (0.0, 0.5, 0.5), (1.0, 0.0, 0.5)):
        mixer.place(0, 1.0, pan)
        assert blocks(mixer, 0.5, 2)[-1] == pytest.approx((left, right))


def test_it_never_clips_and_recovers_without_a_click() -> None:
    mixer = Mixer(2)
    mixer.place(0, 1.0)
    mixer.place(1, 1.0)
    quiet = blocks(mixer, 0.2, 10)
    loud = blocks(mixer, 5.0, 10)
    after = blocks(mixer, 0.2, 200)
    assert (quiet[: 8 * BLOCK] == np.float32(0.4)).all()
    assert loud.max() <= CEILING * 1.0001
    assert loud[-1, 0] == pytest.approx(CEILING)
    assert after[-1, 0] == pytest.approx(0.4)
    assert np.abs(np.diff(after[2 * BLOCK :, 0])).max() < 1e-4


def test_what_is_no_number_is_silent_and_soon_forgotten() -> None:
    mixer = Mixer(2)
    mixer.place(0, 1.0)
    mixer.mix(np.full((BLOCK, 4), np.nan, np.float32))
    assert np.isfinite(blocks(mixer, 0.5, 4)).all()
    assert blocks(mixer, 0.5, 100)[-1, 0] == pytest.approx(0.5)


# To an array.


def mixed(*cues: Take | Move, seconds: float = 60.0) -> Sound:
    return Sound(np.concatenate(list(offline(cues, seconds=seconds))).astype(np.float64), RATE)


class TestOffline:
    pytestmark = real

    def test_the_same_cues_give_the_same_samples(self) -> None:
        events: list[ScoreEvent] = [
            Play(0.0, 1, "sonic-pi-noise", {"release": 0.2}),
            Play(0.1, 2, "sonic-pi-prophet", {"release": 0.4}),
            Ended(0.1),
        ]
        takes = (
            Take(at=0.0, run=1, events=events),
            Take(at=0.25, run=2, events=events, level=Level(0.5, -0.5)),
        )
        move = Move(at=0.4, run=1, level=Level(0.1))
        first = mixed(*takes, move)
        assert np.array_equal(first.samples, mixed(*takes, move).samples)
        assert first.peak > 0.05
        assert np.abs(first.samples[-BLOCK:]).max() < 1e-4
        assert not np.array_equal(first.samples, mixed(*takes).samples)

    def test_levels_and_moves_are_heard_when_they_are_due(self) -> None:
        take = Take(at=0.1, run=1, events=[note(sustain=1.0, release=0.0), Ended(0.0)])
        full, moved = mixed(take), mixed(take, Move(at=0.6, run=1, level=Level(0.25)))
        assert full.between(0, 0.1).peak == 0
        assert moved.between(0.2, 0.6).rms == full.between(0.2, 0.6).rms
        assert moved.between(0.7, 1.0).rms == pytest.approx(0.25 * full.between(0.7, 1.0).rms, rel=0.01)

    def test_a_run_without_end_is_cut_and_cues_are_not_asked_for_early(self) -> None:
        asked: list[int] = []

        def cues() -> Iterator[Take]:
            for run in range(9):
                asked.append(run)
                yield Take(at=0.2 * run, run=run, events=[note(sustain=9.0)])

        sound = np.concatenate(list(offline(cues(), seconds=0.5)))
        assert len(sound) == pytest.approx(0.5 * RATE, abs=BLOCK)
        assert asked == [0, 1, 2, 3]


# In real time, on a sound card that throws everything away.


class Ear(Player):
    """A player of which what went to the sound card is kept, and when."""

    def __init__(self, tell: Callable[[News], None]) -> None:
        self.heard: list[tuple[float, Samples]] = []
        super().__init__(tell, null=True)

    def _pull(self) -> Generator[bytes | memoryview, int, None]:
        pull = super()._pull()
        frames = yield next(pull)
        while True:
            sound = pull.send(frames)
            self.heard.append((time.monotonic(), np.frombuffer(sound, np.float32).reshape(-1, 2)))
            frames = yield sound

    def since(self, start: float, end: float = float("inf")) -> Sound:
        kept = [sound for at, sound in self.heard if start <= at < end]
        return Sound(np.concatenate(kept).astype(np.float64), RATE)


class TestLive:
    pytestmark = real

    @pytest.fixture
    def news(self) -> queue.SimpleQueue[News]:
        return queue.SimpleQueue()

    @pytest.fixture
    def ear(self, news: queue.SimpleQueue[News]) -> Iterator[Ear]:
        ear = Ear(news.put)
        ear.start()
        yield ear
        ear.close()

    def test_a_run_is_told_and_heard(self, ear: Ear, news: queue.SimpleQueue[News]) -> None:
        ear.play(Start(run=7, events=[note(release=0.3), Ended(0.0)]))
        assert news.get(timeout=20) == Began(7)
        began = time.monotonic()
        assert news.get(timeout=20) == Over(7)
        assert ear.since(began - 0.1).peak > 0.1
        time.sleep(0.2)
        assert not ear.since(time.monotonic() - 0.1).samples.any()
        assert ear.gaps == 0

    def sounding(self, ear: Ear, news: queue.SimpleQueue[News]) -> None:
        ear.play(Start(run=1, events=[note(sustain=20.0)]))
        assert news.get(timeout=20) == Began(1)
        time.sleep(0.5)

    def test_a_fader_is_heard_within_a_tenth_of_a_second(
        self, ear: Ear, news: queue.SimpleQueue[News]
    ) -> None:
        self.sounding(ear, news)
        for level, pan in ((0.25, 0.0), (0.0, 0.0), (1.0, -1.0), (1.0, 0.5)):
            before = ear.since(time.monotonic() - 0.3).samples.std(axis=0)
            moved = time.monotonic()
            ear.set_level(1, Level(level, pan))
            time.sleep(0.4)
            after = ear.since(moved + 0.1, moved + 0.3).samples.std(axis=0)
            full = 0.21 * np.sqrt(0.5)
            ears = [level * min(1, 1 - pan) * full, level * min(1, 1 + pan) * full]
            assert after == pytest.approx(ears, rel=0.1, abs=1e-6)
            assert before[0] != pytest.approx(after[0], rel=0.1, abs=1e-6)

    def test_a_mix_reaches_what_sounds_through_the_pipe_within_a_tenth_of_a_second(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(worker, "Player", lambda tell, null: Ear(tell))
        reads, writes = os.pipe()
        with os.fdopen(reads, "rb") as inbox, os.fdopen(writes, "wb", 0) as console:
            at_work = worker.Worker(io.BytesIO(), null=True, files=Files([], tmp_path))
            ear = cast(Ear, at_work._player)
            thread = threading.Thread(target=at_work.work, args=(inbox,))
            thread.start()
            tone = "play 60, attack: 0, sustain: 20"
            console.write(framed(Tone(run=1, snippet=tone, event={}, tempo=60, level=Level(1.0, -1.0))))
            while not any(sound.any() for _, sound in ear.heard):
                assert thread.is_alive()
                time.sleep(0.01)
            time.sleep(0.5)
            moved = time.monotonic()
            console.write(framed(Levels({1: Level(1.0, 0.5)})))
            time.sleep(0.4)
            console.close()
            thread.join()
            at_work.close()
        before = ear.since(moved - 0.3, moved).samples.std(axis=0)
        after = ear.since(moved + 0.1, moved + 0.3).samples.std(axis=0)
        assert before[0] > 0.01
        assert before[1] == 0
        assert after == pytest.approx([before[0] / 2, before[0]], rel=0.1)

    def test_stop_silences_one_run_within_a_tenth_of_a_second(
        self, ear: Ear, news: queue.SimpleQueue[News]
    ) -> None:
        self.sounding(ear, news)
        ear.play(Start(run=2, events=[note(note=84.0, sustain=20.0)]))
        assert news.get(timeout=20) == Began(2)
        stopped = time.monotonic()
        ear.stop(1)
        assert news.get(timeout=20) == Over(1)
        time.sleep(0.3)
        rest = ear.since(stopped + 0.1)
        assert rest.pitch == pytest.approx(1046.5, abs=5)
        assert rest.strength(261.6) < 0.01 * rest.strength(1046.5)

    def test_twenty_runs_a_second_without_a_gap(self, ear: Ear, news: queue.SimpleQueue[News]) -> None:
        self.sounding(ear, news)
        for run in range(2, 102):
            events = [note(note=40.0 + run % 40), note(0.2, node=2), Ended(0.2)]
            ear.play(Start(run=run, level=Level(0.1), events=events))
            time.sleep(0.05)
        time.sleep(2.5)
        assert ear.gaps == 0
        told = [news.get_nowait() for _ in range(200)]
        assert sorted(one.run for one in told if isinstance(one, Over)) == list(range(2, 102))
        assert news.empty()

    def test_a_killed_engine_costs_a_moment_and_no_run(self, ear: Ear, news: queue.SimpleQueue[News]) -> None:
        self.sounding(ear, news)
        ear.play(Start(run=2, events=[note(note=84.0, sustain=1.0)]))
        ear.write(2, [Ended(0.0)])
        assert news.get(timeout=20) == Began(2)
        os.kill(ear.stage.world.pid, signal.SIGKILL)
        assert news.get(timeout=20) == Over(2)
        assert ear.stage.worlds == 2
        now = time.monotonic()
        assert ear.since(now - 0.1).peak > 0.1
        assert ear.gaps <= 1

    def test_a_sound_card_that_is_gone_is_told(
        self, ear: Ear, news: queue.SimpleQueue[News], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(player, "STALL", 0.5)
        self.sounding(ear, news)
        ear._device.stop()
        assert news.get(timeout=20) == Broke("the sound card takes no more sound")

    def test_a_stall_is_counted_as_a_gap(self, ear: Ear, news: queue.SimpleQueue[News]) -> None:
        self.sounding(ear, news)
        os.kill(ear.stage.world.pid, signal.SIGSTOP)
        time.sleep(0.6)
        os.kill(ear.stage.world.pid, signal.SIGCONT)
        time.sleep(0.4)
        assert ear.gaps == 1
        assert ear.since(time.monotonic() - 0.1).peak > 0.1


@pytest.mark.real
@pytest.mark.usefixtures("sound")
@pytest.mark.skipif(
    sys.platform != "linux" or Path("/dev/snd").exists() or "PULSE_SERVER" in os.environ,
    reason="this machine has a sound card",
)
def test_without_a_sound_card_it_says_so() -> None:
    with pytest.raises(NoDevice, match="no sound card"):
        Player(lambda news: None).start()
