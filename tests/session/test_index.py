"""The index against what reading everything says."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from session import made
from sonickube_tui.event import Severity
from sonickube_tui.music.health import Health
from sonickube_tui.session import index as index_module
from sonickube_tui.session.counts import BUCKETS, Counts
from sonickube_tui.session.format import (
    ConnectionLine,
    EventLine,
    Header,
    Line,
    MarkLine,
    MixLine,
    SnippetLine,
    ThemeLine,
    encode,
)
from sonickube_tui.session.index import Index
from sonickube_tui.session.lines import Lines
from sonickube_tui.session.state import Scene


@contextmanager
def indexed(path: Path) -> Iterator[tuple[int, Index]]:
    file = os.open(path, os.O_RDONLY)
    index = Index(file)
    index.start()
    try:
        assert index.caught_up.wait(60)
        yield file, index
    finally:
        index.close()
        os.close(file)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints so close that small files have many."""
    monkeypatch.setattr(index_module, "SPACING", 700)


def told(scene: Scene) -> dict[str, object]:
    return {
        "theme": scene.theme,
        "mix": scene.mix,
        "dimmed": scene.dimmed,
        "snippets": dict(scene.snippets),
        "connections": dict(scene.connections),
        "channels": scene.channels,
    }


def by_hand(lines: list[Line], t: float) -> tuple[dict[str, object], dict[str, float]]:
    """What was so at `t`, by going through all lines before it."""
    state: dict[str, object] = {"theme": "", "mix": (), "dimmed": False}
    snippets, connections, channels = {}, {}, {}
    health = Health()
    for line in lines:
        if isinstance(line, Header):
            state["theme"] = line.theme
        elif line.t >= t:
            break
        match line:
            case ThemeLine():
                state["theme"] = line.name
            case MixLine():
                state |= {"mix": line.channels, "dimmed": line.dimmed}
            case SnippetLine():
                snippets[line.name] = line.text
            case ConnectionLine():
                connections[line.connection.cluster] = line.connection
            case EventLine():
                channels[line.event.channel] = None
                health.feed(line.t, line.event)
    state |= {"snippets": snippets, "connections": connections, "channels": tuple(channels)}
    return state, {name: 1 / health.of(t, name) - 1 for name in channels}


@pytest.mark.parametrize("seed", range(6))
def test_every_moment_is_as_if_all_before_it_had_been_read(tmp_path: Path, often: None, seed: int) -> None:
    lines = list(made.lines(seed, 600))
    dice = random.Random(seed)
    with indexed(made.save(tmp_path / "s.jsonl", lines)) as (file, index):
        end = lines[-1].t
        assert len(index._checkpoints) > 20
        moments = [
            0.0,
            end,
            *(dice.choice(lines).t for _ in range(30)),
            *(dice.random() * end for _ in range(30)),
        ]
        for t in moments:
            scene = index.seek(t)
            state, pains = by_hand(lines, t)
            assert told(scene) == state and scene.at == made.BEGAN + t
            for name, pain in pains.items():
                assert scene.pains.get(name, 0.0) == pytest.approx(pain, abs=0.01), (t, name)
            rest = [made.plain(found.line) for found in Lines(file, scene.place).read()]
            assert rest == [made.plain(line) for line in lines[1:] if line.t >= t]


@pytest.mark.parametrize("seed", range(4))
def test_counts_marks_and_ends_are_those_of_all_lines(tmp_path: Path, often: None, seed: int) -> None:
    lines = list(made.lines(seed, 600))
    with indexed(made.save(tmp_path / "s.jsonl", lines)) as (_, index):
        assert index.header and made.plain(index.header) == made.plain(lines[0])
        assert (index.lines, index.end, index.progress) == (len(lines), lines[-1].t, 1.0)
        assert [(mark.t, mark.text) for mark in index.marks] == [
            (line.t, line.text) for line in lines if isinstance(line, MarkLine)
        ]
        counted = index.counted()
        buckets: Counter[tuple[int, int]] = Counter()
        for line in lines:
            if isinstance(line, EventLine):
                buckets[int(line.t / counted.width), line.event.severity.rank] += 1
        assert buckets == {
            (bucket, rank): count
            for bucket, counts in enumerate(counted.buckets)
            for rank, count in enumerate(counts)
            if count
        }


@pytest.mark.parametrize("least", [Severity.WARNING, Severity.ERROR, Severity.CRITICAL])
def test_jumps_land_on_the_next_and_the_last_of_their_sort(
    tmp_path: Path, often: None, least: Severity
) -> None:
    lines = list(made.lines(7, 500))
    events = [
        line for line in lines if isinstance(line, EventLine) and line.event.severity.rank >= least.rank
    ]
    marks = [line for line in lines if isinstance(line, MarkLine)]
    with indexed(made.save(tmp_path / "s.jsonl", lines)) as (_, index):
        for t in (-1.0, 0.0, *(line.t for line in lines[::9]), lines[-1].t, lines[-1].t + 1):
            after = next((line for line in events if line.t > t), None)
            before = next((line for line in reversed(events) if line.t < t), None)
            for line, found in (
                (after, index.next_event(t, least)),
                (before, index.previous_event(t, least)),
            ):
                assert (line and (line.t, line.event)) == (found and (found.t, found.event))
            next_mark = next((line.text for line in marks if line.t > t), None)
            last_mark = next((line.text for line in reversed(marks) if line.t < t), None)
            found_next, found_last = index.next_mark(t), index.previous_mark(t)
            assert next_mark == (found_next and found_next.text)
            assert last_mark == (found_last and found_last.text)


