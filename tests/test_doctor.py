"""`sonickube doctor` as a user runs it: what it finds, what it advises, what it keeps to itself."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from rich.cells import cell_len

from command import command, environment, sonickube
from peer import peer
from sonickube_tui import doctor as room
from sonickube_tui.assemble import engine
from sonickube_tui.cluster.simulated.server import SimulatedCluster
from sonickube_tui.doctor import Check, State, examine
from sonickube_tui.engine.builtin.parts import missing
from sonickube_tui.event import Kind
from sonickube_tui.settings import Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
TOKEN = -1234567890

Done = subprocess.CompletedProcess[str]


def kubeconfig(
    folder: Path, server: str, contexts: Iterable[str] = ("real",), user: str = "{token: t}"
) -> Path:
    """One whose current context is the first."""
    current, *_ = contexts
    names = "".join(f'- {{name: "{name}", context: {{cluster: c, user: u}}}}\n' for name in contexts)
    file = folder / "kubeconfig"
    file.write_text(
        f"""
apiVersion: v1
kind: Config
current-context: "{current}"
clusters: [{{name: c, cluster: {{server: "{server}"}}}}]
contexts:
{names}
users: [{{name: u, user: {user}}}]
"""
    )
    return file


async def doctor(home: Path, server: str, *args: str, **env: str) -> Done:
    """Run it against a server, while servers and peers of this test go on."""
    file = str(kubeconfig(home, server))
    return await asyncio.to_thread(sonickube, home, "doctor", "--kubeconfig", file, *args, **env)


async def examined(home: Path, server: str, **settings: Any) -> dict[str, Check]:
    """What the same looks at outside, without a process of its own; without sound unless that is set."""
    file = str(kubeconfig(home, server))
    chosen = Settings(kubeconfig=file, **({"engine": "silent"} | settings))
    found = await examine(chosen, partial(engine, chosen, required=True))
    return {check.name: check for check in found}


def checks(done: Done) -> dict[str, dict[str, str]]:
    """The checks of `--json` by name; the last of a name, which has the advice, stands for it."""
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert set(report) == {"works", "checks"}
    assert all(set(check) == {"name", "state", "says", "advice"} for check in report["checks"])
    assert all("\n" not in check["says"] + check["advice"] for check in report["checks"])
    assert report["works"] is (done.returncode == 0)
    assert report["works"] is not any(check["state"] == "failed" for check in report["checks"])
    return {check["name"]: check for check in report["checks"]}


# The whole


async def test_where_all_is_well_it_says_so_within_80_columns(tmp_path: Path) -> None:
    _, address = await peer(TOKEN)
    named = f"127.0.0.1:{address.port}:{TOKEN}"
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url, "--sonic-pi", named)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "✓ kubeconfig  /" in done.stdout
    assert f"✓ api server  Kubernetes v1.31.0+simulated at {cluster.url} answered in" in done.stdout
    assert "✓ permissions pods: list and watch in all namespaces" in done.stdout
    assert f"✓ test sound  Sonic Pi 4.5.1 :{address.port} played it and reported back after" in done.stdout
    assert f"✓ theme       classic: {len(Kind)} of {len(Kind)} kinds of events have a sound" in done.stdout
    files = len(list((ROOT / "snippets" / "classic").glob("*.rb")))
    assert f"✓ snippets    {files} files, all of them Ruby" in done.stdout
    assert done.stdout.endswith("\nThe main job would work.\n")
    assert max(map(cell_len, done.stdout.splitlines())) <= 80


async def test_json_is_one_object_and_nothing_else(tmp_path: Path) -> None:
    _, address = await peer(None, version="v3.2.2")
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url, "--sonic-pi", f"127.0.0.1:{address.port}", "--json")
    found = checks(done)
    assert done.returncode == 0
    assert list(found) == [
        "kubeconfig", "api server", "permissions", "sonic pi", "installed", "player", "test sound", "theme",
        "snippets", "terminal",
    ]  # fmt: skip
    assert found["kubeconfig"]["says"].endswith("/kubeconfig: real (current)")
    assert found["test sound"]["says"].startswith(f"Sonic Pi 3.2.2 :{address.port} played it")
    assert found["terminal"]["state"] == "warning"


async def test_without_an_engine_the_sound_is_skipped_and_that_is_said(tmp_path: Path) -> None:
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url, "--engine", "silent", "--json")
    found = checks(done)
    assert done.returncode == 0
    assert found["test sound"]["state"] == "warning"
    assert found["test sound"]["says"].startswith("skipped")
    assert "sonic pi" not in found
    assert "installed" not in found


def test_the_failed_are_named_in_the_last_line(tmp_path: Path) -> None:
    done = sonickube(tmp_path, "doctor", "--sonic-pi", "127.0.0.1:9", "--theme", "jazz")
    assert done.returncode == 1
    assert done.stdout.endswith("\nThe main job would not work: kubeconfig, test sound, theme.\n")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--sonic-pi", "localhost"], "must be HOST:PORT"),
        (["--sonic-pi", f"localhost:1:{TOKEN}:"], "must be HOST:PORT"),
        (["--snippets", "nowhere"], "there is no snippet folder nowhere"),
        (["--config", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["--engine", "loud"], "'loud' is not one of"),
        (["--headless"], "No such option"),
    ],
)
def test_bad_flags_are_one_line(tmp_path: Path, args: list[str], says: str) -> None:
    done = sonickube(tmp_path, "doctor", *args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert str(TOKEN) not in done.stderr


# The cluster


def test_without_a_kubeconfig_nothing_of_the_cluster_is_looked_at(tmp_path: Path) -> None:
    done = sonickube(tmp_path, "doctor", "--engine", "silent", "-l", "app=cart", "--json")
    found = checks(done)
    assert done.returncode == 1
    assert found["kubeconfig"]["state"] == "failed"
    assert found["kubeconfig"]["says"] == "no kubeconfig at ~/.kube/config"
    assert "--kubeconfig" in found["kubeconfig"]["advice"]
    for name in ("api server", "permissions", "selector"):
        assert (found[name]["state"], found[name]["says"]) == (
            "warning", "not looked at, for want of: kubeconfig"
        )  # fmt: skip


async def test_contexts_are_listed_and_the_current_one_is_marked(tmp_path: Path) -> None:
    async with SimulatedCluster() as cluster:
        file = kubeconfig(
            tmp_path, cluster.url, ["current", *(f"c{number}" for number in range(9)), "\\e[31mred"]
        )
        args = ("doctor", "--engine", "silent", "--json", "--context", "c7", "--kubeconfig", str(file))
        done = await asyncio.to_thread(sonickube, tmp_path, *args)
        assert done.returncode == 0
        says = "current (current), c7 (used), c0, c1, c2, c3, c4, c5 and 3 more"
        assert checks(done)["kubeconfig"]["says"] == f"{file}: {says}"
        file = kubeconfig(tmp_path, cluster.url, ["\\e[31mred"])
        done = await asyncio.to_thread(sonickube, tmp_path, *args[:2], "silent", *args[-2:])
        assert "[31mred (current)" in done.stdout
        assert "\x1b" not in done.stdout


async def test_a_context_that_is_not_there_is_a_failure_with_those_that_are(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, "http://127.0.0.1:1")
    args = ("doctor", "--engine", "silent", "--json", "--context", "prod", "--kubeconfig", str(file))
    found = checks(await asyncio.to_thread(sonickube, tmp_path, *args))
    assert found["kubeconfig"]["says"].endswith("has no context 'prod'")
    assert found["kubeconfig"]["advice"] == "it has: real"


def in_several(file: Path, servers: dict[str, str], **users: Any) -> Settings:
    """Settings that name the contexts of a kubeconfig which has one for each server."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}} for name, server in servers.items()],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in servers],
        "users": [{"name": name, "user": users.get(name, {"token": "t"})} for name in servers],
    }
    file.write_text(json.dumps(config))
    return Settings(kubeconfig=str(file), contexts=tuple(servers), engine="silent")


