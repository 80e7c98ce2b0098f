"""Ways to follow the pods of a cluster, side by side on one real API server and the same churn.

Each is a process that prints a line for each watch event. Measured is the CPU time that the events cost it
and its highest memory: unlike a rate, both are its own, whatever else the machine does. Linux only.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import psutil

from benchmarks.apiserver import NAMESPACES, make_pod
from benchmarks.show import show
from kube import KubeServer, missing
from sonickube_tui.cluster.connect import connect
from sonickube_tui.cluster.pod import decode_list

PODS = 1_000
CHANGES = 4_000
PAGE = 500

Figures = dict[str, float]
Json = dict[str, Any]


# The rivals that are Python


def documented(kubeconfig: str) -> None:
    """The loop that the client's README shows."""
    from kubernetes import client, config, watch

    config.load_kube_config(kubeconfig)
    for event in watch.Watch().stream(client.CoreV1Api().list_pod_for_all_namespaces):
        print(event["type"], flush=True)


def informer(kubeconfig: str) -> None:
    """The client's SharedInformer."""
    from kubernetes import client, config
    from kubernetes.informer import SharedInformer

    config.load_kube_config(kubeconfig)
    shared = SharedInformer(client.CoreV1Api().list_pod_for_all_namespaces)
    for change in ("ADDED", "MODIFIED", "DELETED"):
        shared.add_event_handler(change, lambda pod, change=change: print(change, flush=True))
    shared.start()
    while True:
        time.sleep(1.0)


# The churn


class Churn:
    """Pods of 10 kB on a real server, all of them ready, and then turned."""

    def __init__(self, kube: KubeServer) -> None:
        self._kube = kube
        self._turn = 0

    async def _write(self, calls: list[tuple[str, str, Json]]) -> None:
        """All requests, in the order that a few connections come to."""
        trusted = ssl.create_default_context(cafile=self._kube.certificate)
        headers = {"Authorization": f"Bearer {self._kube.token('admin')}"}
        connector = aiohttp.TCPConnector(ssl=trusted)
        left = iter(calls)
        async with aiohttp.ClientSession(connector=connector, headers=headers, trust_env=False) as session:

            async def work() -> None:
                for method, path, body in left:
                    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
                    data, sent = msgspec.json.encode(body), {"Content-Type": kind}
                    url = self._kube.url + path
                    async with session.request(method, url, data=data, headers=sent) as answer:
                        if answer.status >= 300:
                            raise RuntimeError(await answer.text())

            await asyncio.gather(*(work() for _ in range(16)))

    def create(self) -> None:
        """Create the pods."""
        for number in range(NAMESPACES):
            self._kube.create_namespace(f"ns-{number}")
        creates, patches = [], []
        for number in range(PODS):
            pod = make_pod(number, 0, True)
            meta, path = pod["metadata"], f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods"
            for field in ("resourceVersion", "uid", "creationTimestamp", "managedFields"):
                del meta[field]
            status = pod.pop("status")
            creates.append(("POST", path, pod))
            patches.append(("PATCH", f"{path}/{meta['name']}/status", {"status": status}))
        asyncio.run(self._write(creates))
        asyncio.run(self._write(patches))

    def turn(self) -> None:
        """Turn pods unready and ready again, one after the other."""
        calls = []
        for number in range(CHANGES):
            pod = make_pod(number % PODS, 0, (self._turn + number // PODS) % 2 == 1)
            path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status"
            calls.append(("PATCH", path, {"status": {"conditions": pod["status"]["conditions"]}}))
        asyncio.run(self._write(calls))


async def page(kube: KubeServer) -> tuple[float, float]:
    """How long a page takes to come and to be read, in seconds, and its MB."""
    times, size = [], 0
    with tempfile.TemporaryDirectory(prefix="rivals-") as folder:
        async with await connect(str(kube.kubeconfig(Path(folder) / "kubeconfig"))) as api:
            for _ in range(9):
                began = time.perf_counter()
                body = await api.get("/api/v1/pods", limit=str(PAGE))
                decode_list(body)
                times.append(time.perf_counter() - began)
                size = len(body)
    return statistics.median(times), size / 1e6


# The measuring


def _quiet(process: psutil.Process) -> float:
    """The CPU seconds of a process, once it has used next to none for a second."""
    used = -1.0
    while True:
        cpu = process.cpu_times()
        if cpu.user + cpu.system - used < 0.02:
            return cpu.user + cpu.system
        used = cpu.user + cpu.system
        time.sleep(1.0)


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def measure(command: list[str], churn: Churn, home: Path) -> Figures:
    """CPU seconds for 10,000 events, and the highest resident memory in MB."""
    out = home / "out"
    environment = {**os.environ, "HOME": str(home)}
    with out.open("wb") as file, (home / "said").open("wb") as said:
        process = psutil.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=said, env=environment)
    try:
        time.sleep(3.0)
        idle, before = _quiet(process), _lines(out)
        churn.turn()
        cpu, told = _quiet(process) - idle, _lines(out) - before
        if told < CHANGES:
            raise RuntimeError(f"{command} told {told} of {CHANGES}: {(home / 'said').read_text()[-500:]}")
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        return {"cpu": cpu / CHANGES * 10_000, "peak": peak}
    finally:
        process.kill()
        process.wait()


def compare(kube: KubeServer) -> dict[str, Figures]:
    """All rivals in turn, on a server that has the pods."""
    with tempfile.TemporaryDirectory(prefix="rivals-") as folder:
        home = Path(folder)
        kubeconfig = str(kube.kubeconfig(home / "kubeconfig"))
        churn = Churn(kube)
        python = [sys.executable, "-m"]
        ours = ["sonickube_tui", "--headless", "--engine", "silent", "--kubeconfig", kubeconfig]
        commands = {
            "sonickube --headless": [*python, *ours],
            "kubectl get pods -A -w -o json": [
                *("kubectl", "--kubeconfig", kubeconfig, "get", "pods", "-A", "-w", "-o", "json"),
                "--output-watch-events",
            ],
            "Watch().stream": [*python, "benchmarks.rivals", "documented", kubeconfig],
            "SharedInformer": [*python, "benchmarks.rivals", "informer", kubeconfig],
        }
        if shutil.which("kubectl") is None:
            del commands["kubectl get pods -A -w -o json"]
        return {name: measure(command, churn, home) for name, command in commands.items()}


def rows() -> Iterator[tuple[str, ...]]:
    """For the table of all benchmarks: what others cost beside us. None without a real API server."""
    if missing():
        return
    with KubeServer() as kube:
        Churn(kube).create()
        seconds, size = asyncio.run(page(kube))
        yield "a page of 500 pods of a real API server", f"{seconds:.2f} s, {size:.1f} MB", "", "", ""
        (_, ours), *others = compare(kube).items()
    for name, theirs in others:
        yield (
            f"CPU for 10,000 watch events of a real API server, beside {name}",
            f"{ours['cpu']:.2f} s, peak {ours['peak']:.0f} MB",
            f"{theirs['cpu']:.2f} s, peak {theirs['peak']:.0f} MB",
            f"{theirs['cpu'] / ours['cpu']:.1f}x, {theirs['peak'] / ours['peak']:.1f}x",
            "",
        )


def main() -> None:
    """Compare them and print it."""
    show(rows())


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        {"documented": documented, "informer": informer}[sys.argv[1]](sys.argv[2])
