"""Moments of a session as people name them: 12:03:10, 5m20s, +30s."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sonickube_tui.errors import UserError

MOMENTS = "12:03:10, 2026-11-24 12:03, 5m20s from the beginning, +30s or -1m from here, or 80%"
"""What can be typed."""

_SPAN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d+)?))?", re.ASCII)
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.ASCII)


def clock(seconds: float, like: float = 3600.0) -> str:
    """A moment as `0:12:31`, or as `12:31` where a session lasts `like` less than an hour."""
    minutes, second = divmod(int(seconds), 60)
    if like < 3600:
        return f"{minutes:02}:{second:02}"
    hours, minute = divmod(minutes, 60)
    return f"{hours:>{len(str(int(like // 3600)))}}:{minute:02}:{second:02}"


def span(text: str) -> float | None:
    """The seconds of `1h20m`, `5m20s` or `30s`; None when it is none of that."""
    found = _SPAN.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        return None
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + seconds


def moment(text: str, *, began: float, duration: float, here: float = 0.0) -> float:
    """The moment that is meant, in seconds from the session's beginning at Unix time `began`.

    A time of day is the one that is nearest to `here`. Raises UserError for what is no moment, or none of
    the session.
    """
    text = text.strip()
    if text[:1] in ("+", "-") and (seconds := span(text[1:])) is not None:
        return max(0.0, here + seconds if text[0] == "+" else here - seconds)
    if (seconds := span(text)) is not None:
        return _within(seconds, text, began, duration)
    if share := _SHARE.fullmatch(text):
        return duration * min(1.0, float(share[1]) / 100)
    if clock := _CLOCK.fullmatch(text):
        return _within(_time_of_day(clock, text, began, duration, here), text, began, duration)
    try:
        return _within(datetime.fromisoformat(text).timestamp() - began, text, began, duration)
    except (ValueError, OverflowError):
        raise UserError(f"{text!r} is no moment: {MOMENTS}") from None


def _time_of_day(clock: re.Match[str], text: str, began: float, duration: float, here: float) -> float:
    try:
        of_day = timedelta(hours=int(clock[1]), minutes=int(clock[2]), seconds=float(clock[3] or 0))
        if of_day >= timedelta(days=1):
            raise ValueError
        midnight = datetime.fromtimestamp(began + here).replace(hour=0, minute=0, second=0, microsecond=0)
        days = [(midnight + of_day + timedelta(days=day)).timestamp() - began for day in (-1, 0, 1)]
    except (ValueError, OverflowError):
        raise UserError(f"{text!r} is no time of day: {MOMENTS}") from None
    # Seconds are all that people type: 12:00:00 is in a session that began at 12:00:00.4.
    inside = [t for t in days if -1 <= t <= duration + 1] or days
    return min(inside, key=lambda t: abs(t - here))


def _within(t: float, text: str, began: float, duration: float) -> float:
    if -1 <= t <= duration + 1:
        return min(max(0.0, t), duration)
    ends = [datetime.fromtimestamp(began + at).isoformat(" ", "seconds") for at in (0.0, duration)]
    raise UserError(f"{text} is not in the session, which goes from {ends[0]} to {ends[1]}")


def region(text: str, *, began: float, duration: float) -> tuple[float, float]:
    """The two moments of `5m-6m30s` or `12:03-12:05:30`. Raises UserError when it is not two, in order."""
    dashes = [place for place, sign in enumerate(text) if sign == "-"]
    for dash in dashes:
        try:
            first = moment(text[:dash], began=began, duration=duration)
            last = moment(text[dash + 1 :], began=began, duration=duration, here=first)
        except UserError:
            if len(dashes) == 1:
                raise
            continue
        if first < last:
            return first, last
    raise UserError(f"{text!r} is no part of the session: give two moments, as in 12:03-12:05 or 5m-6m30s")