async def test_each_of_several_contexts_is_looked_at(tmp_path: Path) -> None:
    async with SimulatedCluster() as eu, SimulatedCluster() as us:
        servers = {"eu": eu.url, "us": us.url, "down": "http://127.0.0.1:1"}
        settings = in_several(tmp_path / "kubeconfig", servers)
        found = await examine(settings, partial(engine, settings, required=True))
    told = [(check.name, check.state.value, check.says.partition(" at ")[0]) for check in found]
    assert told[:-1] == [
        ("kubeconfig", "ok", f"{settings.kubeconfig}: eu (used), us (used), down (used)"),
        ("api server", "ok", "eu: Kubernetes v1.31.0+simulated"),
        ("api server", "ok", "us: Kubernetes v1.31.0+simulated"),
        ("api server", "failed", "down: http://127.0.0.1:1: Connection refused"),
        ("permissions", "ok", "eu: pods: list and watch in all namespaces"),
        ("permissions", "ok", "us: pods: list and watch in all namespaces"),
        ("permissions", "warning", "down: not looked at, for want of: api server"),
    ]
    assert "VPN" in found[3].advice


async def test_contexts_that_are_one_server_are_told(tmp_path: Path) -> None:
    async with SimulatedCluster() as one, SimulatedCluster() as other:
        servers = {"prod": one.url, "other": other.url, "admin": one.url}
        settings = in_several(tmp_path / "kubeconfig", servers)
        found = await examine(settings, partial(engine, settings, required=True))
    [warning] = [check for check in found if check.name == "contexts"]
    assert warning.state is State.WARNING
    assert warning.says.startswith(f"prod and admin are the same server {one.url}: ")


