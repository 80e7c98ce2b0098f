"""Samples that another thread works out: as block by block, and nothing goes on when they are closed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from sonickube_tui.engine.builtin import offline, parts
from sonickube_tui.engine.builtin.mix import BLOCK
from sonickube_tui.engine.builtin.offline import Move, Take
from sonickube_tui.engine.builtin.render import STRIPS
from sonickube_tui.engine.builtin.score import Ended, Play
from sonickube_tui.errors import UserError
from sonickube_tui.music.mixer import Level

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def sound() -> None:
    if lack := parts.missing():
        (pytest.fail if os.environ.get("SONICKUBE_REQUIRE_REAL") == "1" else pytest.skip)("; ".join(lack))


def take(at: float, run: int, seconds: float = 0.3, level: float = 1.0) -> Take:
    events = [Play(0.0, run, "sonic-pi-beep", {"release": seconds}), Ended(0.0)]
    return Take(at=at, run=run, events=events, level=Level(level))


def test_it_is_the_same_as_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    # More runs than strips, so that some are cut off, and moves between the blocks.
    cues = [
        cue
        for n in range(80)
        for cue in (take(0.013 * n, n, 2.0), Move(at=0.013 * n, run=n // 2, level=Level(0.5)))
    ]
    together = np.concatenate(list(offline.offline(cues)))
    monkeypatch.setattr(offline, "STRETCH", 1)
    assert np.array_equal(together, np.concatenate(list(offline.offline(cues))))
    assert np.abs(together).max() > 0.1


def test_what_made_room_is_moved_no_more() -> None:
    silent = [take(0.0, run, level=0.0) for run in range(STRIPS)]
    cues = [*silent, take(0.0, STRIPS), Move(at=0.0, run=0, level=Level(0.0))]
    assert np.abs(np.concatenate(list(offline.offline(cues)))).max() > 0.1


def test_what_goes_wrong_with_a_cue_is_told() -> None:
    def cues() -> Iterator[Take]:
        yield take(0.0, 1)
        raise UserError("the session cannot be read")

    with pytest.raises(UserError, match="the session cannot be read"):
        list(offline.offline(cues()))


def test_nothing_goes_on_when_it_is_closed() -> None:
    threads, asked = threading.active_count(), list[int]()

    def cues() -> Iterator[Take]:
        for run in range(1_000):
            asked.append(run)
            yield take(0.1 * run, run)

    blocks = offline.offline(cues())
    for _ in range(3):
        assert next(blocks).shape == (BLOCK, 2)
    blocks.close()
    assert threading.active_count() == threads
    assert len(asked) < 100
