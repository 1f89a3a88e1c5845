"""Updates through the API that Kubernetes refuses whoever writes them: 422, with every field that is in the way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_double import Api, pod
from msgspec.structs import replace
from web import Answer, ask

from reconciler.model.kinds import (
    ConfigMap,
    Node,
    NodeSpec,
    ObjectMeta,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    Taint,
)
from reconciler.model.kinds.storage import StorageRequirements

MERGE, JSON = "application/merge-patch+json", "application/json-patch+json"
NODE = "/api/v1/nodes/node-1"
SHOP = "/api/v1/namespaces/shop"


def patch(api: Api, path: str, body: Any, kind: str = MERGE) -> Answer:
    """Send a patch."""
    return ask(api.path, "PATCH", path, json.dumps(body).encode(), Content_Type=kind)


def fill(api: Api) -> None:
    """Put an object of every kind that the rows below change."""
    networks = NodeSpec(pod_cidr="10.1.0.0/24", pod_cidrs=("10.1.0.0/24",), provider_id="a://b")
    api.objects.put(Node(metadata=ObjectMeta(name="node-1"), spec=networks), manager="api")
    metadata = ObjectMeta(name="settings", namespace="shop")
    api.objects.put(ConfigMap(metadata=metadata, data={"a": "b"}, immutable=True), manager="source/main")
    size = StorageRequirements(requests={"storage": "2Gi"})
    claimed = PersistentVolumeClaimSpec(access_modes=("ReadWriteOnce",), resources=size)
    claim = PersistentVolumeClaim(metadata=replace(metadata, name="data"), spec=claimed)
    api.objects.put(claim, manager="source/main")
    api.objects.put(pod("web"), manager="source/main")


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        (NODE, {"spec": {"podCIDRs": ["10.2.0.0/24"]}}, ["spec.podCIDRs"]),
        (NODE, {"spec": {"providerID": "c://d", "unschedulable": True}}, ["spec.providerID"]),
        (f"{SHOP}/configmaps/settings", {"data": {"a": "c"}, "immutable": False}, ["immutable", "data"]),
        (f"{SHOP}/persistentvolumeclaims/data", {"spec": {"accessModes": ["ReadOnlyMany"]}}, ["spec.accessModes"]),
        (f"{SHOP}/pods/web", {"spec": {"hostNetwork": True}}, ["spec.hostNetwork"]),
        (f"{SHOP}/pods/web", {"spec": {"containers": []}}, ["spec.containers"]),
    ],
)
def test_what_nobody_may_change_is_named_field_by_field(api: Api, path: str, body: Any, fields: list[str]) -> None:
    """As Kubernetes: Invalid, with causes; and nothing is written."""
    fill(api)
    answer = patch(api, path, body)
    assert (answer.code, answer.document["reason"]) == (422, "Invalid")
    causes = answer.document["details"]["causes"]
    assert [cause["field"] for cause in causes] == fields
    assert all(cause["reason"].startswith("FieldValue") and cause["message"] for cause in causes)
    assert all(field in answer.document["message"] for field in fields)
    assert not api.operations.calls


def test_another_name_is_invalid(api: Api) -> None:
    """An object keeps its name."""
    fill(api)
    answer = patch(api, NODE, [{"op": "replace", "path": "/metadata/name", "value": "other"}], JSON)
    assert (answer.code, answer.document["details"]["causes"][0]["field"]) == (422, "metadata.name")


def test_a_taint_that_is_there_twice_is_named_by_its_number(api: Api) -> None:
    """Taints differ by key and effect."""
    fill(api)
    twice = [{"key": "a", "effect": Taint(key="a", effect="NoSchedule").effect, "value": value} for value in "xy"]
    answer = patch(api, NODE, {"spec": {"taints": twice}})
    assert [cause["field"] for cause in answer.document["details"]["causes"]] == ["spec.taints[1]"]


def test_what_kubernetes_would_take_is_refused_with_the_place_to_edit(api: Api) -> None:
    """Another image of a Pod is no fault, but it is the repository that says it."""
    fill(api)
    present = ask(api.path, "GET", f"{SHOP}/pods/web").document["spec"]["containers"]
    other = [{**one, "image": "another:1"} for one in present]
    assert patch(api, f"{SHOP}/pods/web", {"spec": {"containers": other}}).code == 409
