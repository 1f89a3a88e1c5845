"""What a Deployment says: the numbers of its ReplicaSets, its history, its counts and its conditions."""

from typing import Any, cast

import pytest

from reconciler.model.kinds import Condition, DeploymentStatus, ReplicaSet
from reconciler.planner.view import replace
from reconciler.planner.workloads.deployment_sets import (
    create_set,
    current_set,
    forget_history,
    show_revision,
    with_revision,
)
from reconciler.planner.workloads.deployment_status import (
    counted,
    deployment_status,
    has_progressed,
    is_complete,
    progressing,
    with_times,
)
from tests.planner.deployments import DK, NOW, ago, deployment, rs, sizes, stored, view_of

# Numbers and history


def test_the_set_of_a_template_is_the_oldest_that_has_it() -> None:
    """Whatever it is called."""
    sets = [rs("b", age_s=5), rs("a", age_s=5), rs("c", age_s=9, image="other"), rs("d", age_s=1)]
    of = deployment()
    found = current_set(view_of(stored(of), *sets), stored(of), sets, of.spec.template)
    assert found is not None
    assert found.ref.name == "a"
    assert current_set(view_of(stored(of)), stored(of), sets[2:3], of.spec.template) is None


@pytest.mark.parametrize(
    ("mine", "others", "number", "history"),
    [
        ({}, [], "1", None),
        ({"revision": 3}, [1, 2], "3", None),
        ({"revision": 2}, [1, 3], "4", "2"),
        ({"revision": 3}, [3], "4", "3"),
        ({"revision": 2, "revision_history": "1"}, [3], "4", "1,2"),
        ({}, [7], "8", None),
    ],
)
def test_the_current_set_has_the_highest_number(mine: Any, others: list[int], number: str, history: str | None) -> None:
    """What it was before is kept in its history."""
    of, new = deployment(), rs("new", **mine)
    old = [rs(f"o{one}", revision=one) for one in others]
    view = view_of(stored(of), new, *old)
    found = with_revision(view, stored(of), new, old)
    annotations = found.object.metadata.annotations
    assert (annotations[f"{DK}/revision"], annotations.get(f"{DK}/revision-history")) == (number, history)
    assert (found is new) is (annotations == new.object.metadata.annotations)
    show_revision(view, stored(of), found)
    assert view.objects[stored(of).ref].object.metadata.annotations[f"{DK}/revision"] == number
    assert not [ref for ref in view.verdicts if ref.kind == "Deployment"]


def test_a_set_takes_over_how_long_its_pods_must_be_ready() -> None:
    """Although its number stays."""
    of, new = deployment(minReadySeconds=7), rs("new", revision=2)
    found = with_revision(view_of(stored(of), new), stored(of), new, [])
    assert cast(ReplicaSet, found.object).spec.min_ready_seconds == 7
    assert found.object.metadata.annotations == {f"{DK}/revision": "2"}


@pytest.mark.parametrize(("limit", "kept"), [(0, "full"), (1, "c full"), (2, "b c full"), (9, "a b c full")])
def test_the_oldest_empty_sets_are_forgotten(limit: int, kept: str) -> None:
    """Oldest by number; one that has Pods stays."""
    old = [rs("b", revision=2, age_s=9), rs("a", revision=1), rs("c", revision=3), rs("full", 1, revision=9)]
    view = view_of(*old)
    forget_history(view, deployment(revisionHistoryLimit=limit + 1 if limit else 0), old)
    assert sorted(sizes(view)) == kept.split()


# Status


