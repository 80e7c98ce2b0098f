"""Recording what a conductor plays, by key, by flag and as a service; and hearing it again."""

from __future__ import annotations

import asyncio
import gzip
import json
import shlex
import signal
import stat
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from command import command, environment, sonickube
from players import ROOT, Notebook, PaperEngine, event, score, until
from players import conductor as make_conductor
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Event, Kind, Link
from sonickube_tui.music.mixer import Channel, Mixer
from sonickube_tui.music.snippets import Library
from sonickube_tui.recording import Deck
from sonickube_tui.session.format import Line, MarkLine, MixLine, SnippetLine
from sonickube_tui.session.opening import open_session

WATCHING = Connection(at=1.0, cluster="prod/eu", link=Link.WATCHING, pods=412)


def read(path: Path) -> list[Line]:
    with open_session([path], follow=False) as session:
        assert session.wait(20)
        assert session.problem == ""
        return list(session.lines())


def deck(tmp_path: Path) -> tuple[Deck, Notebook]:
    notebook = Notebook()
    own = tmp_path / "own"
    own.mkdir(exist_ok=True)
    desk = make_conductor(PaperEngine(), notebook, library=Library([ROOT / "snippets" / "classic", own]))
    return Deck(desk, tmp_path / "sessions"), notebook


async def test_a_recording_has_events_and_all_that_the_user_did(tmp_path: Path) -> None:
    recorder, _ = deck(tmp_path)
    desk = recorder._conductor
    desk.mixer = Mixer((Channel("shop", gain_db=-3.0),))
    path = recorder.start(tmp_path / "s.jsonl")
    playing = asyncio.create_task(
        desk.run(recorder.through(score(WATCHING, event(pod="cart-1"), event(Kind.CRASHED, pod="cart-2"))))
    )
    await until(lambda: desk.events == 2)
    desk.mixer.toggle_mute("shop")
    recorder.mixed()
    recorder.mark("deploy")
    await asyncio.sleep(0.5)  # The watch on the folder needs a moment to begin.
    (tmp_path / "own" / "ready.rb").write_text("play 99")
    await until(lambda: "ready" in desk.library.names and desk.library.get("ready").text == "play 99")  # type: ignore[union-attr]
    await until(lambda: recorder._recorder.known.snippets["ready"] == "play 99")
    playing.cancel()
    assert "recorded 0:00:0" in recorder.stop()

    lines = read(path)
    assert [line.event.pod for line in lines if hasattr(line, "event")] == ["cart-1", "cart-2"]
    mixes = [line.channels for line in lines if isinstance(line, MixLine)]
    assert mixes[0] == (Channel("shop", gain_db=-3.0),)
    assert mixes[-1] == (Channel("shop", gain_db=-3.0, muted=True),)
    assert [line.text for line in lines if isinstance(line, MarkLine)] == ["deploy"]
    texts = [line.text for line in lines if isinstance(line, SnippetLine) and line.name == "ready"]
    assert texts == [(ROOT / "snippets" / "classic" / "ready.rb").read_text(), "play 99"]


async def test_a_key_records_into_a_file_of_ones_own(tmp_path: Path) -> None:
    recorder, notebook = deck(tmp_path)
    desk = recorder._conductor
    playing = asyncio.create_task(desk.run(recorder.through(score(WATCHING, event()))))
    await until(lambda: desk.events)
    await recorder.toggle()
    assert recorder.recording
    await recorder.toggle()
    assert recorder.recording is None
    playing.cancel()
    [path] = (tmp_path / "sessions").iterdir()
    assert path.name.startswith("prod%2Feu-20")
    assert path.name.endswith(".jsonl.gz")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    told = [notice.text for notice in notebook.notices]
    assert f"recording to {path}" in told
    assert any(text.startswith("recorded 0:00:0") for text in told)


async def test_what_cannot_be_recorded_is_told_and_the_sound_goes_on(tmp_path: Path) -> None:
    recorder, notebook = deck(tmp_path)
    (tmp_path / "sessions").write_text("a file where the folder should be")
    await recorder.toggle()
    assert recorder.recording is None
    assert "cannot be made" in notebook.notices[-1].text


def test_no_file_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text("mine")
    recorder, _ = deck(tmp_path)
    with pytest.raises(UserError, match="not written over"):
        recorder.start(tmp_path / "s.jsonl")
    assert (tmp_path / "s.jsonl").read_text() == "mine"


# The command line.

DEMO = ("demo", "--headless", "--engine", "silent", "--scenario", "storm")


def told(output: str) -> list[tuple[str, ...]]:
    """Events in the order of their numbers."""
    lines: list[dict[str, Any]] = sorted(map(json.loads, output.splitlines()), key=lambda line: line["seq"])
    return [tuple(line[key] for key in ("namespace", "pod", "kind", "at", "fate")) for line in lines]


