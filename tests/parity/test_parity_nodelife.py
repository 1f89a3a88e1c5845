"""Taints by condition, states of zones, and labels of nodes are those of upstream's node lifecycle controller."""

from typing import Any, cast

from reconciler.model.kinds import Node
from reconciler.planner.health import condition
from reconciler.planner.node_taints import condition_taints, zone_states
from reconciler.planner.nodes import with_former_labels
from tests.parity.loosely import loosely
from tests.parity.rows import compare


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
    }
    compare("pkg_controller_nodelifecycle", tables)
