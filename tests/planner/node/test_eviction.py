"""A host that runs out of memory ends one Pod after the other, as the kubelet chooses them."""

from __future__ import annotations

from typing import Any

from reconciler.model.pressure import SignalFact
from tests.planner.node.host import Host, container, pod

MIB = 1 << 20
LOW = (SignalFact(signal="memory.available", available=50 * MIB, capacity=8192 * MIB),)
FINE = (SignalFact(signal="memory.available", available=4096 * MIB, capacity=8192 * MIB),)


def asking(name: str, memory: str = "", **fields: Any) -> Any:
    """Return a Pod that asks for so much memory."""
    requests = {"requests": {"memory": memory}} if memory else {}
    one = container(name)
    return pod(name, container(name, resources=type(one.resources)(**requests)), **fields)


def using(*pods: Any, **memory: int) -> Host:
    """Return a settled host on which Pods use so many MiB, and which runs out of memory."""
    host = Host(*pods)
    host.settle()
    host.world.pod_memory = {f"{name}-uid-0001": used * MIB for name, used in memory.items()}
    host.world.signals = LOW
    return host


def evicted(host: Host) -> list[str]:
    """Return the Pods that were ended."""
    return sorted(report.name for report in host.node.reports if report.reason == "Evicted")


def test_the_pod_that_is_furthest_over_its_request_goes() -> None:
    """It has failed for ever, says why, and its containers are gone; the others run on."""
    host = using(asking("a", "100Mi"), asking("b", "400Mi"), asking("c"), a=300, b=500, c=150)
    host.node.run_for(5)
    assert evicted(host) == ["a"]
    report = host.node.report("a")
    assert report.phase == "Failed"
    assert report.message.startswith(
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 51200Ki."
    )
    told = [(one.reason, one.status) for one in report.conditions if one.type == "DisruptionTarget"]
    assert told == [("TerminationByKubelet", "True")]
    assert "a/0" not in host.names(state="running")
    assert {"b/0", "c/0"} <= set(host.names(state="running"))


def test_who_keeps_to_its_request_goes_after_the_less_important_who_does_not() -> None:
    """First what is over its request, then by priority."""
    host = using(asking("a", "1Gi", priority=0), asking("b", "10Mi", priority=9), a=900, b=20)
    host.node.run_for(5)
    assert evicted(host) == ["b"]
    host = using(asking("a", priority=5), asking("b", priority=1), a=900, b=20)
    host.node.run_for(5)
    assert evicted(host) == ["b"]


def test_a_pod_of_no_importance_goes_before_one_of_any() -> None:
    """However little it is over what it asks for: a byte is enough, and as much as it asks for is not over it."""
    host = using(asking("a", priority=1), asking("b"), a=900, b=20)
    host.node.run_for(5)
    assert evicted(host) == ["b"]
    for over, expected in ((1, "a"), (0, "b")):
        host = using(asking("a", "100Mi"), asking("b", priority=1), a=100, b=20)
        host.world.pod_memory["a-uid-0001"] += over
        host.node.run_for(5)
        assert evicted(host) == [expected]


def test_one_goes_at_a_time_and_none_once_there_is_room() -> None:
    """What one frees is seen before the next is chosen."""
    host = using(asking("a"), asking("b"), a=300, b=200)
    host.node.run_for(25)
    assert evicted(host) == ["a"]
    host.world.signals = FINE
    host.node.run_for(600)
    assert evicted(host) == ["a"]
    host.world.signals = LOW
    host.node.run_for(5)
    assert evicted(host) == ["a", "b"]


def test_what_the_cluster_needs_is_spared() -> None:
    """Pods with the priority of system classes, and those whose use nobody knows."""
    host = using(asking("a", priority=2_000_001_000), asking("b"), a=900)
    host.node.run_for(120)
    assert evicted(host) == []
