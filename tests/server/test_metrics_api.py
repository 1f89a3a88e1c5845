"""The group metrics.k8s.io: what nodes and Pods use."""

import pytest
from api_double import Api, pod
from msgspec.structs import replace
from web import ask

from reconciler.model.kinds import Node, ObjectMeta
from reconciler.model.metrics import ContainerUsage, NodeUsage, PodUsage

ROOT = "/apis/metrics.k8s.io/v1beta1"
AT = 1_800_000_000.0


def used(name: str, uid: str = "", *containers: ContainerUsage) -> PodUsage:
    """What a Pod of the namespace shop uses."""
    listed = containers or (ContainerUsage(name="app", cpu_nanos=250_000_000, memory_bytes=8 << 20),)
    return PodUsage(namespace="shop", name=name, uid=uid, at=AT, window_s=15.0, containers=listed)


@pytest.fixture
def measured(api: Api) -> Api:
    """Two Pods on one node, and one that is gone."""
    metadata = ObjectMeta(name="node-1", labels={"disk": "ssd"})
    api.objects.put(Node(metadata=metadata))
    for name, app in (("web", "web"), ("db", "db")):
        one = pod(name, app=app)
        api.objects.put(replace(one, metadata=replace(one.metadata, uid=f"uid-{name}")))
    pods = (used("web", "uid-web"), used("db", "uid-db"), used("gone", "uid-gone"))
    api.operations.measured = (
        NodeUsage(node="node-1", at=AT, window_s=15.004, cpu_nanos=1_500_000_000, memory_bytes=3 << 30, pods=pods),
    )
    return api


def names(api: Api, path: str) -> list[str]:
    """The names in a list."""
    return [item["metadata"]["name"] for item in ask(api.path, "GET", f"{ROOT}{path}").document["items"]]


def test_what_a_node_uses(measured: Api) -> None:
    """In the units of a metrics server: billionths of a core, kibibytes."""
    listed = ask(measured.path, "GET", f"{ROOT}/nodes").document
    assert (listed["kind"], listed["apiVersion"]) == ("NodeMetricsList", "metrics.k8s.io/v1beta1")
    [node] = listed["items"]
    assert node["usage"] == {"cpu": "1500000000n", "memory": "3145728Ki"}
    assert (node["timestamp"], node["window"]) == ("2027-01-15T08:00:00Z", "15.004s")
    assert node["metadata"]["labels"] == {"disk": "ssd"}
    assert ask(measured.path, "GET", f"{ROOT}/nodes/node-1").document["kind"] == "NodeMetrics"
    assert ask(measured.path, "GET", f"{ROOT}/nodes/node-2").code == 404


def test_what_a_pod_uses(measured: Api) -> None:
    """One entry for every container; a Pod that is gone has none, nor has another one of its name."""
    assert names(measured, "/pods") == ["db", "web"]
    found = ask(measured.path, "GET", f"{ROOT}/namespaces/shop/pods/web").document
    assert found["kind"] == "PodMetrics"
    assert found["containers"] == [{"name": "app", "usage": {"cpu": "250000000n", "memory": "8192Ki"}}]
    missing = ask(measured.path, "GET", f"{ROOT}/namespaces/shop/pods/gone")
    assert (missing.code, missing.document["reason"]) == (404, "NotFound")
    [usage] = measured.operations.measured
    measured.operations.measured = (replace(usage, pods=(used("web", "uid-of-an-earlier-one"),)),)
    assert names(measured, "/pods") == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/pods?labelSelector=app%3Dweb", ["web"]),
        ("/namespaces/shop/pods?labelSelector=app%20in%20(db)", ["db"]),
        ("/namespaces/other/pods", []),
        ("/pods?fieldSelector=metadata.name%3Ddb", ["db"]),
        ("/nodes?labelSelector=disk%3Dssd", ["node-1"]),
        ("/nodes?labelSelector=disk%21%3Dssd", []),
    ],
)
def test_selectors_choose_as_of_pods_and_nodes(measured: Api, path: str, expected: list[str]) -> None:
    """By the labels that the Pod or Node has."""
    assert names(measured, path) == expected


def test_a_watch_is_refused(measured: Api) -> None:
    """There is nothing to watch; the answer says so."""
    assert ask(measured.path, "GET", f"{ROOT}/pods?watch=true").code == 405


def test_discovery_knows_the_group(measured: Api) -> None:
    """`kubectl top` asks whether the group is there before anything else."""
    groups = ask(measured.path, "GET", "/apis").document["groups"]
    assert "metrics.k8s.io" in [group["name"] for group in groups]
    listed = ask(measured.path, "GET", ROOT).document["resources"]
    assert [(one["name"], one["kind"], one["namespaced"]) for one in listed] == [
        ("nodes", "NodeMetrics", False),
        ("pods", "PodMetrics", True),
    ]
