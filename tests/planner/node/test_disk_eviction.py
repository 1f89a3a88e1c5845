"""Who goes when a disk is full, and who holds more than it may."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import Container, PodSpec, ResourceRequirements, Volume
from reconciler.model.kinds.volumes import EmptyDirVolumeSource
from reconciler.model.node import PodAssignment
from reconciler.model.pressure import HostLimits, PodDisk, SignalFact, parse_thresholds
from reconciler.planner.node.disk_usage import binary_text, requested_disk
from reconciler.planner.node.memory import NodeMemory, PodMemory
from tests.planner.node.host import container, pod
from tests.planner.node.situation import NOW, look, shows

MIB = 1 << 20
GIB = 1 << 30


def asking(name: str = "web", asks: str = "", limit: str = "", **fields: Any) -> Container:
    """A container that asks for so much of the disk, and may hold so much."""
    requests = {"ephemeral-storage": asks} if asks else {}
    limits = {"ephemeral-storage": limit} if limit else {}
    return container(name, resources=ResourceRequirements(requests=requests, limits=limits), **fields)


def scratch(name: str, limit: str | None) -> Volume:
    """An emptyDir with a limit."""
    return Volume(name=name, empty_dir=EmptyDirVolumeSource(size_limit=limit))


def full(*pods: PodAssignment, held: dict[str, PodDisk], signals: tuple[str, ...], **fields: Any) -> dict[str, str]:
    """Who is ended on a host whose disks (these signals) are full, with the message."""
    known = {one.uid: PodMemory(namespace="shop", name=one.name, started_at=1.0) for one in pods}
    facts = replace(
        shows(),
        signals=tuple(SignalFact(signal=one, available=5 * GIB, capacity=100 * GIB) for one in signals),
        pod_disk={f"{name}-uid-0001": one for name, one in held.items()},
    )
    memory = NodeMemory(pods=known, reclaim_at=NOW - 100, **fields)
    limits = HostLimits(thresholds=parse_thresholds("nodefs.available<10%,imagefs.available<15%,nodefs.inodesFree<9%"))
    answer = look(facts, *pods, memory=memory, limits=limits)
    return {one.name: one.message for one in answer.memory.pods.values() if one.reason == "Evicted"}


def holding(volumes: int = 0, layers: int = 0, logs: int = 0, files: int = 0) -> PodDisk:
    """A Pod that holds so many MiB."""
    return PodDisk(volumes={"v": volumes * MIB}, layers={"web": layers * MIB}, logs={"web": logs * MIB}, files=files)


A, B = pod("a", asking("web", "100Mi")), pod("b", asking("web", "100Mi"))
NODEFS, IMAGEFS, INODES = ("nodefs.available",), ("imagefs.available",), ("nodefs.inodesFree",)


@pytest.mark.parametrize(
    ("pods", "held", "signals", "expected"),
    [
        ((A, B), {"a": holding(150), "b": holding(160)}, NODEFS, "b"),
        ((A, B), {"a": holding(layers=160), "b": holding(logs=150)}, NODEFS, "a"),
        ((A, B), {"a": holding(50, 50, 51), "b": holding(150)}, NODEFS, "a"),
        # By how much it is over what it asks for, not by how much it holds.
        ((A, pod("b", asking("web", "900Mi"))), {"a": holding(101), "b": holding(900)}, NODEFS, "a"),
        ((A, pod("b", asking("web", "1"), priority=5)), {"a": holding(101), "b": holding(900)}, NODEFS, "a"),
        ((A, pod("b", asking("web", "1"), priority=-5)), {"a": holding(101), "b": holding(2)}, NODEFS, "b"),
        # Who keeps to it goes last, however unimportant.
        ((A, pod("b", asking("web", "1Gi"), priority=-5)), {"a": holding(101), "b": holding(900)}, NODEFS, "a"),
        ((A, B), {"a": holding(100), "b": holding(99)}, NODEFS, "a"),
        # What it asks for to the last byte is not over it.
        ((pod("a", asking("web", "100Mi"), priority=-5), B), {"a": holding(100), "b": holding(101)}, NODEFS, "b"),
        ((A, B), {"b": holding(1)}, NODEFS, "b"),
        ((pod("a", priority=2_000_000_000), B), {"a": holding(900), "b": holding(1)}, NODEFS, "b"),
        # Where images have a disk of their own, layers count there, and volumes and logs here.
        ((A, B), {"a": holding(150, 900), "b": holding(100, 0, 60)}, (*NODEFS, "imagefs.inodesFree"), "b"),
        ((A, B), {"a": holding(900, 150, 900), "b": holding(0, 160)}, IMAGEFS, "b"),
        ((A, B), {"a": holding(900, files=5), "b": holding(files=6)}, INODES, "b"),
        ((pod("a", priority=-5), B), {"a": holding(files=1), "b": holding(files=6)}, INODES, "a"),
    ],
)
def test_who_is_furthest_over_its_request_goes(
    pods: tuple[PodAssignment, ...], held: dict[str, PodDisk], signals: tuple[str, ...], expected: str
) -> None:
    """First by being over it, then by priority, then by how much, on the disk that is full."""
    assert list(full(*pods, held=held, signals=signals)) == [expected]


def test_one_goes_at_a_time() -> None:
    """And none within half a minute, nor one whose use nobody knows."""
    held = {"a": holding(150), "b": holding(160)}
    assert full(A, B, held=held, signals=NODEFS, evicted_at=NOW - 29.9) == {}
    assert list(full(A, B, held=held, signals=NODEFS, evicted_at=NOW - 30)) == ["b"]
    assert full(A, B, held={}, signals=NODEFS) == {}


def test_the_message_is_the_kubelets() -> None:
    """What was short, by how much, and which containers hold more than they asked for."""
    both = pod("a", asking("web", "1Ki"), asking("log", "10Gi"), asking("more"))
    held = PodDisk(layers={"web": 2048, "log": 5, "more": 1500}, logs={"web": 1024})
    assert full(both, held={"a": held}, signals=NODEFS)["a"] == (
        "The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi, available: 5Gi. "
        "Container web was using 3Ki, request is 1Ki, has larger consumption of ephemeral-storage. "
        "Container more was using 1500, request is 0, has larger consumption of ephemeral-storage. "
    )
    assert full(both, held={"a": held}, signals=INODES)["a"] == (
        f"The node was low on resource: inodes. Threshold quantity: {9 * GIB}, available: {5 * GIB}. "
    )


@pytest.mark.parametrize(
    ("spec", "held", "expected"),
    [
        (pod("a", volumes=(scratch("v", "1Mi"),)), holding(1), ""),
        (
            pod("a", volumes=(scratch("v", "1Mi"),)),
            holding(2),
            'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ',
        ),
        (pod("a", volumes=(scratch("v", "0"),)), holding(2), ""),
        (
            pod("a", volumes=(scratch("v", "1"),)),
            holding(2),
            'Usage of EmptyDir volume "v" exceeds the limit "1". ',
        ),
        (pod("a", volumes=(scratch("v", None),)), holding(2), ""),
        (pod("a", volumes=(scratch("other", "1Mi"),)), holding(2), ""),
        (pod("a", asking("web", "", "2Mi")), holding(0, 1, 1), ""),
        (
            pod("a", asking("web", "", "2Mi")),
            holding(1, 1, 1),
            "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ",
        ),
        # One without a limit adds none to that of the Pod, but one that comes before them may have a larger one.
        (
            pod("a", asking("web", "", "2Mi"), asking("more")),
            holding(3),
            "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ",
        ),
        (pod("a", asking("web", "", "2Mi"), init_containers=(asking("i", "", "3Mi"),)), holding(3), ""),
        (pod("a", asking("web", "", "2Mi"), asking("more", "", "9Mi")), holding(0, 1, 1), ""),
        (
            pod("a", asking("web", "", "2Mi"), asking("more", "", "9Mi")),
            holding(0, 2, 1),
            'Container web exceeded its local ephemeral storage limit "2Mi". ',
        ),
        (pod("a", asking("web", "", "2Mi"), priority=2_000_000_000), holding(9), ""),
    ],
)
def test_who_holds_more_than_it_may_is_ended(spec: PodAssignment, held: PodDisk, expected: str) -> None:
    """However much room there is: a volume over its size, a Pod or a container over its limit."""
    found = full(spec, held={"a": held}, signals=(), evicted_at=NOW)
    assert found == ({"a": expected} if expected else {})


def test_all_that_are_over_their_limits_go_at_once() -> None:
    """Nobody waits for what the first one frees."""
    pods = tuple(pod(name, asking("web", "", "1Mi")) for name in "abc")
    held = {"a": holding(2), "b": holding(1), "c": holding(2)}
    assert list(full(*pods, held=held, signals=())) == ["a", "c"]


@pytest.mark.parametrize(
    ("containers", "inits", "expected"),
    [
        (("1Ki", "2Ki"), (), 3),
        (("1Ki",), (("5Ki", None),), 5),
        (("6Ki",), (("5Ki", None),), 6),
        (("1Ki",), (("2Ki", "Always"), ("5Ki", None)), 7),
        (("1Ki",), (("5Ki", None), ("2Ki", "Always")), 5),
        (("", "2Ki"), (), 2),
        (("",), (), 0),
        (("",), (("", "Always"), ("", None)), 0),
    ],
)
def test_what_a_pod_asks_for(containers: tuple[str, ...], inits: tuple[tuple[str, Any], ...], expected: int) -> None:
    """Together, or the largest that comes before them with the sidecars that were there by then."""
    spec = PodSpec(
        containers=tuple(asking(f"c{n}", one) for n, one in enumerate(containers)),
        init_containers=tuple(asking(f"i{n}", one, restart_policy=two) for n, (one, two) in enumerate(inits)),
    )
    assert requested_disk(spec) == expected * 1024


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0"), (1023, "1023"), (1024, "1Ki"), (1536, "1536"), (5 << 30, "5Gi")]
)
def test_bytes_are_written_as_quantities(amount: int, text: str) -> None:
    """With the largest unit that divides them."""
    assert binary_text(amount) == text
