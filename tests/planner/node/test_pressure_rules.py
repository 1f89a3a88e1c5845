"""Soft thresholds, what has to be made free, and when Pods are ended for them, seen in one pass."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.details import type_of
from reconciler.model.pressure import (
    HostLimits,
    PodDisk,
    SignalFact,
    Threshold,
    parse_graces,
    parse_thresholds,
    with_graces,
    with_reclaim,
)
from reconciler.planner.node.memory import Emitted, NodeMemory, PodMemory
from reconciler.planner.node.pressure import due_thresholds, next_relief_at, note_pressures
from reconciler.planner.node.step import NodeStep
from tests.planner.node.host import pod
from tests.planner.node.situation import NOW, ended, look, sandbox, shows

GIB = 1 << 30
SOFT = with_graces(parse_thresholds("nodefs.available<20%"), {"nodefs.available": 90.0})
LIMITS = HostLimits(thresholds=(*parse_thresholds("memory.available<1Gi,nodefs.available<10Gi"), *SOFT))
HARD_KEY, SOFT_KEY = LIMITS.thresholds[1].key, LIMITS.thresholds[2].key


def disk(left: float, signal: str = "nodefs.available") -> SignalFact:
    """A disk of 100 GiB on which this many are left."""
    return SignalFact(signal=signal, available=int(left * GIB), capacity=100 * GIB)


def noted(*signals: SignalFact, now: float = NOW, limits: HostLimits = LIMITS, **fields: Any) -> NodeMemory:
    """The memory after a look at these signals."""
    return note_pressures(NodeMemory(**fields), replace(shows(), signals=signals), limits, now)


@pytest.mark.parametrize(
    ("left", "met"), [(21, []), (20, []), (19.9, ["soft"]), (10, ["soft"]), (9.9, ["hard", "soft"])]
)
def test_a_soft_threshold_is_met_before_the_hard_one(left: float, met: list[str]) -> None:
    """Either makes the condition of the node at once."""
    memory = noted(disk(left))
    assert [key.split()[1] for key in memory.met] == met
    assert set(memory.pressures) == ({"DiskPressure"} if met else set())


@pytest.mark.parametrize(
    ("since", "due"), [(NOW - 89.9, []), (NOW - 90, [SOFT_KEY]), (NOW - 500, [SOFT_KEY]), (NOW + 5, [])]
)
def test_pods_are_ended_for_a_soft_threshold_once_it_has_held(since: float, due: list[str]) -> None:
    """For as long as its grace period says; a clock that was set back begins anew."""
    memory = noted(disk(15), met={SOFT_KEY: since})
    assert memory.met == {SOFT_KEY: min(since, NOW)}
    assert [one.key for one in due_thresholds(memory, LIMITS, NOW)] == due


def test_memory_goes_before_the_disks() -> None:
    """As with the kubelet."""
    limits = HostLimits(thresholds=parse_thresholds("nodefs.available<10%,memory.available<1Gi"))
    memory = noted(disk(1), disk(0.5, "memory.available"), limits=limits)
    assert [one.signal for one in due_thresholds(memory, limits, NOW)] == ["memory.available", "nodefs.available"]


@pytest.mark.parametrize(
    ("reclaim", "was_met", "left", "is_met"),
    [
        ("", True, 10, False),
        ("nodefs.available=5Gi", False, 10, False),
        ("nodefs.available=5Gi", True, 10, True),
        ("nodefs.available=5Gi", True, 14.9, True),
        ("nodefs.available=5Gi", True, 15, False),
        ("nodefs.available=5%", True, 14.9, True),
        ("nodefs.available=5%", True, 15, False),
        ("memory.available=5Gi", True, 10, False),
    ],
)
def test_what_was_met_is_over_once_enough_is_free(reclaim: str, was_met: bool, left: float, is_met: bool) -> None:
    """`evictionMinimumReclaim` counts from the threshold, and only for what was met."""
    limits = HostLimits(thresholds=with_reclaim(parse_thresholds("nodefs.available<10Gi"), reclaim))
    before = {limits.thresholds[0].key: NOW - 5} if was_met else {}
    assert bool(noted(disk(left), limits=limits, met=before).met) is is_met


def test_what_is_not_told_presses_nobody() -> None:
    """A signal that could not be read ends what it had met."""
    assert noted(met={HARD_KEY: NOW - 5}).met == {}


@pytest.mark.parametrize(
    ("pressures", "met", "expected"),
    [
        ({}, {}, None),
        ({"DiskPressure": NOW}, {}, NOW + 300),
        ({"DiskPressure": NOW}, {SOFT_KEY: NOW - 60}, NOW + 30),
        ({}, {SOFT_KEY: NOW - 60}, NOW + 30),
        ({"DiskPressure": NOW}, {SOFT_KEY: NOW - 90, HARD_KEY: NOW - 9}, NOW + 300),
        ({"DiskPressure": NOW}, {HARD_KEY: NOW - 0.5}, NOW + 300),
        ({"DiskPressure": NOW - 300}, {}, None),
    ],
)
def test_the_next_look_is_when_the_answer_may_change(
    pressures: dict[str, float], met: dict[str, float], expected: float | None
) -> None:
    """The end of a condition, or of a grace period."""
    assert next_relief_at(NodeMemory(pressures=pressures, met=met), LIMITS, NOW) == expected


def test_a_condition_stays_as_long_as_the_setting_says() -> None:
    """`evictionPressureTransitionPeriod`."""
    short = replace(LIMITS, transition_s=20.0)
    assert noted(limits=short, pressures={"DiskPressure": NOW - 19.9}).pressures == {"DiskPressure": NOW - 19.9}
    assert noted(limits=short, pressures={"DiskPressure": NOW - 20}).pressures == {}


# Making room before Pods are ended

A = pod("a")
HELD = {A.uid: PodDisk(layers={"a": 5 * GIB})}


def pressed(left: float = 5, *signals: SignalFact, now: float = NOW, **fields: Any) -> NodeStep:
    """A host with one Pod, on which this much is left."""
    limits = fields.pop("limits", LIMITS)
    in_flight = fields.pop("in_flight", frozenset())
    known = {A.uid: PodMemory(namespace="shop", name="a", started_at=1.0)}
    facts = replace(shows(), signals=signals or (disk(left),), pod_disk=HELD, pod_memory={A.uid: GIB})
    memory = NodeMemory(pods=known, **fields)
    return look(facts, A, memory=memory, now=now, limits=limits, in_flight=in_flight)


def is_evicted(answer: NodeStep) -> bool:
    """Whether the Pod was ended."""
    return answer.memory.pods[A.uid].reason == "Evicted"


def test_room_is_made_for_twenty_seconds_before_a_pod_is_ended() -> None:
    """By then the signal was read again."""
    first = pressed()
    assert not is_evicted(first)
    assert first.memory.reclaim_at == NOW
    assert not is_evicted(pressed(reclaim_at=NOW - 19.9))
    assert is_evicted(pressed(reclaim_at=NOW - 20))
    assert not is_evicted(pressed(reclaim_at=NOW + 5))


def test_a_pod_is_not_ended_while_an_image_is_being_removed() -> None:
    """However long that takes."""
    removing = (Emitted(key="k", type="removeImage"),)
    assert not is_evicted(pressed(reclaim_at=NOW - 100, emitted=removing, in_flight=frozenset({"k"})))
    assert is_evicted(pressed(reclaim_at=NOW - 100, emitted=removing))


def test_images_make_no_room_on_another_disk() -> None:
    """Where they have one of their own, a Pod is ended at once for that of the data."""
    both = (disk(5), disk(90, "imagefs.available"))
    answer = pressed(0, *both)
    assert answer.memory.reclaim_at == 0.0
    assert is_evicted(answer)
    limits = HostLimits(thresholds=parse_thresholds("imagefs.available<15%"))
    answer = pressed(0, disk(90), disk(5, "imagefs.available"), limits=limits)
    assert answer.memory.reclaim_at == NOW
    assert not is_evicted(answer)


def test_a_soft_threshold_gives_a_pod_time_to_end() -> None:
    """No more than `evictionMaxPodGracePeriod`, and no more than the Pod asks for; a hard one gives it a second."""
    held = {SOFT_KEY: NOW - 90}
    for most, expected in ((0.0, 0.0), (10.0, 10.0), (100.0, 30.0)):
        answer = pressed(15, limits=replace(LIMITS, max_pod_grace_s=most), met=held, reclaim_at=NOW - 30)
        assert answer.memory.pods[A.uid].evicted_grace_s == expected
    assert pressed(reclaim_at=NOW - 30).memory.pods[A.uid].evicted_grace_s == 1.0


@pytest.mark.parametrize(("reclaim_at", "expected"), [(0.0, []), (NOW - 5, ["removeContainer"])])
def test_the_containers_of_finished_pods_go_when_room_is_short(reclaim_at: float, expected: list[str]) -> None:
    """Else they stay for their logs."""
    done = pod("web", finished="Succeeded")
    left = 5 if reclaim_at else 50
    facts = replace(shows(sandbox(state="exited", finished_at=NOW - 50), ended()), signals=(disk(left),))
    answer = look(facts, done, memory=NodeMemory(reclaim_at=reclaim_at), limits=LIMITS)
    actions = [type_of(one.detail) for one in answer.plan.actions]
    assert [one for one in actions if one == "removeContainer"] == expected


# What a person may write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("memory.available=90s", {"memory.available": 90.0}),
        ("memory.available=1m30s, nodefs.available=2h", {"memory.available": 90.0, "nodefs.available": 7200.0}),
        ("nodefs.available=1.5s", {"nodefs.available": 1.5}),
    ],
)
def test_grace_periods_are_read_as_the_kubelet_reads_them(text: str, expected: dict[str, float]) -> None:
    """Hours, minutes and seconds."""
    assert parse_graces(text) == expected


@pytest.mark.parametrize("text", ["memory.available", "memory.available=", "memory.available=90", "disk=1s"])
def test_a_grace_period_that_is_none_is_refused(text: str) -> None:
    """With the text that is wrong."""
    with pytest.raises(ValueError, match=text.partition("=")[0]):
        parse_graces(text)


def test_a_soft_threshold_without_a_grace_period_is_refused() -> None:
    """As the kubelet does."""
    with pytest.raises(ValueError, match=r"nodefs\.available has no grace period"):
        with_graces(parse_thresholds("nodefs.available<10%"), {"memory.available": 1.0})


@pytest.mark.parametrize("text", ["nodefs.available", "disk=5Gi", "nodefs.available=much", "nodefs.available=101%"])
def test_a_reclaim_that_is_none_is_refused(text: str) -> None:
    """With the text that is wrong."""
    with pytest.raises(ValueError, match=text.partition("=")[0]):
        with_reclaim((Threshold(signal="nodefs.available", amount=1),), text)


def test_room_on_a_disk_is_no_room_in_memory() -> None:
    """Images that are being removed keep no Pod from being ended for memory, where both run out."""
    removing: dict[str, Any] = {
        "reclaim_at": NOW - 1,
        "emitted": (Emitted(key="k", type="removeImage", target="i"),),
        "in_flight": frozenset({"k"}),
    }
    assert is_evicted(pressed(0, disk(5), disk(0.5, "memory.available"), **removing))
    assert not is_evicted(pressed(0, disk(5), disk(2, "memory.available"), **removing))
