"""Several clusters at once: real sockets and kubeconfigs, and what goes wrong with one while others go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from configured import kubeconfig_of
from gate import serving, status
from kube import KubeServer, manifest
from listening import Observer, Wire
from sonickube_tui import assemble
from sonickube_tui.cluster import several
from sonickube_tui.cluster.simulated import SimulatedCluster, World
from sonickube_tui.cluster.source import SOURCE
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Kind, Link
from sonickube_tui.settings import Settings

Json = dict[str, Any]

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch, hasty: None) -> None:
    """Who refused is tried again ten times a second."""
    monkeypatch.setattr(several, "PAUSE", 0.1)


def following(file: str, *contexts: str, **settings: Any) -> Observer:
    return Observer(assemble.clusters(Settings(kubeconfig=file, contexts=contexts, **settings)))


def create(world: World, name: str) -> None:
    pod = manifest(name)
    world.apply({**pod, "metadata": {**pod["metadata"], "namespace": "shop"}})


@asynccontextmanager
async def forbidding() -> AsyncIterator[str]:
    """An API server whose user may nothing."""

    async def answer(request: web.Request) -> web.Response:
        message = 'pods is forbidden: User "viewer" cannot list resource "pods" in API group ""'
        return status(403, "Forbidden", message)

    async with serving(answer) as url:
        yield url


def link(observer: Observer, cluster: str) -> Connection | None:
    """How it stands with a cluster now."""
    return next((one for one in reversed(observer.links) if one.cluster == cluster), None)


async def until(observer: Observer, *clusters: str, link_is: Link = Link.WATCHING) -> None:
    await observer.until(
        lambda: all((now := link(observer, name)) and now.link is link_is for name in clusters)
    )


def changes(observer: Observer, cluster: str) -> list[Kind]:
    """What happened to our own watch of a cluster."""
    return [event.kind for event in observer.events if event.channel == f"{cluster}/{SOURCE}"]


class Beat:
    """A cluster in which a pod is created every 10 ms, from `async with` on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.created: list[str] = []

    async def __aenter__(self) -> Beat:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _beat(self) -> None:
        while True:
            name = f"beat-{len(self.created)}"
            create(self._world, name)
            self.created.append(name)
            await asyncio.sleep(0.01)

    async def all_heard(self, observer: Observer) -> None:
        """End it, and see that all of it arrived in order."""
        self._task.cancel()
        last = self.created[-1]
        await observer.until(lambda: any(event.pod == last for event in observer.events))
        heard = [e.pod for e in observer.events if e.cluster == "well" and e.kind is Kind.CREATED]
        assert heard == self.created


@asynccontextmanager
async def simulated() -> AsyncIterator[tuple[World, str]]:
    async with SimulatedCluster.from_world(World(), speed=50) as cluster:
        yield cluster.world, cluster.url


def port(url: str) -> int:
    return int(url.rpartition(":")[2])


async def test_channels_are_cluster_and_namespace_and_connections_are_per_cluster(tmp_path: Path) -> None:
    async with simulated() as (eu, eu_url), simulated() as (us, us_url):
        file = kubeconfig_of(tmp_path / "config", {"eu": eu_url, "us": us_url, "other": NOWHERE})
        async with following(file, "eu", "us") as observer:
            await until(observer, "eu", "us")
            create(eu, "cart")
            create(us, "cart")
            await observer.until(lambda: len(observer.events) == 2)
            assert {(e.channel, e.cluster, e.namespace, e.pod) for e in observer.events} == {
                ("eu/shop", "eu", "shop", "cart"),
                ("us/shop", "us", "shop", "cart"),
            }
            assert {one.cluster for one in observer.links} == {"eu", "us"}
            assert [(one.cluster, one.link) for one in observer.links[:2]] == [
                ("eu", Link.CONNECTING),
                ("us", Link.CONNECTING),
            ]


