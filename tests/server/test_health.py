"""The daemon's parts, one by one: as componentstatuses, as leases of nodes, and as probes."""

import json

import pytest
from api_double import Api
from msgspec.structs import replace
from web import ask

from reconciler.model.ports import Component
from reconciler.model.status import NodeStatus


def broken(api: Api, name: str, message: str) -> None:
    """Let one component fail."""
    parts = api.operations.parts
    fault = Component(name=name, healthy=False, message=message)
    api.operations.parts = tuple(fault if one.name == name else one for one in parts)


def test_components_are_objects(api: Api) -> None:
    """`kubectl get cs` and `kubectl get cs NAME` see what was checked now."""
    listed = ask(api.path, "GET", "/api/v1/componentstatuses").document
    assert (listed["kind"], listed["apiVersion"]) == ("ComponentStatusList", "v1")
    names = [item["metadata"]["name"] for item in listed["items"]]
    assert names == ["agent", "controller-manager", "scheduler", "store"]
    broken(api, "scheduler", "the controller loop has ended")
    one = ask(api.path, "GET", "/api/v1/componentstatuses/scheduler").document
    assert one["conditions"] == [
        {"type": "Healthy", "status": "False", "message": "the controller loop has ended"},
    ]
    missing = ask(api.path, "GET", "/api/v1/componentstatuses/etcd-0")
    assert (missing.code, missing.document["reason"]) == (404, "NotFound")


def test_components_are_chosen_by_name(api: Api) -> None:
    """A field selector on the name works, as upstream's; another one is refused."""
    path = "/api/v1/componentstatuses?fieldSelector="
    assert [
        one["metadata"]["name"] for one in ask(api.path, "GET", f"{path}metadata.name=store").document["items"]
    ] == ["store"]
    assert ask(api.path, "GET", f"{path}spec.x=store").code == 400


def test_every_reporting_node_has_a_lease(api: Api) -> None:
    """The lease tells when the node reported last; a node that never did has none."""
    nodes = (NodeStatus(name="node-1", ready=True, reported_at=1_800_000_000.25), NodeStatus(name="new", ready=False))
    api.operations.current = replace(api.operations.current, nodes=nodes)
    base = "/apis/coordination.k8s.io/v1"
    lease = ask(api.path, "GET", f"{base}/namespaces/kube-node-lease/leases/node-1").document
    assert lease["spec"]["holderIdentity"] == "node-1"
    assert lease["spec"]["renewTime"] == "2027-01-15T08:00:00.250000Z"
    for path, names in (
        (f"{base}/leases", ["node-1"]),
        (f"{base}/namespaces/kube-node-lease/leases", ["node-1"]),
        (f"{base}/namespaces/shop/leases", []),
    ):
        assert [item["metadata"]["name"] for item in ask(api.path, "GET", path).document["items"]] == names
    for path in ("kube-node-lease/leases/new", "shop/leases/node-1"):
        assert ask(api.path, "GET", f"{base}/namespaces/{path}").code == 404


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/livez/ping", "/readyz/store"])
def test_a_probe_of_a_healthy_daemon_is_ok(api: Api, path: str) -> None:
    """Two letters, as probes expect."""
    answer = ask(api.path, "GET", path)
    assert (answer.code, answer.content) == (200, b"ok")


def test_a_failed_component_makes_the_daemon_unready_and_not_dead(api: Api) -> None:
    """What failed is named; a check can be left out; restarting the daemon is not asked for."""
    broken(api, "store", "the database did not answer")
    answer = ask(api.path, "GET", "/readyz")
    assert answer.code == 500
    assert answer.content.decode().splitlines() == [
        "[+]ping ok",
        "[+]agent ok",
        "[+]controller-manager ok",
        "[+]scheduler ok",
        "[-]store failed: the database did not answer",
        "readyz check failed",
    ]
    assert ask(api.path, "GET", "/livez").content == b"ok"
    assert ask(api.path, "GET", "/readyz/store").code == 500
    left_out = ask(api.path, "GET", "/readyz?verbose&exclude=store")
    assert left_out.code == 200
    assert b"[+]store excluded: ok" in left_out.content


def test_the_verbose_form_lists_every_check(api: Api) -> None:
    """As `kubectl get --raw='/readyz?verbose'` shows them."""
    assert ask(api.path, "GET", "/livez?verbose").content == b"[+]ping ok\nlivez check passed\n"
    assert ask(api.path, "GET", "/readyz/none").document["code"] == 404


def test_the_version_says_who_was_built_when(api: Api) -> None:
    """Every field that clients require is there, and the build's time can be read."""
    document = ask(api.path, "GET", "/version").document
    wanted = "major minor gitVersion gitCommit gitTreeState buildDate goVersion compiler platform"
    assert sorted(document) == sorted(wanted.split())
    assert document["buildDate"] > "2020"
    assert document["platform"].startswith("linux/")
    assert json.dumps(document).count("null") == 0
