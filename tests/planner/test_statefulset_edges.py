"""StatefulSets where two rules meet: what is in the way, what is told, which revision is whose."""

from typing import Any, cast

import pytest

from reconciler.model.kinds import Pod, StatefulSet
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.view import SYSTEM, View, replace
from reconciler.planner.workloads.revisions import revision_data
from tests.planner.test_statefulset import db, images, rolling, started, verdict
from tests.planner.test_statefulset_turn import (
    CLAIMS,
    NOW,
    PARALLEL,
    SET,
    claim,
    looked,
    moved,
    pod,
    revision,
    stateful_set,
    stored,
    with_pods,
)

CLAIM_REF = ObjectRef.of("PersistentVolumeClaim", "d", "data-s-0")
TWO_AWAY = {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}}


def bare(name: str, manager: str = SYSTEM) -> StoredObject:
    """Return a Pod with the labels of the set that nothing owns."""
    metadata = {"name": name, "namespace": "d", "uid": name, "labels": {"app": "s"}}
    spec = {"containers": [{"name": "a", "image": "a"}]}
    return stored({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, manager)


def template_revision(name: str, number: int, uid: str = "s") -> StoredObject:
    """Return a revision that holds the set's template, and whose set has this uid."""
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "s", "uid": uid, "controller": True}
    metadata = {"name": name, "namespace": "d", "uid": name, "ownerReferences": [owner]}
    data = revision_data(cast(StatefulSet, stateful_set().object).spec.template)
    document = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata}
    return stored({**document, "revision": number, "data": data})


def status_of(view: View) -> Any:
    """Return the status of the set."""
    return cast(StatefulSet, view.objects[SET].object).status


@pytest.mark.parametrize(
    ("of", "codes", "made", "ended"),
    [
        (stateful_set(2), "o+ o+ nu nu", "", ""),
        (stateful_set(**PARALLEL), "ou o+ n-", "", "0"),
        (stateful_set(**PARALLEL, **TWO_AWAY), "o+ . o+", "1", "2"),
    ],
)
def test_what_may_go_while_others_are_away(of: StoredObject, codes: str, made: str, ended: str) -> None:
    """No update goes on beside sick Pods that are too many; one that serves nobody goes although no other may."""
    assert moved(with_pods(of, codes)) == (made, ended)


@pytest.mark.parametrize("in_the_way", [bare("s-0", "source/other"), claim(deletionTimestamp=rfc3339(NOW))])
def test_nothing_goes_while_a_number_cannot_start(in_the_way: StoredObject) -> None:
    """Neither what is too many, nor what is of an old template."""
    of = stateful_set(2, **PARALLEL, **TWO_AWAY, **CLAIMS)
    assert moved(looked(of, in_the_way, pod(1, "n+"), pod(2, "n+"))) == ("", "")
    assert moved(looked(of, in_the_way, pod(1, "o+"))) == ("", "")


def test_a_new_pod_is_told_and_counted_at_once() -> None:
    """In the same look as it is made."""
    view = looked(stateful_set(2, **PARALLEL))
    assert [one.message for one in view.happenings] == ["created pod s-0", "created pod s-1"]
    assert {one.reason for one in view.happenings} == {"SuccessfulCreate"}
    assert (status_of(view).replicas, status_of(view).collision_count) == (2, 0)


@pytest.mark.parametrize(
    ("of", "codes", "name", "reason"),
    [
        (stateful_set(status={"replicas": 0}), "", "s-0", Reason.SCALE_UP),
        (stateful_set(status={"replicas": 1}), "", "s-0", Reason.POD_DELETED),
        (stateful_set(status={"replicas": 3, "currentRevision": "s-was"}), "n+ . n+", "s-1", Reason.ROLLOUT),
        (stateful_set(status={"replicas": 3, "currentRevision": "s-new"}), "n+ . n+", "s-1", Reason.POD_DELETED),
    ],
)
def test_why_a_number_starts(of: StoredObject, codes: str, name: str, reason: Reason) -> None:
    """From none, after a deletion, or with a new template."""
    known = (template_revision("s-new", 2), other_revision("s-was", 1))
    view = with_pods(of, codes, *known)
    assert view.verdicts[ObjectRef.of("Pod", "d", name)].reason is reason


def other_revision(name: str, number: int) -> StoredObject:
    """Return a revision of the set that holds another template."""
    found = template_revision(name, number)
    template = cast(StatefulSet, stateful_set().object).spec.template
    other = replace(template, metadata=replace(template.metadata, annotations={"other": "yes"}))
    return replace(found, object=replace(cast(Any, found.object), data=revision_data(other)))


