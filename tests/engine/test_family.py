"""Looking after processes that may be gone, whoever set the clock meanwhile, whatever notes there are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sonickube_tui.engine import family
from sonickube_tui.engine.family import Family, Trace, end_leftovers

LINUX = sys.platform == "linux"

PARENT = """\
import subprocess, sys, time
while True:
    subprocess.Popen(["sh", "-c", "sleep 0.01 & sleep 0.02 & wait"])
    for child in list(subprocess._active):
        child.poll()
    time.sleep(0.002)
"""


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes with sessions of their own, all ended afterwards."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def sleeper(started: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    started.append(subprocess.Popen(["sleep", "600"], start_new_session=True))
    return started[-1]


def a_gone_one(started: list[subprocess.Popen[bytes]]) -> Trace:
    """The trace of a process that was real until now."""
    process = sleeper(started)
    trace = Trace.of(psutil.Process(process.pid))
    process.kill()
    process.wait()
    return trace


def note(folder: Path, owner: Trace, *listed: Trace) -> Path:
    file = folder / "running" / f"{owner.pid}-{owner.began}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([{"pid": trace.pid, "began": trace.began} for trace in listed]))
    return file


@pytest.mark.slow
def test_children_that_come_and_go_while_they_are_looked_after_end_nothing_but_themselves(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    for _ in range(3):
        looked_after = Family(tmp_path)
        parent = subprocess.Popen([sys.executable, "-c", PARENT], start_new_session=True)
        started.append(parent)
        looked_after.add(parent)
        for _ in range(60):
            looked_after.note()
        looked_after.end(None)
        assert parent.returncode is not None
        assert not [p for p in psutil.process_iter() if in_session(p, parent.pid)]
    assert list((tmp_path / "running").iterdir()) == []


def in_session(process: psutil.Process, session: int) -> bool:
    try:
        return os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return False


@pytest.mark.parametrize("error", [psutil.NoSuchProcess(1), psutil.AccessDenied(1)])
@pytest.mark.parametrize("asked", ["status", "create_time", "children", "terminate"])
def test_whatever_a_process_refuses_to_tell_the_others_are_ended(
    tmp_path: Path,
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
    error: psutil.Error,
    asked: str,
) -> None:
    first, second = sleeper(started), sleeper(started)
    real = getattr(psutil.Process, asked)

    def refused(self: psutil.Process, *args: object, **more: object) -> object:
        if self.pid == first.pid:
            raise error
        return real(self, *args, **more)

    monkeypatch.setattr(psutil.Process, asked, refused)
    monkeypatch.setattr(family, "PATIENCE", 0.2)
    looked_after = Family(tmp_path)
    looked_after.add(first)
    looked_after.add(second)
    looked_after.end(None)
    assert second.returncode is not None


def test_a_disk_that_takes_no_notes_costs_the_notes_alone(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    (tmp_path / "running").write_text("a file in the way")
    looked_after = Family(tmp_path)
    process = sleeper(started)
    looked_after.add(process)
    looked_after.end(None)
    assert process.returncode is not None


# Who they are, when the clock is set.


def set_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """As the system tells the time of its boot, and with it of every process, once its clock is set."""
    real = psutil.boot_time()
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: real + seconds)


@pytest.mark.skipif(not LINUX, reason="elsewhere the system writes the time down")
@pytest.mark.parametrize("seconds", [0.0, 0.06, -0.06, 5.0, -5.0, 86_400.0, -86_400.0])
def test_a_clock_that_is_set_hides_no_leftover_and_no_owner(
    tmp_path: Path, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    left, kept = sleeper(started), sleeper(started)
    before = psutil.Process(left.pid).create_time()
    note(tmp_path, a_gone_one(started), Trace.of(psutil.Process(left.pid)))
    note(tmp_path, Trace.of(psutil.Process()), Trace.of(psutil.Process(kept.pid)))
    set_clock(monkeypatch, seconds)
    assert psutil.Process(left.pid).create_time() == pytest.approx(before + seconds, abs=0.005)
    assert end_leftovers(tmp_path) == 1
    left.wait(10)
    assert kept.poll() is None


@pytest.mark.skipif(not LINUX, reason="elsewhere the system writes the time down")
def test_numbers_of_an_earlier_boot_are_other_processes_by_now_with_their_sessions(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    # A session whose leader has gone, as of a service that put itself into the background.
    leader = subprocess.Popen(
        ["sh", "-c", "sleep 600 & echo $!"], start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    assert leader.stdout
    member = psutil.Process(int(leader.stdout.readline()))
    leader.wait()
    boot, _, ticks = str(Trace.of(psutil.Process()).began).partition("+")
    try:
        file = note(
            tmp_path,
            Trace(999_999, f"{'0' * len(boot)}+{ticks}"),
            Trace(leader.pid, f"{'0' * len(boot)}+{ticks}"),
            Trace(leader.pid, psutil.boot_time() - 1000),
        )
        assert end_leftovers(tmp_path) == 0
        assert member.is_running()
        assert not file.exists()
        # The same of this boot: its session is a rest of ours.
        note(tmp_path, Trace(999_999, f"{boot}+{ticks}"), Trace(leader.pid, f"{boot}+{ticks}"))
        assert end_leftovers(tmp_path) == 1
    finally:
        if member.is_running():
            member.kill()
        leader.stdout.close()


@pytest.mark.skipif(not LINUX, reason="there is no other way elsewhere")
def test_without_what_linux_tells_it_is_the_time_that_counts(
    tmp_path: Path, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(family, "Path", lambda path: Path(str(path).replace("/proc", "/nowhere")))
    left, kept = sleeper(started), sleeper(started)
    looked_after = Family(tmp_path)
    looked_after.add(kept)
    trace = Trace.of(psutil.Process(left.pid))
    assert isinstance(trace.began, float)
    note(tmp_path, a_gone_one(started), trace)
    assert end_leftovers(tmp_path) == 1
    left.wait(10)
    assert kept.poll() is None
    looked_after.end(None)
    assert kept.returncode is not None


@pytest.mark.skipif(not LINUX, reason="there is no other way elsewhere")
@pytest.mark.parametrize("name", ["x) R 1 2 3", "(((", "a b\tc", ")) S 4"])
def test_a_programs_name_does_not_pass_for_its_beginning(
    tmp_path: Path, started: list[subprocess.Popen[bytes]], name: str
) -> None:
    program = tmp_path / name
    program.symlink_to("/bin/sleep")
    started.append(subprocess.Popen([str(program), "600"]))
    process = psutil.Process(started[-1].pid)
    _, _, ticks = str(Trace.of(process).began).partition("+")
    since_boot = process.create_time() - psutil.boot_time()
    assert int(ticks) / os.sysconf("SC_CLK_TCK") == pytest.approx(since_boot, abs=0.05)


def test_notes_are_whole_or_not_there_at_any_time(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    looked_after = Family(tmp_path)
    looked_after.add(sleeper(started))
    [file] = (tmp_path / "running").glob("*.json")
    done = threading.Event()

    def write() -> None:
        for _ in range(200):
            looked_after.note()
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert len(json.loads(file.read_bytes())) == 1
    writer.join()
    looked_after.end(None)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("1-x+y", b"[]"),
        ("1-+", b'[{"pid": 1, "began": "+"}]'),
        ("1-1e999", b'[{"pid": 1, "began": 1e999}]'),
        ("-+", b""),
        ("0-a+1", b"\xff"),
        ("99999999999999999999-a+1", b'[{"pid": 99999999999999999999, "began": "a+1"}]'),
        ("9" * 240 + "-a+1", b'[{"pid": 1, "began": null}]'),
        ("4194304-\u0661+1", b'[{"pid": 1, "began": "\\u0000"}]'),
    ],
)
def test_rubbish_in_notes_and_in_their_names_ends_nothing(tmp_path: Path, name: str, text: bytes) -> None:
    (tmp_path / "running").mkdir()
    (tmp_path / "running" / f"{name}.json").write_bytes(text)
    assert end_leftovers(tmp_path) == 0


def test_notes_that_are_no_use_are_thrown_away_once_their_owner_is_gone(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    file = note(tmp_path, a_gone_one(started))
    file.write_bytes(b"[{")
    mine = note(tmp_path, Trace.of(psutil.Process()))
    mine.write_bytes(b"[{")
    assert end_leftovers(tmp_path) == 0
    assert not file.exists()
    assert mine.exists()
