"""Single steps of a Deployment: the sizes of its ReplicaSets in a rollout, made anew, and scaled."""

from typing import Any

import pytest

from reconciler.model.kinds import Deployment, decode_object, ref_of
from reconciler.model.observed import StoredObject
from reconciler.planner.workloads.deployment_scale import is_scaled, recreate, roll, scale_in_proportion
from tests.planner.deployments import DK, deployment, rs, sizes, template, view_of


@pytest.mark.parametrize(
    ("of", "new", "old", "expected"),
    [
        (deployment(4), (0, 0), [(4, 4)], (1, [3])),
        (deployment(4, surge=2), (0, 0), [(4, 4)], (2, [3])),
        (deployment(4), (1, 0), [(3, 3)], (2, [3])),
        (deployment(4), (2, 0), [(3, 3)], (2, [3])),
        (deployment(4), (2, 1), [(3, 3)], (2, [2])),
        (deployment(4), (2, 2), [(3, 3)], (2, [1])),
        (deployment(4, away=0), (1, 0), [(4, 4)], (1, [4])),
        (deployment(4, away=0), (1, 1), [(4, 4)], (1, [3])),
        (deployment(4, away=0), (1, 0), [(4, 2)], (1, [4])),
        (deployment(4, away=2), (1, 0), [(4, 2)], (1, [2])),
        (deployment(4), (4, 4), [(1, 1)], (4, [0])),
        (deployment(4), (5, 5), [(1, 1)], (4, [0])),
        (deployment(4), (4, 5), [(1, 1)], (4, [0])),
        (deployment(4), (1, 1), [(2, 0), (2, 2)], (1, [0, 2])),
        (deployment(4), (2, 2), [(2, 2), (1, 1)], (2, [0, 1])),
        (deployment(4), (0, 0), [], (4, [])),
        (deployment(4), (6, 6), [], (4, [])),
        (deployment(4, surge="50%", away="25%"), (0, 0), [(4, 4)], (2, [3])),
    ],
)
def test_one_step_of_a_rollout(of: Deployment, new: Any, old: Any, expected: tuple[int, list[int]]) -> None:
    """As many new ones as the surge has room for, as few old ones as availability allows, the sick ones first."""
    current = rs("new", *new)
    others = [rs(f"old-{number}", *one, age_s=90 - number) for number, one in enumerate(old)]
    view = view_of(current, *others)
    roll(view, of, current, others)
    assert (sizes(view)["new"], [sizes(view)[one.ref.name] for one in others]) == expected


def test_of_sick_pods_those_of_the_oldest_set_go_first() -> None:
    """And no more than may be away."""
    current, young, aged = rs("new", 2, 2), rs("a", 2, 0, age_s=5), rs("b", 2, 0, age_s=50)
    view = view_of(current, young, aged)
    roll(view, deployment(4), current, [young, aged])
    assert sizes(view) == {"new": 2, "a": 1, "b": 0}


def pod(phase: str) -> StoredObject:
    """Return a Pod of the set `old`."""
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "old", "uid": "old", "controller": True}
    metadata = {"name": "p", "namespace": "d", "uid": "p", "ownerReferences": [owner]}
    found = decode_object(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "status": {"phase": phase},
            "spec": template()["spec"],
        }
    )
    return StoredObject(ref=ref_of(found), object=found, manager="old")


@pytest.mark.parametrize(("phase", "size"), [("Running", 0), ("Pending", 0), ("Failed", 4), ("Succeeded", 4)])
def test_recreating_waits_for_the_end_of_every_old_pod(phase: str, size: int) -> None:
    """One that has ended is waited for no more."""
    current, old = rs("new"), rs("old", 2)
    view = view_of(current, old, pod(phase))
    recreate(view, deployment(), current, [old])
    assert sizes(view) == {"new": size, "old": 0}


