"""Reading lines of files that may be anything."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session import made
from sonickube_tui.errors import UserError
from sonickube_tui.session.format import LINE_LIMIT, Header, Line, MarkLine, encode
from sonickube_tui.session.lines import Cutter, Found, Lines, line_at

HEADER = encode(Header(format=1, at=made.BEGAN))


@contextmanager
def holding(data: bytes) -> Iterator[int]:
    with TemporaryFile() as file:
        file.write(data)
        file.flush()
        yield file.fileno()


def read(data: bytes) -> tuple[list[Found], Lines]:
    with holding(data) as file:
        lines = Lines(file)
        return list(lines.read()), lines


def mark(t: float, text: str = "") -> bytes:
    return encode(MarkLine(t=t, text=text or f"at {t:g}"))


def texts(found: list[Found]) -> list[str]:
    return [one.line.text for one in found if isinstance(one.line, MarkLine)]


@given(st.binary(max_size=400), st.integers(1, 50), st.integers(1, 60))
def test_a_stream_is_cut_alike_wherever_its_pieces_end(stream: bytes, size: int, limit: int) -> None:
    cutter = Cutter(limit=limit)
    raws = [raw for at in range(0, len(stream), size) for raw in cutter.feed(stream[at : at + size])]
    *whole, rest = stream.split(b"\n")
    assert [raw.data for raw in raws] == [line if len(line) <= limit else None for line in whole]
    assert [raw.number for raw in raws] == list(range(1, len(whole) + 1))
    assert all(stream[raw.offset :].split(b"\n")[0] == whole[raw.number - 1] for raw in raws)
    assert (cutter.offset, cutter.number) == (len(stream) - len(rest), len(whole) + 1)


@given(st.lists(st.binary(max_size=60) | st.just(mark(1.0).strip()), max_size=30))
def test_whatever_a_file_holds_its_good_lines_come_out_and_its_bad_ones_are_counted(
    parts: list[bytes],
) -> None:
    data = b"\n".join(parts)
    found, lines = read(data)
    good = sum(part == mark(1.0).strip() for part in data.split(b"\n"))
    assert len(texts(found)) >= good
    assert len(found) + lines.faults.total + lines.faults.unknown <= data.count(b"\n") + 1
    with holding(data) as file:
        for one in found:
            assert line_at(file, one.offset) == one.line


def test_reading_on_from_any_line_gives_the_rest() -> None:
    data = b"".join(map(encode, made.lines(3, 200)))
    with holding(data) as file:
        lines = Lines(file)
        everything, places = [], [lines.place]
        for found in lines.read():
            everything.append((found.t, found.number, made.plain(found.line)))
            places.append(lines.place)
        for start in range(0, 201, 17):
            rest = [(one.t, one.number, made.plain(one.line)) for one in Lines(file, places[start]).read()]
            assert rest == everything[start:]
        until = places[50].offset
        assert len(list(Lines(file).read(until))) == 50


def test_bad_lines_are_told_by_their_numbers() -> None:
    found, lines = read(HEADER + b"hello\n\n" + mark(1) + b'{"is":"mark"\n' + mark(2) + b'{"is":"song"}\n')
    assert texts(found) == ["at 1", "at 2"]
    assert [str(fault).split(":")[0] for fault in lines.faults.first] == ["line 2", "line 5"]
    assert lines.faults.unknown == 1


def test_two_writers_that_wrote_into_one_another_cost_their_own_lines_only() -> None:
    torn = mark(1)[:20] + mark(2) + mark(1)[20:]
    found, lines = read(HEADER + mark(0.5) + torn + mark(3))
    assert texts(found) == ["at 0.5", "at 3"]
    assert [fault.number for fault in lines.faults.first] == [3, 4]


def test_times_never_go_back() -> None:
    found, _ = read(HEADER + mark(1) + mark(5) + mark(2) + mark(6))
    assert [one.t for one in found] == [0, 1, 5, 5, 6]


def test_files_that_were_put_together_follow_one_another() -> None:
    later = encode(Header(format=1, at=made.BEGAN + 100))
    found, lines = read(HEADER + mark(1) + later + mark(1))
    assert [one.t for one in found] == [0, 1, 100, 101]
    assert lines.place.began == made.BEGAN


def test_a_line_that_is_too_long_costs_itself_and_no_memory() -> None:
    data = HEADER + mark(1) + b'{"is":"mark","text":"' + b"x" * (2 * LINE_LIMIT) + b'"}\n' + mark(2)
    with holding(data) as file:
        del data
        tracemalloc.start()
        lines = Lines(file)
        found = list(lines.read())
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert texts(found) == ["at 1", "at 2"]
    assert str(lines.faults.first[0]) == "line 3: it is longer than 16 MB"
    assert most < 2.5 * LINE_LIMIT


def test_a_line_without_an_end_counts_when_it_is_whole(tmp_path: Path) -> None:
    found, lines = read(HEADER + mark(1) + mark(2).rstrip())
    assert texts(found) == ["at 1", "at 2"] and lines.tail == 0
    found, lines = read(HEADER + mark(1) + mark(2)[:-5])
    assert texts(found) == ["at 1"] and lines.tail == len(mark(2)) - 5
    assert lines.faults.total == 0


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_file_that_grows_is_read_on(tmp_path: Path, step: int) -> None:
    data = HEADER + b"".join(mark(float(t)) for t in range(1, 9))
    path = tmp_path / "grows.jsonl"
    with path.open("wb", buffering=0) as out:
        file = os.open(path, os.O_RDONLY)
        lines = Lines(file)
        found: list[Line] = []
        numbers = []
        for at in range(0, len(data), step):
            out.write(data[at : at + step])
            for one in lines.read():
                found.append(one.line)
                numbers.append(one.number)
        os.close(file)
    assert b"".join(map(encode, found)) == data
    assert numbers == list(range(1, 10))
    assert lines.faults.total == 0


def test_the_header_of_another_format_names_its_line() -> None:
    with pytest.raises(UserError, match=r"line 2: .*format 7"):
        read(HEADER + b'{"is":"header","format":7,"at":1}\n')