@pytest.mark.slow
def test_a_recorded_demo_is_heard_again_event_by_event(tmp_path: Path) -> None:
    path = tmp_path / "demo.jsonl.gz"
    live = sonickube(tmp_path, *DEMO, "--for", "10", "--record", str(path))
    assert live.returncode == 0, live.stderr
    assert f"in {path}" in live.stderr
    events = told(live.stdout)
    assert len(events) > 100
    began = time.monotonic()
    for speed in ("1", "50"):
        again = sonickube(tmp_path, "replay", str(path), "--headless", "--engine", "silent", "--speed", speed)
        assert again.returncode == 0, again.stderr
        assert told(again.stdout) == events
    assert time.monotonic() - began > 5
    derived = sonickube(
        tmp_path, "replay", str(path), "--headless", "--engine", "silent", "--speed", "100", "--derive"
    )
    assert Counter(told(derived.stdout)) == Counter(events)


@pytest.mark.slow
def test_a_service_records_quietly_until_it_is_told_to_end(tmp_path: Path) -> None:
    pod = {
        "kind": "Pod",
        "metadata": {"name": "cart", "namespace": "shop", "uid": "1", "resourceVersion": "1"},
    }
    lines = [json.dumps({"type": kind, "object": pod}) for kind in ("ADDED", "DELETED")]
    path = tmp_path / "s.jsonl"
    service = subprocess.Popen(
        command("record", str(path), "--stdin"),
        env=environment(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert service.stdin
    service.stdin.write(("\n".join(lines) + "\n").encode())
    service.stdin.flush()
    deadline = time.monotonic() + 30
    while not (path.exists() and b'"deleted"' in path.read_bytes()) and time.monotonic() < deadline:
        time.sleep(0.1)
    service.send_signal(signal.SIGTERM)
    out, error = service.communicate(timeout=30)
    assert (service.returncode, out) == (0, b"")
    assert b"Traceback" not in error
    assert f"in {path}" in error.decode()
    kinds = [line.event.kind for line in read(path) if hasattr(line, "event")]
    assert kinds[-1] is Kind.DELETED


@pytest.mark.slow
def test_a_full_disk_is_told_and_costs_no_event_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    demo = shlex.join(command(*DEMO, "--for", "8", "--record", str(path)))
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 40; {demo} | cat"],
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(told(done.stdout)) > 100
    whole = path.read_bytes().rpartition(b"\n")[0]
    assert all(json.loads(line)["is"] for line in whole.splitlines())


@pytest.mark.slow
def test_replay_says_what_would_be_played(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl.gz"
    lines = [
        {"is": "header", "format": 1, "at": 1_700_000_000, "theme": "zen"},
        *({"is": "event", "t": n, "event": _event(f"p{n}")} for n in range(3)),
    ]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    check = sonickube(tmp_path, "replay", str(path), "--check")
    assert check.returncode == 0, check.stderr
    assert "3  birds.rb" in check.stdout
    assert "3  ready.rb" in sonickube(tmp_path, "replay", str(path), "--check", "--theme", "classic").stdout


def _event(pod: str) -> dict[str, object]:
    one: Event = event(pod=pod)
    return {"at": 1.0, "cluster": "c", "namespace": "shop", "pod": one.pod, "uid": pod, "kind": "ready"}


@pytest.mark.slow
def test_a_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b]0;title\x07\x9b2J"
    connection = {"at": 1, "cluster": evil, "link": "watching", "detail": evil}
    lines = [
        {"is": "header", "format": 1, "at": 1_700_000_000, "theme": evil, "clusters": [evil]},
        {"is": "connection", "t": 0, "connection": connection},
        {"is": "mark", "t": 0, "text": evil},
        {"is": evil},
    ]
    (tmp_path / "s.jsonl").write_text("\n".join(map(json.dumps, lines)))
    for arguments in (["--headless", "--engine", "silent"], ["--check"]):
        done = sonickube(tmp_path, "replay", "s.jsonl", *arguments)
        assert done.returncode == 0, done.stderr
        for sign in ("\x1b", "\x07", "\x9b"):
            assert sign not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl cannot be opened: No such file"),
        (["s.jsonl", "--from", "soon"], "'soon' is no moment: 12:03:10"),
        (["s.jsonl", "--from", "3h"], "3h is not in the session, which goes from"),
        (["s.jsonl", "--loop", "5s"], "'5s' is no part of the session"),
        (["s.jsonl", "--theme", "jazz"], "no theme called 'jazz'"),
        (["."], "is a folder; name the session file in it"),
    ],
)
def test_what_the_user_can_mend_is_one_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "s.jsonl").write_text(
        '{"is":"header","format":1,"at":1700000000}\n{"is":"mark","t":60,"text":""}\n'
    )
    done = sonickube(tmp_path, "replay", *arguments, "--headless", "--engine", "silent")
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
