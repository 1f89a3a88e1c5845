"""What a Pod takes of its node while it is resized."""

from __future__ import annotations

import pytest

from reconciler.model.kinds import (
    Condition,
    Container,
    ContainerStatus,
    Node,
    NodeStatus,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    ResourceRequirements,
)
from reconciler.planner.scheduling.fit import candidate_of

NODE = Node(metadata=ObjectMeta(name="a"), status=NodeStatus(allocatable={"cpu": "4", "memory": "8Gi", "pods": "10"}))


def resized(asked: str, given: str, condition: str = "", reason: str = "") -> Pod:
    """A Pod on the node that asks for some CPU and was given some."""
    status = ContainerStatus(
        name="main",
        allocated_resources={"cpu": given, "memory": "1Gi"},
        resources=ResourceRequirements(requests={"cpu": given, "memory": "1Gi"}),
    )
    conditions = (Condition(type=condition, status="True", reason=reason),) if condition else ()
    resources = ResourceRequirements(requests={"cpu": asked, "memory": "1Gi"})
    return Pod(
        metadata=ObjectMeta(name="web"),
        spec=PodSpec(containers=(Container(name="main", image="i", resources=resources),), node_name="a"),
        status=PodStatus(conditions=conditions, container_statuses=(status,)),
    )


@pytest.mark.parametrize(
    ("pod", "millis"),
    [
        (resized("2", "1"), 2000),
        (resized("2", "1", "PodResizePending", "Deferred"), 2000),
        (resized("1", "2", "PodResizeInProgress"), 2000),
        (resized("100", "1", "PodResizePending", "Infeasible"), 1000),
    ],
)
def test_room_is_kept_for_the_larger_of_both_unless_it_can_never_be_had(pod: Pod, millis: int) -> None:
    """A Pod that asks for more than its node has does not keep others away."""
    used = candidate_of(NODE, (pod,)).used
    assert (used.cpu_millis, used.memory_bytes) == (millis, 1 << 30)
