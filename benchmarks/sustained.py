"""Watch lines at a steady rate through `sonickube --headless` on one core: how late is what it prints?

Every line carries the time at which it was due, so that nothing is hidden when the server is held up, and who
reads what is printed is late at times, too. What that costs is seen beside it: a process that only passes
the stamps on.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.request import ProxyHandler, build_opener

from aiohttp import web

from benchmarks.apiserver import make_pod

PODS = 2_000
TICK = 0.002
"""Seconds between two writes of the server."""
STAMP = b"due %020d"
STAMPED = re.compile(rb"due (\d{20})")


class Sustained(NamedTuple):
    """What one run gave. `late` are milliseconds from when a line was due to when its event was read."""

    events: int
    seconds: float
    late: list[float]
    cpu: float
    """Part of a core that the measured process took."""
    waited: float
    """Part of the time that it could have run and had no core, because others had it."""
    peak: float
    """MB that it had in memory at most."""


def make_line(number: int) -> tuple[bytes, bytes]:
    """A watch line of about 10 kB, before and behind its stamp: a container waits after another crash."""
    pod = make_pod(number % PODS, PODS + number + 1, False)
    status = pod["status"]["containerStatuses"][0]
    status["restartCount"] = number // PODS + 1
    status["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": "STAMP"}}
    line = json.dumps({"type": "MODIFIED", "object": pod}, separators=(",", ":")).encode() + b"\n"
    before, _, behind = line.partition(b"STAMP")
    return before, behind


class Server:
    """One list, and one watch that sends lines at a rate for some seconds."""

    def __init__(self, rate: int, seconds: float) -> None:
        self.rate, self.count = rate, int(rate * seconds)
        pods = [make_pod(number, number + 1, False) for number in range(PODS)]
        self.items = [json.dumps(pod, separators=(",", ":")) for pod in pods]
        # A few rounds of lines are all different; what comes later differs in its numbers only.
        self.lines = [make_line(number) for number in range(PODS)]

    async def pods(self, request: web.Request) -> web.StreamResponse:
        """`/api/v1/pods`, as list or as watch."""
        query = request.query
        if "sendInitialEvents" in query:
            return web.json_response({"code": 422, "reason": "Invalid"}, status=422)
        if "watch" in query:
            return await self.watch(request)
        first = int(query.get("continue") or 0)
        last = min(PODS, first + int(query["limit"]))
        metadata: dict[str, Any] = {"resourceVersion": str(PODS)}
        if last < PODS:
            metadata |= {"continue": str(last), "remainingItemCount": PODS - last}
        items = ",".join(self.items[first:last])
        return web.Response(
            text=f'{{"kind":"PodList","metadata":{json.dumps(metadata)},"items":[{items}]}}',
            content_type="application/json",
        )

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """The lines, a second after the watch has begun, and then an open stream."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        began = time.monotonic_ns() + 1_000_000_000
        sent = 0
        while sent < self.count:
            await asyncio.sleep(TICK)
            now = time.monotonic_ns()
            due = max(sent, min(self.count, (now - began) * self.rate // 1_000_000_000))
            if due > sent:
                await response.write(b"".join(self.line(n, began) for n in range(sent, due)))
                sent = due
        await asyncio.Event().wait()
        return response

    def line(self, number: int, began: int) -> bytes:
        """A line that says when it was due."""
        before, behind = self.lines[number % PODS]
        restarts = b'"restartCount":%d' % (number // PODS + 1)
        version = b'"resourceVersion":"%d"' % (PODS + number + 1)
        before = re.sub(rb'"resourceVersion":"\d+"', version, before, count=1)
        stamp = STAMP % (began + number * 1_000_000_000 // self.rate)
        if number >= PODS:
            before = before.replace(b'"restartCount":1', restarts, 1)
        return before + stamp + behind


async def serve(rate: int, seconds: float) -> None:
    """Print the port, and serve until stdin closes."""
    app = web.Application()
    app.router.add_get("/api/v1/pods", Server(rate, seconds).pods)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


@contextmanager
def running(command: list[str], cores: set[int], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process on some cores, where a process can be held there; it is ended afterwards."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, cores)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def bare(url: str) -> None:
    """Print the stamps of a watch's lines, and nothing else."""
    with build_opener(ProxyHandler({})).open(f"{url}/api/v1/pods?watch=true") as lines:
        for line in lines:
            found = STAMPED.search(line)
            assert found
            sys.stdout.buffer.write(found[0] + b"\n")
            sys.stdout.buffer.flush()


def measure(rate: int = 5_000, seconds: float = 15.0, *, alone: bool = False) -> Sustained:
    """One run, of the bare process when `alone`. The measured one has a core to itself, if there are two."""
    cores = set(range(os.cpu_count() or 1))
    ours = {max(cores)}
    others = (cores - ours) or ours
    this = [sys.executable, "-m", "benchmarks.sustained"]
    with (
        TemporaryDirectory() as home,
        running([*this, str(rate), str(seconds)], others, stdin=subprocess.PIPE) as serving,
    ):
        assert serving.stdout
        url = f"http://127.0.0.1:{int(serving.stdout.readline())}"
        kubeconfig = Path(home) / "kubeconfig"
        kubeconfig.write_text(_kubeconfig(url))
        headless = [sys.executable, "-m", "sonickube_tui", "--headless", "--engine", "silent"]
        command = [*this, "bare", url] if alone else [*headless, "--kubeconfig", str(kubeconfig)]
        env = os.environ | {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_STATE_HOME": home}
        # A reader that has no core for a moment must not hold up who writes.
        with running(command, ours, env=env, pipesize=1 << 20) as listening:
            return _read(listening, int(rate * seconds))


def _read(process: subprocess.Popen[bytes], count: int) -> Sustained:
    """Read so many events, and how late they are."""
    assert process.stdout
    late: list[float] = []
    began = ran = waited = 0.0
    for line in process.stdout:
        now = time.monotonic_ns()
        if found := STAMPED.search(line):
            if not late:
                began, (ran, waited) = time.monotonic(), _scheduled(process.pid)
            late.append((now - int(found[1])) / 1e6)
            if len(late) == count:
                break
    seconds = time.monotonic() - began
    ran_by_now, waited_by_now = _scheduled(process.pid)
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    return Sustained(
        events=len(late),
        seconds=seconds,
        late=sorted(late),
        cpu=(ran_by_now - ran) / seconds,
        waited=(waited_by_now - waited) / seconds,
        peak=int(status["VmHWM"].split()[0]) / 1024,
    )


def _scheduled(pid: int) -> tuple[float, float]:
    """Seconds that the process's first thread has run, and has waited for a core (Linux only)."""
    ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return int(ran) / 1e9, int(waited) / 1e9


def _kubeconfig(url: str) -> str:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "benchmark",
        "clusters": [{"name": "benchmark", "cluster": {"server": url}}],
        "contexts": [{"name": "benchmark", "context": {"cluster": "benchmark", "user": "benchmark"}}],
        "users": [{"name": "benchmark", "user": {"token": "none"}}],
    }
    return json.dumps(config)


def rows() -> Iterator[tuple[str, ...]]:
    """For the table of all benchmarks."""
    rate = 5_000
    ours, floor = measure(rate), measure(rate, alone=True)

    def late(run: Sustained) -> str:
        p50, p99 = run.late[run.events // 2], run.late[run.events * 99 // 100]
        return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"

    yield (
        f"watch line to printed event at {rate:,} events/s, one core",
        f"{late(ours)} at {ours.events / ours.seconds:,.0f}/s; "
        f"CPU {ours.cpu:.0%}, waited for its core {ours.waited:.0%}, peak {ours.peak:.0f} MB",
        f"{late(floor)} (passed on unread); waited {floor.waited:.0%}",
        "",
        "p99 < 50 ms",
    )


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        bare(sys.argv[2])
    else:
        asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
