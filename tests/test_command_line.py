"""The command line: help, headless output for scripts, and one clear line for everything that is wrong."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from command import command, environment, sonickube
from players import PaperEngine, conductor
from sonickube_tui.cluster.simulated import SimulatedCluster
from sonickube_tui.entry import Listener
from sonickube_tui.event import Connection, Link
from sonickube_tui.headless import _Printer

pytestmark = pytest.mark.slow

FIELDS = {
    "seq", "at", "cluster", "namespace", "pod", "kind", "severity", "reason", "message", "seen", "count",
    "snippet", "fate", "heard", "after_ms", "problem", "line",
}  # fmt: skip


def kubeconfig(file: Path, server: str, context: str = "real") -> Path:
    file.write_text(
        f"""
apiVersion: v1
kind: Config
current-context: {context}
clusters: [{{name: c, cluster: {{server: "{server}"}}}}]
contexts: [{{name: real, context: {{cluster: c, user: u}}}}]
users: [{{name: u, user: {{token: t}}}}]
"""
    )
    return file


def refused(done: subprocess.CompletedProcess[str], *says: str) -> None:
    """One clear line on stderr, exit code 2, and nothing on stdout."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for text in says:
        assert text in done.stderr


def test_help_and_version(tmp_path: Path) -> None:
    top = sonickube(tmp_path, "--help")
    assert top.returncode == 0
    assert "sonickube demo" in top.stdout
    assert "--selector" in sonickube(tmp_path, "watch", "--help").stdout
    assert "--scenario" in sonickube(tmp_path, "demo", "-h").stdout
    assert sonickube(tmp_path, "--version").stdout.startswith("sonickube 0.")


def test_themes_are_listed_a_line_each(tmp_path: Path) -> None:
    own = tmp_path / "config" / "sonickube" / "themes" / "mine.toml"
    own.parent.mkdir(parents=True)
    shipped = Path(__file__).parent.parent / "themes" / "zen.toml"
    own.write_text(shipped.read_text().replace('name = "zen"', 'name = "mine"'))
    lines = sonickube(tmp_path, "themes").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["classic", "zen", "mine"]
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["demo", "--headless", "--scenario", "apocalypse"], ["no scenario called 'apocalypse'", "incident"]),
        (["demo", "--headless", "--theme", "jazz"], ["no theme called 'jazz'; there are: classic, zen"]),
        (["demo", "--headless", "--snippets", "nowhere"], ["there is no snippet folder nowhere"]),
        (
            ["demo", "--headless", "--sonic-pi", "localhost:70000"],
            ["between 1 and 65535; it stands before the token"],
        ),
        (["demo", "--headless", "--sonic-pi", "localhost"], ["must be HOST:PORT"]),
        (
            ["demo", "--headless", "--engine", "loud"],
            ["'loud' is not one of 'auto', 'sonic-pi', 'boot', 'bridge', 'builtin', 'silent'"],
        ),
        (["demo", "--headless", "--for", "0"], ["--for"]),
        (["demo", "--headless", "--config", "nowhere.toml"], ["nowhere.toml cannot be read"]),
        (
            ["demo", "--headless", "--engine", "sonic-pi", "--sonic-pi", "127.0.0.1:9"],
            ["no Sonic Pi answers"],
        ),
        (["demo"], ["needs a terminal", "--headless"]),
        (["--headless"], ["no kubeconfig at ~/.kube/config", "sonickube demo"]),
        (["--stdin"], ["the console needs a terminal", "--headless"]),
        (["--stdin", "--headless", "-l", "app=cart"], ["give -l to kubectl"]),
        (["--stdin", "--headless", "--context", "eu", "--context", "us"], ["with one --context"]),
        (["--headless", "--kubeconfig", "nowhere"], ["no kubeconfig at nowhere"]),
        (["sing"], ["No such command 'sing'"]),
        (["demo", "--headless", "-n", "!"], ["'!' is no namespace", "team-*"]),
        (["demo", "--headless", "-n", ""], ["'' is no namespace"]),
        (["demo", "--headless", "-l", "app in ("], ["does not understand the selector 'app in ('"]),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path: Path, args: list[str], says: list[str]) -> None:
    refused(sonickube(tmp_path, *args), *says)


def test_a_config_with_a_wrong_type_is_named(tmp_path: Path) -> None:
    config = tmp_path / "config" / "sonickube" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("theme = 3\n")
    refused(sonickube(tmp_path, "demo", "--headless"), str(config), "theme: Expected `str`, got `int`")


