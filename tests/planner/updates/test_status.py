"""What may be said in statuses: counts add up, only grow where they must, and conditions are whole."""

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import KINDS, Condition, Namespace, NamespaceStatus, ObjectMeta
from reconciler.planner.updates.fault import DUPLICATE, REQUIRED
from reconciler.planner.updates.status import KEPT, condition_faults, object_status_faults
from tests.parity.loosely import loosely


def faults(kind: str, after: dict[str, Any], before: dict[str, Any] | None = None) -> list[str]:
    """Return the fields that are refused in a status of a kind."""
    old, new = (loosely(KINDS[kind].type, {"Status": one}) for one in (before or {}, after))
    return [fault.field for fault in object_status_faults(old, new)]


@pytest.mark.parametrize("kind", sorted(set(KEPT) - {"Node", "Pod"}))
def test_an_empty_status_says_nothing_wrong(kind: str) -> None:
    """Every count begins at 0."""
    assert faults(kind, {}) == []


@pytest.mark.parametrize(
    ("kind", "part", "whole"),
    [
        ("Deployment", "updatedReplicas", "replicas"),
        ("Deployment", "readyReplicas", "replicas"),
        ("ReplicaSet", "fullyLabeledReplicas", "replicas"),
        ("ReplicationController", "fullyLabeledReplicas", "replicas"),
        ("StatefulSet", "currentReplicas", "replicas"),
        ("StatefulSet", "updatedReplicas", "replicas"),
        ("Job", "ready", "active"),
    ],
)
def test_a_part_is_at_most_the_whole(kind: str, part: str, whole: str) -> None:
    """As many as there are may be so; one more may not."""
    assert faults(kind, {part: 2, whole: 2}) == []
    assert faults(kind, {part: 3, whole: 2}) == [f"status.{part}"]


def test_what_is_available_is_ready() -> None:
    """Three of three, of which two are ready: one of the available ones cannot be."""
    status = {"replicas": 3, "readyReplicas": 2, "availableReplicas": 3}
    assert faults("Deployment", status) == ["status.availableReplicas"]


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("Deployment", "unavailableReplicas"),
        ("DaemonSet", "numberMisscheduled"),
        ("HorizontalPodAutoscaler", "desiredReplicas"),
        ("Job", "succeeded"),
        ("PodDisruptionBudget", "disruptionsAllowed"),
        ("StatefulSet", "observedGeneration"),
    ],
)
def test_no_count_is_negative(kind: str, field: str) -> None:
    """One less than none is refused, and named."""
    assert faults(kind, {field: -1}) == [f"status.{field}"]


def test_collisions_are_not_forgotten() -> None:
    """Their number makes names differ: it grows, and an absent one is 0."""
    assert faults("DaemonSet", {"collisionCount": 2}, {"collisionCount": 1}) == []
    assert faults("DaemonSet", {"collisionCount": 1}, {"collisionCount": 1}) == []
    assert faults("StatefulSet", {}, {"collisionCount": 1}) == ["status.collisionCount"]


def test_a_job_does_not_unlearn_how_its_pods_ended() -> None:
    """What succeeded or failed did so, and an end stays the end."""
    ended = {"succeeded": 2, "failed": 1, "conditions": [{"type": "Complete", "status": "True"}]}
    assert faults("Job", ended, ended) == []
    assert faults("Job", {**ended, "succeeded": 1, "failed": 0}, ended) == ["status.succeeded", "status.failed"]
    assert faults("Job", {**ended, "conditions": [{"type": "Complete", "status": "False"}]}, ended) == [
        "status.conditions"
    ]


def test_no_index_both_failed_and_was_completed() -> None:
    """The field that is told is that of the failed ones, with the index."""
    job = {"Spec": {"Completions": 9}}
    old, new = (
        loosely(KINDS["Job"].type, {**job, "Status": one})
        for one in ({}, {"completedIndexes": "0,2-4", "failedIndexes": "1,4"})
    )
    (fault,) = object_status_faults(old, new)
    assert (fault.field, "index 4" in fault.message) == ("status.failedIndexes", True)


def test_a_namespace_ends_when_it_was_deleted() -> None:
    """Neither sooner nor not at all."""
    active = Namespace(metadata=ObjectMeta(name="shop"))
    going = replace(active, metadata=ObjectMeta(name="shop", deletion_timestamp="2026-01-01T00:00:00Z"))
    ending = NamespaceStatus(phase="Terminating")
    assert not list(object_status_faults(active, active))
    assert not list(object_status_faults(going, replace(going, status=ending)))
    assert [one.field for one in object_status_faults(active, replace(active, status=ending))] == ["status.phase"]
    assert [one.field for one in object_status_faults(going, going)] == ["status.phase"]


WHOLE = Condition(type="Ready", status="True", reason="AllUp", last_transition_time="2026-01-01T00:00:00Z")


def test_a_whole_condition_has_a_reason_and_a_time() -> None:
    """Each part that is missing is told."""
    assert not list(condition_faults([WHOLE]))
    bare = Condition(type="Ready", status="True")
    assert [(one.field, one.reason) for one in condition_faults([bare])] == [
        ("status.conditions[0].lastTransitionTime", REQUIRED),
        ("status.conditions[0].reason", REQUIRED),
    ]


def test_conditions_of_one_name_exclude_each_other() -> None:
    """The second one is the one too many."""
    (fault,) = condition_faults([WHOLE, replace(WHOLE, status="False")])
    assert (fault.field, fault.reason) == ("status.conditions[1].type", DUPLICATE)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"type": "two words"}, "type"),
        ({"reason": "two words"}, "reason"),
        ({"reason": "a" * 1025}, "reason"),
        ({"message": "a" * 32769}, "message"),
        ({"observed_generation": -1}, "observedGeneration"),
    ],
)
def test_parts_of_conditions_are_judged(changed: dict[str, Any], field: str) -> None:
    """Names, reasons of one word, messages of 32 KiB."""
    assert [one.field for one in condition_faults([replace(WHOLE, **changed)])] == [f"status.conditions[0].{field}"]


def test_the_longest_parts_pass() -> None:
    """A reason of 1,024 letters, a message of 32,768, the first generation."""
    longest = replace(WHOLE, reason="a" * 1024, message="a" * 32768, observed_generation=0)
    assert not list(condition_faults([longest]))
