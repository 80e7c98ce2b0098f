"""What one look at something found."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

ANSWER_LIMIT = 10.0
"""Seconds for all that the cluster is asked, and to find a Sonic Pi that runs."""


class State(StrEnum):
    """What a check found: with warnings the main job would work, with a failure it would not."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at: a line on what was found, and a line on what to do about it, or none."""

    name: str
    state: State
    says: str
    advice: str = ""


def told(name: str, line: object, state: State = State.FAILED) -> Check:
    """From a line as a UserError has it: what is wrong; what to do."""
    says, _, advice = str(line).partition("; ")
    return Check(name, state, says, advice)


def some(names: Sequence[str]) -> str:
    """The first eight: one screen has room for no more."""
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
