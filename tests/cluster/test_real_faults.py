"""What a real API server does to those who watch it: whatever it is, each pod's life is told once."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import certifi
import pytest

from command import command, environment
from kube import KubeServer, manifest, running
from listening import GONE, STARTED, Diary, Observer, Wire
from players import until
from sonickube_tui.cluster import source
from sonickube_tui.cluster.connect import connect
from sonickube_tui.cluster.reflector import Reflector
from sonickube_tui.cluster.source import SOURCE, follow
from sonickube_tui.errors import UserError
from sonickube_tui.event import Kind, Link

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("hasty")]


class Room:
    """A namespace, and pods in it that start and end."""

    def __init__(self, kube: KubeServer) -> None:
        self.kube = kube
        self.name = f"test-{uuid4().hex[:8]}"
        kube.create_namespace(self.name)

    def start(self, pod: str) -> str:
        """Start a pod until it is ready, and return its uid."""
        uid = self.kube.create_pod(self.name, manifest(pod))
        self.kube.bind(self.name, pod, f"node-{pod}")
        self.kube.patch_status(self.name, pod, running())
        return uid

    def end(self, pod: str) -> None:
        """Delete a pod."""
        self.kube.delete_pod(self.name, pod)

    def left(self) -> set[str]:
        """The uids of the pods that are there now."""
        return {pod["metadata"]["uid"] for pod in self.kube.pods(self.name)}


@pytest.fixture
async def room(kube: KubeServer) -> Room:
    await asyncio.to_thread(kube.use)
    return Room(kube)


@asynccontextmanager
async def reflecting(kubeconfig: Path, room: Room, **instead: str) -> AsyncIterator[tuple[Observer, Diary]]:
    """A reflector of a room that has read its first list, and what it asks the server."""
    async with await connect(str(kubeconfig)) as api:
        diary = Diary(api, **instead)
        async with Observer(Reflector(api, room.name).run()) as observer:
            await observer.until_watching()
            yield observer, diary


@asynccontextmanager
async def two_watch(
    room: Room, home: Path, user: str = "admin", **instead: str
) -> AsyncIterator[tuple[Observer, Diary, Wire, Observer]]:
    """A user on a wire that can be cut, and an admin whom nobody disturbs."""
    async with Wire(room.kube.port) as wire:
        ours = room.kube.kubeconfig(home / "ours", user, port=wire.port)
        theirs = room.kube.kubeconfig(home / "theirs")
        async with (
            reflecting(ours, room, **instead) as (observer, diary),
            reflecting(theirs, room) as (undisturbed, _),
        ):
            yield observer, diary, wire, undisturbed


async def all_told(room: Room, *observers: Observer) -> None:
    """Wait until a last pod is told of by all, and so all that happened before it."""
    room.start("last")
    for observer in observers:
        await observer.until_told_of("last", Kind.READY)


def there(observer: Observer) -> set[str]:
    """The uids of the pods that are there, by what was told; each came and went at most once."""
    lives = observer.lives
    for life in lives.values():
        assert len(set(life)) == len(life)
    return {uid for uid, life in lives.items() if Kind.DELETED not in life}


# The server


async def test_a_server_that_is_killed_in_mid_watch_is_listed_anew_when_it_is_back(
    room: Room, tmp_path: Path
) -> None:
    kube, elsewhere = room.kube, Room(room.kube)
    async with Wire(kube.port) as wire:
        kubeconfig = kube.kubeconfig(tmp_path / "kubeconfig", port=wire.port)
        async with reflecting(kubeconfig, room) as (observer, diary):
            goes, stays = room.start("goes"), room.start("stays")
            await observer.until_told_of("stays", Kind.READY)
            elsewhere.start("unseen")  # The cluster's version is now ahead of ours.
            kube.kill()
            await observer.until(lambda: observer.links[-1].link is Link.RECONNECTING)
            wire.cut(down=True)
            await asyncio.to_thread(kube.restart)
            room.end("goes")
            comes = room.start("comes")
            wire.down = False
            await observer.until(lambda: len(diary.lists) == 2)
            await all_told(room, observer)
        assert diary.errors == [410]
        assert {uid: observer.lives[uid] for uid in (goes, stays, comes)} == {
            goes: [*STARTED, *GONE],
            stays: STARTED,
            comes: STARTED,
        }
        assert there(observer) == room.left()


async def test_a_history_that_etcd_has_forgotten_is_made_up_for_by_a_new_list(
    room: Room, tmp_path: Path
) -> None:
    # Without its cache the server asks etcd for every watch.
    await asyncio.to_thread(room.kube.use, "--watch-cache=false")
    async with two_watch(room, tmp_path) as (observer, diary, wire, undisturbed):
        for pod in ("goes", "stays", "anew"):
            room.start(pod)
        await observer.until_told_of("anew", Kind.READY)
        wire.cut(down=True)
        room.end("goes")
        room.end("anew")
        room.start("anew")
        room.start("comes")
        room.kube.compact()
        wire.down = False
        await observer.until(lambda: len(diary.lists) == 2)
        await all_told(room, observer, undisturbed)
        assert diary.errors == [410]
        assert observer.lives == undisturbed.lives
        assert there(observer) == room.left()


async def test_watches_that_the_server_ends_lose_nothing_in_the_midst_of_churn(
    room: Room, tmp_path: Path
) -> None:
    await asyncio.to_thread(room.kube.use, "--min-request-timeout=6")
    # Who does not say how long a watch shall last gets 6 to 12 seconds.
    async with two_watch(room, tmp_path, timeoutSeconds="") as (observer, diary, _, undisturbed):
        number = 0
        async with asyncio.timeout(90):
            while len(diary.watches) < 3:
                room.start(f"cart-{number}")
                if number >= 3:
                    room.end(f"cart-{number - 3}")
                number += 1
                await asyncio.sleep(0.02)
        await all_told(room, observer, undisturbed)
        assert diary.lists == [""]
        assert observer.lives == undisturbed.lives
        assert there(observer) == room.left()
        assert [connection.link for connection in observer.links] == [Link.WATCHING]


# What the user may


async def refusal(kubeconfig: Path, *namespaces: str) -> str:
    """The words of the UserError with which following ends."""
    async with Observer(follow(lambda: connect(str(kubeconfig)), namespaces)) as observer:
        with pytest.raises(UserError) as refused:
            await observer.until(lambda: False)
    return str(refused.value)


async def test_who_may_read_one_namespace_follows_that_one(room: Room, tmp_path: Path) -> None:
    kubeconfig = room.kube.kubeconfig(tmp_path / "kubeconfig", "viewer", namespace=room.name)
    elsewhere = Room(room.kube)
    with room.kube.allowed("viewer", room.name):
        async with Observer(follow(lambda: connect(str(kubeconfig)))) as observer:
            await observer.until_watching(0)
            elsewhere.start("unseen")
            await all_told(room, observer)
            assert observer.lives.keys() == room.left()


async def test_who_may_read_nothing_is_told_which_verbs_are_missing_and_where(
    room: Room, tmp_path: Path
) -> None:
    kubeconfig = room.kube.kubeconfig(tmp_path / "kubeconfig", "viewer", namespace=room.name)
    text = await refusal(kubeconfig)
    assert f"may not list pods of kube, not even in {room.name}" in text
    assert "list and watch on pods" in text


async def test_a_namespace_asked_for_that_is_forbidden_is_named(room: Room, tmp_path: Path) -> None:
    kubeconfig = room.kube.kubeconfig(tmp_path / "kubeconfig", "viewer")
    with room.kube.allowed("viewer", room.name):
        text = await refusal(kubeconfig, Room(room.kube).name, room.name)
    assert "may not list pods of kube in namespace" in text
    assert "list and watch on pods" in text


async def test_a_right_that_is_taken_during_a_watch_and_given_back_costs_no_event(
    room: Room, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        with room.kube.allowed("viewer", room.name):
            both = await stack.enter_async_context(two_watch(room, tmp_path, "viewer"))
            observer, _, wire, undisturbed = both
            room.start("goes")
        room.start("seen")  # An open watch goes on.
        await observer.until_told_of("seen", Kind.READY)
        wire.cut()
        await observer.until(lambda: "forbidden" in observer.links[-1].detail)
        assert observer.links[-1].link is Link.RECONNECTING
        room.end("goes")
        room.start("meanwhile")
        with room.kube.allowed("viewer", room.name):
            await observer.until_watching()
            await all_told(room, observer, undisturbed)
        assert observer.lives == undisturbed.lives
        assert there(observer) == room.left()


async def test_a_token_that_is_not_accepted_is_for_the_user_to_mend(room: Room, tmp_path: Path) -> None:
    text = await refusal(room.kube.kubeconfig(tmp_path / "kubeconfig", token="old-token"))
    assert "kube does not accept the credentials" in text


@pytest.mark.parametrize("namespaces", [(), ("default",)])
async def test_an_authority_that_did_not_sign_the_certificate_is_for_the_user_to_mend(
    room: Room, tmp_path: Path, namespaces: tuple[str, ...]
) -> None:
    other = Path(certifi.where())
    text = await refusal(room.kube.kubeconfig(tmp_path / "kubeconfig", certificate=other), *namespaces)
    assert f"the certificate of {room.kube.url} is not trusted" in text
    assert "certificate-authority" in text


async def test_an_authority_that_changes_is_for_the_user_to_mend_and_costs_no_event(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "PAUSE", 0.1)
    kube, known = room.kube, tmp_path / "authority.crt"
    known.write_bytes(kube.certificate.read_bytes())
    kubeconfig = kube.kubeconfig(tmp_path / "kubeconfig", certificate=known)
    async with Observer(follow(lambda: connect(str(kubeconfig)), [room.name])) as observer:
        await observer.until_watching()
        goes, stays = room.start("goes"), room.start("stays")
        await observer.until_told_of("stays", Kind.READY)
        await asyncio.to_thread(kube.renew_certificate)
        await observer.until(lambda: observer.link is Link.REFUSED)
        assert "is not trusted" in observer.detail
        room.end("goes")
        comes = room.start("comes")
        known.write_bytes(kube.certificate.read_bytes())
        await observer.until_watching()
        await all_told(room, observer)
    lives = observer.lives
    assert {uid: lives[uid] for uid in (goes, stays, comes)} == {
        goes: [*STARTED, *GONE],
        stays: STARTED,
        comes: STARTED,
    }
    assert lives[SOURCE] == [Kind.SOURCE_LOST, Kind.SOURCE_BACK]


# From end to end


def start_headless(home: Path, *args: str) -> subprocess.Popen[bytes]:
    """`sonickube --headless`, its output in the files `out` and `said`."""
    with (home / "out").open("wb") as out, (home / "said").open("wb") as said:
        return subprocess.Popen(
            command("--headless", "--engine", "silent", *args),
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=said,
        )


@asynccontextmanager
async def headless(home: Path, *args: str) -> AsyncIterator[Callable[[], list[dict[str, object]]]]:
    """What `sonickube --headless` has printed, once it watches. Afterwards it is asked to end."""
    process, said = start_headless(home, *args), home / "said"
    try:
        await until(lambda: process.poll() is not None or "watching" in said.read_text(), 60)
        assert process.poll() is None, said.read_text()
        # The last line may not be complete yet.
        yield lambda: [json.loads(line) for line in (home / "out").read_text().split("\n")[:-1]]
        process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, 60) == 0, said.read_text()
    finally:
        process.kill()
        process.wait()


async def test_the_command_prints_what_happens_in_a_real_cluster(room: Room, tmp_path: Path) -> None:
    kubeconfig = room.kube.kubeconfig(tmp_path / "kubeconfig")
    room.start("before")
    async with headless(tmp_path, "--kubeconfig", str(kubeconfig)) as printed:
        room.start("cart-1")
        await until(lambda: any(line["kind"] == "ready" for line in printed()))
        room.end("cart-1")
        await until(lambda: any(line["kind"] == "deleted" for line in printed()))
    lines = [(line["cluster"], line["namespace"], line["pod"], line["kind"]) for line in printed()]
    assert sorted(lines) == sorted(("kube", room.name, "cart-1", kind) for kind in [*STARTED, *GONE])