async def test_contexts_without_a_way_to_their_server_are_not_the_same(tmp_path: Path) -> None:
    fails = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "false"}}
    servers = {"eu": "http://127.0.0.1:1", "us": "http://127.0.0.1:2"}
    settings = in_several(tmp_path / "kubeconfig", servers, eu=fails, us=fails)
    found = await examine(settings, partial(engine, settings, required=True))
    assert [(check.name, check.state.value) for check in found if check.state is State.FAILED] == [
        ("kubeconfig", "failed"), ("kubeconfig", "failed")
    ]  # fmt: skip
    assert "contexts" not in {check.name for check in found}


async def test_a_refused_connection(tmp_path: Path) -> None:
    found = checks(await doctor(tmp_path, "http://127.0.0.1:1", "--engine", "silent", "--json"))
    assert found["kubeconfig"]["state"] == "ok"
    assert found["api server"]["state"] == "failed"
    assert found["api server"]["says"] == "http://127.0.0.1:1: Connection refused"
    assert "VPN" in found["api server"]["advice"]
    assert found["permissions"]["says"] == "not looked at, for want of: api server"


async def test_when_nobody_answers_it_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and says no more, and two addresses where somebody keeps silent."""
    monkeypatch.setattr(room, "ANSWER_LIMIT", 3.0)
    monkeypatch.setenv("SONIC_PI_HOME", str(tmp_path))
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    log = tmp_path / ".sonic-pi" / "log" / "server-output.log"
    log.parent.mkdir(parents=True)
    _, old = await peer(None, answers=False)
    log.write_text(f"Listen port: {old.port}\n")
    _, silent = await peer(None, answers=False)
    began = time.monotonic()
    found = await examined(tmp_path, url, engine="auto", sonic_pi=f"127.0.0.1:{silent.port}")
    took = time.monotonic() - began
    server.close()
    assert took < 4.5
    assert found["api server"].says == f"{url} gave no answer within 3 s"
    assert found["sonic pi"].state is State.WARNING
    assert "--sonic-pi HOST:PORT" in found["sonic pi"].advice
    assert found["test sound"].says == f"no Sonic Pi answers at :{silent.port}"
    assert found["test sound"].advice.startswith("start it")


async def test_a_credential_plug_in_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    says = '["-c", "echo log in >&2; exit 3"]'
    plugin = f"{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, args: {says}}}}}"
    file = kubeconfig(tmp_path, "http://127.0.0.1:1", user=plugin)
    args = ("doctor", "--engine", "silent", "--json", "--kubeconfig", str(file))
    found = checks(await asyncio.to_thread(sonickube, tmp_path, *args))
    assert "log in" in found["kubeconfig"]["says"]


class Rights:
    """What a user may do with pods: verbs by namespace, those of the empty name in all of them."""

    def __init__(self, verbs: dict[str, str], *, namespaces: bool = True) -> None:
        self.verbs = verbs
        self.namespaces = namespaces

    def may(self, verb: str, namespace: str) -> bool:
        return verb in self.verbs.get("", "").split() + self.verbs.get(namespace, "").split()


def status(code: int, reason: str, message: str) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    return web.json_response(body | {"reason": reason, "code": code}, status=code)


@asynccontextmanager
async def serving(answer: Any) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def api_server(rights: Rights) -> Any:
    """Answers as a real API server with RBAC does."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/version":
            return web.json_response({"major": "1", "minor": "31", "gitVersion": "v1.31.4"})
        if request.path == "/api/v1/namespaces" and rights.namespaces:
            names = [
                {"metadata": {"name": name}, "spec": {"finalizers": ["kubernetes"]}}
                for name in ("a", "b", "c")
            ]
            return web.json_response(
                {"kind": "NamespaceList", "metadata": {"resourceVersion": "7"}, "items": names}
            )
        if request.path.endswith("/selfsubjectaccessreviews") and request.method == "POST":
            review = await request.json()
            asked = review["spec"]["resourceAttributes"]
            assert asked["resource"] == "pods"
            verdict = {"allowed": rights.may(asked["verb"], asked["namespace"])}
            return web.json_response(review | {"status": verdict}, status=201)
        return status(
            403,
            "Forbidden",
            'namespaces is forbidden: User "viewer" cannot list resource "namespaces" in API group "" at the '
            "cluster scope",
        )

    return answer


