"""A Pod with limits as a whole on a node: its containers get them at once, and are not resized after that."""

from __future__ import annotations

from reconciler.model.kinds import ResourceRequirements
from tests.planner.node.host import Host, container, pod

MI = 1 << 20
WHOLE = ResourceRequirements(limits={"cpu": "500m", "memory": "64Mi"})


def test_containers_start_with_what_their_pod_may_use() -> None:
    """Nothing is left to do after that; what the status says of a container is what that says itself."""
    host = Host(pod("web", container("one"), container("other"), resources=WHOLE))
    host.settle()
    facts = [one.fact for one in host.world.engine.containers.values() if one.fact.container in ("one", "other")]
    assert [(one.granted.cpu_quota_us, one.granted.memory_bytes) for one in facts if one.granted] == [
        (50_000, 64 * MI),
        (50_000, 64 * MI),
    ]
    assert not any(step.startswith("resizeContainer") for step in host.done())
    assert host.node.report("web").phase == "Running"
    statuses = host.node.report("web").container_statuses
    assert [one.resources for one in statuses] == [ResourceRequirements(), ResourceRequirements()]


def test_a_container_that_is_resized_stays_within_its_pod() -> None:
    """It is told the limits of its Pod with its own."""
    own = ResourceRequirements(requests={"cpu": "100m"})
    host = Host(pod("web", container("one", resources=own), resources=WHOLE))
    host.settle()
    host.done()
    more = ResourceRequirements(requests={"cpu": "200m"})
    host.assign(pod("web", container("one", resources=more), resources=WHOLE))
    host.settle()
    assert host.done() == ["resizeContainer one"]
    (fact,) = [one.fact for one in host.world.engine.containers.values() if one.fact.container == "one"]
    assert fact.granted is not None
    assert (fact.granted.cpu_shares, fact.granted.memory_bytes) == (204, 64 * MI)
