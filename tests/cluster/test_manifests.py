"""The manifests that we hand out: whole, fitting together, and with no right too many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

DOCS = Path(__file__).parent.parent.parent / "docs"
Json = dict[str, Any]


def objects(name: str) -> dict[str, Json]:
    """The objects of a file by their kind, of which each comes once."""
    found = list(yaml.safe_load_all((DOCS / name).read_text("utf-8")))
    by_kind = {thing["kind"]: thing for thing in found}
    assert len(by_kind) == len(found)
    return by_kind


def rights(role: Json) -> set[tuple[str, str, str]]:
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


@pytest.mark.parametrize(
    ("name", "role", "needed"),
    [
        ("rbac/cluster.yaml", "ClusterRole", PODS | {("", "namespaces", "list")}),
        ("rbac/namespace.yaml", "Role", PODS),
    ],
)
def test_a_role_allows_what_is_needed_and_no_more(
    name: str, role: str, needed: set[tuple[str, str, str]]
) -> None:
    found = objects(name)
    assert set(found) == {role, f"{role}Binding"}
    assert rights(found[role]) == needed
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