async def test_one_that_is_cut_off_and_comes_back_disturbs_no_other(tmp_path: Path) -> None:
    async with (
        simulated() as (well, well_url),
        simulated() as (cut, cut_url),
        Wire(port(cut_url)) as wire,
    ):
        file = kubeconfig_of(tmp_path / "config", {"well": well_url, "cut": f"http://127.0.0.1:{wire.port}"})
        async with following(file, "well", "cut") as observer:
            await until(observer, "well", "cut")
            async with Beat(well) as beat:
                wire.cut(down=True)
                await until(observer, "cut", link_is=Link.RECONNECTING)
                create(cut, "meanwhile")
                await asyncio.sleep(0.5)  # Some more tries, which fail as well.
                wire.down = False
                await until(observer, "cut")
                await observer.until_told_of("meanwhile")
                await beat.all_heard(observer)
            assert changes(observer, "cut") == [Kind.SOURCE_LOST, Kind.SOURCE_BACK]
            assert changes(observer, "well") == []
            assert {one.link for one in observer.links if one.cluster == "well"} == {
                Link.CONNECTING,
                Link.WATCHING,
            }


async def test_one_that_forbids_is_told_once_and_followed_when_it_allows(tmp_path: Path) -> None:
    async with simulated() as (well, well_url), simulated() as (shut, shut_url), forbidding() as forbidden:
        file = kubeconfig_of(tmp_path / "config", {"well": well_url, "shut": forbidden})
        async with following(file, "well", "shut") as observer:
            await until(observer, "well")
            async with Beat(well) as beat:
                await until(observer, "shut", link_is=Link.REFUSED)
                told = link(observer, "shut")
                assert told is not None
                assert "may not list pods of shut" in told.detail
                assert "list and watch on pods" in told.detail
                tries = [one for one in observer.links if one.link is Link.REFUSED]
                await observer.until(
                    lambda: sum(one.link is Link.REFUSED for one in observer.links) >= len(tries) + 2
                )
                kubeconfig_of(tmp_path / "config", {"well": well_url, "shut": shut_url})
                await until(observer, "shut")
                create(shut, "cart")
                await observer.until_told_of("cart")
                await beat.all_heard(observer)
            assert changes(observer, "shut") == [Kind.SOURCE_LOST, Kind.SOURCE_BACK]
            lost = next(event for event in observer.events if event.kind is Kind.SOURCE_LOST)
            assert (lost.cluster, lost.channel, lost.message) == ("shut", f"shut/{SOURCE}", told.detail)
            # While it is tried again its reason stays.
            links = [one.link for one in observer.links if one.cluster == "shut"]
            assert links[0] is Link.CONNECTING
            assert Link.CONNECTING not in links[links.index(Link.REFUSED) :]


async def test_one_that_never_answers_keeps_nobody_waiting(tmp_path: Path) -> None:
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    async with simulated() as (well, well_url):
        url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        file = kubeconfig_of(tmp_path / "config", {"silent": url, "well": well_url})
        async with following(file, "silent", "well") as observer:
            await until(observer, "well")
            async with Beat(well) as beat:
                await asyncio.sleep(0.3)
                await beat.all_heard(observer)
            now = link(observer, "silent")
            assert now is not None
            assert (now.link, now.detail) == (Link.CONNECTING, url)
            assert changes(observer, "silent") == []
    silent.close()


def plugin(script: str) -> Json:
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": "sh", "args": ["-c", script]}}


CREDENTIAL = json.dumps(
    {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "t"},
    }
)


async def test_one_whose_plug_in_fails_is_followed_when_it_works(tmp_path: Path) -> None:
    login = tmp_path / "login"
    script = f"test -f {login} || {{ echo log in first >&2; exit 1; }}; echo '{CREDENTIAL}'"
    async with simulated() as (well, well_url), simulated() as (asking, asking_url):
        file = kubeconfig_of(
            tmp_path / "config", {"asking": asking_url, "well": well_url}, asking=plugin(script)
        )
        async with following(file, "asking", "well") as observer:
            await until(observer, "well")
            async with Beat(well) as beat:
                await until(observer, "asking", link_is=Link.REFUSED)
                told = link(observer, "asking")
                assert told is not None
                assert "log in first" in told.detail
                login.touch()
                await until(observer, "asking")
                create(asking, "cart")
                await observer.until_told_of("cart")
                await beat.all_heard(observer)
            assert changes(observer, "asking") == [Kind.SOURCE_LOST, Kind.SOURCE_BACK]