BOTH = "list watch"


@pytest.mark.parametrize(
    ("rights", "namespaces", "state", "says", "advice"),
    [
        (Rights({"": BOTH}), (), "ok", "pods: list and watch in all namespaces", ""),
        (
            Rights({"": "list"}), (), "failed",
            "pods: denied is watch in all namespaces", "ask for it, or name a namespace with -n",
        ),
        (
            Rights({"a": BOTH, "c": BOTH}), (), "warning",
            "pods: list and watch in a, c, not in others", "-n chooses among them",
        ),
        (
            Rights({"a": BOTH, "b": "list"}), (), "failed",
            "pods: denied is watch in b", "ask for it, or follow only -n a",
        ),
        (
            Rights({"b": "watch"}), (), "failed",
            "pods: list is denied cluster-wide and in a, b, c", "name a namespace where you have it, with -n",
        ),
        (
            Rights({"default": BOTH}, namespaces=False), (), "warning",
            "pods: list and watch in default, not in others", "-n chooses among them",
        ),
        (
            Rights({"a": BOTH}, namespaces=False), (), "failed",
            "pods: list is denied cluster-wide and in default", "name a namespace where you have it, with -n",
        ),
        (Rights({"a": BOTH, "b": BOTH}), ("a", "b"), "ok", "pods: list and watch in a, b", ""),
        (
            Rights({"a": BOTH}), ("a", "b"), "failed",
            "pods: denied is list and watch in b", "ask for it, or follow only -n a",
        ),
    ],
)  # fmt: skip
async def test_permissions(
    tmp_path: Path, rights: Rights, namespaces: tuple[str, ...], state: State, says: str, advice: str
) -> None:
    async with serving(api_server(rights)) as url:
        found = await examined(tmp_path, url, namespaces=namespaces)
    assert found["permissions"] == Check("permissions", State(state), says, advice)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("sho*",), "pods: list and watch in shop"),
        (("!kube-*", "!sho*", "!batch"), "pods: list and watch in payments, search"),
        (("team-*",), "no namespace matches team-* yet"),
    ],
)
async def test_patterns_are_asked_for_by_the_namespaces_that_match(
    tmp_path: Path, given: tuple[str, ...], says: str
) -> None:
    async with SimulatedCluster() as cluster:
        found = await examined(tmp_path, cluster.url, namespaces=given)
    assert found["permissions"].says == says