def test_a_number_beyond_the_size_before_starts_for_the_size() -> None:
    """Not because a Pod was deleted."""
    cluster = started(db(replicas=1))
    cluster.push(db(replicas=2), commit="c2")
    assert verdict(cluster.plan(), "Pod", "db-1").reason is Reason.SCALE_UP


@pytest.mark.parametrize(("code", "made"), [("nP", True), ("n+", False)])
def test_a_waiting_pod_s_lost_claim_is_made_again(code: str, made: bool) -> None:
    """Without it the Pod would wait for ever; one that runs has what it mounted."""
    view = looked(stateful_set(1, **CLAIMS), pod(0, code))
    assert (CLAIM_REF in view.objects) is made


def test_a_claim_of_a_pod_that_stays_has_no_owner_before_it_is_too_many() -> None:
    """`whenScaled: Delete` is about the numbers beyond the size."""
    keeps = {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}}
    view = looked(stateful_set(1, **CLAIMS, **keeps), claim(), pod(0, "n+"))
    assert not view.objects[CLAIM_REF].object.metadata.owner_references
    (owner,) = (
        looked(stateful_set(0, **CLAIMS, **keeps), claim(), pod(0, "n+"))
        .objects[CLAIM_REF]
        .object.metadata.owner_references
    )
    assert (owner.kind, owner.name) == ("Pod", "s-0")


def test_a_pod_of_another_name_is_not_taken_in() -> None:
    """Whatever its labels; one with a number of the set is."""
    view = looked(stateful_set(1, updateStrategy={"type": "OnDelete"}), bare("other"), bare("s-x"), bare("s-0"))
    owned = {
        ref.name for ref, one in view.objects.items() if ref.kind == "Pod" and one.object.metadata.owner_references
    }
    assert owned == {"s-0"}


def test_a_claim_takes_the_place_of_the_template_s_volume() -> None:
    """The one with its name; the others stay."""
    volumes = [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]
    template = {
        "metadata": {"labels": {"app": "s"}},
        "spec": {"containers": [{"name": "a", "image": "a"}], "volumes": volumes},
    }
    made = looked(stateful_set(1, **CLAIMS, template=template)).objects[ObjectRef.of("Pod", "d", "s-0")].object
    found = {one.name: one.persistent_volume_claim for one in cast(Pod, made).spec.volumes}
    assert found["tmp"] is None and len(found) == 2
    assert found["data"] is not None and found["data"].claim_name == "data-s-0"


def test_no_revision_is_forgotten_that_something_uses() -> None:
    """The one of the last complete rollout, one that a Pod still has, and the newest, which none has yet."""
    none_kept = "revisionHistoryLimit: 0"
    cluster = started(db("1", more=none_kept))
    for version, partition in (("2", 2), ("3", 3)):
        cluster.push(db(version, more=f"{none_kept}\n  {rolling(partition=partition)}"), commit=f"c{version}")
        cluster.settle()
    assert images(cluster) == {"db-0": "1", "db-1": "1", "db-2": "2"}
    numbers = sorted(one.revision for one in cluster.of("ControllerRevision").values())  # type: ignore[union-attr]
    assert numbers == [1, 2, 3]


def test_of_two_revisions_of_one_template_the_newer_is_meant() -> None:
    """And nothing is numbered anew."""
    view = looked(stateful_set(1), template_revision("s-b", 1), template_revision("s-a", 2))
    assert (status_of(view).update_revision, status_of(view).collision_count) == ("s-a", 0)
    revisions = [one for ref, one in view.verdicts.items() if ref.kind == "ControllerRevision"]
    assert all(one.decision is Decision.UNCHANGED for one in revisions)


def test_a_name_that_is_another_s_is_passed_over_and_counted() -> None:
    """A revision that an earlier set of this name has left behind."""
    taken = revision()
    view = looked(stateful_set(1), template_revision(taken, 1, uid="earlier"))
    assert status_of(view).collision_count == 1
    assert status_of(view).update_revision not in ("", taken)


def test_a_revision_has_the_notes_of_its_set() -> None:
    """So `kubectl rollout history` shows the cause of a change; not what only the repository needs."""
    of = stateful_set(1)
    notes = {
        "kubernetes.io/change-cause": "new disks",
        "reconciler.dev/depends-on": "deployment/x",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }
    noted = replace(of.object.metadata, annotations=notes)
    view = looked(replace(of, object=replace(cast(StatefulSet, of.object), metadata=noted)))
    (made,) = [one.object for ref, one in view.objects.items() if ref.kind == "ControllerRevision"]
    assert made.metadata.annotations == {"kubernetes.io/change-cause": "new disks"}
