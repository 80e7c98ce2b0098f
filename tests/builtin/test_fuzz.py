"""Spoiled snippets: whatever becomes of one, it ends in a score or in a failure with its line."""

from __future__ import annotations

import random
import re
import time
from functools import cache

import pytest

from builtin.sandbox import ended, failures, new_ruby, notes, played, programs
from sonickube_tui.engine.builtin.score import Effect
from sonickube_tui.engine.builtin.vm import Ruby

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("sound")]

SPOILED = 40
"""Snippets for each test."""

SECONDS = 0.3

UNTIL = 5.0

TOKEN = re.compile(r"\w+[?!]?|:\w+|\"[^\"]*\"|\s+|.", re.DOTALL)

ODD = (
    "nil", "0", "-1", "1e9", "0.0", "-0.5", "1r/3", "[]", "{}", "''", '"x"', ":r", ":no_such", "true",
    "-> { 1 }", "end", "do", "}", "{", "(", ")", "ring", "rand", "tick", "sleep 0", "play", "(0..)", "2**99",
    "Float::NAN", "self", "stop", "ev", "loop do", "in_thread do", "with_fx :echo do", "#", "\n", ".reverse",
    "*", "&", "**",
)  # fmt: skip


@cache
def impatient() -> Ruby:
    return new_ruby(seconds=SECONDS)


def spoiled(text: str, chance: random.Random) -> str:
    """The text with one to four of its tokens gone, doubled, exchanged or made odd."""
    tokens = TOKEN.findall(text)
    for _ in range(chance.randint(1, 4)):
        at, other = chance.randrange(len(tokens)), chance.randrange(len(tokens))
        match chance.randrange(5):
            case 0:
                tokens[at] = ""
            case 1:
                tokens[at] *= 2
            case 2:
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case 3:
                tokens[at] = tokens[other]
            case _:
                tokens[at] = f" {chance.choice(ODD)} "
    return "".join(tokens)


@pytest.mark.parametrize("seed", range(10))
def test_a_spoiled_snippet_ends_well(seed: int) -> None:
    chance = random.Random(seed)
    texts = list(programs().values())
    told = 0
    for _ in range(SPOILED):
        text = spoiled(chance.choice(texts), chance)
        began = time.monotonic()
        events = played(text, until=UNTIL, by=impatient())
        assert time.monotonic() - began < 10, text
        # (An effect comes before what began earlier in it.)
        times = [event.at for event in events if not isinstance(event, Effect)]
        assert times == sorted(times), text
        lines = text.count("\n") + 2
        for failed in failures(events):
            assert 0 < failed.line <= lines, (failed, text)
            assert failed.message or failed.error, text
            told += 1
        assert events or "sleep" in text or "sync" in text, text
    assert told > SPOILED / 5
    assert notes(played("play 60", by=impatient())) == [(0, 60)]
    assert ended(played("play 60", by=impatient()))
