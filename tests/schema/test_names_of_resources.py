"""Bounds are for resources that there are, and a Secret with a token says whose it is."""

import json
from typing import Any

import pytest

from reconciler.schema.validate import SourceFile, validate


def pointers(kind: str, **document: Any) -> list[str]:
    """Return the places of the errors in an object."""
    manifest = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, **document}
    found = validate([SourceFile("a.json", json.dumps(manifest).encode())]).problems
    return [one.pointer for one in found if one.is_error]


@pytest.mark.parametrize(
    ("type_", "name", "is_good"),
    [
        ("Container", "cpu", True),
        ("Container", "hugepages-2Mi", True),
        ("Container", "example.com/gpu", True),
        ("Container", "pods", False),
        ("Pod", "disk", False),
        ("example.com/thing", "storage", True),
        ("example.com/thing", "requests.memory", True),
        ("example.com/thing", "network", False),
    ],
)
def test_bounds_name_resources(type_: str, name: str, is_good: bool) -> None:
    """Those of containers, or of anything that a quota counts; others carry a domain."""
    found = pointers("LimitRange", spec={"limits": [{"type": type_, "max": {name: "1"}}]})
    assert found == ([] if is_good else [f"/spec/limits/0/max/{name}"])


@pytest.mark.parametrize(("account", "is_good"), [("builder", True), ("", False), (None, False)])
def test_a_token_is_somebodys(account: str | None, is_good: bool) -> None:
    """The annotation names the account."""
    annotations = {} if account is None else {"kubernetes.io/service-account.name": account}
    metadata = {"name": "x", "annotations": annotations}
    found = pointers("Secret", type="kubernetes.io/service-account-token", metadata=metadata)
    assert found == ([] if is_good else ["/metadata"])


def test_a_gated_pod_has_no_node_yet() -> None:
    """It cannot be held back from where it is already."""
    spec = {"containers": [{"name": "a", "image": "b"}], "schedulingGates": [{"name": "g"}], "nodeName": "node-a"}
    assert pointers("Pod", spec=spec) == ["/spec/nodeName"]


@pytest.mark.parametrize(
    ("name", "is_good"),
    [("memory", True), ("example.com/gpu", True), ("gpu", False), ("example.com/g_", False), ("a b/gpu", False)],
)
def test_what_a_container_asks_for_has_a_domain_unless_it_is_known(name: str, is_good: bool) -> None:
    """A name that no node could ever tell of would have the Pod wait for ever."""
    container = {"name": "a", "image": "b", "resources": {"limits": {name: "1"}}}
    assert pointers("Pod", spec={"containers": [container]}) == (
        [] if is_good else ["/spec/containers/0/resources/limits/" + name.replace("/", "~1")]
    )
