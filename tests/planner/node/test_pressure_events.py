"""What is told when memory or a disk runs out, and when there is room again."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.pressure import HostLimits, PodDisk, SignalFact, parse_thresholds
from reconciler.planner.node.memory import NodeMemory, PodMemory
from tests.planner.node.host import NODE, pod
from tests.planner.node.situation import NOW, look, shows

LIMITS = HostLimits(thresholds=parse_thresholds("memory.available<10,nodefs.available<10,pid.available<10"))
A = pod("a")


def told(*low: str, now: float = NOW, **fields: Any) -> list[tuple[str, str, str]]:
    """The events of a pass over a host with one Pod, of which these signals are low."""
    names = ("memory.available", "nodefs.available", "pid.available")
    signals = tuple(SignalFact(signal=one, available=5 if one in low else 50, capacity=100) for one in names)
    facts = replace(shows(), signals=signals, pod_disk={A.uid: PodDisk(files=1)}, pod_memory={A.uid: 1})
    facts = replace(facts, pod_processes={A.uid: 1})
    pods = {A.uid: PodMemory(namespace="shop", name="a", started_at=1.0)}
    answer = look(facts, A, memory=NodeMemory(pods=pods, **fields), limits=LIMITS, now=now)
    return [(one.type, one.reason, one.message) for one in answer.events if not one.pod]


def status(word: str) -> tuple[str, str, str]:
    """The event of a condition."""
    return ("Normal", word, f"Node {NODE} status is now: {word}")


def reclaim(what: str) -> tuple[str, str, str]:
    """The event of making room."""
    return ("Warning", "EvictionThresholdMet", f"Attempting to reclaim {what}")


@pytest.mark.parametrize(
    ("low", "expected"),
    [
        ((), []),
        (("memory.available",), [status("NodeHasInsufficientMemory"), reclaim("memory")]),
        (("nodefs.available",), [status("NodeHasDiskPressure"), reclaim("ephemeral-storage")]),
        (("pid.available",), [status("NodeHasInsufficientPID"), reclaim("pids")]),
        (
            ("nodefs.available", "memory.available"),
            [status("NodeHasInsufficientMemory"), status("NodeHasDiskPressure"), reclaim("memory")],
        ),
    ],
)
def test_what_runs_out_is_told(low: tuple[str, ...], expected: list[tuple[str, str, str]]) -> None:
    """The condition, and that room is made."""
    assert told(*low) == expected


def test_what_lasts_is_not_told_again() -> None:
    """Only that a Pod goes, once room was made for long enough."""
    lasting = {"pressures": {"DiskPressure": NOW}, "reclaim_at": NOW, "met": {LIMITS.thresholds[1].key: NOW}}
    assert told("nodefs.available", now=NOW + 5, **lasting) == []
    assert told("nodefs.available", now=NOW + 20, **lasting) == [reclaim("ephemeral-storage")]


@pytest.mark.parametrize(
    ("condition", "word"),
    [
        ("MemoryPressure", "NodeHasSufficientMemory"),
        ("DiskPressure", "NodeHasNoDiskPressure"),
        ("PIDPressure", "NodeHasSufficientPID"),
    ],
)
def test_that_there_is_room_again_is_told(condition: str, word: str) -> None:
    """When the condition goes, five minutes later."""
    assert told(pressures={condition: NOW - 300}) == [status(word)]
    assert told(pressures={condition: NOW - 299}) == []
