"""The engine against peers: whom it finds, what it makes of one that goes, and what it does not believe."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from pythonosc.osc_message_builder import build_msg

from peer import Peer, Running, peer
from players import event, until
from sonickube_tui.engine import bridge, discovery, sonic_pi
from sonickube_tui.engine.address import Address
from sonickube_tui.engine.base import Alive, Done, Ended, Failed, Lost, Said, Started
from sonickube_tui.engine.bridge import Bridge
from sonickube_tui.engine.sonic_pi import SonicPi, Ways
from sonickube_tui.music.mixer import Level
from sonickube_tui.music.voice import Voice

LOGS = {
    "server-output.log": "Sonic Pi server booting...\nListen port: {port}\n",
    "spider.log": "Ports: {{:server_port=>{port}, :gui_port=>33001}}\nToken: {token}\n",
    "gui.log": "".join(f"daemon_stdout: {n}\n" for n in (1, 2, "{port}", 4, 5, 6, 7, "{token}")),
}


def voice(number: int) -> Voice:
    return Voice(id=number, event=event(), snippet="ready")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sonic_pi, "RETRY_EVERY", 0.05)
    monkeypatch.setattr(sonic_pi, "KNOCK_EVERY", 0.05)


class Home:
    """The home of someone who uses Sonic Pi, with its logs."""

    def __init__(self, folder: Path) -> None:
        self.logs = folder / ".sonic-pi" / "log"
        self.logs.mkdir(parents=True)

    def write(self, name: str, address: Address, age: float) -> None:
        log = self.logs / name
        token = address.token and int(address.token)  # A plain number shows itself.
        log.write_text(LOGS[name].format(port=address.port, token=token))
        os.utime(log, (1_000_000 - age, 1_000_000 - age))


@pytest.fixture
def home(tmp_path: Path, closed: int, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("SONIC_PI_HOME", str(tmp_path))
    monkeypatch.setattr(discovery, "DEFAULT_PORT", closed)
    return Home(tmp_path)


# Whom it finds.


@pytest.mark.parametrize(
    ("log", "token"), [("server-output.log", None), ("spider.log", -1234567890), ("gui.log", 77)]
)
async def test_each_versions_log_leads_to_it(home: Home, log: str, token: int | None) -> None:
    _, address = await peer(token, version="v9.8.7")
    home.write(log, address, age=0)
    async with Running(SonicPi(Ways())) as running:
        assert (await running.sounding()).name == f"Sonic Pi 9.8.7 :{address.port}"


async def test_without_any_log_the_advice_names_the_variable(home: Home) -> None:
    async with Running(SonicPi(Ways())) as running:
        advice = (await running.silent()).advice
    assert advice == "no Sonic Pi answers: start it, or name it: SONICKUBE_SONIC_PI=HOST:PORT[:TOKEN]"


async def test_stale_logs_are_passed_over_and_that_is_said_once(
    home: Home, closed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sonic_pi, "HELLO_TIMEOUT", 0.5)
    mute, of_mute = await peer(5, answers=False)
    sounding, address = await peer(None)
    home.write("spider.log", of_mute, age=0)
    home.write("gui.log", Address("127.0.0.1", closed, 6), age=10)
    home.write("server-output.log", address, age=20)
    passed = f"passed over :{of_mute.port} of spider.log, :{closed} of gui.log: nobody answers there"
    async with Running(SonicPi(Ways())) as running:
        assert (await running.sounding()).name.endswith(f":{address.port}")
        await sounding.close()
        await running.silent()
        await peer(None, address.port)
        await running.sounding()
        assert running.reports == [Said(passed)]
        assert len(mute.codes) >= 2


async def test_when_all_logs_are_stale_the_advice_names_them(home: Home, closed: int) -> None:
    home.write("spider.log", Address("127.0.0.1", closed, 5), age=0)
    async with Running(SonicPi(Ways())) as running:
        assert f"(passed over :{closed} of spider.log)" in (await running.silent()).advice
        assert running.reports == []


async def test_one_that_is_started_later_is_found(home: Home) -> None:
    async with Running(SonicPi(Ways())) as running:
        await running.silent()
        _, address = await peer(-3)
        home.write("spider.log", address, age=0)
        assert (await running.sounding()).name.endswith(f":{address.port}")


async def test_one_that_goes_is_told_and_the_next_at_another_port_is_found(home: Home) -> None:
    first, address = await peer(1)
    home.write("spider.log", address, age=10)
    async with Running(SonicPi(Ways())) as running:
        name = (await running.sounding()).name
        await first.close()
        assert (await running.silent()).advice == f"{name} does not answer any more; looking for it"
        await until(lambda: running.engine.status.advice.startswith("no Sonic Pi answers"))
        with pytest.raises(ConnectionError):
            running.engine.play(voice(1), "play 60")
        second, other = await peer(2)
        home.write("gui.log", other, age=0)
        assert (await running.sounding()).name.endswith(f":{other.port}")
        running.engine.play(voice(2), "play 60")
        await until(lambda: Done(2) in running.reports)
        assert second.codes[-1].count("use_random_seed 2\n") == 1


async def test_while_none_is_found_levels_and_stops_are_of_no_use_and_do_no_harm(home: Home) -> None:
    async with Running(SonicPi(Ways())) as running:
        await running.silent()
        running.engine.set_levels({40: Level(0.5)})
        running.engine.stop([40])
        assert running.engine.last_packet is None


# Voices under way.


async def test_a_voice_without_any_report_is_lost_and_the_engine_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sonic_pi, "REPORT_TIMEOUT", 0.1)
    sounding, address = await peer(1)
    sounding.tells = {}
    async with Running(SonicPi(Ways(named=address))) as running:
        await running.sounding()
        running.engine.play(voice(1), "play 60")
        await until(lambda: running.reports == [Lost(1)])
        sounding.tells = {"started": [41], "done": [], "ended": []}
        running.engine.play(voice(2), "play 60")
        await until(lambda: Ended(2) in running.reports)
        assert running.statuses.empty()


@pytest.mark.parametrize(
    ("tells", "report"),
    [
        ({"failed": ["NameError", "no such thing", 3]}, Failed(1, "NameError", "no such thing", 3)),
        ({"done": []}, Done(1)),
    ],
    ids=["failed", "done"],
)
async def test_a_voice_that_reported_is_not_lost_when_its_start_was_not_heard(
    monkeypatch: pytest.MonkeyPatch, tells: dict[str, list[object]], report: object
) -> None:
    monkeypatch.setattr(sonic_pi, "REPORT_TIMEOUT", 0.1)
    sounding, address = await peer(1)
    async with Running(SonicPi(Ways(named=address))) as running:
        await running.sounding()
        sounding.tells = tells
        running.engine.play(voice(1), "play 60")
        await until(lambda: report in running.reports)
        sounding.tells = {}
        running.engine.play(voice(2), "play 60")
        await until(lambda: Lost(2) in running.reports)
        assert running.reports == [report, Lost(2)]


async def test_one_that_keeps_its_port_but_falls_silent_is_gone_with_the_voice_that_showed_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sonic_pi, "REPORT_TIMEOUT", 0.1)
    monkeypatch.setattr(sonic_pi, "HELLO_TIMEOUT", 0.5)
    sounding, address = await peer(1)
    async with Running(SonicPi(Ways(named=address))) as running:
        await running.sounding()
        sounding.answers = False
        running.engine.play(voice(1), "play 60")
        await running.silent()
        assert running.reports == [Lost(1)]
        sounding.answers = True
        await running.sounding()


async def test_voices_under_way_when_its_port_closes_are_given_up_by_the_status_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sonic_pi, "REPORT_TIMEOUT", 1.0)
    sounding, address = await peer(1)
    sounding.tells = {}
    async with Running(SonicPi(Ways(named=address))) as running:
        await running.sounding()
        running.engine.play(voice(1), "play 60")
        await until(lambda: len(sounding.codes) == 2)
        await sounding.close()
        await running.silent()
        await until(lambda: running.engine.status.advice.startswith("no Sonic Pi answers"))
        back, _ = await peer(1, address.port)
        await running.sounding()
        back.tells = {}
        running.engine.play(voice(2), "play 60")
        await until(lambda: running.reports)
        assert running.reports == [Lost(2)]


async def test_whether_a_voice_still_runs_is_asked_until_it_is_known_to_have_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sonic_pi, "ASK_EVERY", 0.05)
    sounding, address = await peer(1)
    sounding.running = {40}
    async with Running(SonicPi(Ways(named=address))) as running:
        await running.sounding()
        running.engine.play(voice(1), "loop { sleep 1 }")
        await until(lambda: running.reports.count(Alive(1)) == 2)
        assert Ended(1) not in running.reports
        sounding.running = set()
        await until(lambda: Ended(1) in running.reports)
        asked = len(sounding.codes)
        assert running.engine.last_packet
        assert running.engine.last_packet.code == sounding.codes[1]
        sounding.tells = {"started": [41], "done": [], "ended": []}
        running.engine.play(voice(2), "play 60")
        await asyncio.sleep(1.2)
        assert len(sounding.codes) == asked + 1


async def test_one_that_does_not_answer_what_runs_is_asked_no_more_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sonic_pi, "ASK_EVERY", 0.05)
    monkeypatch.setattr(sonic_pi, "FORGET_AFTER", 1.2)
    sounding, address = await peer(1)
    async with Running(SonicPi(Ways(named=address))) as running:
        await running.sounding()
        running.engine.play(voice(1), "play 60")
        await until(lambda: Done(1) in running.reports)
        sounding.answers = False
        await until(lambda: len(sounding.codes) == 4)
        await asyncio.sleep(1.5)
        asked = len(sounding.codes)
        await asyncio.sleep(1.2)
        assert len(sounding.codes) == asked
        assert not any(isinstance(report, Alive | Ended) for report in running.reports)


@pytest.mark.parametrize("bridged", [False, True], ids=["run-code", "bridge"])
async def test_however_many_runs_there_are_every_datagram_is_taken_and_none_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bridged: bool
) -> None:
    lines = Bridge(tmp_path)
    lines.lines()
    sounding, address = await peer(None, key=lines.key) if bridged else await peer(1)
    monkeypatch.setattr(bridge, "PORTS", (address.port,))
    ways = Ways(bridge=True, folder=tmp_path) if bridged else Ways(named=address)
    first, last = 2**31 - 1000, 2**31
    async with Running(SonicPi(ways)) as running:
        await running.sounding()
        running.engine.set_levels({job: Level(0.123456, -0.7654321) for job in range(first, last)})
        running.engine.stop(range(first, last))
        await until(lambda: str(last - 1) in sounding.codes[-1] and "__stop_job" in sounding.codes[-1])
    text = "".join(sounding.codes)
    assert all(text.count(f"{job}=>[") == 1 and text.count(str(job)) == 2 for job in range(first, last))


# What it does not believe.

REPORTS: dict[str, list[object]] = {
    "hello": ["v6.6.6"],
    "started": [1, 40],
    "done": [1],
    "ended": [1],
    "failed": [1, "NameError", "undefined local variable", 3],
    "running": [0, 40],
    "unheard_of": [1],
}


def said_under(prefix: str) -> list[bytes]:
    return [build_msg(prefix + what, args).dgram for what, args in REPORTS.items()]


def mutations(random: Random, datagrams: list[bytes], count: int) -> Iterator[bytes]:
    """Datagrams with bytes flipped, cut out, doubled and put in."""
    for _ in range(count):
        data = bytearray(random.choice(datagrams))
        for _ in range(random.randint(1, 4)):
            start = random.randrange(len(data) + 1)
            end = min(len(data), start + random.randrange(1, 12))
            data[start:end] = random.choice(
                [
                    random.randbytes(end - start),
                    b"",
                    data[start:end] * 2,
                    random.randbytes(3),
                    b"\xff\xff\xff\xff",
                ]
            )
        yield bytes(data) or b"\x00"


class Stranger:
    """Sends to the port of an engine's reports, waiting for it to take in what was sent."""

    def __init__(self, running: Running, sonic_pi: Peer, host: str = "127.0.0.1") -> None:
        reply = sonic_pi.reply(sonic_pi.codes[0])
        assert reply
        self.where, self.prefix = reply
        self.running = running
        self._outbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._outbox.bind((host, 0))

    @property
    def taken_in(self) -> int:
        return self.running.engine.ignored + len(self.running.reports)

    def throw(self, datagram: bytes) -> None:
        self._outbox.sendto(datagram, self.where)

    async def send(self, datagrams: Iterable[bytes]) -> int:
        """How many were sent; each of them was ignored or reported by now."""
        before = self.taken_in
        count = 0
        for count, datagram in enumerate(datagrams, 1):
            self.throw(datagram)
            if count % 20 == 0:
                await until(self._are_in(before + count), 10)
        await until(self._are_in(before + count), 10)
        return count

    def _are_in(self, count: int) -> Callable[[], bool]:
        return lambda: self.taken_in >= count

    def close(self) -> None:
        self._outbox.close()


