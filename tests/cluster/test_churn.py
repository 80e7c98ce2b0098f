"""Pods that come and go as fast as can be while all else fails: nothing is lost and nothing told twice."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from churn import Crowd, Lists, Truth, compare, known, latest, sights
from kube import KubeServer, manifest
from listening import Observer, Wire
from sonickube_tui.cluster.connect import Api, connect, plain
from sonickube_tui.cluster.pod import Pod
from sonickube_tui.cluster.reflector import Reflector
from sonickube_tui.cluster.simulated import SimulatedCluster, World

pytestmark = pytest.mark.usefixtures("hasty")


@asynccontextmanager
async def observing(api: Api, selector: str = "", **instead: str) -> AsyncIterator[tuple[Observer, Lists]]:
    """A reflector of all namespaces that has read its first list, and the spans of its lists."""
    async with api:
        observer = Observer(Reflector(api, None, selector).run())
        lists = Lists(api, lambda: latest(observer), **instead)
        async with observer:
            await observer.until_watching()
            yield observer, lists


# The demo's cluster, an hour of its clock

HOUR = 3_600.0
SPEED = 300.0
"""Seconds of the world in a real one."""


@pytest.mark.slow
@pytest.mark.parametrize("streams_lists", [True, False], ids=["stream", "pages"])
async def test_an_hour_of_a_simulated_incident_is_told_without_a_gap_and_without_an_echo(
    streams_lists: bool,
) -> None:
    world, truth, dice = World("incident"), Truth(), random.Random(1)

    newest = 0

    def note() -> None:
        nonlocal newest
        change = world.store.change(world.store.version)
        if change.after.key[0] != "pods":
            return
        newest = change.version
        pod = msgspec.json.decode(change.after.body, type=Pod)
        if change.type == "DELETED":
            truth.gone.add(pod.metadata.uid)
        else:
            truth.add(pod)

    for key, entry in world.store.at(world.store.version).items():
        if key[0] == "pods":
            truth.add(msgspec.json.decode(entry.body, type=Pod))
    world.store.on_change.add(note)
    async with (
        SimulatedCluster.from_world(world, speed=SPEED, streams_lists=streams_lists) as cluster,
        Wire(int(cluster.url.rpartition(":")[2])) as wire,
        observing(plain(f"http://127.0.0.1:{wire.port}", "test")) as (observer, lists),
    ):
        while world.now < HOUR:
            await asyncio.sleep(dice.uniform(0.2, 0.6))
            fault = dice.choice(("cut", "away", "forgotten"))
            wire.cut(down=fault != "cut")
            if fault != "cut":
                await asyncio.sleep(0.1)
            if fault == "forgotten":
                world.compact()
            wire.down = False
        # The world goes on, but not while this task has the word.
        await observer.until(lambda: latest(observer) == newest)
        count = compare(truth, observer, lists.spans)
    print(f"{dict(count)}, {len(lists.spans)} lists")
    assert len(lists.spans) > 5
    assert count["pods without a gap"] > count["pods with gaps"]


# A real server

ENDS = "--min-request-timeout=6"
"""It ends every watch after 6 to 12 seconds."""

NO_CACHE = "--watch-cache=false"
"""It asks etcd for every watch, and so forgets what etcd forgets."""


class Faults:
    """What happens to a real server and to the wire to it, in turn."""

    def __init__(self, kube: KubeServer, wire: Wire) -> None:
        self.done: Counter[str] = Counter()
        self._kube, self._wire = kube, wire

    async def cut(self) -> None:
        """The connection breaks."""
        self._wire.cut()

    async def away(self) -> None:
        """The server cannot be reached for a moment."""
        self._wire.cut(down=True)
        await asyncio.sleep(1.0)
        self._wire.down = False

    async def kill(self) -> None:
        """The server is killed, and comes back with its cache."""
        await asyncio.to_thread(self._kube.restart, ENDS)

    async def replace(self) -> None:
        """It is killed and comes back without its cache, for others sooner than for us."""
        self._wire.cut(down=True)
        await asyncio.to_thread(self._kube.restart, ENDS, NO_CACHE)
        await asyncio.sleep(0.5)
        self._wire.down = False

    async def forget(self) -> None:
        """Etcd forgets what happened while the server could not be reached."""
        self._wire.cut(down=True)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(self._kube.compact)
        self._wire.down = False

    async def happen(self, seconds: float, pause: float) -> None:
        """Let one happen after the other, with pauses, for a time, and each at least once."""
        end = time.monotonic() + seconds
        faults = [self.cut, self.replace, self.forget, self.cut, self.away, self.kill]
        for fault in itertools.cycle(faults):
            await asyncio.sleep(pause)
            if time.monotonic() > end and len(self.done) == len({*faults}):
                return
            await fault()
            self.done[fault.__name__] += 1


@pytest.mark.real
@pytest.mark.parametrize(
    ("seconds", "pause"),
    [(20.0, 2.0), pytest.param(600.0, 5.0, marks=[pytest.mark.soak, pytest.mark.timeout(900)])],
)
async def test_churn_on_a_real_server_that_fails_again_and_again_is_told_without_a_gap_and_without_an_echo(
    kube: KubeServer, tmp_path: Path, seconds: float, pause: float
) -> None:
    await asyncio.to_thread(kube.use, ENDS)
    label = uuid4().hex[:8]
    namespaces = [f"churn-{label}-{n}" for n in range(3)]
    for namespace in namespaces:
        kube.create_namespace(namespace)
    over = asyncio.Event()
    crowd = Crowd(kube, namespaces, churn=label)
    async with Wire(kube.port) as wire:
        api = await connect(str(kube.kubeconfig(tmp_path / "kubeconfig", port=wire.port)))
        # Who does not say how long a watch shall last lets the server decide.
        async with observing(api, f"churn={label}", timeoutSeconds="") as (observer, lists):
            began = time.monotonic()
            living = asyncio.create_task(crowd.live(over.is_set))
            faults = Faults(kube, wire)
            await faults.happen(seconds, pause)
            over.set()
            await living
            took = time.monotonic() - began
            last = kube.create_pod(namespaces[0], manifest("last", churn=label))
            await observer.until(lambda: last in known(observer))
            there = [pod["metadata"] for namespace in namespaces for pod in kube.pods(namespace)]
            crowd.truth.add(next(s.pod for s in sights(observer) if s.pod.metadata.uid == last))
            count = compare(crowd.truth, observer, lists.spans)
    assert known(observer) == {pod["uid"]: int(pod["resourceVersion"]) for pod in there}
    assert len(lists.watches) > faults.done.total()
    assert len(lists.spans) > faults.done["forget"]
    assert count["pods without a gap"] > count["pods with gaps"]
    print(f"{took:.0f} s, {crowd.writes / took:.0f} writes/s, {crowd.lives:,} lives; {dict(faults.done)}, ")
    print(f"{len(lists.watches)} watches, {len(lists.spans)} lists; {dict(count)}")
