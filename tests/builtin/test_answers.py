"""A table of expressions: what 3.2.2 answers, and what 4.5.1 does, which the built-in player follows.

The second column is what upstream's own server of v4.5.1 answered.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from builtin.answers import SHOW, answers
from builtin.sandbox import failures, played
from sonic_pi import SonicPiServer, missing
from sonickube_tui.engine.builtin.score import Said

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("sound"), pytest.mark.timeout(400)]


class Row(msgspec.Struct, frozen=True):
    """An expression and its answers; `!` begins the class of an error."""

    text: str
    three: str
    four: str


def rows() -> Iterator[Row]:
    with Path(__file__).with_name("answers.tsv").open(encoding="utf-8", newline="") as table:
        for row in csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield Row(*row)


ROWS = list(rows())

REFUSED = ("random_source :pink", "random_source :perlin", "random_source(:light_pink)")
"""What the player refuses by name: random numbers come from Sonic Pi's white stream alone."""


def test_the_real_one_answers_so() -> None:
    if lack := missing():
        (pytest.fail if os.environ.get("SONICKUBE_REQUIRE_REAL") == "1" else pytest.skip)(lack)
    with SonicPiServer() as server:
        told = answers(server, [row.text for row in ROWS])
    assert [(row.text, said) for row, said in zip(ROWS, told, strict=True) if said != row.three] == []


@pytest.mark.parametrize("row", ROWS, ids=[row.text for row in ROWS])
def test_the_player_answers_as_4_5_1(row: Row) -> None:
    events = played(f"{SHOW}said = begin\n{row.text}\nend\nputs show.call(said)")
    if any(refused in row.text for refused in REFUSED):
        assert [failed.error for failed in failures(events)] == ["MissingError"]
    elif row.four.startswith("!"):
        assert failures(events)
    else:
        assert not failures(events), failures(events)
        told = [event.text[1:-1].replace('\\"', '"') for event in events if isinstance(event, Said)]
        assert told == [row.four]  # Said as a text is, in quotes.