def test_a_theme_with_an_unknown_kind_is_named(tmp_path: Path) -> None:
    shipped = Path(__file__).parent.parent / "themes" / "zen.toml"
    own = tmp_path / "config" / "sonickube" / "themes" / "odd.toml"
    own.parent.mkdir(parents=True)
    text = shipped.read_text().replace('name = "zen"', 'name = "odd"')
    own.write_text(text.replace("[snippets]", '[snippets]\nexploded = "thunder"'))
    refused(
        sonickube(tmp_path, "demo", "--headless", "--theme", "odd"), "odd.toml: [snippets] has 'exploded'"
    )


def test_a_context_that_is_not_there(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1")
    done = sonickube(tmp_path, "--headless", "--kubeconfig", str(file), "--context", "prod")
    refused(done, "has no context 'prod'; it has: real")


def several(file: Path, **servers: str) -> str:
    """A kubeconfig with a context for each server; its path."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}} for name, server in servers.items()],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "u"}} for name in servers],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    file.write_text(json.dumps(config))
    return str(file)


async def test_several_contexts_are_followed_at_once_and_one_that_fails_is_told(tmp_path: Path) -> None:
    forbidden = refusing(403, "Forbidden", "pods is forbidden")
    async with SimulatedCluster(seed=1) as eu, SimulatedCluster(seed=2) as us, forbidden as shut:
        file = several(tmp_path / "kubeconfig", eu=eu.url, us=us.url, shut=shut, unused="http://127.0.0.1:1")
        args = ("--headless", "--engine", "silent", "--for", "8", "--kubeconfig", file)
        contexts = ("--context", "eu", "--context", "us", "--context", "shut")
        done = await asyncio.to_thread(sonickube, tmp_path, *args, *contexts)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["cluster"] for event in events if event["namespace"] != "sonickube"} == {"eu", "us"}
    ours = [(event["cluster"], event["kind"]) for event in events if event["namespace"] == "sonickube"]
    assert ours == [("shut", "source_lost")]
    for name in ("eu", "us"):
        assert re.search(rf"^sonickube: {name}: watching, \d+ pods$", done.stderr, re.MULTILINE)
    assert done.stderr.count("sonickube: shut: refused: this user may not list pods of shut") == 1
    assert "unused" not in done.stderr


async def test_when_all_of_several_refuse_it_ends_with_one_line(tmp_path: Path) -> None:
    async with refusing(401, "Unauthorized", "Unauthorized") as url:
        file = several(tmp_path / "kubeconfig", eu=url, us=url)
        args = ("--headless", "--kubeconfig", file, "--context", "eu", "--context", "us")
        done = await asyncio.to_thread(sonickube, tmp_path, *args)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if "none of the 2 clusters can be followed" in line]
    for name in ("eu", "us"):
        assert f"{name} does not accept the credentials of its kubeconfig user; log in again" in line


def test_contexts_of_several_that_are_not_there_are_all_named_at_once(tmp_path: Path) -> None:
    file = several(tmp_path / "kubeconfig", eu="http://127.0.0.1:1")
    done = sonickube(tmp_path, "--headless", "--kubeconfig", file, SONICKUBE_CONTEXTS="eu,us,ap")
    refused(done, "has no context 'us', 'ap'; it has: eu")


def test_how_a_list_comes_in_is_told_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    desk = conductor(PaperEngine(), Listener())
    printer = _Printer(desk, io.BytesIO(), asyncio.Event())
    for page in range(21):
        for cluster, link in (("eu", Link.LISTING), ("us", Link.RECONNECTING)):
            printer.connection(
                Connection(
                    at=100.0 + page / 4,
                    cluster=cluster,
                    link=link,
                    pods=500 * page,
                    expected=10_000 if cluster == "eu" else 0,
                    detail="" if cluster == "eu" else "Connection refused",
                )
            )
    printer.connection(Connection(at=106.0, cluster="eu", link=Link.WATCHING, pods=10_000))
    assert capsys.readouterr().err.splitlines() == [
        "sonickube: eu: listing, 0 of 10,000 pods",
        "sonickube: us: reconnecting: Connection refused",
        "sonickube: eu: listing, 4,000 of 10,000 pods",
        "sonickube: eu: listing, 8,000 of 10,000 pods",
        "sonickube: eu: watching, 10,000 pods",
    ]


def test_a_file_that_is_no_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text("hello")
    refused(sonickube(tmp_path, "--headless", "--kubeconfig", "kubeconfig"), "kubeconfig is not a kubeconfig")


def test_a_credential_plug_in_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1")
    says = '["-c", "echo log in >&2; exit 3"]'
    plugin = f"{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, args: {says}}}}}"
    file.write_text(file.read_text().replace("{token: t}", plugin))
    refused(sonickube(tmp_path, "--headless", "--kubeconfig", str(file)), "credentials of user 'u'", "log in")


def test_a_refused_connection_is_told_and_tried_again(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1")
    done = sonickube(tmp_path, "--headless", "--kubeconfig", str(file), "--for", "3", "--engine", "silent")
    assert done.returncode == 0
    assert "Connection refused; trying again in" in done.stderr
    assert "0 events" in done.stderr


@asynccontextmanager
async def refusing(code: int, reason: str, message: str) -> AsyncIterator[str]:
    """A server that answers everything with one Status, as a real API server words it."""

    async def handle(request: web.Request) -> web.Response:
        status = {"kind": "Status", "status": "Failure", "message": message, "reason": reason, "code": code}
        return web.json_response(status, status=code)

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("code", "reason", "message", "says"),
    [
        (401, "Unauthorized", "Unauthorized", "does not accept the credentials"),
        (
            403,
            "Forbidden",
            'pods is forbidden: User "viewer" cannot list resource',
            "verbs list and watch on pods",
        ),
        (404, "NotFound", "the server could not find the requested resource", "is no Kubernetes API server"),
    ],
)
async def test_a_cluster_that_refuses(
    tmp_path: Path, code: int, reason: str, message: str, says: str
) -> None:
    async with refusing(code, reason, message) as url:
        file = kubeconfig(tmp_path / "kubeconfig", url)
        done = await asyncio.to_thread(sonickube, tmp_path, "--headless", "--kubeconfig", str(file))
    refused_lines = [line for line in done.stderr.splitlines() if says in line]
    assert done.returncode == 2
    assert len(refused_lines) == 1


def test_headless_prints_one_object_for_each_event(tmp_path: Path) -> None:
    done = sonickube(tmp_path, "demo", "--headless", "--for", "12", "--engine", "silent")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(set(event) == FIELDS for event in events)
    assert sorted(event["seq"] for event in events) == list(range(1, len(events) + 1))
    assert {event["fate"] for event in events} == {"silent"}
    shown = {event["kind"] for event in events}
    assert shown >= {
        "created", "ready", "crash_loop", "oom_killed", "image_failed", "terminating", "deleted"
    }  # fmt: skip
    assert f"{len(events)} events in" in done.stderr
    for kind, count in Counter(event["kind"] for event in events).items():
        assert f"{count:>7}  {kind.replace('_', ' ')}" in done.stderr


def test_namespaces_and_labels_choose_the_pods(tmp_path: Path) -> None:
    done = sonickube(
        tmp_path, "demo", "--headless", "--for", "8", "--engine", "silent", "-n", "shop", "-l", "app=checkout"
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["namespace"] for event in events} == {"shop"}
    assert all(event["pod"].startswith("checkout-") for event in events)


def test_a_pattern_chooses_namespaces_but_those_excluded(tmp_path: Path) -> None:
    done = sonickube(
        tmp_path, "demo", "--headless", "--for", "8", "--engine", "silent", "-n", "[ps]*", "-n", "!shop"
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    namespaces = {event["namespace"] for event in events}
    assert namespaces
    assert "shop" not in namespaces
    assert all(name[0] in "ps" for name in namespaces)


POD = {"kind": "Pod", "metadata": {"name": "cart", "namespace": "shop", "uid": "1", "resourceVersion": "1"}}


def test_what_kubectl_writes_is_followed_to_its_end(tmp_path: Path) -> None:
    lines = [json.dumps({"type": kind, "object": POD}) for kind in ("ADDED", "DELETED")]
    done = subprocess.run(
        command("--stdin", "--headless", "--engine", "silent", "--context", "prod"),
        env=environment(tmp_path),
        input="\n".join([lines[0], "Unable to connect", lines[1]]),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(event["cluster"], event["pod"], event["kind"]) for event in events] == [
        ("prod", "cart", "terminating"),
        ("prod", "cart", "deleted"),
    ]
    assert "line 2 is not what kubectl -o json writes" in done.stderr


def test_a_terminal_is_no_stream_of_kubectls(tmp_path: Path) -> None:
    master, terminal = os.openpty()
    done = subprocess.run(
        command("--stdin", "--headless"),
        env=environment(tmp_path),
        stdin=terminal,
        capture_output=True,
        text=True,
        timeout=60,
    )
    os.close(master)
    os.close(terminal)
    refused(done, "--stdin wants a pipe: kubectl get pods")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        command("demo", "--headless", "--engine", "silent"),
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    first = json.loads(process.stdout.readline())
    assert first["seq"] == 1
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert f"{len(out.splitlines()) + 1} events in" in err


def test_a_reader_that_has_had_enough_ends_it_cleanly(tmp_path: Path) -> None:
    line = " ".join([*command("demo", "--headless", "--engine", "silent"), "| head -n 2"])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert len(done.stdout.splitlines()) == 2
    assert "Traceback" not in done.stderr
    assert done.returncode == 0
