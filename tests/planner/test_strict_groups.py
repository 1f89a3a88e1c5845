"""Pods that want none of the groups that their images have for users: nodes of ours can do that, and say so."""

from msgspec.structs import replace

from reconciler.model.kinds import Node, NodeFeatures, NodeStatus, ObjectMeta, PodSecurityContext
from reconciler.planner.node_admission import refusals
from reconciler.planner.scheduling.fit import candidate_of
from tests.planner.test_node_admission import pod
from tests.planner.world import Cluster


def test_a_node_says_that_it_keeps_groups_from_pods() -> None:
    """As Kubernetes' nodes do."""
    cluster = Cluster()
    cluster.settle()
    node = cluster.of("Node")["node-1"]
    assert isinstance(node, Node) and node.status.features.supplemental_groups_policy


def test_a_node_that_cannot_takes_no_such_pod_in() -> None:
    """Pods that keep the groups of their image go anywhere."""
    room = {"cpu": "1", "memory": "1Gi", "pods": "3"}
    node = Node(metadata=ObjectMeta(name="n"), status=NodeStatus(allocatable=room))
    able = replace(node, status=replace(node.status, features=NodeFeatures(supplemental_groups_policy=True)))
    strict = pod(security_context=PodSecurityContext(supplemental_groups_policy="Strict"))
    assert [one.reason for one in refusals(strict, candidate_of(node))] == ["SupplementalGroupsPolicyNotSupported"]
    assert list(refusals(strict, candidate_of(able))) == list(refusals(pod(), candidate_of(node))) == []
