"""The manifests that we hand out: whole, fitting together, and with no right too many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from kube import KubeServer, manifest
from listening import Observer
from sonickube_tui.cluster.connect import connect
from sonickube_tui.cluster.source import follow
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Link

DOCS = Path(__file__).parent.parent.parent / "docs"
Json = dict[str, Any]
Right = tuple[str, str, str]


def objects(name: str) -> dict[str, Json]:
    """The objects of a file by their kind, of which each comes once."""
    found = list(yaml.safe_load_all((DOCS / name).read_text("utf-8")))
    by_kind = {thing["kind"]: thing for thing in found}
    assert len(by_kind) == len(found)
    return by_kind


def rights(role: Json) -> set[Right]:
    """API group, resource and verb of all that a role allows."""
    assert all(set(rule) == {"apiGroups", "resources", "verbs"} for rule in role["rules"])
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


PODS = {("", "pods", "list"), ("", "pods", "watch")}
NAMESPACES = {("", "namespaces", "list")}
WELCOME = {("", resource, verb) for resource in ("nodes", "events") for verb in ("list", "watch")}
"""Rights that make more to be heard, and that nothing else depends on."""


@pytest.mark.parametrize(
    ("name", "role", "needed"),
    [("rbac/cluster.yaml", "ClusterRole", PODS | NAMESPACES), ("rbac/namespace.yaml", "Role", PODS)],
)
def test_a_role_allows_what_is_needed_and_no_more(name: str, role: str, needed: set[Right]) -> None:
    found = objects(name)
    assert set(found) == {role, f"{role}Binding"}
    assert needed <= rights(found[role]) <= needed | WELCOME
    bound = found[f"{role}Binding"]["roleRef"]
    assert (bound["kind"], bound["name"]) == (role, found[role]["metadata"]["name"])


def test_in_the_cluster_it_runs_without_a_screen_as_an_account_with_that_role() -> None:
    found = objects("in-cluster.yaml")
    assert set(found) == {"Namespace", "ServiceAccount", "ClusterRoleBinding", "Deployment"}
    account, pod = found["ServiceAccount"]["metadata"], found["Deployment"]["spec"]["template"]
    assert found["ClusterRoleBinding"]["subjects"] == [{"kind": "ServiceAccount", **account}]
    role = objects("rbac/cluster.yaml")["ClusterRole"]["metadata"]["name"]
    assert found["ClusterRoleBinding"]["roleRef"]["name"] == role
    assert pod["spec"]["serviceAccountName"] == account["name"]
    assert found["Deployment"]["metadata"]["namespace"] == account["namespace"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    (container,) = pod["spec"]["containers"]
    assert container["command"][:2] == ["sonickube", "--headless"]
    assert container["image"] == "sonickube-tui:0.1.0"


# On a real server

RBAC = "/apis/rbac.authorization.k8s.io/v1"
PLACES = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ClusterRole": f"{RBAC}/clusterroles",
    "ClusterRoleBinding": f"{RBAC}/clusterrolebindings",
    "Role": f"{RBAC}/namespaces/{{}}/roles",
    "RoleBinding": f"{RBAC}/namespaces/{{}}/rolebindings",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
}
IN_CLUSTER = "system:serviceaccount:sonickube:sonickube"


def without(role: Json, right: Right) -> Json:
    """A role with one right less."""
    left = sorted(rights(role) - {right})
    rules = [{"apiGroups": [group], "resources": [thing], "verbs": [verb]} for group, thing, verb in left]
    return {**role, "rules": rules}


@contextmanager
def applied(
    kube: KubeServer, *names: str, namespace: str = "", user: str = "viewer", missing: Right | None = None
) -> Iterator[None]:
    """Files of docs/ applied in a namespace for a user, but for one right; what they allow is taken back."""

    def may(right: Right) -> bool:
        group, resource, verb = right
        attributes = {"namespace": namespace, "group": group, "resource": resource, "verb": verb}
        review = {"spec": {"user": user, "resourceAttributes": attributes}}
        answer = kube.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return bool(answer["status"]["allowed"])

    wanted: set[Right] = set()
    with ExitStack() as stack:
        for thing in (thing for name in names for thing in objects(name).values()):
            kind = thing["kind"]
            if kind in ("ClusterRole", "Role"):
                thing = without(thing, missing) if missing else thing
                wanted |= rights(thing)
            elif thing.get("subjects", [{}])[0].get("kind") == "User":
                thing["subjects"][0]["name"] = user
            path = PLACES[kind].format(thing["metadata"].get("namespace", namespace))
            kube.call("POST", path, thing)
            if kind != "Namespace":  # Without a controller none ever goes.
                stack.callback(kube.call, "DELETE", f"{path}/{thing['metadata']['name']}")
        _wait(lambda: all(map(may, wanted)) and not (missing and may(missing)))
        yield
    _wait(lambda: not any(map(may, wanted)))


@pytest.fixture
def real(kube: KubeServer) -> KubeServer:
    kube.use()
    return kube


@pytest.fixture
def namespaces(real: KubeServer) -> list[str]:
    """Three that are new; the first two have one beginning."""
    team = f"team-{uuid4().hex[:8]}"
    names = [f"{team}-shop", f"{team}-search", f"other-{team}"]
    for name in names:
        real.create_namespace(name)
    return names


async def told_of(kube: KubeServer, kubeconfig: Path, namespaces: list[str], *given: str) -> set[str]:
    """In which of the namespaces a new pod is told of, when `given` are followed."""
    name = f"cart-{uuid4().hex[:8]}"
    async with Observer(follow(lambda: connect(str(kubeconfig)), given)) as observer:
        await observer.until_watching()
        for namespace in namespaces:
            await asyncio.to_thread(kube.create_pod, namespace, manifest(name))
        # What is told at all is told within a second.
        await observer.until(lambda: any(event.pod == name for event in observer.events))
        await asyncio.sleep(1.0)
    return {event.namespace for event in observer.events if event.pod == name}


async def refusal(kubeconfig: Path, *given: str) -> str:
    """Why `given` cannot be followed: the UserError, or what the source says while it tries again."""
    async with Observer(follow(lambda: connect(str(kubeconfig)), given)) as observer:

        def detail() -> str:
            lost = (link for link in observer.links if isinstance(link, Connection))
            return next((link.detail for link in lost if link.link is Link.RECONNECTING), "")

        try:
            await observer.until(detail)
        except UserError as error:
            return str(error)
        return detail()


@pytest.mark.real
async def test_the_cluster_role_is_enough_for_all_namespaces_and_for_patterns(
    real: KubeServer, namespaces: list[str], tmp_path: Path
) -> None:
    kubeconfig = real.kubeconfig(tmp_path / "kubeconfig", "viewer")
    pattern = namespaces[0].removesuffix("shop") + "*"
    assert "list and watch on pods" in await refusal(kubeconfig)
    with applied(real, "rbac/cluster.yaml"):
        assert await told_of(real, kubeconfig, namespaces) == set(namespaces)
        assert await told_of(real, kubeconfig, namespaces, pattern) == set(namespaces[:2])
        assert await told_of(real, kubeconfig, namespaces, f"!{pattern}") == {namespaces[2]}


@pytest.mark.real
async def test_the_role_of_a_namespace_is_enough_for_that_one(
    real: KubeServer, namespaces: list[str], tmp_path: Path
) -> None:
    ours, theirs, _ = namespaces
    kubeconfig = real.kubeconfig(tmp_path / "kubeconfig", "viewer", namespace=ours)
    with applied(real, "rbac/namespace.yaml", namespace=ours):
        assert await told_of(real, kubeconfig, namespaces, ours) == {ours}
        # Without -n it is the context's namespace that is left.
        assert await told_of(real, kubeconfig, namespaces) == {ours}
        assert f"may not list pods of kube in namespace {theirs}" in await refusal(kubeconfig, theirs)
        assert "name the namespaces" in await refusal(kubeconfig, "team-*")


@pytest.mark.real
async def test_in_the_cluster_its_account_may_follow_all_namespaces(
    real: KubeServer, namespaces: list[str], tmp_path: Path
) -> None:
    with applied(real, "rbac/cluster.yaml", "in-cluster.yaml", user=IN_CLUSTER):
        account = "/api/v1/namespaces/sonickube/serviceaccounts/sonickube/token"
        token = real.call("POST", account, {"spec": {}})["status"]["token"]
        kubeconfig = real.kubeconfig(tmp_path / "kubeconfig", token=token)
        assert await told_of(real, kubeconfig, namespaces) == set(namespaces)


@pytest.mark.real
@pytest.mark.parametrize("right", sorted(rights(objects("rbac/cluster.yaml")["ClusterRole"])), ids="-".join)
async def test_each_right_of_the_cluster_role_is_missed(
    real: KubeServer, namespaces: list[str], tmp_path: Path, right: Right
) -> None:
    kubeconfig = real.kubeconfig(tmp_path / "kubeconfig", "viewer")
    with applied(real, "rbac/cluster.yaml", missing=right):
        if right in PODS:
            assert right[2] in await refusal(kubeconfig)
            return
        # Whatever else is missing, pods are followed.
        assert await told_of(real, kubeconfig, namespaces) == set(namespaces)
        if right in NAMESPACES:
            assert "need to list namespaces" in await refusal(kubeconfig, "team-*")


@pytest.mark.real
@pytest.mark.parametrize("right", sorted(rights(objects("rbac/namespace.yaml")["Role"])), ids="-".join)
async def test_each_right_of_the_role_of_a_namespace_is_missed(
    real: KubeServer, namespaces: list[str], tmp_path: Path, right: Right
) -> None:
    ours = namespaces[0]
    kubeconfig = real.kubeconfig(tmp_path / "kubeconfig", "viewer")
    with applied(real, "rbac/namespace.yaml", namespace=ours, missing=right):
        if right in PODS:
            assert right[2] in await refusal(kubeconfig, ours)
        else:
            assert await told_of(real, kubeconfig, namespaces, ours) == {ours}


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