@pytest.mark.parametrize(
    ("answer", "says", "advice"),
    [
        (status(401, "Unauthorized", "Unauthorized"), "refused (401): Unauthorized", "log in again"),
        (
            status(403, "Forbidden", 'User "system:anonymous" cannot get path "/version"'),
            'refused (403): User "system:anonymous" cannot get path "/version"',
            "what the context's user may do",
        ),
        (web.Response(status=404, text="no such page"), "refused (404): no such page", "check the server"),
        (
            web.Response(text="<html>a portal</html>"),
            "does not answer as Kubernetes does",
            "check the server",
        ),
        (web.json_response({}), "does not answer as Kubernetes does", "check the server"),
        (status(503, "ServiceUnavailable", "etcd is away"), "refused (503): etcd is away", "try again later"),
    ],
    ids=["401", "403", "404", "html", "json", "503"],
)
async def test_a_server_that_refuses(tmp_path: Path, answer: web.Response, says: str, advice: str) -> None:
    copy = {"status": answer.status, "body": answer.body, "content_type": answer.content_type}

    async def same(request: web.Request) -> web.Response:
        return web.Response(**copy)

    async with serving(same) as url:
        found = await examined(tmp_path, url)
    assert found["api server"].state is State.FAILED
    assert found["api server"].says == f"{url} {says}"
    assert advice in found["api server"].advice
    assert found["permissions"] == Check(
        "permissions", State.WARNING, "not looked at, for want of: api server"
    )


async def test_one_who_may_not_even_ask_what_is_allowed(tmp_path: Path) -> None:
    message = (
        'selfsubjectaccessreviews.authorization.k8s.io is forbidden: User "system:anonymous" cannot create '
        'resource "selfsubjectaccessreviews" in API group "authorization.k8s.io" at the cluster scope'
    )

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/version":
            return web.json_response({"gitVersion": "v1.31.4"})
        return status(403, "Forbidden", message)

    async with serving(answer) as url:
        found = await examined(tmp_path, url)
    assert found["api server"].state is State.OK
    assert found["permissions"].state is State.FAILED
    assert message in found["permissions"].says


@pytest.mark.parametrize(
    ("selector", "state", "says"),
    [
        ("app in (cart, web)", "ok", "is understood"),
        ("app in (", "failed", "refused (400)"),
    ],
)
async def test_the_selector_is_tried(tmp_path: Path, selector: str, state: str, says: str) -> None:
    async with SimulatedCluster() as cluster:
        found = await examined(tmp_path, cluster.url, selector=selector)
    assert found["selector"].state == state
    assert says in found["selector"].says


# Sonic Pi


async def test_one_found_by_its_log_has_a_version_and_keeps_its_token(tmp_path: Path) -> None:
    sonic_pi, address = await peer(TOKEN)
    log = tmp_path / ".sonic-pi" / "log" / "spider.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"Ports: {{:server_port=>{address.port}, :gui_port=>1}}\nToken: {TOKEN}\n")
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url)
        as_json = await doctor(tmp_path, cluster.url, "--json")
    assert done.returncode == as_json.returncode == 0, done.stdout
    assert f"✓ sonic pi    Sonic Pi 4.5.1 :{address.port} (spider.log, with a token)" in done.stdout
    assert f"✓ test sound  Sonic Pi 4.5.1 :{address.port} played it" in done.stdout
    assert any("use_random_seed 1" in code for code in sonic_pi.codes)
    said = done.stdout + done.stderr + as_json.stdout + as_json.stderr
    assert str(TOKEN).lstrip("-") not in said


@pytest.mark.parametrize("given", [f":{TOKEN + 1}", ""])
async def test_a_wrong_token_is_told_from_the_right_one_without_either(tmp_path: Path, given: str) -> None:
    _, address = await peer(TOKEN)
    log = tmp_path / ".sonic-pi" / "log" / "spider.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"Ports: {{:server_port=>{address.port}}}\nToken: {TOKEN}\n")
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url, "--sonic-pi", f"127.0.0.1:{address.port}{given}")
    assert done.returncode == 1
    token = ", with a token" if given else ""
    assert f"! sonic pi    nobody answers at :{address.port} (--sonic-pi{token})" in done.stdout
    assert f"✓             Sonic Pi 4.5.1 :{address.port} (spider.log, with a token)" in done.stdout
    assert f"✗ test sound  no Sonic Pi answers at :{address.port}" in done.stdout
    assert "The main job would not work: test sound." in done.stdout
    assert "12345678" not in done.stdout + done.stderr


