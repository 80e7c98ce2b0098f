"""Pods that come and go as fast as a server takes it, the truth about them, and what was made of it."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing, suppress
from itertools import pairwise

import aiohttp
import msgspec

from kube import Json, KubeServer, manifest, running, status
from listening import Diary, Observer
from sonickube_tui.cluster.connect import Api
from sonickube_tui.cluster.lifecycle import events
from sonickube_tui.cluster.pod import Pod, decode_list
from sonickube_tui.event import Event, Kind, Sight

COMPANY = ("Flapping", "NodeLost")
"""Reasons of events that depend on when things were seen, and on other pods: they are left out here."""

Span = tuple[int, int]
"""Versions: what was known when a list was asked for, and that of the list. It may skip what lies between."""


def version(pod: Pod) -> int:
    """The resourceVersion as the number that it is in etcd."""
    return int(pod.metadata.resource_version)


class Truth:
    """All states of all pods, by uid and version, as their writer knows them."""

    def __init__(self) -> None:
        self.states: defaultdict[str, dict[int, Pod]] = defaultdict(dict)
        self.gone: set[str] = set()
        self.kinds: dict[str, list[Kind]] = {}
        """By uid, what was meant to happen; of pods whose writer says so."""

    def add(self, pod: Pod) -> None:
        """A state."""
        self.states[pod.metadata.uid][version(pod)] = pod


class Lists(Diary):
    """A diary that keeps the span of every list."""

    def __init__(self, api: Api, known: Callable[[], int], **instead: str) -> None:
        super().__init__(api, **instead)
        self.spans: list[Span] = []
        self._known = known

    async def get(self, path: str, **query: str) -> bytes:
        known = self._known()
        answer = await super().get(path, **query)
        if not query.get("continue"):
            self.spans.append((known, int(decode_list(answer).metadata.resource_version)))
        return answer

    async def lines(self, path: str, *, idle: float, begun: bool, **query: str) -> AsyncGenerator[bytes]:
        known = self._known()
        async with aclosing(super().lines(path, idle=idle, begun=begun, **query)) as lines:
            async for line in lines:
                if b"k8s.io/initial-events-end" in line:
                    mark = msgspec.json.decode(line)["object"]["metadata"]
                    self.spans.append((known, int(mark["resourceVersion"])))
                yield line


def sights(observer: Observer) -> Iterator[Sight]:
    """What an observer saw of pods, in order."""
    return (item for item in observer.items if isinstance(item, Sight))


def latest(observer: Observer) -> int:
    """The highest version that an observer was told of."""
    return max((version(sight.pod) for sight in sights(observer)), default=0)


def known(observer: Observer) -> dict[str, int]:
    """The pods that are there by what an observer was told: versions by uid."""
    there: dict[str, int] = {}
    for sight in sights(observer):
        if sight.change == "DELETED":
            del there[sight.pod.metadata.uid]
        else:
            there[sight.pod.metadata.uid] = version(sight.pod)
    return there


def compare(truth: Truth, observer: Observer, spans: Iterable[Span]) -> Counter[str]:
    """Assert that an observer was told the truth, and count what it was told.

    Each state of each pod was seen once and in order, and is what was written; only states within the span of
    a list may be missing. The events of a pod are those between the states that were seen: without a gap all
    that happened to it, and over a gap what the states at its ends tell.
    """
    spans = list(spans)
    seen_of: defaultdict[str, list[Sight]] = defaultdict(list)
    told: defaultdict[str, list[Event]] = defaultdict(list)
    for sight in sights(observer):
        seen_of[sight.pod.metadata.uid].append(sight)
    for event in observer.events:
        if event.reason not in COMPANY:
            told[event.uid].append(event)
    assert seen_of.keys() <= truth.states.keys()
    assert told.keys() <= seen_of.keys()
    count: Counter[str] = Counter()
    for uid, states in truth.states.items():
        seen = seen_of[uid]
        versions = [version(sight.pod) for sight in seen if sight.change != "DELETED"]
        assert all(before < after for before, after in pairwise(versions))
        missing = states.keys() - set(versions)
        assert all(any(since < skipped <= upto for since, upto in spans) for skipped in missing)
        if not seen:
            count["pods never seen"] += 1
            continue
        first, *others = (sight.change for sight in seen)
        assert first in ("LISTED", "ADDED")
        assert others == ["MODIFIED"] * (len(versions) - 1) + ["DELETED"] * (uid in truth.gone)
        for sight in seen[: len(versions)]:
            # A server that deletes a pod at once marks it first, and nobody is told of that version.
            written = states.get(version(sight.pod))
            assert sight.pod == written if written else sight.pod.metadata.deletion_timestamp
        path: list[Pod | None] = [sight.pod if sight.change != "DELETED" else None for sight in seen]
        start: list[Pod | None] = [] if first == "LISTED" else [None]
        kinds = [event.kind for event in told[uid]]
        assert kinds == [
            event.kind
            for old, new in pairwise([*start, *path])
            for event in events(old, new, at=0.0, cluster="")
        ]
        if not missing and first == "ADDED" and uid in truth.kinds:
            assert kinds == truth.kinds[uid]
        count["pods with gaps" if missing else "pods without a gap"] += 1
        count["states skipped"] += len(missing)
        count["states seen"] += len(versions)
        count["events"] += len(kinds)
    return count


STARTS = [Kind.STARTED, Kind.READY]
SPELLS = ("unready", "crash", "oom", "loop")


class Crowd:
    """Writes the lives of many pods at once, each until it is deleted, and knows what is true of them."""

    def __init__(self, kube: KubeServer, namespaces: list[str], *, seed: int = 1, **labels: str) -> None:
        self.truth = Truth()
        self.writes = 0
        self.lives = 0
        self._kube = kube
        self._namespaces = namespaces
        self._labels = labels
        self._random = random.Random(seed)

    async def live(self, until: Callable[[], bool], *, at_once: int = 16) -> None:
        """Let so many pods live at any time, until it is time; then nobody is born, and each life ends."""
        trusted = ssl.create_default_context(cafile=self._kube.certificate)
        headers = {"Authorization": f"Bearer {self._kube.token('admin')}"}
        connector = aiohttp.TCPConnector(ssl=trusted, limit=at_once)
        async with aiohttp.ClientSession(connector=connector, headers=headers, trust_env=False) as session:

            async def lead() -> None:
                while not until():
                    self.lives += 1
                    await self._lead_a_life(session, f"cart-{self.lives}")

            await asyncio.gather(*(lead() for _ in range(at_once)))

    async def _lead_a_life(self, session: aiohttp.ClientSession, name: str) -> None:
        path = f"/api/v1/namespaces/{self._random.choice(self._namespaces)}/pods"
        body = manifest(name, **self._labels)
        body["spec"]["nodeName"] = f"node-{self._random.randrange(50)}"
        uid = (await self._write(session, "POST", path, body) or {})["metadata"]["uid"]
        path = f"{path}/{name}"
        kinds = [Kind.CREATED, Kind.SCHEDULED, *STARTS]
        await self._say(session, path, running(ready=False))
        await self._say(session, path, running())
        for restarts in range(1, self._random.randrange(4)):
            kinds += await self._spell(session, path, self._random.choice(SPELLS), restarts)
        if self._random.random() < 0.5:
            await self._write(session, "DELETE", f"{path}?gracePeriodSeconds=30")
        if self._random.random() < 0.98:
            await self._write(session, "DELETE", f"{path}?gracePeriodSeconds=0")
            self.truth.gone.add(uid)
            self.truth.kinds[uid] = [*kinds, Kind.TERMINATING, Kind.DELETED]

    async def _spell(
        self, session: aiohttp.ClientSession, path: str, spell: str, restarts: int
    ) -> list[Kind]:
        """A bad spell, from ready to ready, and what is to be told of it."""
        if spell == "unready":
            await self._say(session, path, {"conditions": [{"type": "Ready", "status": "False"}]})
            await self._say(session, path, {"conditions": [{"type": "Ready", "status": "True"}]})
            return [Kind.UNREADY, Kind.READY]
        code, reason = (137, "OOMKilled") if spell == "oom" else (1, "Error")
        ended = {"exitCode": code, "reason": reason, "finishedAt": f"2026-01-01T00:{restarts:02}:00Z"}
        kinds = [Kind.OOM_KILLED if spell == "oom" else Kind.CRASHED]
        await self._say(session, path, status({"terminated": ended}))
        if spell == "loop":
            waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
            await self._say(session, path, status(waiting, terminated=ended))
            kinds.append(Kind.CRASH_LOOP)
        since = f"2026-01-01T00:{restarts:02}:30Z"
        await self._say(session, path, running(at=since, restarts=restarts, terminated=ended))
        return [*kinds, *STARTS]

    async def _say(self, session: aiohttp.ClientSession, path: str, said: Json) -> None:
        await self._write(session, "PATCH", f"{path}/status", {"status": said})

    async def _write(
        self, session: aiohttp.ClientSession, method: str, path: str, body: Json | None = None
    ) -> Json | None:
        """Write until the server has it, whatever happens to it meanwhile; the pod as it then is."""
        headers = {"Content-Type": "application/merge-patch+json"} if method == "PATCH" else {}
        while True:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                url = self._kube.url + path
                timeout = aiohttp.ClientTimeout(total=30)
                async with session.request(
                    method, url, json=body, headers=headers, timeout=timeout
                ) as answer:
                    text = await answer.read()
                    # An answer may have been lost: then it is there, or gone, already.
                    if answer.status == 404 and method == "DELETE":
                        return None
                    if answer.status == 409 and method == "POST" and body:
                        method, path, body = "GET", f"{path}/{body['metadata']['name']}", None
                        continue
                    if answer.status < 300:
                        self.writes += 1
                        pod: Json = msgspec.json.decode(text)
                        if pod["kind"] == "Pod" and "gracePeriodSeconds=0" not in path:
                            self.truth.add(msgspec.convert(pod, Pod))
                        return pod
            await asyncio.sleep(0.1)
