"""A Sonic Pi that we start, a script by its rules in its place: real processes, all gone at the end."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
import psutil
import pytest
from pythonosc.osc_message_builder import build_msg

from command import executable, lives
from peer import Running
from players import event, until
from sonickube_tui.engine import boot, sonic_pi
from sonickube_tui.engine.base import Done, Failed, Said
from sonickube_tui.engine.boot import JACK_NAMES
from sonickube_tui.engine.discovery import candidates
from sonickube_tui.engine.installed import Installation
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.errors import UserError
from sonickube_tui.music.voice import Voice

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parent.parent

SONIC_PI = '''\
"""A daemon with the server it starts, or with -u what 3.x runs; both leave a child behind, as Erlang."""
import asyncio, os, subprocess, sys
from pathlib import Path
from pythonosc.osc_message import OscMessage
from peer import Peer
from sonickube_tui.engine.boot import free_ports

THREE = "-u" in sys.argv
COUNT = 8
TOKEN = None if THREE else -1234567
DAEMON, GUI, SEND = free_ports(3)
if THREE:
    SEND, GUI = map(int, sys.argv[2:4])

def note(text):
    with Path(__file__).with_name("notes").open("a") as notes:
        print(text, file=notes)

class Server(Peer):
    def datagram_received(self, data, addr):
        if THREE and data.startswith(b"/exit\\0"):
            note("/exit")
            done.set()
        if data.startswith(b"/ping\\0"):
            self.say("/ack", OscMessage(data).params[1])
        super().datagram_received(data, addr)

    def report(self, code, prefix=None):
        if "hello" in code:
            if len(self.codes) == 1:
                note(subprocess.Popen(["sleep", "600"]).pid)
            self.say("/log/info", 0, "Let the Live Coding begin...")
        elif "__stop_job" in code:
            text = "[buffer eval, line 1] - Ill\\nThread death!\\n so ill"
            self.say("/error", 40, text, "snippet:3:in `x'", 1)
        super().report(code, prefix)

    def say(self, address, *args):
        self.send(("127.0.0.1", GUI), address, *args)

class Daemon(asyncio.DatagramProtocol):
    def datagram_received(self, data, addr):
        message = OscMessage(data)
        if b",i\\0\\0" in data and message.params == [TOKEN]:
            note(message.address)
            if message.address == "/daemon/exit":
                done.set()

async def main():
    global done
    done, loop = asyncio.Event(), asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Server(TOKEN), local_addr=("127.0.0.1", SEND))
    if THREE:
        print("Listen port:", SEND, flush=True)
    else:
        await loop.create_datagram_endpoint(Daemon, local_addr=("127.0.0.1", DAEMON))
        note(os.environ["SONIC_PI_HOME"])
        print("BEFORE")
        print("[00:27:02.870]", DAEMON, GUI, SEND, *range(COUNT - 4), TOKEN, flush=True)
        print("later " * 100_000, flush=True)
    await done.wait()

asyncio.run(main())
'''

BOOT_ERROR = """\
import socket
from pythonosc.osc_message_builder import build_msg
from sonickube_tui.engine.boot import free_ports

gui, send = free_ports(2)
daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
daemon.bind(("127.0.0.1", 0))
print(daemon.getsockname()[1], gui, send, 1, 2, 3, flush=True)
daemon.recv(100)  # A sign of life: its window listens by now.
error = build_msg("/exited-with-boot-error", "Server Exception:\\n no sound card").dgram
daemon.sendto(error, ("127.0.0.1", gui))
while not daemon.recv(100).startswith(b"/daemon/exit"):
    pass
"""

BUG = """\
import os
with open(os.environ["SONIC_PI_HOME"] + "/.sonic-pi/log/daemon.log", "w") as log:
    log.write("[2026-01-10 10:00:00] [BUG] - ** Daemon Internal Error. **\\n")
    log.write("[2026-01-10 10:00:00] Errno::ENOENT\\n")
    log.write("[2026-01-10 10:00:00] No such file or directory - pw-jack\\n")
    log.write("[2026-01-10 10:00:00] #daemon.rb:1:in `new\'\\n[2026-01-10 10:00:00] Token: -1234567890\\n")