def test_a_calm_stretch_is_skipped_without_reading_it(
    tmp_path: Path, often: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line for line in made.lines(2, 3000) if not isinstance(line, EventLine)]
    last = made.event(made.Kind.OOM_KILLED)
    with indexed(made.save(tmp_path / "s.jsonl", [*lines, EventLine(t=lines[-1].t, event=last)])) as (
        _,
        index,
    ):
        read = 0
        pread = os.pread

        def counting(file: int, size: int, at: int) -> bytes:
            nonlocal read
            read += 1
            return pread(file, size, at)

        monkeypatch.setattr(os, "pread", counting)
        found = index.next_event(0.0, Severity.CRITICAL)
        assert found and found.event == last
        assert 0 < read < 5


def test_a_growing_file_is_indexed_on(tmp_path: Path, often: None) -> None:
    data = [encode(line) for line in made.lines(5, 400)]
    path = tmp_path / "grows.jsonl"
    path.write_bytes(b"".join(data[:100]))
    with indexed(path) as (_, index):
        assert index.lines == 100
        with path.open("ab", buffering=0) as out:
            for piece in (b"".join(data[100:250]) + data[250][:9], data[250][9:] + b"".join(data[251:])):
                out.write(piece)
                wanted = index.lines + piece.count(b"\n")
                for _ in range(200):
                    if index.lines == wanted:
                        break
                    index._stop.wait(0.05)
                assert index.lines == wanted
        assert index.faults.total == 0
        assert index.end == list(made.lines(5, 400))[-1].t


def test_moments_are_right_while_the_index_is_built(
    tmp_path: Path, often: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "BREATHS", 20)
    lines = list(made.lines(8, 3_000))
    dice = random.Random(8)
    file = os.open(made.save(tmp_path / "s.jsonl", lines), os.O_RDONLY)
    index = Index(file)
    index.start()
    asked = 0
    while not index.caught_up.is_set() or not asked:
        end = index.end
        if end == 0.0:
            continue
        t = dice.random() * end
        scene = index.seek(t)
        assert told(scene) == by_hand(lines, t)[0]
        found = index.next_event(t)
        if found and found.t <= end:
            assert found.t == next(
                line.t
                for line in lines
                if isinstance(line, EventLine) and line.event.severity.rank >= 3 and line.t > t
            )
        asked += 1
    index.close()
    os.close(file)
    assert asked > 3


def test_a_file_that_becomes_shorter_is_told(tmp_path: Path) -> None:
    path = made.save(tmp_path / "s.jsonl", made.lines(5, 100))
    with indexed(path) as (_, index):
        os.truncate(path, 10)
        for _ in range(100):
            if index.problem:
                break
            index._stop.wait(0.05)
        assert "shorter" in index.problem


def test_checkpoints_thin_out_and_moments_stay_right(
    tmp_path: Path, often: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "CHECKPOINTS", 16)
    lines = list(made.lines(11, 1500))
    with indexed(made.save(tmp_path / "s.jsonl", lines)) as (_, index):
        assert 4 < len(index._checkpoints) <= 17
        for t in (1.0, 500.0, lines[-1].t / 2, lines[-1].t):
            assert told(index.seek(t)) == by_hand(lines, t)[0]
        errors = [line.t for line in lines if isinstance(line, EventLine) and line.event.severity.rank >= 3]
        found, t = [], -1.0
        while moment := index.next_event(t):
            t = moment.t
            found.append(t)
        assert found == sorted(set(errors))


def test_a_million_names_take_no_more_memory_than_ten_thousand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sonickube_tui.session.state.CHANNELS", 50)
    monkeypatch.setattr("sonickube_tui.session.state.NAMES", 20)
    lines: list[Line] = [Header(format=1, at=made.BEGAN)]
    for number in range(2_000):
        lines.append(EventLine(t=number, event=made.event(made.Kind.CRASHED, number, f"ns-{number}")))
        lines.append(SnippetLine(t=number, name=f"snippet_{number}", text="play 60"))
    with indexed(made.save(tmp_path / "s.jsonl", lines)) as (_, index):
        scene = index.seek(2_000.0)
        assert (len(scene.channels), len(scene.snippets)) == (50, 20)
        assert sum(map(sum, index.counted().buckets)) == 2_000


def test_texts_without_measure_are_not_all_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonickube_tui.session.state.TEXTS", 1_000)
    lines: list[Line] = [Header(format=1, at=made.BEGAN, clusters=("c" * 1_000, "prod"))]
    lines += [SnippetLine(t=1.0, name=f"s_{number}", text="x" * 300) for number in range(10)]
    with indexed(made.save(tmp_path / "s.jsonl", lines)) as (_, index):
        assert len(index.seek(2.0).snippets) <= 3
        assert index.clusters == ("prod",)


def test_buckets_widen_until_all_fit() -> None:
    counts, dice = Counts(), random.Random(1)
    times = sorted(dice.random() * 10 * BUCKETS for _ in range(5_000))
    for t in times:
        counts.add(t, 3)
    counted = counts.counted()
    assert counted.width == 16.0 and len(counted.buckets) <= BUCKETS
    for bucket, count in enumerate(counted.buckets):
        assert count == (0, 0, 0, sum(int(t / counted.width) == bucket for t in times), 0) or bucket % 100
