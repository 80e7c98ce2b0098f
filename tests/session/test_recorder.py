"""Recording: what was heard is in the file, whatever becomes of the program or the disk."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from session import made
from sonickube_tui.cluster.again import Again
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Item, Link, Sight
from sonickube_tui.music.mixer import Channel
from sonickube_tui.session import recorder as recorder_module
from sonickube_tui.session.format import (
    ConnectionLine,
    EventLine,
    GapLine,
    Header,
    Line,
    MarkLine,
    MixLine,
    PodLine,
    SnippetLine,
    ThemeLine,
)
from sonickube_tui.session.opening import open_session
from sonickube_tui.session.recorder import Limits, Recorder

WATCHING = Connection(at=made.BEGAN, cluster="prod", link=Link.WATCHING, pods=1)
PROGRAM = Path(__file__).with_name("recording.py")


class Metadata(msgspec.Struct, frozen=True):
    name: str
    namespace: str = "shop"
    version: int = 1


class Pod(msgspec.Struct, frozen=True):
    metadata: Metadata


def sight(name: str, change: str = "MODIFIED", version: int = 1) -> Sight:
    pod = Pod(Metadata(name, version=version))
    return Sight(at=made.BEGAN, cluster="prod", change=change, pod=pod)  # type: ignore[arg-type]


def read(path: Path) -> list[Line]:
    with open_session([path], follow=False) as session:
        assert session.wait(30)
        assert session.faults.total == 0
        return list(session.lines())


def marks(lines: list[Line]) -> list[str]:
    return [line.text for line in lines if isinstance(line, MarkLine)]


@pytest.mark.parametrize("name", ["s.jsonl", "s.jsonl.gz", "s.jsonl.zst"])
def test_what_was_heard_and_done_is_in_the_file_in_its_order(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    recorder = Recorder("1.2.3")
    recorder.theme("zen")
    recorder.start(path)
    items: list[Item] = [WATCHING, sight("cart-0", "ADDED"), made.event(), sight("cart-0", "DELETED")]
    for item in items:
        recorder.item(item)
    recorder.mix([Channel("shop", -3.0, muted=True, pan=0.4)], True)
    recorder.snippet("bell", "play 60\n")
    recorder.snippet("bell", "play 60\n")
    recorder.theme("classic")
    recorder.mark("deploy ❄")
    before = time.time()
    stopped = recorder.stop()
    assert stopped and (stopped.problem, stopped.lost, stopped.size) == ("", 0, path.stat().st_size)
    assert recorder.recording is None

    header, *lines = read(path)
    assert isinstance(header, Header)
    assert (header.format, header.version, header.theme, header.clusters) == (1, "1.2.3", "zen", ("prod",))
    assert before - 60 < header.at <= before
    kinds = [ConnectionLine, PodLine, EventLine, PodLine, MixLine, SnippetLine, ThemeLine, MarkLine]
    assert [type(line) for line in lines] == kinds
    assert [line.t for line in lines] == sorted(line.t for line in lines)
    match lines:
        case [
            ConnectionLine(),
            PodLine() as pod,
            EventLine() as told,
            _,
            MixLine() as mix,
            *_,
            MarkLine() as mark,
        ]:
            assert msgspec.json.decode(pod.pod, type=Pod) == Pod(Metadata("cart-0"))
            assert (pod.change, pod.at, told.event) == ("ADDED", made.BEGAN, made.event())
            assert (mix.channels, mix.dimmed) == ((Channel("shop", -3.0, muted=True, pan=0.4),), True)
            assert mark.text == "deploy ❄" and before - 60 < mark.at <= before
        case _:
            raise AssertionError(lines)


def test_only_its_owner_may_read_it_and_nothing_is_written_over(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        recorder = Recorder()
        recorder.start(tmp_path / "s.jsonl")
        with pytest.raises(UserError, match="recorded already"):
            recorder.start(tmp_path / "other.jsonl")
        recorder.stop()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "s.jsonl").stat().st_mode) == 0o600
    assert not (tmp_path / "other.jsonl").exists()
    with pytest.raises(UserError, match="there already"):
        recorder.start(tmp_path / "s.jsonl")
    with pytest.raises(UserError, match="cannot be written"):
        recorder.start(tmp_path / "no" / "folder.jsonl")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="there already"):
        recorder.start(tmp_path / "link.jsonl")


def test_a_recording_that_begins_in_the_middle_begins_with_all_that_is_known(tmp_path: Path) -> None:
    recorder = Recorder()
    for item in (WATCHING, sight("a", "LISTED"), sight("b", "ADDED"), sight("a", version=2), made.event()):
        recorder.item(item)
    recorder.item(sight("b", "DELETED"))
    recorder.theme("zen")
    recorder.snippet("bell", "play 60")
    recorder.mix([Channel("shop")], False)
    recorder.start(tmp_path / "s.jsonl")
    recorder.mark("go")
    recorder.stop()
    header, *known, mark = read(tmp_path / "s.jsonl")
    assert isinstance(header, Header) and header.theme == "zen" and isinstance(mark, MarkLine)
    assert {type(line) for line in known} == {SnippetLine, MixLine, ConnectionLine, PodLine}
    assert all(line.t == 0.0 for line in known)
    pods = [line for line in known if isinstance(line, PodLine)]
    assert [(pod.change, msgspec.json.decode(pod.pod, type=Pod)) for pod in pods] == [
        ("LISTED", Pod(Metadata("a", version=2)))
    ]


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_every_part_of_a_large_recording_plays_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(recorder_module, "EVERY", 0.01)
    (tmp_path / f"s.2.jsonl{ending}").write_text("mine")
    recorder = Recorder()
    recorder.start(tmp_path / f"s.jsonl{ending}", limits=Limits(part_mb=0.002))
    recorder.item(WATCHING)
    recorder.snippet("bell", "play 60")
    count = 0
    while not (tmp_path / f"s.4.jsonl{ending}").exists():
        count += 1
        recorder.mark(f"{count} {random.random()}")
        time.sleep(0.001)
    recorder.stop()
    assert (tmp_path / f"s.2.jsonl{ending}").read_text() == "mine"
    parts = [tmp_path / f"s{number}.jsonl{ending}" for number in ("", ".1", ".3", ".4")]
    together: list[str] = []
    for part in parts:
        lines = read(part)
        assert isinstance(lines[0], Header) and lines[0].clusters == ("prod",)
        assert any(isinstance(line, SnippetLine) for line in lines)
        assert any(isinstance(line, ConnectionLine) for line in lines)
        together += marks(lines)
    assert [int(text.split()[0]) for text in together] == list(range(1, count + 1))
    with open_session(parts) as session:
        assert session.wait(30)
        assert marks(list(session.lines())) == together


def test_of_many_parts_the_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "EVERY", 0.01)
    recorder = Recorder()
    recorder.start(tmp_path / "s.jsonl", limits=Limits(part_mb=0.001, parts=2))
    while not (tmp_path / "s.5.jsonl").exists():
        recorder.mark("x" * 100)
        time.sleep(0.001)
    recorder.stop()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == 2 and left[-1] >= "s.5.jsonl"


def test_a_disk_that_hangs_holds_nobody_up_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "EVERY", 0.01)
    monkeypatch.setattr(recorder_module, "HANGS", 0.2)
    monkeypatch.setattr(recorder_module, "WAITING", 100)
    write, hangs = os.write, True

    def slow(file: int, data: bytes) -> int:
        while hangs:
            time.sleep(0.01)
        return write(file, data)

    monkeypatch.setattr(os, "write", slow)
    recorder = Recorder()
    recorder.start(tmp_path / "s.jsonl")
    recorder.mark("first")
    time.sleep(0.3)
    began = time.monotonic()
    for number in range(500):
        recorder.mark(str(number))
    assert time.monotonic() - began < 0.2
    recording = recorder.recording
    assert recording and "disk has not answered" in recording.problem and recording.lost == 400
    hangs = False
    time.sleep(0.2)
    recorder.mark("after")
    stopped = recorder.stop()
    assert stopped and stopped.problem == ""
    lines = read(tmp_path / "s.jsonl")
    assert marks(lines) == ["first", *map(str, range(100)), "after"]
    assert [line.lost for line in lines if isinstance(line, GapLine)] == [400]


def test_after_a_gap_all_that_is_known_comes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "WAITING", 3)
    recorder = Recorder()
    recorder.start(tmp_path / "s.jsonl")
    for name in "abcdef":
        recorder.item(sight(name, "ADDED"))
    time.sleep(recorder_module.EVERY + 0.3)
    recorder.mark("after")
    recorder.stop()
    lines = read(tmp_path / "s.jsonl")
    gap = next(place for place, line in enumerate(lines) if isinstance(line, GapLine))
    again = [msgspec.json.decode(line.pod, type=Pod) for line in lines[gap:] if isinstance(line, PodLine)]
    assert [pod.metadata.name for pod in again] == list("abcdef")


def test_a_recorder_that_fails_by_itself_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "EVERY", 0.01)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    recorder = Recorder()
    recorder.start(tmp_path / "s.jsonl")
    monkeypatch.setattr("sonickube_tui.session.writer.encode", lambda _: 1 / 0)
    recorder.mark("one")
    for _ in range(100):
        if (recording := recorder.recording) and recording.problem:
            break
        time.sleep(0.02)
    assert recording and "error of its own" in recording.problem


def test_nothing_secret_of_a_pod_is_recorded(tmp_path: Path) -> None:
    pod = msgspec.json.decode(made.pod_json())
    pod["metadata"] |= {"annotations": {"token": "hunter2"}, "managedFields": [{"manager": "hunter2"}]}
    pod["spec"] = {"containers": [{"env": [{"name": "PASSWORD", "value": "hunter2"}], "args": ["hunter2"]}]}
    recorder = Recorder()
    recorder.start(tmp_path / "s.jsonl")
    for item in Again()(made.BEGAN, "prod", "ADDED", msgspec.json.encode(pod)):
        recorder.item(item)
    recorder.stop()
    data = (tmp_path / "s.jsonl").read_text()
    assert '"cart-0"' in data
    assert not [word for word in ("hunter2", "annotations", "managedFields", "PASSWORD") if word in data]


def test_bytes_of_the_terminal_that_are_no_text_cost_their_line_only(tmp_path: Path) -> None:
    recorder = Recorder()
    recorder.start(tmp_path / "s.jsonl")
    recorder.mark("one")
    recorder.mark("b\udcffd")
    recorder.snippet("bell", "play \udcff")
    recorder.mark("two")
    stopped = recorder.stop()
    assert stopped and stopped.lost == 2
    assert marks(read(tmp_path / "s.jsonl")) == ["one", "two"]


@contextmanager
def recording(path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    program = subprocess.Popen(
        [sys.executable, PROGRAM, str(path), *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        yield program
    finally:
        program.kill()
        program.wait()


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_kill_9_costs_a_second_at_most(tmp_path: Path, ending: str) -> None:
    dice = random.Random(ending)
    for attempt in range(10):
        path = tmp_path / f"s{attempt}.jsonl{ending}"
        with recording(path) as program:
            assert program.stdout
            program.stdout.readline()
            time.sleep(0.6 + dice.random())
            os.kill(program.pid, signal.SIGKILL)
            killed = time.time()
            said = int(program.stdout.read().splitlines()[-1].split()[0])
        with open_session([path], follow=False) as session:
            assert session.wait(30)
            assert session.faults.total == 0
            kept = marks(list(session.lines()))
        numbers = [int(text.split()[0]) for text in kept]
        assert numbers == list(range(1, len(kept) + 1)) and len(kept) <= said
        # Half of it is the recorder's own pace, the rest is for a machine that is busy.
        assert killed - float(kept[-1].split()[1]) < 1.0


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_full_disk_is_told_and_what_is_there_plays(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"s.jsonl{ending}"
    with recording(path, "3000") as program:
        assert program.stdout
        for line in program.stdout:
            if "trying again" in line:
                break
        assert path.stat().st_size <= 3000
        with open_session([path], follow=False) as session:
            assert session.wait(30)
            before = marks(list(session.lines()))
            assert len(before) > 10 and session.faults.total == 0
        os.kill(program.pid, signal.SIGUSR1)
        for line in program.stdout:
            if line.split()[3] == "-":
                break
        time.sleep(1.2)
    after = marks(read(path))
    numbers = [int(text.split()[0]) for text in after]
    assert after[: len(before)] == before and len(after) > len(before)
    assert numbers == list(range(1, len(numbers) + 1)), "nothing is lost while there is room to wait"


def test_while_nothing_is_recorded_no_event_is_kept() -> None:
    recorder = Recorder()
    for number in range(1000):
        recorder.item(made.event(t=number))
    recorder.item(sight("a"))
    assert recorder.recording is None and recorder.stop() is None
    assert len(recorder.known.pods) == 1