async def test_another_machine_is_not_asked_until_that_is_allowed(tmp_path: Path) -> None:
    args = ("--sonic-pi", f"192.0.2.1:4557:{TOKEN}", "--json")
    async with SimulatedCluster() as cluster:
        done = await doctor(tmp_path, cluster.url, *args)
    found = checks(done)
    assert done.returncode == 1
    assert "192.0.2.1:4557 is another machine" in found["test sound"]["says"]
    assert "--allow-remote" in found["test sound"]["advice"]
    assert "--sonic-pi)" not in done.stdout
    assert str(TOKEN) not in done.stdout + done.stderr


async def test_a_folder_without_a_sonic_pi(tmp_path: Path) -> None:
    async with SimulatedCluster() as cluster:
        args = ("--engine", "boot", "--sonic-pi-app", str(tmp_path), "--json")
        done = await doctor(tmp_path, cluster.url, *args)
    found = checks(done)
    assert done.returncode == 1
    assert found["installed"]["state"] == "warning"
    assert found["test sound"]["state"] == "failed"
    for name in ("installed", "test sound"):
        assert found[name]["says"] == f"there is no Sonic Pi in {tmp_path}"


async def test_a_sonic_pi_that_does_not_come_up_is_told_with_what_it_said(tmp_path: Path) -> None:
    script = tmp_path / "app" / "server" / "ruby" / "bin" / "daemon.rb"
    script.parent.mkdir(parents=True)
    script.touch()
    ruby = tmp_path / "app" / "server" / "native" / "ruby" / "bin" / "ruby"
    ruby.parent.mkdir(parents=True)
    ruby.write_text("#!/bin/sh\necho no sound card\n")
    ruby.chmod(0o755)
    async with SimulatedCluster() as cluster:
        args = ("--engine", "boot", "--sonic-pi-app", str(tmp_path), "--json")
        done = await doctor(tmp_path, cluster.url, *args)
    sound = checks(done)["test sound"]
    assert sound["state"] == "failed"
    assert sound["says"].startswith("Sonic Pi could not be started: ")
    assert "no sound card" in sound["says"]
    assert "--audio dummy" in sound["advice"]


async def test_the_bridge_that_is_not_pasted_yet(tmp_path: Path) -> None:
    done = await doctor(tmp_path, "http://127.0.0.1:1", "--engine", "bridge", "--json")
    sound = checks(done)["test sound"]
    assert sound["says"] == "the bridge does not answer"
    assert "sonickube --engine bridge" in sound["advice"]


# Theme and snippets


def lint(home: Path, *args: str) -> dict[str, dict[str, str]]:
    return checks(sonickube(home, "doctor", "--engine", "silent", "--json", *args))


def own(home: Path, name: str) -> Path:
    file = home / "config" / "sonickube" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def test_a_broken_snippet_is_named_with_its_line(tmp_path: Path) -> None:
    file = own(tmp_path, "snippets/classic/crash_loop.rb")
    file.write_text("play 60\nplay chord(:e3\n")
    found = lint(tmp_path)
    assert found["snippets"]["state"] == "warning"
    assert found["snippets"]["says"].startswith(f"{file}, line 2: missing ')'")
    assert found["theme"]["state"] == "ok"


@pytest.mark.parametrize(
    ("broken", "state", "says"),
    [
        ("scheduled", "warning", "scheduled sounds as created without scheduled.rb"),
        ("crash_loop", "failed", "crash_loop is silent without crash_loop.rb"),
    ],
)
def test_a_kind_without_the_sound_it_names_is_told_with_the_themes_line(
    tmp_path: Path, broken: str, state: str, says: str
) -> None:
    text = (ROOT / "themes" / "classic.toml").read_text().replace('name = "classic"', 'name = "mine"')
    theme = own(tmp_path, "themes/mine.toml")
    theme.write_text(text)
    for file in (ROOT / "snippets" / "classic").glob("*.rb"):
        own(tmp_path, f"snippets/mine/{file.name}").write_text(file.read_text())
    own(tmp_path, f"snippets/mine/{broken}.rb").write_text("play (\n")
    line = text.splitlines().index(f'{broken} = "{broken}"') + 1
    found = lint(tmp_path, "--theme", "mine")
    assert found["theme"]["state"] == state
    assert found["theme"]["says"] == f"{theme}, line {line}: {says}"
    assert found["snippets"]["state"] == "warning"