@pytest.mark.parametrize(
    ("of", "new", "old", "expected"),
    [
        (deployment(10), (5, 5, 6, 5), [], {"new": 10}),
        (deployment(10), None, [(5, 5, 6, 5)], {"old-0": 10}),
        (deployment(10), (5, 5, 6, 5), [(0, 0, 0, 0)], {"new": 10, "old-0": 0}),
        (deployment(10), (0, 0, 0, 0), [(5, 5, 6, 5)], {"new": 0, "old-0": 10}),
        (deployment(4), (4, 4, 5, 4), [(1, 1, 5, 4)], {"new": 4, "old-0": 0}),
        (deployment(4), (4, 3, 5, 4), [(1, 1, 5, 4)], {"new": 4, "old-0": 1}),
        (deployment(10), (2, 2, 6, 5), [(4, 4, 6, 5)], {"new": 4, "old-0": 7}),
        (deployment(0), (2, 2, 6, 5), [(4, 4, 6, 5)], {"new": 0, "old-0": 0}),
        (deployment(11, surge=0), (5, 5, 10, 10), [(5, 5, 10, 10)], {"new": 6, "old-0": 5}),
        (deployment(9, surge=0), (5, 5, 10, 10), [(5, 5, 10, 10)], {"new": 5, "old-0": 4}),
        (deployment(11, surge=0), (3, 3, 10, 10), [(3, 3, 10, 10), (4, 4, 10, 10)], {"new": 3, "old-0": 3, "old-1": 5}),
        (deployment(8, surge=0), (3, 3, 10, 10), [(3, 3, 10, 10), (4, 4, 10, 10)], {"new": 3, "old-0": 2, "old-1": 3}),
        (deployment(3), (2, 2, 6, 5), [(4, 4, 6, 5)], {"new": 1, "old-0": 3}),
        (deployment(10, strategy={"type": "Recreate"}), (2, 2, 6, 5), [(4, 4, 6, 5)], {"new": 10, "old-0": 0}),
        (
            deployment(10, strategy={"type": "Recreate"}, paused=True),
            (2, 2, 6, 5),
            [(4, 4, 6, 5)],
            {"new": 2, "old-0": 4},
        ),
    ],
)
def test_a_changed_size_is_shared_out(of: Deployment, new: Any, old: Any, expected: dict[str, int]) -> None:
    """The only one with Pods takes it all; in the middle of a rollout every one keeps its share."""

    def made(name: str, size: int, available: int, most: int, wanted: int) -> StoredObject:
        return rs(name, size, available, max_replicas=most, desired_replicas=wanted, age_s=len(name))

    current = made("new", *new) if new else None
    others = [made(f"old-{number}", *one) for number, one in enumerate(old)]
    view = view_of(*others, *([current] if current else []))
    scale_in_proportion(view, of, current, others)
    assert sizes(view) == expected


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ([rs("a", 2, desired_replicas=3)], True),
        ([rs("a", 2, desired_replicas=4)], False),
        ([rs("a", 2)], False),
        ([rs("a", 0, desired_replicas=3)], False),
        ([rs("a", 1, desired_replicas=4), rs("b", 1, desired_replicas=5)], True),
    ],
)
def test_a_deployment_is_scaled_when_its_sets_were_told_another_size(sets: list[StoredObject], expected: bool) -> None:
    """What is empty tells of long ago."""
    assert is_scaled(deployment(4), sets) is expected


def test_a_size_is_told_and_noted() -> None:
    """Both what is wanted, and what that is with the surge; a set that is empty and stays so is left alone."""
    current = rs("new", 1, 1, desired_replicas=4, max_replicas=5)
    view = view_of(current, rs("old"))
    roll(view, deployment(6, surge=2), current, [rs("old")])
    annotations = view.objects[current.ref].object.metadata.annotations
    assert (annotations[f"{DK}/desired-replicas"], annotations[f"{DK}/max-replicas"]) == ("6", "8")
    message = "scaled up replica set new from 1 to 6"
    told = [(str(one.object), one.reason, one.message) for one in view.happenings]
    assert told == [("deployment/d/w", "ScalingReplicaSet", message)]
    assert str(view.verdicts[current.ref].reason) == "scale-up"
    assert set(view.touched) == {current.ref}
