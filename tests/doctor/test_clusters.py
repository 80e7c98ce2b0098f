"""What the doctor says of clusters and of what the user may read there."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from command import sonickube
from configured import kubeconfig_of
from gate import serving, status
from patient import checks, doctor, examined, kubeconfig
from peer import peer
from sonickube_tui.assemble import engine
from sonickube_tui.cluster.simulated.server import SimulatedCluster
from sonickube_tui.doctor import cluster as doctor_cluster
from sonickube_tui.doctor import examine
from sonickube_tui.doctor import sound as doctor_sound
from sonickube_tui.doctor.check import Check, State
from sonickube_tui.settings import Settings

pytestmark = pytest.mark.slow


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
    return Settings(
        kubeconfig=kubeconfig_of(file, servers, **users), contexts=tuple(servers), engine="silent"
    )


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
    for room in (doctor_cluster, doctor_sound):
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
    assert "SONICKUBE_SONIC_PI=HOST:PORT" in found["sonic pi"].advice
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
        (
            web.Response(body=b'{"gitVersion":"\xff"}', content_type="application/json"),
            "does not answer as Kubernetes does",
            "check the server",
        ),
        (status(503, "ServiceUnavailable", "etcd is away"), "refused (503): etcd is away", "try again later"),
    ],
    ids=["401", "403", "404", "html", "json", "utf8", "503"],
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