async def still_works(running: Running, number: int) -> None:
    before = len(running.reports)
    running.engine.play(voice(number), "play 60")
    await until(lambda: len(running.reports) == before + 2)
    started, done = running.reports[before:]
    assert isinstance(started, Started)
    assert (started.voice, done) == (number, Done(number))
    assert running.statuses.empty()


async def test_rubbish_and_reports_without_our_secret_are_counted_and_never_reported() -> None:
    random = Random(20260101)
    sounding, address = await peer(1)
    async with Running(SonicPi(Ways(named=address))) as running:
        await running.sounding()
        with closing(Stranger(running, sounding)) as stranger:
            guess = f"/sonickube/{random.randbytes(16).hex()}/"
            valid = [*said_under(guess), *said_under("/sonickube/"), *said_under("/"), *said_under("")]
            sent = await stranger.send(valid)
            sent += await stranger.send(random.randbytes(random.randint(1, 300)) for _ in range(2000))
            sent += await stranger.send(mutations(random, valid, 2000))
        assert running.reports == []
        assert running.engine.ignored == sent
        await still_works(running, 1)


async def test_damaged_reports_with_our_secret_start_and_lose_nothing() -> None:
    random = Random(20260102)
    sounding, address = await peer(1)
    async with Running(SonicPi(Ways(named=address))) as running:
        await running.sounding()
        with closing(Stranger(running, sounding)) as stranger:
            sent = await stranger.send(mutations(random, said_under(stranger.prefix), 2000))
        assert stranger.taken_in == sent
        assert running.engine.ignored > 0
        assert all(isinstance(report, Done | Ended | Failed) for report in running.reports)
        await still_works(running, 1)


