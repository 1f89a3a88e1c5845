"""Taints by condition, states of zones, and labels of nodes are those of upstream's node lifecycle controller."""

from typing import Any, cast

from reconciler.model.kinds import Condition, Node, Pod
from reconciler.model.node_report import NodeFacts, Observation
from reconciler.model.observed import ClusterInfo, NodeState, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.model.times import unix
from reconciler.planner.health import condition
from reconciler.planner.node_taints import condition_taints, zone_states
from reconciler.planner.nodes import observe_nodes, with_former_labels
from reconciler.planner.view import View, ref_for, replace
from tests.parity.loosely import loosely
from tests.parity.rows import compare
from tests.planner.world import Cluster

# When upstream's tests look at their nodes: noon of the first day of 2017.
_NOW = 1_483_272_000.0
_PODS = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
"""


def _node(given: dict[str, Any]) -> Node:
    """Return a Node; where its agent listens is not in our objects."""
    status = {name: value for name, value in given["status"].items() if name != "daemonEndpoints"}
    return cast(Node, loosely(Node, given | {"status": status}))


def taints(case: dict[str, Any]) -> bool:
    """Judge a row about the taints that a node's conditions make."""
    found = condition_taints(_node(case["Node"]).status.conditions)
    return [{"key": one.key, "effect": one.effect} for one in found] == case["ExpectedTaints"]


def zones(case: dict[str, Any]) -> bool:
    """Judge a row about how ill zones are, before and after their nodes report anew."""
    nodes = [_node(one) for one in case["nodeList"]]
    after = [_node(one | {"status": new}) for one, new in _renewed(case)]
    return _states(nodes) == case["expectedInitialStates"] and _states(after) == case["expectedFollowingStates"]


def _renewed(case: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return list(zip(case["nodeList"], case["updatedNodeStatuses"], strict=True))


def _states(nodes: list[Node]) -> dict[str, str]:
    ready = ((one, condition(one.status.conditions, "Ready")) for one in nodes)
    found = zone_states((one.metadata.labels, said is not None and said.status == "True") for one, said in ready)
    return {zone: state.value for zone, state in found.items()}


def health(case: dict[str, Any]) -> bool:
    """Judge a row about a node that was last heard when it was made: what is kept of its health is what is told.

    It is looked at twice at the time of upstream's test; a host that is not ready has an Engine that does not answer.
    """
    node = _node(case["node"])
    ready = condition(node.status.conditions, "Ready")
    heard_at = unix(node.metadata.creation_timestamp)
    assert heard_at is not None
    is_fine = ready is not None and ready.status == "True"
    facts = NodeFacts(node=node.metadata.name, observed_at=heard_at, complete=is_fine)
    report = Observation(node=facts.node, boot_id="b", sequence=1, observed_at=heard_at, facts=facts)
    state = NodeState(name=facts.node, heartbeat_at=heard_at, observation=report if ready is not None else None)
    told = _told(node, state)
    return told == _told(replace(node, status=replace(node.status, conditions=(told,))), state)


def _told(node: Node, state: NodeState) -> Condition:
    objects = {ref_for(node): StoredObject(ref=ref_for(node), object=node, manager="system")}
    observed = ObservedState(cluster=ClusterInfo(id="c"), objects=objects, nodes={state.name: state})
    view = View(observed, Policy(), _NOW)
    observe_nodes(view)
    found = cast(Node, view.objects[ref_for(node)].object)
    return cast(Condition, condition(found.status.conditions, "Ready"))


def silent(_: dict[str, Any]) -> bool:
    """Judge a row about Pods of a node that is not heard any more: none is ready.

    Rows have another number of workers and no more: with us it is one thread that looks after all.
    """
    cluster = Cluster(("node0", "node1"))
    cluster.push(_PODS)
    cluster.settle()
    begun = _ready_on(cluster, "node0")
    last = cluster.observed.nodes["node0"]
    cluster.now += cluster.policy.node_lease_s + 1
    cluster.report()
    cluster.observed = replace(cluster.observed, nodes={**cluster.observed.nodes, "node0": last})
    cluster.tick()
    return set(begun) == {"True"} and set(_ready_on(cluster, "node0")) == {"False"}


def _ready_on(cluster: Cluster, node: str) -> list[str]:
    pods = (cast(Pod, one) for one in cluster.of("Pod").values())
    return [condition(one.status.conditions, "Ready").status for one in pods if one.spec.node_name == node]


def excluded(case: dict[str, Any]) -> bool:
    """Judge a row about whether a node counts when a zone is judged."""
    return (not zone_states([(_node(case["input"]).metadata.labels, True)])) is case.get("excluded", False)


def labels(case: dict[str, Any]) -> bool:
    """Judge a row about the former names of labels."""
    return with_former_labels(_node(case["Node"]).metadata.labels) == case.get("ExpectedLabels", {})


def test_the_life_of_nodes_is_upstreams() -> None:
    """What follows from conditions, and when nothing does."""
    tables = {
        "TestTaintsNodeByCondition": taints,
        "TestMonitorNodeHealth": zones,
        "Test_isNodeExcludedFromDisruptionChecks": excluded,
        "TestReconcileNodeLabels": labels,
        "TestTryUpdateNodeHealth": health,
        "TestMonitorNodeHealthMarkPodsNotReadyWithWorkerSize": silent,
    }
    compare("pkg_controller_nodelifecycle", tables)
