"""Pods that nobody else ends: collected as upstream's collector does."""

from typing import Any

from reconciler.model.kinds import (
    Condition,
    Container,
    Node,
    NodeSpec,
    NodeStatus,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    Taint,
)
from reconciler.model.observed import ClusterInfo, ObservedState
from reconciler.model.policy import Policy
from reconciler.model.times import rfc3339
from reconciler.planner.view import View
from reconciler.planner.workloads.podgc import collect_pods
from tests.parity.rows import compare
from tests.parity.test_parity_deployment import stored

Case = dict[str, Any]
_NOW = 1_800_000_000.0


def pod_of(row: Case, number: int) -> Pod:
    """Read a Pod as the rows write it; the first ones are the oldest."""
    ending = rfc3339(_NOW) if "deletionTimeStamp" in row else None
    metadata = ObjectMeta(
        name=row["name"],
        namespace="default",
        uid=row["name"],
        creation_timestamp=rfc3339(_NOW - 1000 + number),
        deletion_timestamp=ending,
    )
    spec = PodSpec(containers=(Container(name="a", image="b"),), node_name=row.get("nodeName", ""))
    status = PodStatus(phase=row.get("phase", "Pending"), reason=row.get("reason", ""))
    return Pod(metadata=metadata, spec=spec, status=status)


def node_of(row: Case) -> Node:
    """Read a node as the rows write it."""
    taints = tuple(Taint(key=one["key"], effect=one["effect"]) for one in row.get("taints") or ())
    ready = Condition(type="Ready", status=row["readyCondition"])
    metadata = ObjectMeta(name=row["name"], uid=row["name"])
    return Node(metadata=metadata, spec=NodeSpec(taints=taints), status=NodeStatus(conditions=(ready,)))


def collected(case: Case) -> bool:
    """Judge a row with Pods and nodes: which Pods are deleted."""
    pods = [stored(pod_of(one, number)) for number, one in enumerate(case["pods"])]
    nodes = [stored(node_of(one)) for one in case.get("nodes") or ()]
    observed = ObservedState(cluster=ClusterInfo(id="test"), objects={one.ref: one for one in (*pods, *nodes)})
    view = View(observed, Policy(finished_pods_max=case.get("threshold", 0)), _NOW)
    collect_pods(view)
    gone = {one.ref.name for one in pods if view.get(one.ref) is None}
    return gone == set(case.get("deletedPodNames") or ())


def test_pods_are_collected_as_upstream_does() -> None:
    """Every row whose data says enough gets upstream's answer; that of nodes that went is told over time."""
    compare("pkg_controller_podgc", {"TestGCTerminated": collected, "TestGCTerminating": collected})