def status(updated: int, replicas: int, ready: int, available: int, seen: int = 2) -> DeploymentStatus:
    """Return counts."""
    return DeploymentStatus(
        updated_replicas=updated,
        replicas=replicas,
        ready_replicas=ready,
        available_replicas=available,
        observed_generation=seen,
    )


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (status(4, 4, 4, 4), True),
        (status(4, 4, 4, 4, seen=1), False),
        (status(3, 4, 4, 4), False),
        (status(4, 5, 4, 4), False),
        (status(4, 4, 4, 3), False),
        (status(5, 5, 5, 5), False),
    ],
)
def test_a_rollout_is_over_when_all_pods_are_new_and_available(counts: DeploymentStatus, expected: bool) -> None:
    """And the newest spec has been seen."""
    assert is_complete(deployment(4), counts) is expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (status(2, 4, 2, 2), False),
        (status(3, 5, 2, 2), True),
        (status(2, 3, 2, 2), True),
        (status(2, 4, 3, 2), True),
        (status(2, 4, 2, 3), True),
        (status(1, 4, 1, 1), False),
    ],
)
def test_what_counts_as_progress(now: DeploymentStatus, expected: bool) -> None:
    """More new, ready or available Pods, or fewer old ones."""
    assert has_progressed(status(2, 4, 2, 2), now) is expected


def test_pods_are_counted_over_all_sets() -> None:
    """New ones apart; what is wanted and not available is unavailable."""
    new, old = rs("new", 3, 1), rs("old", 2, 2, status={"terminatingReplicas": 2})
    sets = [cast(ReplicaSet, one.object) for one in (new, old)]
    found = counted(deployment(), sets, sets[0])
    assert (found.replicas, found.updated_replicas, found.ready_replicas, found.available_replicas) == (5, 3, 3, 3)
    assert (found.unavailable_replicas, found.terminating_replicas, found.observed_generation) == (2, 2, 2)
    assert counted(deployment(), sets, None).updated_replicas == 0
    assert counted(deployment(), [cast(ReplicaSet, rs("x", 1, 3).object)], None).unavailable_replicas == 0


@pytest.mark.parametrize(("available", "word"), [(3, "True"), (2, "False")])
def test_a_deployment_is_available_with_all_that_need_not_be_away(available: int, word: str) -> None:
    """Of four one may be away; that Pods cannot be made is told of the current set before the others."""
    failed = [{"type": "ReplicaFailure", "status": "True", "reason": name} for name in ("Old", "New")]
    new, old = rs("new", 4, available, status={"conditions": failed[1:]}), rs("a", status={"conditions": failed[:1]})
    of = deployment()
    view = view_of(stored(of), new, old)
    view.note_current_set(stored(of).ref, new.ref)
    found = {one.type: one for one in deployment_status(view, stored(of)).conditions}
    assert (found["Available"].status, found["Available"].message) == (
        word,
        f"{available} of at least 3 replicas available",
    )
    assert found["Available"].reason == ("MinimumReplicasAvailable" if word == "True" else "MinimumReplicasUnavailable")
    assert found["ReplicaFailure"].reason == "New"
    assert "ReplicaFailure" not in {one.type for one in deployment_status(view_of(stored(of)), stored(of)).conditions}


def goes(word: str, reason: str, updated_s: float = 100) -> dict[str, Any]:
    """Return the condition that says how the rollout goes."""
    return {"type": "Progressing", "status": word, "reason": reason, "lastUpdateTime": ago(updated_s)}


STUCK = {"updatedReplicas": 1, "replicas": 4, "readyReplicas": 3, "availableReplicas": 3}


