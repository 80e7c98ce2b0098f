"""A child process that plays API server and Sonic Pi for the benchmarks, so that neither costs the other.

It serves pods of about 10 kB by list and watch, and answers the engine's reports on a UDP port. For every
voice it notes how long after its watch line the datagram came.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
import time
from contextlib import suppress
from typing import Any

from aiohttp import web
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

NAMESPACES = 10

SETTLE = 0.5
"""Seconds between a list and the first watch line."""


def make_container(name: str) -> dict[str, Any]:
    """A container as production has them: environment, probes, mounts, resources."""
    probe = {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10}
    return {
        "name": name,
        "image": f"images.local/{name}:1.4.2",
        "command": ["/bin/app", "--listen=:8080", "--log-level=info"],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": f"SETTING_{n}", "value": f"value of setting {n}"} for n in range(12)]
        + [{"name": "NODE", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}}],
        "resources": {
            "limits": {"cpu": "1", "memory": "512Mi"},
            "requests": {"cpu": "100m", "memory": "256Mi"},
        },
        "volumeMounts": [
            {"name": volume, "mountPath": f"/etc/{volume}", "readOnly": True}
            for volume in ("config", "secrets", "token")
        ],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
    }


def make_status(container: str, ready: bool) -> dict[str, Any]:
    """What the kubelet tells of a container."""
    return {
        "name": container,
        "image": f"images.local/{container}:1.4.2",
        "imageID": f"images.local/{container}@sha256:{'0' * 64}",
        "containerID": f"containerd://{'0' * 64}",
        "ready": ready,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": "2026-11-24T10:00:00Z"}},
        "lastState": {},
    }


def make_condition(kind: str, status: bool) -> dict[str, Any]:
    """A pod condition."""
    return {
        "type": kind,
        "status": str(status),
        "lastProbeTime": None,
        "lastTransitionTime": "2026-11-24T10:00:00Z",
    }


def make_pod(number: int, version: int, ready: bool) -> dict[str, Any]:
    """A pod of about 10 kB with what a production pod has."""
    containers = ("app", "proxy", "log-shipper")
    owned = {f"f:{field}": {".": {}, "f:name": {}, "f:value": {}} for field in containers}
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": f"app-7f9c6d5b48-{number:05d}",
            "generateName": "app-7f9c6d5b48-",
            "namespace": f"ns-{number % NAMESPACES}",
            "uid": f"00000000-0000-0000-0000-{number:012d}",
            "resourceVersion": str(version),
            "creationTimestamp": "2026-11-24T10:00:00Z",
            "labels": {"app": "app", "tier": "web", "team": "shop", "pod-template-hash": "7f9c6d5b48"},
            "annotations": {f"example.com/annotation-{n}": "some text " * 6 for n in range(6)},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": "app-7f9c6d5b48",
                    "uid": "00000000-0000-0000-0000-000000000000",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
            "managedFields": [
                {
                    "manager": manager,
                    "operation": "Update",
                    "apiVersion": "v1",
                    "time": "2026-11-24T10:00:00Z",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:metadata": owned, "f:spec": {f"f:{n}": owned for n in range(4)}},
                }
                for manager in ("kube-controller-manager", "kubelet")
            ],
        },
        "spec": {
            "nodeName": "node-a",
            "containers": [make_container(name) for name in containers],
            "volumes": [
                {"name": "config", "configMap": {"name": "config", "defaultMode": 420}},
                {"name": "secrets", "secret": {"secretName": "secrets", "defaultMode": 420}},
                {"name": "token", "emptyDir": {}},
            ],
            "tolerations": [
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
                for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
            ],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "app",
            "schedulerName": "default-scheduler",
            "priority": 0,
            "enableServiceLinks": True,
        },
        "status": {
            "phase": "Running",
            "conditions": [
                make_condition("Initialized", True),
                make_condition("Ready", ready),
                make_condition("ContainersReady", ready),
                make_condition("PodScheduled", True),
            ],
            "hostIP": "10.0.0.1",
            "podIP": "10.1.0.1",
            "podIPs": [{"ip": "10.1.0.1"}],
            "startTime": "2026-11-24T10:00:00Z",
            "containerStatuses": [make_status(name, ready) for name in containers],
            "qosClass": "Burstable",
        },
    }


class Server:
    """Lists `pods` pods, then sends `changes` watch lines at `rate` a second (0: as fast as can be).

    With `streams` it lists them in a watch as well (sendInitialEvents), as a server with WatchList.
    """

    def __init__(self, pods: int, changes: int, rate: float, *, streams: bool = False) -> None:
        self.pods, self.changes, self.rate, self.streams = pods, changes, rate, streams
        self.listed = asyncio.Event()
        self.written: dict[str, float] = {}
        self.latencies: list[float] = []
        encode = json.JSONEncoder(separators=(",", ":")).encode
        self.items = [encode(make_pod(number, number + 1, True)) for number in range(pods)]
        # Each pod goes unready, then ready again: every line is an event.
        self.lines = [
            encode({"type": "MODIFIED", "object": make_pod(n % pods, pods + n, n // pods % 2 == 1)}).encode()
            + b"\n"
            for n in range(changes)
        ]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """`/api/v1/pods`, as list or as watch."""
        query = request.query
        if query.get("watch"):
            return await self.watch(request)
        first = int(query.get("continue") or 0)
        last = min(self.pods, first + int(query.get("limit") or self.pods))
        meta: dict[str, Any] = {"resourceVersion": str(self.pods)}
        if last < self.pods:
            meta |= {"continue": str(last), "remainingItemCount": self.pods - last}
        else:
            self.listed.set()
        text = f'{{"kind":"PodList","apiVersion":"v1","metadata":{json.dumps(meta)},"items":['
        return web.Response(
            text=text + ",".join(self.items[first:last]) + "]}", content_type="application/json"
        )

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """The prepared lines, then nothing more on an open stream."""
        initial = "sendInitialEvents" in request.query
        if initial and not self.streams:
            status = {"kind": "Status", "code": 422, "reason": "Invalid", "message": "unknown"}
            return web.json_response(status, status=422)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if initial:
            for item in self.items:
                await response.write(b'{"type":"ADDED","object":%s}\n' % item.encode())
            meta = {"resourceVersion": str(self.pods), "annotations": {"k8s.io/initial-events-end": "true"}}
            mark = {"type": "BOOKMARK", "object": {"kind": "Pod", "apiVersion": "v1", "metadata": meta}}
            await response.write(json.dumps(mark).encode() + b"\n")
        elif "allowWatchBookmarks" in request.query:
            # Who lists and watches at once is to list first, so that either can be measured.
            await self.listed.wait()
        await asyncio.sleep(SETTLE)
        began = time.monotonic()
        for number, line in enumerate(self.lines):
            if self.rate:
                await asyncio.sleep(began + number / self.rate - time.monotonic())
                self.written[f"app-7f9c6d5b48-{number % self.pods:05d}"] = time.monotonic()
            with suppress(ConnectionError):  # The measured process ends when it has seen enough.
                await response.write(line)
        await asyncio.Event().wait()
        return response

    def voice(self, datagram: bytes, reply: asyncio.DatagramTransport) -> None:
        """Answer as the run would, and note the time since the voice's watch line."""
        now = time.monotonic()
        code = str(OscMessage(datagram).params[1])
        where = re.search(r'UDPClient\.new\("([\d.]+)", (\d+)\)', code)
        secret = re.search(r"/sonickube/\w+/", code)
        if not (where and secret):
            return  # It only looks whether anybody is here.
        number = re.search(r"use_random_seed (\d+)", code)
        if number is None:
            self._say(reply, where, f"{secret[0]}hello", "v0")
            return
        event = re.search(r'JSON\.parse\(sk_text\.call\("([^"]+)"', code)
        assert event
        pod = json.loads(base64.b64decode(event[1]))["pod"]
        if pod in self.written:
            self.latencies.append(now - self.written[pod])
        self._say(reply, where, f"{secret[0]}started", int(number[1]), 1)
        self._say(reply, where, f"{secret[0]}ended", int(number[1]))

    @staticmethod
    def _say(reply: asyncio.DatagramTransport, where: re.Match[str], address: str, *args: Any) -> None:
        message = OscMessageBuilder(address)
        for arg in args:
            message.add_arg(arg)
        reply.sendto(message.build().dgram, (where[1], int(where[2])))


async def serve(pods: int, changes: int, rate: float, streams: bool) -> None:
    """Print the two ports, serve until stdin closes, print the latencies."""
    server = Server(pods, changes, rate, streams=streams)
    loop = asyncio.get_running_loop()

    class Sink(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
            self.transport = transport

        def datagram_received(self, data: bytes, addr: object) -> None:
            server.voice(data, self.transport)

    transport, _ = await loop.create_datagram_endpoint(Sink, local_addr=("127.0.0.1", 0))
    app = web.Application()
    app.router.add_get("/api/v1/pods", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    ports = [site._server.sockets[0].getsockname()[1], transport.get_extra_info("sockname")[1]]  # type: ignore[union-attr]
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(json.dumps(server.latencies), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "stream"))
