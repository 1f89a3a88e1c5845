"""Pods of nodes that are gone: waited for and then collected, as upstream's collector does."""

from typing import Any

from reconciler.model.kinds import Container, Node, ObjectMeta, Pod, PodSpec, PodStatus
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.planner.view import View
from reconciler.planner.workloads.podgc import collect_pods
from tests.parity.rows import compare
from tests.parity.test_parity_deployment import stored
from tests.parity.test_parity_podgc import collected

Case = dict[str, Any]
_NOW = 1_800_000_000.0
# For how long upstream's collector waits for a node to come back.
_QUARANTINE_S = 40.0


def pod_of(row: Case) -> Pod:
    """Read a Pod as the rows write it."""
    name = row["metadata"]["name"]
    spec = PodSpec(containers=(Container(name="a", image="b"),), node_name=row["spec"]["nodeName"])
    metadata = ObjectMeta(name=name, namespace=row["metadata"]["namespace"], uid=name)
    return Pod(metadata=metadata, spec=spec, status=PodStatus(phase=row["status"]["phase"]))


def names(case: Case, *fields: str) -> set[str]:
    """Return the names of the nodes in some fields of a row."""
    return {node["metadata"]["name"] for field in fields for node in case.get(field) or ()}


def passed(objects: list[StoredObject], nodes: set[str], now: float) -> list[StoredObject]:
    """Return the Pods that are left after a pass in which these nodes are known."""
    known = [stored(Node(metadata=ObjectMeta(name=name, uid=name))) for name in sorted(nodes)]
    observed = ObservedState(cluster=ClusterInfo(id="test"), objects={one.ref: one for one in (*objects, *known)})
    view = View(observed, Policy(node_lease_s=_QUARANTINE_S), now)
    collect_pods(view)
    return [left for one in objects if (left := view.get(one.ref)) is not None]


def orphans(case: Case) -> bool:
    """Judge a row: what the collector's cache of nodes says first, and what both it and the API say after a while."""
    pods = [stored(pod_of(one)) for one in case["pods"]]
    cached = names(case, "initialInformerNodes")
    left = passed(pods, cached, _NOW)
    cached = (cached | names(case, "addedInformerNodes")) - names(case, "deletedInformerNodes")
    served = names(case, "initialClientNodes", "addedClientNodes") - names(case, "deletedClientNodes")
    left = passed(left, cached | served, _NOW + case["delay"] / 1e9)
    gone = {one.ref.name for one in pods} - {one.ref.name for one in left}
    return gone == set(case.get("deletedPodNames") or ())


def test_pods_of_nodes_that_are_gone_are_collected_as_upstream_does() -> None:
    """After a time in which the node may come back, and not before."""
    compare("pkg_controller_podgc", {"TestGCOrphaned": orphans, "TestGCUnscheduledTerminating": collected})