def test_a_theme_without_its_snippets(tmp_path: Path) -> None:
    text = (ROOT / "themes" / "zen.toml").read_text().replace('name = "zen"', 'name = "mine"')
    own(tmp_path, "themes/mine.toml").write_text(text)
    found = lint(tmp_path, "--theme", "mine")
    assert found["theme"]["state"] == "failed"
    assert found["theme"]["says"].endswith(f"and {len(Kind) - 8} more")
    assert not (tmp_path / "config" / "sonickube" / "snippets").exists()


def test_a_theme_that_is_not_there_or_no_theme(tmp_path: Path) -> None:
    found = lint(tmp_path, "--theme", "jazz")
    assert (found["theme"]["says"], found["theme"]["advice"]) == (
        "no theme called 'jazz'", "there are: classic, zen"
    )  # fmt: skip
    own(tmp_path, "themes/odd.toml").write_text("name = odd\n")
    found = lint(tmp_path, "--theme", "odd")
    assert found["theme"]["state"] == "failed"
    assert "odd.toml: " in found["theme"]["says"]
    assert "line 1" in found["theme"]["says"]


# The terminal


UNSET = ("COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "PYTHONIOENCODING")


def in_a_terminal(home: Path, columns: int, rows: int, **env: str) -> str:
    """What it shows in a terminal of that size."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    plain = {key: value for key, value in environment(home).items() if key not in UNSET}
    process = subprocess.Popen(
        command("doctor", "--engine", "silent"),
        env={**plain, "TERM": "xterm", **env},
        stdin=its,
        stdout=its,
        stderr=its,
        cwd=home,
    )
    os.close(its)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # Linux says so when the other end is closed.
        pass
    finally:
        os.close(ours)
        process.wait(30)
    return shown.decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("size", "env", "says"),
    [
        ((100, 30), {"COLORTERM": "truecolor"}, ["100x30, 24-bit colour, UTF-8"]),
        ((80, 24), {"TERM": "xterm-256color"}, ["80x24, 256 colours, UTF-8"]),
        (
            (80, 24), {"TERM": "xterm-256color", "NO_COLOR": "1"},
            ["80x24, 256 colours (off, as NO_COLOR says), UTF-8"],
        ),
        ((79, 24), {"COLORTERM": "truecolor"}, ["79x24", "make it 80x24 or larger"]),
        ((80, 23), {"COLORTERM": "truecolor"}, ["80x23", "make it 80x24 or larger"]),
        ((80, 24), {"TERM": "xterm"}, ["16 colours or fewer", "export COLORTERM=truecolor"]),
        (
            (80, 24), {"COLORTERM": "truecolor", "PYTHONIOENCODING": "iso8859-1"},
            ["iso8859-1 in place of UTF-8", "x kubeconfig", "! terminal"],
        ),
    ],
)  # fmt: skip
def test_the_terminal(tmp_path: Path, size: tuple[int, int], env: dict[str, str], says: list[str]) -> None:
    shown = in_a_terminal(tmp_path, *size, **env)
    assert "Traceback" not in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    for text in says:
        assert text in plain
    assert max(cell_len(line.rstrip("\r")) for line in plain.splitlines()) <= size[0]
    assert ("\x1b" in shown) is ("NO_COLOR" not in env)


async def test_the_built_in_player_is_tried_where_it_is_chosen(tmp_path: Path) -> None:
    async with SimulatedCluster() as cluster:
        found = await examined(tmp_path, cluster.url, engine="builtin", audio="dummy")
    assert [check for check in found if "sonic" in check] == []
    if lack := missing():
        assert found["test sound"].state == "failed"
        assert lack[0] in found["player"].says
    else:
        assert found["test sound"].says.startswith("built-in player played it and reported back after")
