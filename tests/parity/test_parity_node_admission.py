"""A node takes Pods in that name it, and refuses them, as upstream's kubelet does."""

from typing import Any

from reconciler.planner.node_admission import refusals
from reconciler.planner.scheduling.fit import candidate_of
from tests.parity.rows import compare
from tests.parity.spelling import spelled_node, spelled_pod

PACKAGE = "pkg_kubelet_lifecycle"


def general(case: dict[str, Any]) -> bool:
    """Judge a row about everything that a node has against a Pod.

    Upstream's kubelet has two pictures of its node, and takes the newer one where only labels are wrong by the other.
    """
    pod, picture = spelled_pod(case["pod"]), candidate_of(spelled_node(case["cachedNode"]))
    if [one.reason for one in refusals(pod, picture)] == ["NodeAffinity"]:
        picture = candidate_of(spelled_node(case["syncNode"]))
    return [one.message for one in refusals(pod, picture)] == [one["error"] for one in case.get("reasons") or ()]


def system(case: dict[str, Any]) -> bool:
    """Judge a row about the label of a Pod that names its system."""
    node = candidate_of(spelled_node(case["node"]))
    found = [one.reason for one in refusals(spelled_pod(case["pod"]), node)]
    return ("PodOSSelectorNodeLabelDoesNotMatch" in found) is case.get("expectRejection", False)


def test_nodes_take_pods_in_as_upstreams_do() -> None:
    """What fits, and whose system it is."""
    compare(PACKAGE, {"TestGeneralPredicates": general, "TestRejectPodAdmissionBasedOnOSSelector": system})
