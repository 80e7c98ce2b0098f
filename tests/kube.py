"""A real API server: etcd and kube-apiserver on loopback, with files of their own.

There is no kubelet and no controller: a pod becomes what the tests write into its status.
Knows nothing of pytest.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

Json = dict[str, Any]

BINARY = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "sonickube/kube-apiserver-1.20.2"
"""Where tests/kube-apiserver puts what it builds."""

BOOT_TIMEOUT = 60.0
"""Seconds; it takes four when nothing else runs."""

USERS = {"admin": '"system:masters"', "viewer": ""}
"""Who has a token, and their groups: a viewer may do what a test's roles let them."""


def missing() -> str:
    """What this machine lacks to run the server and how to get it; empty when all is there."""
    lack = []
    if shutil.which("etcd") is None:
        lack.append("etcd-server (apt-get install --no-install-recommends etcd-server)")
    if not os.access(BINARY, os.X_OK):
        lack.append("kube-apiserver (tests/kube-apiserver builds it)")
    return f"a real API server needs: {', '.join(lack)}" if lack else ""


def manifest(name: str, *, restart_policy: str = "Always", **labels: str) -> Json:
    """A pod of the Deployment `cart`, as its ReplicaSet creates it."""
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "cart-7f9c",
        "uid": "0b8d5a6e-0000-4000-8000-000000000001",
        "controller": True,
    }
    labels = {"pod-template-hash": "7f9c", **labels}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels, "ownerReferences": [owner]},
        "spec": {
            "containers": [{"name": "app", "image": "registry.invalid/app:1"}],
            "restartPolicy": restart_policy,
        },
    }


def status(
    state: Json, *, ready: bool = False, phase: str = "Running", restarts: int = 0, **last: Json
) -> Json:
    """A pod's status whose container is in one of the states `waiting`, `running` and `terminated`."""
    container = {
        "name": "app",
        "image": "registry.invalid/app:1",
        "imageID": "",
        "ready": ready,
        "restartCount": restarts,
        "state": state,
        "lastState": last,
    }
    return {
        "phase": phase,
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "containerStatuses": [container],
    }


def running(*, ready: bool = True, at: str = "2026-01-01T00:00:05Z", restarts: int = 0, **last: Json) -> Json:
    """The status of a pod whose container runs since `at`."""
    return status({"running": {"startedAt": at}}, ready=ready, restarts=restarts, **last)


