"""What a console that crashed leaves behind: ended by the next one, and nothing else is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from command import lives
from sonickube_tui.engine.family import end_leftovers

pytestmark = pytest.mark.slow


class Leftovers:
    """Real processes, and notes about them as a console writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def sleeper(self) -> psutil.Process:
        self._started.append(subprocess.Popen(["sleep", "600"]))
        return psutil.Process(self._started[-1].pid)

    def gone(self) -> psutil.Process:
        """A process that was real until now."""
        process = self.sleeper()
        process.create_time()
        process.kill()
        self._started[-1].wait()
        return process

    def note(self, owner: psutil.Process, *listed: tuple[int, float]) -> Path:
        file = self.folder / "running" / f"{owner.pid}-{owner.create_time():.2f}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([{"pid": pid, "began": began} for pid, began in listed]))
        return file

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()


@pytest.fixture
def leftovers(tmp_path: Path) -> Iterator[Leftovers]:
    leftovers = Leftovers(tmp_path)
    yield leftovers
    leftovers.end()


def test_what_a_console_that_is_gone_had_started_is_ended(leftovers: Leftovers) -> None:
    child, bystander = leftovers.sleeper(), leftovers.sleeper()
    file = leftovers.note(leftovers.gone(), (child.pid, child.create_time()))
    assert end_leftovers(leftovers.folder) == 1
    assert not lives(child)
    assert lives(bystander)
    assert not file.exists()


def test_what_a_console_that_lives_has_started_is_left_alone(leftovers: Leftovers) -> None:
    child = leftovers.sleeper()
    file = leftovers.note(psutil.Process(), (child.pid, child.create_time()))
    assert end_leftovers(leftovers.folder) == 0
    assert lives(child)
    assert file.exists()


def test_the_number_of_a_console_that_is_gone_may_be_another_process_by_now(leftovers: Leftovers) -> None:
    child, later = leftovers.sleeper(), leftovers.sleeper()
    file = leftovers.note(later, (child.pid, child.create_time()))
    file.rename(file.with_name(f"{later.pid}-{later.create_time() - 100:.2f}.json"))
    assert end_leftovers(leftovers.folder) == 1
    assert not lives(child)
    assert lives(later)


def test_a_number_that_another_process_has_by_now_is_not_ended(leftovers: Leftovers) -> None:
    later = leftovers.sleeper()
    file = leftovers.note(leftovers.gone(), (later.pid, later.create_time() - 100))
    assert end_leftovers(leftovers.folder) == 0
    assert lives(later)
    assert not file.exists()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[{",
        b"null",
        b'[{"pid": "1"}]',
        b'[{"pid": -1, "began": 1.0}]',
        b'[{"pid": 99999999999999999999, "began": 1.0}]',
        b'[{"pid": 1, "began": 1e999}]',
    ],
)
def test_rubbish_in_notes_and_in_their_names_does_no_harm(leftovers: Leftovers, text: bytes) -> None:
    folder = leftovers.folder / "running"
    (folder / "0-0.00.json").mkdir(parents=True)
    for name in (
        "notes",
        "-",
        "1-",
        "1",
        "x-y",
        "nan-nan",
        "1-nan",
        "-5-1.0",
        "9" * 30 + "-1",
        "2147483647-1",
    ):
        (folder / f"{name}.json").write_bytes(text)
    assert end_leftovers(leftovers.folder) == 0


def test_notes_that_cannot_be_read_do_not_hide_others(leftovers: Leftovers) -> None:
    child = leftovers.sleeper()
    for rubbish in ("1", "999999"):
        leftovers.note(leftovers.gone()).with_name(f"{rubbish}-1.00.json").write_text("rubbish")
    leftovers.note(leftovers.gone(), (child.pid, child.create_time()))
    assert end_leftovers(leftovers.folder) == 1
    assert not lives(child)


def test_without_notes_nothing_is_ended(tmp_path: Path) -> None:
    assert end_leftovers(tmp_path / "never") == 0
