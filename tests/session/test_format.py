"""Lines of a session file: there and back, and what is no line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from session import made
from sonickube_tui.errors import UserError
from sonickube_tui.music.mixer import Channel
from sonickube_tui.session.format import KINDS, Line, MixLine, UnknownLine, decode, encode


def test_every_line_comes_back_as_it_was() -> None:
    for line in made.lines(1, 300):
        data = encode(line)
        assert data.endswith(b"\n") and data.count(b"\n") == 1
        assert encode(decode(data)) == data


def test_a_line_begins_with_what_it_is_and_its_time() -> None:
    for line in made.lines(1, 100):
        assert encode(line).startswith(b'{"is":"'), line


DOCS = (Path(__file__).parents[2] / "docs" / "session-format.md").read_text("utf-8")


def test_the_lines_in_the_docs_are_lines() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)
    kinds = [json.loads(line)["is"] for line in example.splitlines() if decode(line.encode())]
    assert kinds == ["header", "snippet", "pod", "event", "mark"]


def test_the_docs_name_every_kind_of_line_and_all_its_fields() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", DOCS, re.MULTILINE)
    named = {kind: set(re.findall(r"`(\w+)`", fields)) for kind, fields in rows}
    assert named == {
        str(kind.__struct_config__.tag): set(kind.__struct_encode_fields__) - {"t"} for kind in get_args(Line)
    }
    assert named.keys() == KINDS


def test_fields_that_a_later_program_adds_are_passed_over() -> None:
    line = decode(b'{"is":"mark","t":1.5,"text":"deploy","colour":"red","deep":{"er":[1]}}')
    assert made.plain(line) == {"is": "mark", "t": 1.5, "text": "deploy"}


def test_a_mix_from_before_there_were_pans_is_in_the_middle() -> None:
    line = decode(
        b'{"is":"mix","t":1,"at":2,"channels":[{"name":"a","gain_db":-3,"muted":true,"soloed":false}]}'
    )
    assert line == MixLine(t=1, at=2, channels=(Channel("a", -3.0, muted=True, pan=0.0),))


@pytest.mark.parametrize("data", [b'{"is":"lyrics","t":1,"text":"la"}', b'{"is":"","t":1}'])
def test_kinds_that_a_later_program_adds_are_told_apart_from_bad_lines(data: bytes) -> None:
    with pytest.raises(UnknownLine):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"is":"header","format":2,"at":1}',
        b'{"is":"header","format":2,"at":"yesterday","clusters":7}',
    ],
)
def test_another_format_is_an_error_for_the_user(data: bytes) -> None:
    with pytest.raises(UserError, match=r"format 2.*reads format 1"):
        decode(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "truncated"),
        (b"hello", "malformed"),
        (b"[]", "object"),
        (b'{"is":"mark","t":1', "truncated"),
        (b'{"is":"mark","t":-1,"text":"x"}', ">= 0"),
        (b'{"is":"mark","t":1e400,"text":"x"}', "range"),
        (b'{"is":"mark","t":NaN,"text":"x"}', "malformed"),
        (b'{"is":"mark","t":1}', "text"),
        (b'{"is":"mark","text":"\xff"}', "UTF-8"),
        (b'{"is":"mix","channels":[{"name":"a","gain_db":900}]}', "gain_db"),
        (b'{"is":"mix","channels":[{"name":"a","pan":-1.5}]}', "pan"),
        (b'{"is":"event","t":1,"event":{"kind":"sang"}}', "kind"),
        (b'{"is":"mark","text":"x","deep":' + b"[" * 100_000, "deeply"),
        (b'{"is":"pod","at":1,"cluster":"c","change":"ADDED","pod":' + b'{"a":' * 100_000, "deeply"),
        (b'{"is":"mark","text":{"is":' + b"[" * 100_000, "str"),
        (b'{"is":"mark","text":' + b"9" * 1000 + b"}", "range"),
    ],
    ids=lambda value: str(value[:40]),
)
def test_what_is_no_line_says_why(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decode(data)