class KubeServer:
    """A Kubernetes API server that runs from `start` to `stop`, or within `with`.

    `flags` are more of kube-apiserver's. It serves the same objects on the same `url` after a restart.
    `certificate` is the file of its authority.
    """

    def __init__(self, *flags: str) -> None:
        self.flags = flags
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start etcd and the API server until it is ready. Raises RuntimeError when it is not."""
        if lack := missing():
            raise RuntimeError(lack)
        with ExitStack() as stack:
            self.home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kube-")))
            etcd, peers, self.port = _free_ports(3)
            self.url = f"https://127.0.0.1:{self.port}"
            self.certificate = self.home / "certs" / "apiserver.crt"
            self._etcd_url, peer_url = f"http://127.0.0.1:{etcd}", f"http://127.0.0.1:{peers}"
            tokens = [f"{self.token(user)},{user},{user},{groups}\n" for user, groups in USERS.items()]
            (self.home / "tokens.csv").write_text("".join(tokens))
            self._etcd = self._run(
                "etcd",
                f"--data-dir={self.home}/etcd",
                f"--listen-client-urls={self._etcd_url}",
                f"--advertise-client-urls={self._etcd_url}",
                f"--listen-peer-urls={peer_url}",
                f"--initial-advertise-peer-urls={peer_url}",
                f"--initial-cluster=default={peer_url}",
                "--unsafe-no-fsync",
            )
            stack.callback(_kill, self._etcd)
            self._start_server()
            stack.callback(self.kill)
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """End both, and forget all objects."""
        self._stack.close()

    def kill(self) -> None:
        """End the API server in the middle of a word; etcd keeps the objects. (SIGTERM waits for watches.)"""
        _kill(self._server)

    def restart(self, *flags: str) -> None:
        """Kill the API server if it runs, and start it with these flags instead of those before."""
        self.kill()
        self.flags = flags
        self._start_server()

    def renew_certificate(self) -> None:
        """Restart it with a certificate of another authority."""
        self.kill()
        for file in self.certificate.parent.iterdir():
            file.unlink()
        self._start_server()

    def use(self, *flags: str) -> None:
        """Restart it with these flags, unless it runs with them."""
        if flags != self.flags or self._server.poll() is not None:
            self.restart(*flags)

    def compact(self) -> None:
        """Let etcd forget its history."""
        # Any answer's header tells the revision; this asks for one key that is not there.
        revision = self._ask_etcd("range", {"key": "AA=="})["header"]["revision"]
        self._ask_etcd("compaction", {"revision": revision, "physical": True})

    @staticmethod
    def token(user: str) -> str:
        """The bearer token of a user."""
        return f"{user}-token"

    def kubeconfig(
        self,
        path: Path,
        user: str = "admin",
        *,
        namespace: str = "default",
        port: int | None = None,
        certificate: Path | None = None,
        token: str | None = None,
    ) -> Path:
        """Write a kubeconfig with the context `kube`, and return its path."""
        cluster = {
            "server": f"https://127.0.0.1:{port or self.port}",
            "certificate-authority": str(certificate or self.certificate),
        }
        context = {"cluster": "kube", "user": user, "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "kube",
            "clusters": [{"name": "kube", "cluster": cluster}],
            "contexts": [{"name": "kube", "context": context}],
            "users": [{"name": user, "user": {"token": token or self.token(user)}}],
        }
        path.write_text(json.dumps(config))  # JSON is YAML, too.
        return path

    # Objects, written by the admin. Each raises HTTPError when the server refuses.

    def call(self, method: str, path: str, body: Json | None = None, *, user: str = "admin") -> Json:
        """One request; a PATCH is a JSON merge patch."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self.token(user)}", "Content-Type": kind}
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data=data, headers=headers, method=method)
        with self._open(request, timeout=30) as answer:
            found: Json = json.loads(answer.read())
        return found

    def create_namespace(self, name: str) -> None:
        """A namespace for pods and roles."""
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def pods(self, namespace: str) -> list[Json]:
        """The pods of a namespace as they are now, straight from etcd."""
        items: list[Json] = self.call("GET", _pods(namespace))["items"]
        return items

    def create_pod(self, namespace: str, manifest: Json) -> str:
        """Create a pod and return its uid."""
        return str(self.call("POST", _pods(namespace), manifest)["metadata"]["uid"])

    def bind(self, namespace: str, name: str, node: str) -> None:
        """Give a pod its node, as the scheduler does; the node need not be there."""
        binding = {"metadata": {"name": name}, "target": {"kind": "Node", "name": node}}
        self.call("POST", f"{_pods(namespace)}/{name}/binding", binding)

    def patch_status(self, namespace: str, name: str, status: Json) -> None:
        """Write into a pod's status, as its kubelet does."""
        self.call("PATCH", f"{_pods(namespace)}/{name}/status", {"status": status})

    def delete_pod(self, namespace: str, name: str, grace: int = 0) -> None:
        """Delete a pod, at once or with seconds of grace: a pod with a node is then only marked."""
        query = urlencode({"gracePeriodSeconds": grace})
        self.call("DELETE", f"{_pods(namespace)}/{name}?{query}")

    def history(self, since: str) -> list[Json]:
        """The watch events of all pods since a version."""
        query = urlencode({"watch": "true", "resourceVersion": since, "timeoutSeconds": 2})
        headers = {"Authorization": f"Bearer {self.token('admin')}"}
        with self._open(Request(f"{self.url}/api/v1/pods?{query}", headers=headers), timeout=30) as answer:
            return [json.loads(line) for line in answer]

    @contextmanager
    def allowed(self, user: str, namespace: str = "", resource: str = "pods") -> Iterator[None]:
        """Meanwhile, and neither before nor after, a user may list and watch a resource of one namespace or
        of all.
        """
        group = "rbac.authorization.k8s.io"
        kind, place = ("Role", f"namespaces/{namespace}/") if namespace else ("ClusterRole", "")
        roles = f"/apis/{group}/v1/{place}{kind.lower()}"
        name = f"{user}-{resource}"
        rule = {"apiGroups": [""], "resources": [resource], "verbs": ["list", "watch"]}
        role = {"apiGroup": group, "kind": kind, "name": name}
        subject = {"apiGroup": group, "kind": "User", "name": user}
        self.call("POST", f"{roles}s", {"metadata": {"name": name}, "rules": [rule]})
        bound = {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]}
        self.call("POST", f"{roles}bindings", bound)

        def may() -> bool:
            try:
                self.call("GET", f"/api/v1/{place}{resource}", user=user)
            except HTTPError as error:
                if error.code != 403:
                    raise
                return False
            return True

        _wait(may)
        try:
            yield
        finally:
            for what in ("bindings", "s"):
                self.call("DELETE", f"{roles}{what}/{name}")
            _wait(lambda: not may())

    def _start_server(self) -> None:
        # Its own TLS key, made at its first start, signs its service accounts as well.
        key = self.home / "certs" / "apiserver.key"
        self._server = self._run(
            str(BINARY),
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--cert-dir={key.parent}",
            f"--token-auth-file={self.home}/tokens.csv",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",
            "--disable-admission-plugins=ServiceAccount",
            "--enable-priority-and-fairness=false",
            *self.flags,
        )
        try:
            _wait(self._ready)
        except TimeoutError:
            _kill(self._server)
            said = (self.home / "kube-apiserver-1.20.2.log").read_text("utf-8", "replace")[-2000:]
            raise RuntimeError(f"kube-apiserver is not ready; it said: {said}") from None

    def _ready(self) -> bool:
        if self._server.poll() is not None:
            raise TimeoutError
        with suppress(OSError):
            trusted = ssl.create_default_context(cafile=self.certificate)
            self._open = build_opener(ProxyHandler({}), HTTPSHandler(context=trusted)).open
            headers = {"Authorization": f"Bearer {self.token('admin')}"}
            with self._open(Request(f"{self.url}/readyz", headers=headers), timeout=5):
                return True
        return False

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program whose output goes to a log of its name."""
        with (self.home / f"{Path(command[0]).name}.log").open("ab") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _ask_etcd(self, what: str, body: Json) -> Json:
        request = Request(f"{self._etcd_url}/v3/kv/{what}", data=json.dumps(body).encode())
        with self._open(request, timeout=30) as answer:
            found: Json = json.loads(answer.read())
        return found


def _pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def _free_ports(count: int) -> list[int]:
    """TCP ports of loopback that nobody has now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + BOOT_TIMEOUT
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)
