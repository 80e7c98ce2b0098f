"""Credential plug-ins: real programs, and what becomes of their credentials."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web

from configured import ask, kubeconfig, serving
from players import until
from sonickube_tui.cluster.connect import ApiError, Unreachable, connect
from sonickube_tui.errors import UserError

Json = dict[str, Any]

pytestmark = pytest.mark.usefixtures("home")


class Plugin:
    """A credential plug-in: it chatters on stderr and prints a token with the number of its run."""

    def __init__(self, folder: Path, expires: str | None = None) -> None:
        status = {"token": "run-@"} | ({"expirationTimestamp": expires} if expires else {})
        credential = json.dumps(
            {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
        )
        self._runs = folder / "runs"
        self._file = folder / "plugin"
        self._file.write_text(
            "#!/bin/sh\n"
            "echo 'Opening your browser' >&2\n"
            f"echo run >> '{self._runs}'\n"
            f"echo '{credential}' | sed \"s/@/$(wc -l < '{self._runs}' | tr -d ' ')/\"\n"
        )
        self._file.chmod(0o755)

    @property
    def user(self) -> Json:
        """The kubeconfig user who has it."""
        return {
            "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(self._file), "args": []}
        }

    @property
    def runs(self) -> int:
        return len(self._runs.read_text().splitlines())

    def give(self, certificate: Path) -> None:
        """From now on it prints a client certificate and the key beside it."""
        key = certificate.with_name("tls.key")
        status = {"clientCertificateData": certificate.read_text(), "clientKeyData": key.read_text()}
        credential = self._file.with_name("credential")
        credential.write_text(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "status": status}))
        self.do(f"cat '{credential}'")

    def break_down(self) -> None:
        """From now on it fails."""
        self.do("echo 'your session has ended' >&2; exit 1")

    def do(self, script: str) -> None:
        """From now on it does something else."""
        self._file.write_text(f"#!/bin/sh\n{script}\n")


async def test_a_plug_ins_token_is_sent_and_its_chatter_stays_off_the_screen(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with serving() as server:
        await ask(kubeconfig(home / "config", server.url, Plugin(home, "2100-01-01T00:00:00Z").user))
        assert server.credentials == ["Bearer run-1"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("expires", ["2100-01-01T00:00:00Z", None])
async def test_a_plug_in_runs_once_while_its_credential_is_good(home: Path, expires: str | None) -> None:
    """Without a time of its own a credential is good until the process ends (or the server says 401).

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#input-and-output-formats
    """
    plugin = Plugin(home, expires)
    async with (
        serving() as server,
        await connect(kubeconfig(home / "config", server.url, plugin.user)) as api,
    ):
        for _ in range(3):
            await api.get("/version")
        assert server.credentials == ["Bearer run-1"] * 3
    assert plugin.runs == 1


async def test_an_expired_credential_is_asked_for_again(home: Path) -> None:
    plugin = Plugin(home, "2020-01-01T00:00:00Z")
    async with (
        serving() as server,
        await connect(kubeconfig(home / "config", server.url, plugin.user)) as api,
    ):
        for _ in range(2):
            await api.get("/version")
        first, second = server.credentials
    assert first != second


async def test_a_plug_in_that_fails_later_says_nothing_on_the_screen(
    home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without pytest's handlers a warning goes where it goes for our users: to stderr.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    plugin = Plugin(home, "2020-01-01T00:00:00Z")
    async with (
        serving() as server,
        await connect(kubeconfig(home / "config", server.url, plugin.user)) as api,
    ):
        plugin.break_down()
        try:
            await api.get("/version")
        except (Unreachable, UserError) as error:
            assert "your session has ended" in str(error)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("taken", [True, False])
async def test_a_credential_that_is_refused_is_asked_for_once_more(home: Path, taken: bool) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        again = request.headers["Authorization"] == "Bearer run-2"
        return web.json_response({}, status=200 if taken and again else 401)

    plugin = Plugin(home)
    async with (
        serving(refuse) as server,
        await connect(kubeconfig(home / "config", server.url, plugin.user)) as api,
    ):
        answers = await asyncio.gather(*(api.get("/version") for _ in range(3)), return_exceptions=True)
        if taken:
            assert answers == [b"{}"] * 3
            assert plugin.runs == 2
        else:
            assert [answer.code for answer in answers if isinstance(answer, ApiError)] == [401] * 3


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo 'log in' >&2; echo please >&2; exit 1", "plugin: log in please"),
        ("exit 3", "plugin: it ended with 3"),
        ("echo hello", "plugin prints no credential: "),
        ('echo \'{"apiVersion": "v0", "status": {}}\'', "plugin speaks v0"),
        (
            'echo \'{"apiVersion": "client.authentication.k8s.io/v1", "status": {}}\'',
            "plugin prints neither a",
        ),
    ],
)
async def test_why_a_plug_in_gives_no_credential_is_told(home: Path, script: str, says: str) -> None:
    plugin = Plugin(home)
    plugin.do(script)
    with pytest.raises(UserError, match="credentials of user 'prod' could not be had") as refused:
        await connect(kubeconfig(home / "config", "http://127.0.0.1:1", plugin.user))
    assert says in str(refused.value)


async def test_a_plug_in_gets_none_of_our_keys(home: Path) -> None:
    plugin = Plugin(home)
    plugin.do("read key && echo took $key >&2; exit 1")
    ours, (reading, writing) = os.dup(0), os.pipe()
    os.write(writing, b"q\n")
    os.dup2(reading, 0)
    try:
        with pytest.raises(UserError, match="it ended with 1"):
            await connect(kubeconfig(home / "config", "http://127.0.0.1:1", plugin.user))
    finally:
        os.dup2(ours, 0)
        for file in (ours, reading, writing):
            os.close(file)


async def test_a_plug_in_that_nobody_waits_for_is_ended(home: Path) -> None:
    plugin = Plugin(home)
    number = home / "number"
    plugin.do(f"echo $$ > '{number}.new'; mv '{number}.new' '{number}'; exec sleep 1000")
    asked = asyncio.create_task(connect(kubeconfig(home / "config", "http://127.0.0.1:1", plugin.user)))
    await until(number.exists)
    asked.cancel()
    await until(lambda: not psutil.pid_exists(int(number.read_text())))


async def test_an_exec_that_names_no_program_is_refused(home: Path) -> None:
    with pytest.raises(UserError, match=r"config: exec: .*command"):
        await connect(kubeconfig(home / "config", "http://127.0.0.1:1", {"exec": {"apiVersion": "v1"}}))


async def test_a_plug_in_that_is_not_installed_is_named(home: Path) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "kubelogin-of-nowhere"}}
    with pytest.raises(UserError, match=r"credentials of user 'prod' .* kubelogin-of-nowhere|No such file"):
        await connect(kubeconfig(home / "config", "http://127.0.0.1:1", user))


async def test_a_plug_ins_certificate_is_shown_to_the_server(
    home: Path, tls: ssl.SSLContext, certificate: Path
) -> None:
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(certificate)
    plugin = Plugin(home)
    plugin.give(certificate)
    async with serving(tls=tls) as server:
        await ask(
            kubeconfig(
                home / "config", server.url, plugin.user, **{"certificate-authority": str(certificate)}
            )
        )
        assert server.credentials == [None]
