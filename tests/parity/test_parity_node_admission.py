"""A node takes Pods in that name it, and refuses them, as upstream's kubelet does."""

from typing import Any

from reconciler.planner.node_admission import refusals
from reconciler.planner.scheduling.fit import candidate_of
from tests.parity.rows import NotTranslated, compare
from tests.parity.spelling import spelled_node, spelled_pod
from tests.parity.test_parity_validation import problems_of

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


def _is_refused(spec: dict[str, Any]) -> bool:
    """Whether a Pod with this in its spec comes to no node: the API does not let it in, as no node would."""
    whole = {"containers": [{"name": "a", "image": "b"}], **spec}
    return bool(problems_of({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": whole}))


def named_system(case: dict[str, Any]) -> bool:
    """Judge a row about the field of a Pod that names its system."""
    return _is_refused({"os": case["pod"]["spec"].get("os")}) is case.get("expectRejection", False)


def groups(case: dict[str, Any]) -> bool:
    """Judge a row about Pods without the groups of the image's user; nodes of releases before that did not look."""
    if case["emulationVersion"]["components"] < [1, 31]:
        raise NotTranslated
    node = candidate_of(spelled_node(case["node"]))
    found = [one.reason for one in refusals(spelled_pod(case["pod"]), node)]
    return ("SupplementalGroupsPolicyNotSupported" in found) is case.get("expectRejection", False)


def test_nodes_take_pods_in_as_upstreams_do() -> None:
    """What fits, whose system it is, and with which groups."""
    tables = {
        "TestGeneralPredicates": general,
        "TestRejectPodAdmissionBasedOnOSSelector": system,
        "TestRejectPodAdmissionBasedOnOSField": named_system,
        "TestPodAdmissionBasedOnSupplementalGroupsPolicy": groups,
    }
    compare(PACKAGE, tables)
