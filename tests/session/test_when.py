"""Moments as people type them."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from sonickube_tui.errors import UserError
from sonickube_tui.session.when import moment, region

BEGAN = 1_795_564_200.0
"""2026-11-24 23:50 UTC."""

HOUR = 3600.0


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("90s", 90),
        ("5m20s", 320),
        ("1h", 3600),
        ("0.5h", 1800),
        ("2min", 120),
        ("+30s", 630),
        ("-1m", 540),
        ("-1h", 0),
        ("0%", 0),
        ("25 %", 900),
        ("100%", 3600),
        ("23:50", 0),
        ("23:50:10.5", 10.5),
        ("00:10", 1200),
        (" 00:50:00 ", 3600),
    ],
)
def test_what_can_be_typed(text: str, seconds: float) -> None:
    assert moment(text, began=BEGAN, duration=HOUR, here=600) == pytest.approx(seconds)


def test_a_date_says_which_day() -> None:
    assert moment("2026-11-25 00:00", began=BEGAN, duration=HOUR) == 600
    assert moment("2026-11-25T00:00:01+00:00", began=BEGAN, duration=HOUR) == 601


def test_a_time_of_day_in_a_session_of_many_days_is_the_nearest_one() -> None:
    began = datetime(2026, 11, 24, 12, 0).timestamp()
    day = 24 * HOUR
    assert moment("12:30", began=began, duration=5 * day, here=0) == 1800
    assert moment("12:30", began=began, duration=5 * day, here=3 * day) == 3 * day + 1800
    assert moment("11:30", began=began, duration=5 * day, here=3 * day) == 3 * day - 1800
    assert moment("11:30", began=began, duration=5 * day, here=0) == day - 1800


@pytest.mark.parametrize(
    "text", ["", "soon", "5", "12:3", "12:61", "24:00", "99:99:99", "1e5s", "٣:٠٠", "0001-01-01", "nan%", "+"]
)
def test_what_is_no_moment_is_told_with_what_is(text: str) -> None:
    with pytest.raises(UserError, match=r"12:03:10|not in the session"):
        moment(text, began=BEGAN, duration=HOUR)


@pytest.mark.parametrize("text", ["12:00", "2h", "2026-11-23 12:00"])
def test_what_is_not_in_the_session_is_told_with_what_it_has(text: str) -> None:
    with pytest.raises(UserError, match="from 2026-11-24 23:50:00 to 2026-11-25 00:50:00"):
        moment(text, began=BEGAN, duration=HOUR)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5m-6m30s", (300, 390)),
        ("23:55-00:05", (300, 900)),
        ("2026-11-24T23:55-2026-11-25T00:05", (300, 900)),
        ("10%-20%", (360, 720)),
    ],
)
def test_a_part_is_two_moments(text: str, seconds: tuple[float, float]) -> None:
    assert region(text, began=BEGAN, duration=HOUR) == seconds


@pytest.mark.parametrize("text", ["5m", "6m-5m", "5m-5m", "x-5m", "-", "5m-"])
def test_what_is_no_part_is_told(text: str) -> None:
    with pytest.raises(UserError, match=r"moment"):
        region(text, began=BEGAN, duration=HOUR)
