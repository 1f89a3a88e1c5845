"""A Pod with limits as a whole on a node: its containers get them at once, and are not resized after that."""

from __future__ import annotations

from msgspec.structs import replace

from reconciler.model.granted import Granted
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


def granted(host: Host, name: str) -> Granted:
    """What a container may use, or the Pod as a whole: that of its sandbox."""
    (fact,) = [one.fact for one in host.world.engine.containers.values() if one.fact.container == name]
    assert fact.granted is not None
    return fact.granted


def test_a_pod_is_given_more_as_a_whole_without_a_restart() -> None:
    """So are its containers without limits, and those that have some keep them; nothing is left to do after that."""
    own = ResourceRequirements(limits={"memory": "32Mi"})
    one, other = container("one"), container("other", resources=own)
    host = Host(pod("web", one, other, resources=WHOLE))
    host.settle()
    host.done()
    larger = ResourceRequirements(limits={"cpu": "1", "memory": "128Mi"})
    host.assign(pod("web", one, other, resources=larger))
    host.settle()
    assert {step.split()[0] for step in host.done()} == {"resizeContainer"}
    assert (granted(host, "POD").cpu_quota_us, granted(host, "POD").memory_bytes) == (100_000, 128 * MI)
    assert (granted(host, "one").memory_bytes, granted(host, "other").memory_bytes) == (128 * MI, 32 * MI)
    host.settle()
    assert host.done() == []
    assert not [one for one in host.node.report("web").conditions if one.type.startswith("PodResize")]


def test_limits_that_somebody_changed_are_set_again() -> None:
    """What the host shows counts, not what it was told once."""
    host = Host(pod("web", container("one"), resources=WHOLE))
    host.settle()
    host.done()
    (sandbox,) = [one for one in host.world.engine.containers.values() if one.fact.container == "POD"]
    sandbox.fact = replace(sandbox.fact, granted=Granted(memory_bytes=1 << 40))
    host.settle()
    assert host.done() == ["resizeContainer one"]
    assert granted(host, "POD").memory_bytes == 64 * MI


def test_a_pod_without_resources_as_a_whole_gets_none_while_it_runs() -> None:
    """Its containers live outside of any group of their Pod: the node says so."""
    own = ResourceRequirements(requests={"cpu": "100m"})
    host = Host(pod("web", container("one", resources=own)))
    host.settle()
    host.done()
    host.assign(pod("web", container("one", resources=own), resources=WHOLE))
    host.settle()
    assert host.done() == []
    (told,) = [one for one in host.node.report("web").conditions if one.type == "PodResizePending"]
    assert told.reason == "Infeasible" and "started without resources as a whole" in told.message
