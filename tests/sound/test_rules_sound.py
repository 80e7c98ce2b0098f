"""The rules under which the other tests run: those of the version that is named, and no others."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pythonosc.osc_message_builder import build_msg

from sonic_pi import RULES, TOLD, SonicPiServer, Version
from sonickube_tui.engine.address import Address
from sonickube_tui.music.render import Reply, render_hello

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


def answer(server: SonicPiServer, ruby: str) -> object:
    """What an expression comes to in a run; an error's class when it fails."""

    def code(reply: Reply) -> str:
        to = f'SonicPi::OSC::UDPClient.new("{reply.host}", {reply.port})'
        return f'said = begin ({ruby}).to_s; rescue Exception => e; e.class.name; end\n{to}.send("/is", said)'

    [said] = server.ask(code) or [None]
    return said


def test_a_hook_is_refused_once_a_run_has_begun(sonic_pi: SonicPiServer) -> None:
    said = answer(sonic_pi, "@life_hooks.on_exit { }; 'taken'")
    assert said == ("taken" if sonic_pi.version == "3.2.2" else "NoMethodError")


def test_only_who_has_the_token_is_heard(sonic_pi: SonicPiServer) -> None:
    known = sonic_pi.address
    for token in (None, 0, (known.token or 0) ^ 1):
        sonic_pi.address = Address(known.host, known.port, token)
        try:
            heard = sonic_pi.ask(render_hello, timeout=1.5)
        finally:
            sonic_pi.address = known
        assert (heard is not None) is (sonic_pi.version == "3.2.2")
    assert sonic_pi.ask(render_hello) == [f"v{TOLD[sonic_pi.version]}"]


def test_texts_in_runs_cannot_be_changed(sonic_pi: SonicPiServer) -> None:
    said = answer(sonic_pi, "x = 'a'; x << 'b'")
    assert said == ("ab" if sonic_pi.version == "3.2.2" else "FrozenError")


def test_a_run_has_an_effect_of_its_own(sonic_pi: SonicPiServer) -> None:
    said = answer(sonic_pi, "current_out_bus.to_i == current_job_bus.to_i")
    assert said == ("false" if sonic_pi.version == "5.x" else "true")


def test_a_recorder_is_a_path(sonic_pi: SonicPiServer) -> None:
    sonic_pi.start_recording()
    said = answer(sonic_pi, "@mod_sound_studio.instance_variable_get(:@recorders)[0].map(&:class)")
    sonic_pi.run("play 60")
    time.sleep(1)
    assert sonic_pi.stop_recording().peak > 0.01
    assert (said == "[String]") is (sonic_pi.version == "5.x")


def test_a_loop_moves_into_the_newest_run(sonic_pi: SonicPiServer) -> None:
    loop = "live_loop :moves do\n  play 60, release: 0.2\n  sleep 0.25\nend"
    sonic_pi.run(loop)
    time.sleep(1)
    sonic_pi.run(f"with_fx :level, amp: 0 do\n{loop}\nend")
    time.sleep(1.5)
    sonic_pi.start_recording()
    time.sleep(1)
    sound = sonic_pi.stop_recording()
    sonic_pi.silence()
    time.sleep(1)
    assert (sound.peak == 0) is (sonic_pi.version == "5.x")
    assert sonic_pi.errors == []


def test_logs_name_ports_and_token_as_far_as_the_version_does(sonic_pi: SonicPiServer) -> None:
    logs = sonic_pi.home / ".sonic-pi" / "log"
    if sonic_pi.address.token is None:
        pytest.skip("3.2.2 has no token")
    token, port = str(int(sonic_pi.address.token)), str(sonic_pi.address.port)
    tells = {log.name for log in logs.iterdir() if token in log.read_text("utf-8", "replace")}
    window = {"daemon.out", "gui.log"}
    assert tells == (window if sonic_pi.version == "5.x" else window | {"daemon.log", "spider.log"})
    assert (port in (logs / "spider.log").read_text()) is ("spider.log" in tells)


@pytest.fixture
def daemon(version: Version, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The daemon alone, ten times as impatient, on a jack that it starts by itself."""
    if version == "3.2.2":
        pytest.skip("3.2.2 has no daemon")
    rules = {"SONIC_PI_RULES": version, "SONIC_PI_RHYTHM": "0.1", "SONIC_PI_HOME": str(tmp_path)}
    jack = {"JACK_DEFAULT_SERVER": "sonickube-none", "JACK_NO_AUDIO_RESERVATION": "1"}
    with subprocess.Popen(
        ["ruby", str(RULES / "daemon.rb")], env=os.environ | rules | jack, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.terminate()


def test_a_daemon_says_its_numbers_and_ends_when_it_hears_nothing(
    daemon: subprocess.Popen[str], version: Version
) -> None:
    assert daemon.stdout
    port, *others, token = map(int, daemon.stdout.readline().split())
    assert len(others) == (4 if version == "5.x" else 6)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outbox:
        for _ in range(24):
            outbox.sendto(build_msg("/daemon/keep-alive", [token]).dgram, ("127.0.0.1", port))
            outbox.sendto(build_msg("/daemon/exit", [token ^ 1]).dgram, ("127.0.0.1", port))
            time.sleep(0.5)
    assert daemon.poll() is None
    assert daemon.wait(60) == 0
