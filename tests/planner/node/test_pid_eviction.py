"""A host that runs out of process numbers ends one Pod after the other, as the kubelet chooses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.metrics import ContainerSample, processes_by_pod
from reconciler.model.pressure import HostLimits, PodDisk, SignalFact, parse_thresholds
from reconciler.planner.node.memory import NodeMemory, PodMemory
from tests.planner.node.host import pod
from tests.planner.node.situation import NOW, look, shows

LOW = SignalFact(signal="pid.available", available=1637, capacity=32768)
CRITICAL = 2_000_000_000


def ended(
    processes: Mapping[str, int], signal: SignalFact = LOW, thresholds: str = "pid.available<5%", **priorities: int
) -> dict[str, str]:
    """Return the Pods that a pass ends, with what it says; each of them has so many processes and that priority."""
    pods = [pod(name, priority=priority) for name, priority in priorities.items()]
    memory = NodeMemory(pods={one.uid: PodMemory(namespace="shop", name=one.name, started_at=1.0) for one in pods})
    counted = {one.uid: processes[one.name] for one in pods if one.name in processes}
    held = {one.uid: PodDisk(files=9) for one in pods}
    facts = replace(shows(), signals=(signal,), pod_processes=counted, pod_disk=held)
    limits = HostLimits(thresholds=parse_thresholds(thresholds))
    answer = look(facts, *pods, memory=memory, limits=limits, now=NOW)
    found = answer.memory.pods.values()
    return {one.name: one.message for one in found if (one.finished, one.reason) == ("Failed", "Evicted")}


@pytest.mark.parametrize(
    ("processes", "priorities", "goes"),
    [
        ({"a": 10, "b": 20}, {"a": 0, "b": 0}, ["b"]),
        ({"a": 20, "b": 10}, {"a": 0, "b": 0}, ["a"]),
        ({"a": 10, "b": 9000}, {"a": 0, "b": 1}, ["a"]),
        ({"a": 10, "b": 10}, {"b": 0, "a": 0}, ["a"]),
        ({"b": 10}, {"a": 0, "b": 5}, ["b"]),
        ({}, {"a": 0, "b": 0}, []),
        ({"a": 9000, "b": 1}, {"a": CRITICAL, "b": 5}, ["b"]),
        ({"a": 9000}, {"a": CRITICAL}, []),
    ],
)
def test_the_less_important_pod_goes_and_of_those_the_one_with_more_processes(
    processes: dict[str, int], priorities: dict[str, int], goes: list[str]
) -> None:
    """Nobody asks for process numbers, so that no Pod is over its request. Who is not counted, or critical, stays."""
    assert list(ended(processes, **priorities)) == goes


@pytest.mark.parametrize(("left", "goes"), [(1637, True), (1638, True), (1639, False)])
def test_it_begins_below_the_threshold(left: int, goes: bool) -> None:
    """A share of all numbers that the kernel gives."""
    assert bool(ended({"a": 9}, replace(LOW, available=left), a=0)) is goes
    assert not ended({"a": 9}, replace(LOW, available=left), thresholds="memory.available<1Gi", a=0)


def test_the_message_is_the_kubelets() -> None:
    """Numbers, and not bytes."""
    assert ended({"a": 9}, a=0) == {
        "a": "The node was low on resource: pids. Threshold quantity: 1638, available: 1637. "
    }


def test_a_disk_comes_before_processes() -> None:
    """In whatever order the setting names them: of processes it may be that nobody is to be ended."""
    signals = (LOW, SignalFact(signal="nodefs.inodesFree", available=1, capacity=100))
    one = pod("a")
    memory = NodeMemory(pods={one.uid: PodMemory(namespace="shop", name="a", started_at=1.0)}, reclaim_at=NOW - 60)
    limits = HostLimits(thresholds=parse_thresholds("pid.available<5%,nodefs.inodesFree<5%"))
    facts = replace(shows(), signals=signals, pod_disk={one.uid: PodDisk(files=9)})
    answer: Any = look(facts, one, memory=memory, limits=limits, now=NOW)
    assert "resource: inodes" in answer.memory.pods[one.uid].message


def test_processes_are_counted_by_pod() -> None:
    """Those of all its containers; nothing is said of a Pod that the host does not count."""

    def sample(uid: str, processes: int) -> ContainerSample:
        known = {"id": "c", "pod_uid": uid, "pod_namespace": "n", "pod_name": uid, "container": "app"}
        return ContainerSample(**known, started_at=0.0, cpu_seconds=0.0, memory_bytes=1, processes=processes)

    assert processes_by_pod([sample("a", 2), sample("b", 5), sample("a", 3), sample("c", 0)]) == {"a": 5, "b": 5}