@pytest.mark.parametrize(
    ("before", "spec", "reason", "looks_s"),
    [
        ([goes("True", "ReplicaSetUpdated", 99)], {}, "ReplicaSetUpdated", 1),
        ([goes("True", "ReplicaSetUpdated", 100)], {}, "ProgressDeadlineExceeded", None),
        ([goes("False", "ProgressDeadlineExceeded", 500)], {}, "ProgressDeadlineExceeded", None),
        ([goes("True", "NewReplicaSetAvailable", 500)], {}, "NewReplicaSetAvailable", None),
        ([goes("Unknown", "DeploymentPaused", 500)], {}, "DeploymentResumed", 100),
        ([], {}, "FoundNewReplicaSet", 100),
        ([goes("True", "ReplicaSetUpdated")], {"paused": True}, "DeploymentPaused", None),
        ([goes("False", "ProgressDeadlineExceeded")], {"paused": True}, "ProgressDeadlineExceeded", None),
        ([goes("True", "ReplicaSetUpdated")], {"progressDeadlineSeconds": 2**31 - 1}, "", None),
        ([goes("True", "ReplicaSetUpdated")], {"progressDeadlineSeconds": 2**31 - 2}, "ReplicaSetUpdated", 2**31 - 102),
    ],
)
def test_a_rollout_that_stands_still_misses_its_deadline(
    before: Any, spec: Any, reason: str, looks_s: float | None
) -> None:
    """It counts from the last progress; the longest deadline is none, and a pause stops it."""
    of = deployment(4, status={**STUCK, "conditions": before}, **{"progressDeadlineSeconds": 100, **spec})
    of = replace(of, metadata=replace(of.metadata, annotations={f"{DK}/revision": "1"}))
    new = rs("new", 1, 0, revision=1)
    view = view_of(stored(of), new)
    found = progressing(view, of, of.status, new)
    assert (found.reason if found is not None else "") == reason
    assert view.look_again_at == (None if looks_s is None else NOW + looks_s)


def test_a_missed_deadline_is_told_once() -> None:
    """As a warning."""
    for reason, expected in (("ReplicaSetUpdated", ["ProgressDeadlineExceeded"]), ("ProgressDeadlineExceeded", [])):
        seen = {"replicas": 1, "conditions": [goes("True", reason, 900)]}
        of = deployment(4, status=seen, progressDeadlineSeconds=100)
        view = view_of(stored(of), rs("old", 1, 0))
        deployment_status(view, stored(of))
        assert [one.reason for one in view.happenings if one.type == "Warning"] == expected


def test_a_condition_has_the_time_of_its_last_transition() -> None:
    """And that of its last change of any kind."""
    old = Condition(
        type="A", status="True", reason="R", message="m", last_transition_time=ago(9), last_update_time=ago(5)
    )
    fresh = {"last_transition_time": None, "last_update_time": None}

    def times(**changes: Any) -> tuple[str | None, str | None]:
        found = with_times(view_of(), (old,), replace(old, **{**fresh, **changes}))
        return found.last_transition_time, found.last_update_time

    assert times() == (ago(9), ago(5))
    assert times(reason="S") == times(message="n") == (ago(9), ago(0))
    assert times(status="False") == times(type="B") == (ago(0), ago(0))
    assert times(last_update_time=ago(2)) == (ago(9), ago(2))
    assert times(status="False", last_update_time=ago(2)) == (ago(0), ago(2))


def test_a_set_whose_name_is_taken_gets_another_one() -> None:
    """The collision is counted, those before it too; who makes it is told, and its notes are not the set's."""
    of = deployment(status={"collisionCount": 2})
    notes = {f"{DK}/revision": "7", "reconciler.dev/x": "y", "owner": "anna"}
    of = replace(of, metadata=replace(of.metadata, annotations=notes))
    first = create_set(view_of(stored(of)), stored(of), of.spec.template)
    view = view_of(stored(of), rs(first.ref.name))
    second = create_set(view, stored(of), of.spec.template)
    assert second.ref.name != first.ref.name
    assert cast(Any, view.objects[stored(of).ref].object).status.collision_count == 3
    assert dict(second.object.metadata.annotations) == {"owner": "anna"}
    told = [(one.type, one.reason, one.message) for one in view.happenings]
    assert told == [("Normal", "NewReplicaSet", f"created replica set {second.ref.name}")]
    plain = view_of(stored(deployment()))
    create_set(plain, stored(deployment()), of.spec.template)
    assert cast(Any, plain.objects[stored(of).ref].object).status.collision_count is None
