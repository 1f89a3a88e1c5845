"""Which Pod goes when memory runs out, and how long a pressure is remembered, seen in one pass."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.details import type_of
from reconciler.model.kinds import Container, ResourceRequirements, Volume
from reconciler.model.kinds.volumes import EmptyDirVolumeSource
from reconciler.model.node import PodAssignment
from reconciler.model.pressure import HostLimits, SignalFact, parse_thresholds
from reconciler.planner.node.memory import NodeMemory, PodMemory
from tests.planner.node.host import assignment, container, pod, volume
from tests.planner.node.situation import NOW, fact, look, sandbox, shows

MIB = 1 << 20
LOW = (
    SignalFact(signal="pid.available", available=900, capacity=1000),
    SignalFact(signal="memory.available", available=50 * MIB, capacity=1000 * MIB),
)


def asking(memory: str, name: str = "web", **fields: Any) -> Container:
    """A container that asks for so much memory."""
    requests = {"memory": memory} if memory else {}
    return container(name, resources=ResourceRequirements(requests=requests), **fields)


def evicted(*pods: PodAssignment, used: dict[str, int], **fields: Any) -> str:
    """The Pod that is ended on a host whose memory has run out, when Pods use so many MiB."""
    given: dict[str, Any] = {"signals": LOW, "evicted_at": 0.0, "finished": {}, "thresholds": None} | fields
    known = {
        one.uid: PodMemory(
            namespace="shop", name=one.name, started_at=1.0, finished=given["finished"].get(one.name, "")
        )
        for one in pods
    }
    facts = replace(
        shows(),
        signals=given["signals"],
        pod_memory={f"{name}-uid-0001": amount * MIB for name, amount in used.items()},
    )
    memory = NodeMemory(pods=known, evicted_at=given["evicted_at"])
    more = (
        {} if given["thresholds"] is None else {"limits": HostLimits(thresholds=parse_thresholds(given["thresholds"]))}
    )
    answer = look(facts, *pods, memory=memory, **more)
    gone = [one.name for one in answer.memory.pods.values() if one.reason == "Evicted"]
    assert answer.memory.evicted_at == (NOW if gone else given["evicted_at"])
    return gone[0] if gone else ""


A, B = pod("a", asking("100Mi")), pod("b", asking("100Mi"))


@pytest.mark.parametrize(
    ("pods", "used", "expected"),
    [
        ((A, B), {"a": 150, "b": 160}, "b"),
        ((A, B), {"a": 160, "b": 150}, "a"),
        ((A, B), {"a": 150, "b": 150}, "a"),
        ((A, pod("b", asking("400Mi"))), {"a": 101, "b": 400}, "a"),
        ((A, pod("b", asking("400Mi"), priority=-5)), {"a": 101, "b": 400}, "a"),
        ((pod("a", asking(""), priority=1), pod("b", asking(""))), {"a": 900, "b": 1}, "b"),
        ((A, B), {"b": 1}, "b"),
        ((pod("a", asking("100Mi"), asking("100Mi", "y")), B), {"a": 150, "b": 110}, "b"),
        ((pod("a", asking("100Mi"), init_containers=(asking("9Gi", "i"),)), B), {"a": 150, "b": 110}, "a"),
        (
            (pod("a", asking("100Mi"), init_containers=(asking("9Gi", "i", restart_policy="Always"),)), B),
            {"a": 150, "b": 110},
            "b",
        ),
        ((pod("a", asking(""), priority=2_000_000_000), B), {"a": 900, "b": 1}, "b"),
        ((pod("a", asking(""), priority=1_999_999_999), B), {"a": 900, "b": 1}, "a"),
        ((pod("a", asking(""), deletion_requested_at=NOW), B), {"a": 900, "b": 1}, "b"),
        ((pod("a", asking(""), finished="Failed"), B), {"a": 900, "b": 1}, "b"),
        ((), {"a": 900}, ""),
    ],
)
def test_who_is_furthest_over_its_request_goes(
    pods: tuple[PodAssignment, ...], used: dict[str, int], expected: str
) -> None:
    """First by being over it, then by priority; sidecars ask with the others, critical and ended Pods are spared."""
    assert evicted(*pods, used=used) == expected


def test_a_pod_that_has_finished_here_is_not_ended_again() -> None:
    """The next one is."""
    assert evicted(A, B, used={"a": 900, "b": 1}, finished={"a": "Succeeded"}) == "b"


@pytest.mark.parametrize(("ago_s", "expected"), [(29.9, ""), (30, "a"), (0, ""), (-5, "a")])
def test_thirty_seconds_lie_between_two_that_go(ago_s: float, expected: str) -> None:
    """What lies in the future was another clock."""
    assert evicted(A, used={"a": 900}, evicted_at=NOW - ago_s) == expected


@pytest.mark.parametrize(
    ("thresholds", "left_mib", "expected"),
    [
        ("memory.available<100Mi", 99, "a"),
        ("memory.available<100Mi", 100, ""),
        ("memory.available<10%", 99, "a"),
        ("pid.available<95%", 50, ""),
        ("", 1, ""),
        ("pid.available<95%,memory.available<60Mi", 50, "a"),
    ],
)
def test_only_too_little_memory_ends_pods(thresholds: str, left_mib: int, expected: str) -> None:
    """Other signals press the host, and end nothing; without a signal nothing is known."""
    low = (LOW[0], replace(LOW[1], available=left_mib * MIB))
    assert evicted(A, used={"a": 900}, signals=low, thresholds=thresholds) == expected
    assert evicted(A, used={"a": 900}, signals=(), thresholds=thresholds) == ""


@pytest.mark.parametrize(
    ("thresholds", "said"), [("memory.available<100Mi", "100Mi"), ("memory.available<10%", "100Mi")]
)
def test_the_message_says_how_much_was_left_and_how_much_should_be(thresholds: str, said: str) -> None:
    """As the kubelet says it."""
    facts = replace(shows(), signals=LOW, pod_memory={A.uid: 1})
    memory = NodeMemory(pods={A.uid: PodMemory(namespace="shop", name="a", started_at=1.0)})
    answer = look(facts, A, memory=memory, limits=HostLimits(thresholds=parse_thresholds(thresholds)))
    message = f"The node was low on resource: memory. Threshold quantity: {said}, available: 51200Ki. "
    assert answer.memory.pods[A.uid].message == message


@pytest.mark.parametrize(("ago_s", "noted"), [(9.9, False), (10, True), (60, True)])
def test_the_time_of_a_pressure_is_written_every_ten_seconds(ago_s: float, noted: bool) -> None:
    """Memory is written when it changes."""
    memory = NodeMemory(pressures={"MemoryPressure": NOW - ago_s})
    answer = look(replace(shows(), signals=LOW), memory=memory)
    assert answer.memory.pressures == {"MemoryPressure": NOW if noted else NOW - ago_s}
    assert answer.pressures == ("MemoryPressure",)


def test_the_first_pressure_to_end_says_when_to_look() -> None:
    """And one that is new is noted at once, also by a clock that has just begun."""
    memory = NodeMemory(pressures={"DiskPressure": NOW - 100, "PIDPressure": NOW - 200})
    answer = look(shows(), memory=memory)
    assert (answer.plan.look_again_at, answer.pressures) == (NOW + 100, ("DiskPressure", "PIDPressure"))
    young = look(replace(shows(), signals=LOW), memory=NodeMemory(), now=10.0)
    assert young.memory.pressures == {"MemoryPressure": 10.0}


DEADLINES = {
    "pullImage": 900,
    "createSandbox": 120,
    "attachPod": 30,
    "startContainer": 300,
    "stopContainer": 37,
    "removeContainer": 60,
    "detachPod": 30,
    "removeSandbox": 60,
    "unpublishVolumes": 120,
    "publishVolumes": 120,
    "prepareHost": 60,
    "programServices": 60,
    "publishNames": 30,
    "provisionVolume": 60,
    "trashVolume": 60,
}


def test_every_action_has_its_deadline() -> None:
    """A stop has its grace on top."""
    bare = {"prepared": False, "services_digest": "", "names_digest": ""}
    new = pod("web", container("web", "new:1"), volumes=(Volume(name="v", empty_dir=EmptyDirVolumeSource()),))
    volumes = (volume("pv-1"), volume("pv-2", trash=True))
    one = look(shows(network=bare, directories=("pv-2",)), assigned=assignment(new, volumes=volumes))
    other = look(shows(sandbox(), fact()), pod("web", deletion_requested_at=NOW, grace_s=7.0))
    found = {type_of(action.detail): action.deadline_s for action in (*one.plan.actions, *other.plan.actions)}
    assert found == DEADLINES