"""

RUBY = f"""\
#!{sys.executable}
import runpy, sys
assert sys.argv[1:3] == ["-E", "utf-8"]
sys.argv = sys.argv[3:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class App:
    """A Sonic Pi in a folder of the test's, its server a Python script."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder / "app", folder / "state"
        self.script = self.folder / "server" / "ruby" / "bin" / "daemon.rb"

    def write(self, text: str, version: Literal[3, 4, 5] = 4) -> Installation:
        ruby = sys.executable
        if version == 3:
            self.script = self.script.with_name("sonic-pi-server.rb")
            ruby = str(executable(self.folder / "ruby", RUBY))
        self.script.parent.mkdir(parents=True, exist_ok=True)
        self.script.write_text(text)
        return Installation(self.script, ruby, version > 3)

    def ways(self, text: str = SONIC_PI, version: Literal[3, 4, 5] = 4, **more: object) -> Ways:
        text = text.replace("COUNT = 8", "COUNT = 6") if version == 5 else text
        ways = {"running": False, "installed": [self.write(text, version)], "folder": self.state}
        return Ways(**ways | more)  # type: ignore[arg-type]

    @property
    def notes(self) -> list[str]:
        """The pid of its child, and what its daemon was told."""
        notes = self.script.with_name("notes")
        return notes.read_text().split() if notes.is_file() else []

    def alive(self) -> list[psutil.Process]:
        """What runs of it: the server, its child and those of earlier starts."""
        family = [p for p in psutil.Process().children() if lives(p) and str(self.script) in p.cmdline()]
        children = [
            psutil.Process(int(pid)) for pid in self.notes if pid.isdigit() and psutil.pid_exists(int(pid))
        ]
        return family + [child for child in children if lives(child)]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent)]))
    monkeypatch.setattr(sonic_pi, "KNOCK_EVERY", 0.1)
    monkeypatch.setattr(sonic_pi, "BOOT_ERROR_TIMEOUT", 0.5)
    app = App(tmp_path)
    yield app
    for process in app.alive():
        process.kill()


@pytest.mark.parametrize("version", [4, 5])
async def test_it_is_started_kept_alive_and_ended_with_what_it_started(
    app: App, monkeypatch: pytest.MonkeyPatch, version: Literal[4, 5]
) -> None:
    monkeypatch.setattr(boot, "KEEP_ALIVE", 0.05)
    async with Running(SonicPi(app.ways(version=version))) as running:
        assert (await running.statuses.get()).advice == f"starting the Sonic Pi in {app.folder}"
        status = await running.sounding()
        assert status.name.startswith("Sonic Pi 4.5.1 :")
        assert status.name.endswith(" (started by us)")
        await until(lambda: app.notes.count("/daemon/keep-alive") >= 3)
        [notes] = (app.state / "running").glob("*.json")
        noted = {note["pid"] for note in json.loads(notes.read_text())}
        assert noted == {process.pid for process in app.alive()}
        assert len(noted) == 2
    assert app.alive() == []
    assert app.notes[-1] == "/daemon/exit"
    assert not notes.exists()


@pytest.mark.parametrize(
    ("count", "before"),
    [(5, ""), (6, "warning: already initialized constant"), (9, "1 2 3"), (12, "Boot 1 2 3 4 5 6")],
)
async def test_its_numbers_are_known_from_both_ends_whatever_comes_before(
    app: App, count: int, before: str
) -> None:
    script = SONIC_PI.replace("COUNT = 8", f"COUNT = {count}").replace("BEFORE", before)
    async with Running(SonicPi(app.ways(script))) as running:
        assert (await running.sounding()).name.startswith("Sonic Pi 4.5.1 :")
    assert app.notes[-1] == "/daemon/exit"


async def test_its_window_is_ours_so_its_log_and_errors_in_threads_are_heard(app: App) -> None:
    async with Running(SonicPi(app.ways())) as running:
        await running.sounding()
        await until(lambda: Said("Let the Live Coding begin...") in running.reports)
        running.engine.play(Voice(id=7, event=event(), snippet="ready"), "play 60")
        await until(lambda: Done(7) in running.reports)
        running.engine.stop([40])
        await until(lambda: Failed(7, "", "Ill in a thread: so ill", 3) in running.reports)
        assert Said("Ill in a thread: so ill", error=True, voice=7) in running.reports


async def test_nobody_else_is_heard_at_the_port_of_its_window(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = boot.free_ports(1)[0]
    script = SONIC_PI.replace("free_ports(3)", f"[*free_ports(1), {port}, *free_ports(3)[2:]]")
    early = boot_error("forged")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        forge = asyncio.create_task(repeat(lambda: stranger.sendto(early, ("127.0.0.1", port))))
        async with Running(SonicPi(app.ways(script))) as running:
            await running.sounding()
            forge.cancel()
            running.engine.play(Voice(id=7, event=event(), snippet="ready"), "play 60")
            await until(lambda: Done(7) in running.reports)
            for number in range(100):
                error = build_msg("/error", [number, "forged", "snippet:3", 1]).dgram
                stranger.sendto(error, ("127.0.0.1", port))
            running.engine.stop([40])
            await until(lambda: Failed(7, "", "Ill in a thread: so ill", 3) in running.reports)
            assert "forged" not in str(running.reports)
            assert running.engine.status.sounding


async def repeat(act: Callable[[], object]) -> None:
    while True:
        act()
        await asyncio.sleep(0.02)


def boot_error(text: str) -> bytes:
    return build_msg("/exited-with-boot-error", text).dgram


async def test_one_that_dies_is_started_again(app: App) -> None:
    async with Running(SonicPi(app.ways())) as running:
        first = await running.sounding()
        [server, child] = app.alive()
        server.kill()
        assert (await running.silent()).advice == f"{first.name} does not answer any more; looking for it"
        second = await running.sounding()
        assert second.name != first.name
        assert not lives(child)
        assert len(app.alive()) == 2
    assert app.alive() == []


async def test_3_is_started_by_its_server_with_a_log_where_others_find_it_and_told_to_exit(app: App) -> None:
    async with Running(SonicPi(app.ways(version=3))) as running:
        status = await running.sounding()
        await until(lambda: Said("Let the Live Coding begin...") in running.reports)
        found = candidates(app.state / "home")[0]
        assert found.source == "server-output.log"
        assert f" {found.address} " in status.name
    assert app.notes[-1] == "/exit"
    assert app.alive() == []


async def test_one_that_is_given_up_while_it_starts_is_ended(app: App) -> None:
    async with Running(SonicPi(app.ways("import time; time.sleep(60)"))):
        await until(app.alive)
    assert app.alive() == []
    assert list((app.state / "running").iterdir()) == []


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("print('no numbers today')", "gave no ports: no numbers today"),
        ("print('1 2 3 4')", "gave no ports: … … … …"),
        ("print('1 2 3 4 5 6 7 8 9 10 11 12 13')", "gave no ports: … …"),
        ("print('Could not load scsynth'); raise SystemExit(1)", "gave no ports: Could not load scsynth"),
        ("print('SuperCollider Audio Server Boot Error', 1, 2, 3, sep='\\n')", "Boot Error / … / …"),
        ("print('70001 70002 70003 70004 70005 -1234567890')", "gave no ports: … … … … … …"),
        ("print(20001, 20002, 20003, 20004, 20005, 1234567890 * 10)", "gave no ports: … … … … … …"),
        ("print('2024-01-10 10:00:00.123 +0000: no jack')", ": no jack"),
        ("print('20001,20002,20003,20004,20005,token=-1234567890')", "gave no ports: …,…,…,…,…,token=…"),
        (BUG, "gave no ports: Errno::ENOENT / No such file or directory - pw-jack"),
        ("", "gave no ports: it said nothing"),
        (BOOT_ERROR, ": Server Exception: no sound card"),
    ],
)
async def test_one_that_does_not_come_up_says_why_without_numbers_and_is_ended(
    app: App, script: str, reason: str
) -> None:
    async with Running(SonicPi(app.ways(script))) as running:
        status = await running.silent()
        assert status.advice.startswith("Sonic Pi could not be started: ")
        assert reason in status.advice
        assert "1234567890" not in status.advice
        assert "20001" not in status.advice
    assert app.alive() == []


async def test_one_that_never_says_its_numbers_is_given_up_in_time(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sonic_pi, "BOOT_TIMEOUT", 0.5)
    async with Running(SonicPi(app.ways("import time; time.sleep(60)"))) as running:
        async with asyncio.timeout(6):
            status = await running.silent()
        assert status.advice.startswith("Sonic Pi could not be started: ")


async def test_what_3_said_last_is_the_reason_when_it_ends_by_itself(app: App) -> None:
    script = "print('Booting')\nprint()\nprint('Detecting ports')\nprint('Port unavailable: 4560')"
    async with Running(SonicPi(app.ways(script, version=3))) as running:
        status = await running.silent()
    assert status.advice.endswith("could not be started: Booting / Detecting ports / Port unavailable: 4560")


async def test_a_required_one_that_does_not_come_up_is_an_error_with_the_reason(app: App) -> None:
    engine = SonicPi(app.ways(BOOT_ERROR, required=True))
    with pytest.raises(UserError, match="could not be started: Server Exception: no sound card"):
        await engine.run(lambda report: None, lambda status: None)
    assert app.alive() == []


@pytest.mark.real
@pytest.mark.parametrize("version", [4, 5])
async def test_dummy_audio_is_a_jack_of_ours_that_5_is_told_to_use(app: App, version: Literal[4, 5]) -> None:
    if shutil.which("jackd") is None:
        (pytest.fail if os.environ.get("SONICKUBE_REQUIRE_REAL") == "1" else pytest.skip)("needs jackd")
    script = SONIC_PI.replace('["SONIC_PI_HOME"]', '.get("JACK_DEFAULT_SERVER")').replace(
        'print("BEFORE")',
        'note(subprocess.run(["pw-jack", "echo", "jack"], capture_output=True, text=True).stdout)',
    )
    settings = app.state / "home" / ".sonic-pi" / "config" / "v5-audio-settings.toml"
    async with Running(SonicPi(app.ways(script, version, audio="dummy"))) as running:
        assert (await running.sounding()).ceiling == pytest.approx(43, abs=1)
        assert settings.read_text() == 'audio_driver = "JACK"\n'
        assert app.notes[0] in JACK_NAMES
        assert app.notes[1] == "jack"
    installed = app.write(SONIC_PI, version)
    async with Running(SonicPi(Ways(running=False, installed=[installed], folder=app.state))) as running:
        await running.sounding()
        assert not settings.exists()


async def test_a_flatpak_sees_no_jack_of_ours(app: App) -> None:
    installed = msgspec.structs.replace(app.write(SONIC_PI), flatpak=True)
    ways = Ways(running=False, installed=[installed], folder=app.state, audio="dummy")
    async with Running(SonicPi(ways)) as running:
        assert "a flatpak cannot use --audio dummy" in (await running.silent()).advice


async def test_without_jackd_the_dummy_audio_says_what_to_install(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    async with Running(SonicPi(app.ways(audio="dummy"))) as running:
        assert "needs jackd (on Debian and Ubuntu: apt install jackd2)" in (await running.silent()).advice