async def test_reports_of_voices_that_were_never_sent_do_no_harm() -> None:
    sounding, address = await peer(1)
    sounding.tells = {"started": [40]}
    async with Running(SonicPi(Ways(named=address))) as running:
        name = (await running.sounding()).name
        running.engine.play(voice(9), "play 60")
        await until(lambda: running.reports)
        with closing(Stranger(running, sounding)) as stranger:
            await stranger.send(said_under(stranger.prefix))
        assert not any(isinstance(report, Started) for report in running.reports[1:])
        assert running.engine.status.name == name
        sounding.tells = {"started": [41], "done": []}
        await still_works(running, 10)


async def test_a_start_that_is_reported_twice_counts_once() -> None:
    sounding, address = await peer(1)
    async with Running(SonicPi(Ways(named=address))) as running:
        await running.sounding()
        await still_works(running, 1)
        with closing(Stranger(running, sounding)) as stranger:
            await stranger.send([build_msg(f"{stranger.prefix}started", [1, 40]).dgram])
        assert running.engine.ignored == 1


async def test_reports_from_another_host_are_not_heard() -> None:
    sounding, address = await peer(1)
    async with Running(SonicPi(Ways(named=address))) as running:
        await running.sounding()
        try:
            stranger = Stranger(running, sounding, "127.0.0.2")
        except OSError:
            pytest.skip("this system has one address of loopback only")
        with closing(stranger):
            for datagram in said_under(stranger.prefix):
                stranger.throw(datagram)
        await still_works(running, 2)
        assert len(running.reports) == 2


async def test_rubbish_leaves_no_word_on_the_terminal(caplog: pytest.LogCaptureFixture) -> None:
    sounding, address = await peer(1)
    async with Running(SonicPi(Ways(named=address))) as running:
        await running.sounding()
        with closing(Stranger(running, sounding)) as stranger, caplog.at_level(logging.WARNING):
            await stranger.send([b"/x\x00\x00,xyz\x00\x00\x00\x00"])
        assert caplog.messages == []
