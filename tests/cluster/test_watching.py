"""Pauses between tries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonickube_tui.cluster.watching import Backoff


def test_pauses_double_up_to_half_a_minute() -> None:
    backoff = Backoff()
    for expected in (0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0):
        assert expected <= backoff.pause(now=0.0) <= 2 * expected


def test_pauses_are_spread_so_that_clients_do_not_come_back_together() -> None:
    pauses = [Backoff().pause(now=0.0) for _ in range(200)]
    assert min(pauses) < 1.0
    assert max(pauses) > 1.4


@pytest.mark.parametrize(("healthy", "starts_over"), [(60.0, False), (119.0, False), (121.0, True)])
def test_two_healthy_minutes_bring_the_pauses_back_to_the_start(healthy: float, starts_over: bool) -> None:
    backoff = Backoff()
    for _ in range(8):
        backoff.pause(now=1_000.0)
    pause = backoff.pause(now=1_000.0 + healthy)
    assert (pause <= 1.6) is starts_over


@given(gaps=st.lists(st.floats(0, 300), max_size=30))
def test_no_pause_is_shorter_than_the_first_or_longer_than_a_minute(gaps: list[float]) -> None:
    backoff, now = Backoff(), 0.0
    for gap in gaps:
        now += gap
        assert 0.8 <= backoff.pause(now) <= 60.0
