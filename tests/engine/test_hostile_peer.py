"""A Sonic Pi that means us ill: what it says is shown without harm, and of what kind it says it does none."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from command import environment
from patient import doctor
from peer import Running, peer
from players import Notebook, conductor, event, score, until
from sonickube_tui.cluster.simulated.server import SimulatedCluster
from sonickube_tui.engine import sonic_pi
from sonickube_tui.engine.address import Address
from sonickube_tui.engine.base import Done, Ended, Failed, Said, Started, Status
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.entry import Heard
from sonickube_tui.event import Kind
from sonickube_tui.music.voice import Voice
from sonickube_tui.plain import LONGEST

EVIL = (
    "\x1b]52;c;cm0gLXJmIH4=\x1b\\\x1b[2J\x1b]8;;http://evil.example\x1b\\X\u202eabc\u202c\u2066\u200b\x9b31m"
    "\x7f\x00[red]\u2028\r\b\ud7ff"
).replace("\x00", "")

UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def harmless(text: str) -> bool:
    return not UNSEEN.search(text)


async def hostile() -> tuple[Address, str]:
    """Of a peer that says evil things of itself and of every voice: its address, and that as a flag."""
    evil, address = await peer(1, version="v3.2.2" + EVIL)
    evil.tells = {"started": [40], "failed": [f"Err{EVIL}", f"boom{EVIL}" * 50, 7]}
    return address, f"127.0.0.1:{address.port}:1"


async def test_what_an_engine_says_is_plain_and_short_wherever_it_goes() -> None:
    address, _ = await hostile()
    async with Running(SonicPi(Ways(named=address))) as running:
        status = await running.sounding()
        running.engine.play(Voice(id=1, event=event(), snippet="ready"), "play 60")
        await until(lambda: len(running.reports) == 2)
        failed = running.reports[-1]
        assert isinstance(failed, Failed)
        for text in (status.name, failed.error, failed.message):
            assert harmless(text)
            assert len(text) <= LONGEST + 1
        assert status.name.startswith("Sonic Pi 3.2.2 ")
        assert len(status.name) < 80
        assert failed.message.startswith("boom")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (Said("one\ntwo\x1b[2J"), {"text": "one\ntwo [2J"}),
        (Said("x" * 5000), {"text": "x" * LONGEST + "…"}),
        (Failed(1, "E\nF", "a\tb\nc\u202e", 1), {"error": "E F", "message": "a b\nc "}),
        (
            Status(False, "a\nb\x07", "c\x9bd", paste="e\nf"),
            {"name": "a b ", "advice": "c d", "paste": "e\nf"},
        ),
    ],
)
def test_whoever_makes_them_reports_are_clean(said: Any, kept: dict[str, str]) -> None:
    assert {field: getattr(said, field) for field in kept} == kept


@pytest.mark.slow
async def test_the_command_without_a_screen_prints_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    _, where = await hostile()
    args = ("demo", "--headless", "--engine", "sonic-pi", "--sonic-pi", where, "--for", "6")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sonickube_tui",
        *args,
        env=environment(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err
    assert harmless(err.decode())
    assert harmless(out.decode())
    assert "failed at line 7: Err" in err.decode()
    lines = [json.loads(line) for line in out.splitlines()]
    problems = [line["problem"] for line in lines if line["heard"] == "failed"]
    assert problems
    assert all(map(harmless, problems))


@pytest.mark.slow
async def test_the_doctor_prints_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    _, where = await hostile()
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url, "--sonic-pi", where)
        as_json = await doctor(tmp_path, cluster.url, "--sonic-pi", where, "--json")
    assert "boom" in done.stdout
    assert harmless(done.stdout + done.stderr)
    assert all(map(harmless, re.findall(r'"(?:says|advice)":"([^"]*)"', as_json.stdout)))
    assert harmless(as_json.stdout)


@pytest.mark.slow
async def test_an_error_that_ends_the_command_is_one_plain_line(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sonickube_tui",
        "demo",
        "--headless",
        "--theme",
        f"none{EVIL}",
        env=environment(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()
    assert process.returncode == 2
    assert harmless(err.decode())
    assert err.count(b"\n") == 1


# Of what kind it says it.

ODD: list[tuple[str, Any]] = [
    ("i", 1),
    ("i", -1),
    ("i", 2**31 - 1),
    ("h", 2**63 - 1),
    ("h", -(2**63)),
    ("f", 1.0),
    ("d", float("nan")),
    ("s", "1"),
    ("s", ""),
    ("s", EVIL),
    ("b", b"\xff\xfe"),
    ("T", True),
    ("F", False),
    ("N", None),
    ("[", None),
    ("]", None),
]


def message(address: str, args: tuple[tuple[str, Any], ...]) -> bytes:
    """Any arguments at all, brackets that do not match among them."""
    forms = {"i": ">i", "h": ">q", "f": ">f", "d": ">d"}
    body = b""
    for kind, value in args:
        if kind in forms:
            body += struct.pack(forms[kind], value)
        elif kind == "s":
            body += padded(value.encode() + b"\0")
        elif kind == "b":
            body += struct.pack(">i", len(value)) + padded(value)
    tags = "," + "".join(kind for kind, _ in args)
    return padded(address.encode() + b"\0") + padded(tags.encode() + b"\0") + body


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


@pytest.mark.parametrize("what", ["started", "done", "ended", "failed", "running", "hello", "recording", ""])
async def test_reports_of_any_kind_and_number_leave_the_console_at_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    monkeypatch.setattr(sonic_pi, "ASK_EVERY", 0.05)
    troubles: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    evil, address = await peer(1)
    engine, notebook = SonicPi(Ways(named=address)), Notebook()
    desk = conductor(engine, notebook)  # type: ignore[arg-type]
    playing = asyncio.create_task(desk.run(score()))
    await until(lambda: engine.status.sounding)
    evil.tells = {"started": [40]}
    for number in range(3):
        desk.take(event(Kind.CRASHED, f"ns-{number}"))
    await until(lambda: desk.heard[Heard.STARTED] == 3)
    where, prefix = evil.reply(evil.codes[0]) or (("", 0), "")
    sent = 0
    for args in itertools.chain.from_iterable(itertools.product(ODD, repeat=arity) for arity in range(4)):
        sent += 1
        if sent % (1 if len(args) < 3 else 7):
            continue
        evil.transport.sendto(message(prefix + what, args), where)
        if sent % 100 == 0:
            await asyncio.sleep(0.001)
            desk.remix()
    for kind in ("i", "h"):
        evil.transport.sendto(
            message(prefix + "failed", (("i", 1), ("s", "a"), ("s", "b"), (kind, -7))), where
        )
    desk.dim()
    desk.stop_sound()
    evil.tells = {"started": [41], "done": [], "ended": []}
    desk.take(event(Kind.CRASHED, "after"))
    await until(lambda: notebook.last()[4].heard is Heard.DONE)
    assert not playing.done()
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    assert troubles == []


async def test_one_run_that_is_two_voices_ends_neither_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    evil, address = await peer(1)
    async with Running(SonicPi(Ways(named=address))) as running:
        await running.sounding()
        for number in (1, 2):
            running.engine.play(Voice(id=number, event=event(), snippet="ready"), "play 60")
        await until(lambda: {Done(1), Done(2)} <= set(running.reports))
        assert [report.job for report in running.reports if isinstance(report, Started)] == [40, 40]
        evil.tells = {"started": [40], "done": [], "ended": []}
        running.engine.play(Voice(id=3, event=event(), snippet="ready"), "play 60")
        await until(lambda: Ended(3) in running.reports)
        assert Ended(1) not in running.reports