async def test_plug_ins_run_at_the_same_time(tmp_path: Path) -> None:
    """Each gives its credential only once the other has begun."""
    wait = "touch {mine}; for n in $(seq 300); do test -f {other} && break; sleep 0.1; done; test -f {other}"
    one, two = tmp_path / "one", tmp_path / "two"
    users = {
        "eu": plugin(f"{wait.format(mine=one, other=two)} && echo '{CREDENTIAL}'"),
        "us": plugin(f"{wait.format(mine=two, other=one)} && echo '{CREDENTIAL}'"),
    }
    async with simulated() as (_, eu), simulated() as (_, us):
        file = kubeconfig_of(tmp_path / "config", {"eu": eu, "us": us}, **users)
        async with following(file, "eu", "us") as observer:
            await until(observer, "eu", "us")
            assert Link.REFUSED not in {one.link for one in observer.links}


async def test_when_all_refuse_at_the_start_it_ends_and_names_each(tmp_path: Path) -> None:
    async with forbidding() as forbidden:
        file = kubeconfig_of(
            tmp_path / "config",
            {"eu": forbidden, "us": NOWHERE},
            us=plugin("echo log in first >&2; exit 1"),
        )
        async with following(file, "eu", "us") as observer:
            with pytest.raises(UserError) as refused:
                await observer.until(lambda: False)
    text = str(refused.value)
    assert text.startswith("none of the 2 clusters can be followed: eu: this user may not list pods of eu")
    assert " | us: the credentials of user 'us' could not be had: sh: log in first" in text
    assert "\n" not in text


async def test_one_that_cannot_be_reached_may_come_so_the_others_refusal_ends_nothing(
    tmp_path: Path,
) -> None:
    async with simulated() as (late, late_url), forbidding() as forbidden, Wire(port(late_url)) as wire:
        wire.down = True
        file = kubeconfig_of(
            tmp_path / "config", {"late": f"http://127.0.0.1:{wire.port}", "shut": forbidden}
        )
        async with following(file, "late", "shut") as observer:
            await until(observer, "late", link_is=Link.RECONNECTING)
            await until(observer, "shut", link_is=Link.REFUSED)
            wire.down = False
            await until(observer, "late")
            create(late, "cart")
            await observer.until_told_of("cart")


@pytest.mark.parametrize(
    ("contexts", "settings", "says"),
    [
        (("well", "prod", "test"), {}, r"config has no context 'prod', 'test'; it has: well, bad$"),
        (("well", "bad"), {"namespaces": ("!",)}, "^'!' is no namespace"),
    ],
)
async def test_what_is_wrong_with_the_flags_is_told_before_anybody_is_asked(
    tmp_path: Path, contexts: tuple[str, ...], settings: Any, says: str
) -> None:
    asked = tmp_path / "asked"
    user = plugin(f"touch {asked}; exit 1")
    file = kubeconfig_of(tmp_path / "config", {"well": NOWHERE, "bad": NOWHERE}, well=user, bad=user)
    async with following(file, *contexts, **settings) as observer:
        with pytest.raises(UserError, match=says):
            await observer.until(lambda: False)
    assert not asked.exists()


@pytest.mark.real
async def test_a_real_cluster_and_a_simulated_one_are_followed_together(
    kube: KubeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kube.use()
    kube.create_namespace("together")
    async with simulated() as (world, url), Wire(kube.port) as wire:
        files = [
            str(kube.kubeconfig(tmp_path / "real", port=wire.port)),
            kubeconfig_of(tmp_path / "simulated", {"sim": url}),
        ]
        monkeypatch.setenv("KUBECONFIG", ":".join(files))
        settings = Settings(contexts=("kube", "sim"), namespaces=("together", "shop"))
        async with Observer(assemble.clusters(settings)) as observer:
            await until(observer, "kube", "sim")
            wire.cut(down=True)
            await until(observer, "kube", link_is=Link.RECONNECTING)
            create(world, "in-sim")
            await observer.until_told_of("in-sim")
            kube.create_pod("together", manifest("in-kube"))
            wire.down = False
            await observer.until_told_of("in-kube")
            await until(observer, "kube")
            channels = {event.pod: event.channel for event in observer.events if event.kind is Kind.CREATED}
            assert channels == {"in-sim": "sim/shop", "in-kube": "kube/together"}
            assert changes(observer, "kube") == [Kind.SOURCE_LOST, Kind.SOURCE_BACK]
