"""What `sonickube bounce` refuses, with one line and without a trace."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

import tapes
from command import sonickube


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--audio", "dummy"], "--audio goes with --engine sonic-pi"),
        (["--sonic-pi", "127.0.0.1:4557"], "--sonic-pi goes with --engine sonic-pi"),
        (["--sonic-pi-app", "/opt/sonic-pi"], "--sonic-pi-app goes with --engine sonic-pi"),
        (["--engine", "sonic-pi", "--sonic-pi", "192.0.2.1:4557"], "must be on this machine"),
        (["--engine", "sonic-pi", "--sonic-pi-app", "."], "there is no Sonic Pi in ."),
        (["--engine", "sonic-pi", "--from", "9s", "--to", "8s"], "the end is not after the beginning"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, flags: list[str], said: str) -> None:
    session = tapes.write(tmp_path / "session.jsonl", [tapes.happened(0.0), tapes.happened(9.0)])
    refused(tmp_path, session, *flags, said=said)


def test_without_a_sonic_pi_it_says_what_to_do(tmp_path: Path) -> None:
    session = tapes.write(tmp_path / "session.jsonl", [tapes.happened(0.0), tapes.happened(9.0)])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    refused(
        tmp_path, session, "--engine", "sonic-pi", "--sonic-pi", f"127.0.0.1:{port}",
        said=f"no Sonic Pi answers at :{port}: start it",
    )  # fmt: skip


def refused(folder: Path, session: Path, *flags: str, said: str) -> None:
    done = sonickube(folder, "bounce", str(session), str(folder / "out.wav"), *flags)
    assert done.returncode == 2
    [line] = [line for line in done.stderr.splitlines() if line.startswith("sonickube: ")]
    assert said in line
    assert "Traceback" not in done.stderr
    assert not list(folder.glob("*out.wav*"))
