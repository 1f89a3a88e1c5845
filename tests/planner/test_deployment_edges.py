"""Deployments where two rules meet: sizes that are told late, what is noted on which set, what conditions say."""

from typing import Any, cast

import pytest

from reconciler.model.kinds import Deployment, Pod, ReplicaSet
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.deployment_scale import roll, scale_in_proportion
from reconciler.planner.workloads.deployment_sets import forget_history, set_name, with_revision
from reconciler.planner.workloads.deployment_status import deployment_status, progressing
from tests.planner.deployments import DK, ago, deployment, rs, sizes, stored, view_of
from tests.planner.test_deployment import web
from tests.planner.world import Cluster

DONE = [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", "lastUpdateTime": ago(500)}]


@pytest.mark.parametrize(
    ("of", "new", "old", "expected"),
    [
        (deployment(4), (2, 4), [(3, 3)], (2, [1])),
        (deployment(4), (2, 2), [(3, 5)], (2, [1])),
    ],
)
def test_pods_that_a_set_no_longer_wants_do_not_count(of: Deployment, new: Any, old: Any, expected: Any) -> None:
    """A set that was made smaller may still tell of more available Pods than it is to have."""
    current = rs("new", *new)
    others = [rs(f"old-{number}", *one) for number, one in enumerate(old)]
    view = view_of(current, *others)
    roll(view, of, current, others)
    assert (sizes(view)["new"], [sizes(view)[one.ref.name] for one in others]) == expected


@pytest.mark.parametrize(
    ("of", "new", "old", "expected"),
    [
        (deployment(10), None, [(0, 6), (0, 6)], {"old-0": 0, "old-1": 10}),
        (deployment(10), (0, 6), [(0, 6)], {"new": 10, "old-0": 0}),
        (deployment(9), (4, 6), [(6, 6)], {"new": 4, "old-0": 6}),
        (deployment(6), (2, 3), [(4, 3)], {"new": 2, "old-0": 5}),
        (deployment(10), (2, None), [(4, None)], {"new": 2, "old-0": 9}),
        (deployment(10), (2, 6), [(4, 6), (0, 6)], {"new": 4, "old-0": 7, "old-1": 0}),
    ],
)
def test_a_changed_size_where_little_is_known(of: Deployment, new: Any, old: Any, expected: dict[str, int]) -> None:
    """Without Pods the newest set takes all; of no known size before, the largest takes what is to be added."""

    def made(name: str, size: int, most: int | None) -> StoredObject:
        return rs(name, size, **({} if most is None else {"max_replicas": most}))

    current = made("new", *new) if new else None
    others = [made(f"old-{number}", *one) for number, one in enumerate(old)]
    view = view_of(*others, *([current] if current else []))
    scale_in_proportion(view, of, current, others)
    assert sizes(view) == expected


def test_an_old_set_without_pods_is_not_written_when_the_others_share_a_change() -> None:
    """As upstream, which has only sets with Pods take part: histories of ten sets are not written in vain."""
    current, others = rs("new", 4, max_replicas=6), [rs("old-0", 2, max_replicas=6), rs("old-1", 0, max_replicas=6)]
    view = view_of(current, *others)
    scale_in_proportion(view, deployment(10), current, others)
    assert {one.ref.name for one in view.changes()} == {"new", "old-0"}


@pytest.mark.parametrize(("replicas", "reason"), [(10, Reason.SCALE_UP), (3, Reason.SCALE_DOWN)])
def test_a_shared_change_of_size_says_its_direction(replicas: int, reason: Reason) -> None:
    """Of each set that changes."""
    current, old = rs("new", 2, max_replicas=6), rs("old", 4, max_replicas=6)
    view = view_of(current, old)
    scale_in_proportion(view, deployment(replicas), current, [old])
    assert {view.verdicts[one.ref].reason for one in (current, old)} == {reason}


@pytest.mark.parametrize(
    ("size", "expected"), [(1, ("1", "2")), (0, (None, None))], ids=["one Pod stays one", "none stays none"]
)
def test_a_size_that_stays_is_noted_without_a_verdict(size: int, expected: Any) -> None:
    """So that the next change of size is known for one; an empty set is left as it is."""
    current = rs("new", size)
    view = view_of(current)
    roll(view, deployment(size), current, [])
    annotations = view.objects[current.ref].object.metadata.annotations
    assert (annotations.get(f"{DK}/desired-replicas"), annotations.get(f"{DK}/max-replicas")) == expected
    assert not view.verdicts


def test_a_long_name_leaves_room_for_the_hash() -> None:
    """253 characters are the most that a name may have."""
    assert set_name("w" * 242, "h" * 10) == "w" * 242 + "-" + "h" * 10
    assert set_name("w" * 243, "h" * 10) == "w" * 242 + "-" + "h" * 10


def test_the_first_number_is_kept_in_the_history() -> None:
    """Of a set that is the current one again."""
    of, new, old = deployment(), rs("new", revision=1), rs("old", revision=2)
    found = with_revision(view_of(stored(of), new, old), stored(of), new, [old]).object.metadata.annotations
    assert (found[f"{DK}/revision"], found[f"{DK}/revision-history"]) == ("3", "1")


def test_a_set_that_is_ending_does_not_count_for_the_history() -> None:
    """Neither is it taken away before its end."""
    ending, *others = (rs("a", revision=1), rs("b", revision=2), rs("c", revision=3))
    gone = replace(ending.object.metadata, deletion_timestamp=ago(1))
    ending = replace(ending, object=replace(cast(ReplicaSet, ending.object), metadata=gone))
    view = view_of(ending, *others)
    forget_history(view, deployment(revisionHistoryLimit=1), [ending, *others])
    assert sorted(sizes(view)) == ["a", "c"]


def seen(of: Deployment, *sets: StoredObject) -> View:
    """Return a view of a Deployment whose current set is the first of these."""
    view = view_of(stored(of), *sets)
    view.note_current_set(stored(of).ref, sets[0].ref)
    return view


def test_an_old_set_that_cannot_make_pods_is_told() -> None:
    """Where the current one can."""
    failed = {"conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "Old"}]}
    of = deployment()
    found = deployment_status(seen(of, rs("new", 4), rs("old", 1, status=failed)), stored(of)).conditions
    assert [one.reason for one in found if one.type == "ReplicaFailure"] == ["Old"]


def test_a_rollout_that_is_over_stays_so_while_pods_come_and_go() -> None:
    """That a Pod is ready again is no progress of a rollout."""
    status = {"replicas": 4, "updatedReplicas": 4, "readyReplicas": 2, "availableReplicas": 2, "conditions": DONE}
    of = deployment(4, status=status)
    of = replace(of, metadata=replace(of.metadata, annotations={f"{DK}/revision": "1"}))
    new = rs("new", 4, 3, revision=1)
    found = {one.type: one for one in deployment_status(seen(of, new), stored(of)).conditions}
    assert found["Progressing"].reason == "NewReplicaSetAvailable"
    assert found["Progressing"].last_update_time == ago(500)


def test_without_replicas_a_new_template_is_rolled_out_at_once() -> None:
    """And it is the new set of which that is told."""
    of = deployment(0, status={"observedGeneration": 2, "conditions": DONE})
    of = replace(of, metadata=replace(of.metadata, annotations={f"{DK}/revision": "1"}))
    new = rs("new", 0, revision=2)
    found = progressing(view_of(stored(of), new), of, of.status, new)
    assert found is not None
    assert (found.reason, found.message) == (
        "NewReplicaSetAvailable",
        "replicaset/d/new has all its replicas available",
    )


def test_a_rollout_back_begins_by_finding_the_set_of_before() -> None:
    """The Deployment still has the number of the set that it leaves."""
    of = deployment(4, status={"replicas": 4, "updatedReplicas": 4, "conditions": DONE})
    of = replace(of, metadata=replace(of.metadata, annotations={f"{DK}/revision": "2"}))
    new = rs("first", 0, revision=3)
    counts = replace(of.status, updated_replicas=0)
    found = progressing(view_of(stored(of), new), of, counts, new)
    assert found is not None
    assert (found.reason, found.message) == ("FoundNewReplicaSet", "replicaset/d/first has this template")


def test_why_pods_of_a_set_start_and_end() -> None:
    """The first rollout, a size that grows, a Pod that went by itself, a size that shrinks; each told in one event."""
    cluster = Cluster()

    def after(text: str) -> tuple[set[Reason], list[str]]:
        cluster.push(text)
        reasons, told = set(), []
        for answer in cluster.settle():
            made = [one for one in answer.verdicts if one.object.kind == "Pod" and str(one.decision) != "unchanged"]
            reasons |= {one.reason for one in made} - {Reason.POD_TERMINATING}
            told += [one.reason for one in answer.happenings if one.object.kind == "ReplicaSet"]
        return reasons, told

    assert after(web(replicas=2)) == ({Reason.ROLLOUT}, ["SuccessfulCreate"])
    assert after(web(replicas=4)) == ({Reason.SCALE_UP}, ["SuccessfulCreate"])
    name = min(cluster.of("Pod"))
    ref = ObjectRef.of("Pod", "default", name)
    ending = cluster.observed.objects[ref]
    metadata = replace(ending.object.metadata, deletion_timestamp="2027-01-15T08:00:00Z")
    gone = replace(ending, object=replace(cast(Pod, ending.object), metadata=metadata))
    cluster.observed = replace(cluster.observed, objects={**cluster.observed.objects, ref: gone})
    cluster.report()
    assert after(web(replicas=4)) == ({Reason.POD_DELETED}, ["SuccessfulCreate"])
    assert after(web(replicas=1)) == ({Reason.SCALE_DOWN}, ["SuccessfulDelete"])
