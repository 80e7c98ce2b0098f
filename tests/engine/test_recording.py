"""What a bounce that was killed has left running is stopped, and nothing else."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from sonickube_tui.engine.recording import Noted, stop_leftovers
from sonickube_tui.music.render import Reply


class SonicPi:
    """Says for each file that it is asked to stop what it `answers`; None where it keeps still."""

    def __init__(self, *answers: list[Any] | None) -> None:
        self.answers, self.asked = list(answers), list[Path]()

    async def ask(self, what: str, code: Callable[[Reply], str], seconds: float) -> list[Any] | None:
        path = re.search(r'"([\w+/=]+)"\.unpack', code(Reply("127.0.0.1", 4557, "x")))
        assert path
        self.asked.append(Path(os.fsdecode(base64.b64decode(path[1]))))
        return self.answers.pop(0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / '.out "#{1}" ü.wav'
    file.touch()
    return file


def leave(monkeypatch: pytest.MonkeyPatch, folder: Path, file: Path) -> None:
    """As a process that is gone has noted it."""
    gone = subprocess.Popen(["sleep", "60"])
    process = psutil.Process(gone.pid)
    process.create_time()
    gone.kill()
    gone.wait()
    with monkeypatch.context() as context:
        context.setattr(psutil, "Process", lambda: process)
        Noted(folder, file).begin()


def notes(folder: Path) -> list[Path]:
    return list((folder / "recording").glob("*.json"))


async def test_it_is_stopped_once_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    leave(monkeypatch, tmp_path, file)
    sonic_pi = SonicPi(["yes"])
    assert await stop_leftovers(sonic_pi.ask, tmp_path) == [file]
    assert sonic_pi.asked == [file]
    assert await stop_leftovers(sonic_pi.ask, tmp_path) == []


async def test_one_of_a_process_that_lives_is_left_alone(tmp_path: Path, file: Path) -> None:
    noted = Noted(tmp_path, file)
    noted.begin()
    assert await stop_leftovers(SonicPi().ask, tmp_path) == []
    assert len(notes(tmp_path)) == 1
    noted.end()
    assert notes(tmp_path) == []


@pytest.mark.parametrize(
    ("answer", "age", "kept"),
    [(["no"], 0, True), (None, 60, True), (["no"], 60, False), (["no"], 20_000_000_000, False)],
)
async def test_one_of_another_sonic_pi_is_remembered_while_its_file_grows(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: Path,
    answer: list[str] | None,
    age: float,
    kept: bool,
) -> None:
    leave(monkeypatch, tmp_path, file)
    os.utime(file, (max(0, time.time() - age),) * 2)
    assert await stop_leftovers(SonicPi(answer).ask, tmp_path) == []
    assert bool(notes(tmp_path)) is kept


@pytest.mark.parametrize(
    "text", [b"", b"\xff", b"[]", b'{"owner": 1, "file": "x"}', b'{"file": "/etc/passwd"}']
)
async def test_rubbish_in_notes_does_no_harm(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "recording").mkdir()
    (tmp_path / "recording" / "1-1.00.json").write_bytes(text)
    (tmp_path / "recording" / "x.json").mkdir()
    assert await stop_leftovers(SonicPi().ask, tmp_path) == []


async def test_without_notes_nothing_is_asked(tmp_path: Path) -> None:
    assert await stop_leftovers(SonicPi().ask, tmp_path / "never") == []
