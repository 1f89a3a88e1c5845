"""Claims and volumes at their edges: what is told of each step, and what holds when two things come together."""

from typing import Any

import pytest

from reconciler.model.overrides import Override
from reconciler.model.plan import Decision, Plan, Reason
from reconciler.planner.storage.volumes import BOUND_BY_CONTROLLER
from tests.planner.test_ephemeral_volumes import OTHER
from tests.planner.test_ephemeral_volumes import POD as EPHEMERAL
from tests.planner.test_storage import FILLER, verdict
from tests.planner.volumes import bindings, claim, on, phases, places, pod, storage_class, volume
from tests.planner.world import Cluster, replace

MINE = {"storageClassName": ""}


def happened(plans: list[Plan]) -> list[tuple[str, str, str]]:
    """Return the Events of claims and volumes: type, reason and message."""
    found = [one for plan in plans for one in plan.happenings if one.object.kind.startswith("PersistentVolume")]
    return [(one.type, one.reason, one.message) for one in found]


def pushed(cluster: Cluster, text: str, commit: str = "c1") -> list[Plan]:
    """Push, release what is held, and settle; return all plans."""
    cluster.push(FILLER + text, commit=commit)
    first = cluster.tick()
    cluster.acknowledge(first)
    return [first, *cluster.settle()]


def volumes(cluster: Cluster) -> dict[str, Any]:
    """Return the volumes by name."""
    return dict(cluster.of("PersistentVolume"))


def test_binding_and_releasing_are_told() -> None:
    """Each once; the volume says that it was chosen here, and since when it is what it is."""
    cluster = Cluster()
    assert happened(pushed(cluster, volume("v1") + claim(**MINE))) == [("Normal", "Bound", "bound to volume v1")]
    bound = volumes(cluster)["v1"]
    assert bound.metadata.annotations[BOUND_BY_CONTROLLER] == "yes"
    assert bound.status.last_phase_transition_time
    plans = pushed(cluster, volume("v1"), "c2")
    assert happened(plans) == [("Normal", "VolumeReleased", "its claim is gone; the data is kept")]
    messages = {one.message for plan in plans for one in plan.verdicts if one.object.kind == "PersistentVolumeClaim"}
    assert "volume v1 is released, its data is kept" in messages
    assert volumes(cluster)["v1"].status.last_phase_transition_time != bound.status.last_phase_transition_time


def test_a_claim_that_never_had_a_volume_leaves_none() -> None:
    """And says so."""
    cluster = Cluster()
    pushed(cluster, claim(**MINE))
    plans = pushed(cluster, "", "c2")
    messages = {one.message for plan in plans for one in plan.verdicts if one.object.kind == "PersistentVolumeClaim"}
    assert "it had no volume" in messages and not cluster.of("PersistentVolumeClaim")


def test_a_kept_volume_is_not_said_to_be_chosen_here() -> None:
    """Who named the claim in it chose."""
    cluster = Cluster()
    pushed(cluster, volume("v1", claimRef={"namespace": "default", "name": "data"}) + claim(**MINE))
    assert BOUND_BY_CONTROLLER not in volumes(cluster)["v1"].metadata.annotations


def test_a_deletion_that_fails_is_a_warning() -> None:
    """Told once."""
    cluster = Cluster()
    policy = {"persistentVolumeReclaimPolicy": "Delete"}
    pushed(cluster, volume("v1", **policy) + claim(**MINE))
    told = happened(pushed(cluster, volume("v1", **policy), "c2"))
    words = "nothing here deletes a volume that was not made here: its data stays where it is"
    assert told == [("Warning", "VolumeFailedDelete", words)]


def test_a_volume_that_was_made_here_says_whether_it_is_released() -> None:
    """It is in sync while it is bound, and waits for a person afterwards."""
    cluster = Cluster()
    pushed(cluster, claim() + pod("p", "data"))
    (name,) = volumes(cluster)
    assert verdict(cluster, "PersistentVolume", name) == (Decision.UNCHANGED, Reason.IN_SYNC, "")
    pushed(cluster, "", "c2")
    assert verdict(cluster, "PersistentVolume", name) == (Decision.UNCHANGED, Reason.RELEASED, "")


@pytest.mark.parametrize(
    ("change", "reason", "message"),
    [
        ("gone", "ClaimLost", "its volume is gone: the data on it is lost"),
        ("another", "ClaimMisbound", "volume v1 belongs to another claim"),
    ],
)
def test_what_is_lost_is_a_warning_and_told_once(change: str, reason: str, message: str) -> None:
    """And found again."""
    cluster = Cluster()
    pushed(cluster, volume("v1") + claim(**MINE))
    objects = dict(cluster.observed.objects)
    (ref,) = (ref for ref in objects if ref.kind == "PersistentVolume")
    before: Any = objects[ref]
    if change == "gone":
        del objects[ref]
    else:
        other = replace(before.object.spec.claim_ref, uid="other")
        spec = replace(before.object.spec, claim_ref=other)
        objects[ref] = replace(before, object=replace(before.object, spec=spec))
    cluster.observed, cluster.desired = replace(cluster.observed, objects=objects), {}
    assert [one for one in happened(cluster.settle()) if one[0] == "Warning"] == [("Warning", reason, message)]
    assert phases(cluster, "PersistentVolumeClaim") == {"data": "Lost"}
    assert not [one for one in happened([cluster.tick()]) if one[0] == "Warning"]
    cluster.observed = replace(cluster.observed, objects={**cluster.observed.objects, ref: before})
    cluster.settle()
    assert phases(cluster, "PersistentVolumeClaim") == {"data": "Bound"}


def test_a_claim_in_use_stays_until_its_pod_is_gone() -> None:
    """It says which; a Pod that has ended or has no node holds nothing."""
    cluster = Cluster()
    cluster.ends = lambda _: False
    cluster.phase = lambda one: "Succeeded" if one.metadata.name == "done" else "Running"
    users = pod("done", "data", restartPolicy="Never") + pod("nowhere", "data", **on("node-9"))
    pushed(cluster, claim() + users + pod("user", "data"))
    pushed(cluster, users + pod("user", "data"), "c2")
    decision, reason, message = verdict(cluster, "PersistentVolumeClaim", "data")
    assert (decision, reason) == (Decision.BLOCKED, Reason.VOLUME_IN_USE)
    assert message == "in use by pod/default/user; goes when that has ended"
    cluster.ends = lambda _: True
    pushed(cluster, users, "c3")
    assert not cluster.of("PersistentVolumeClaim")


WAITING = {
    "no class": (claim(**MINE), "no volume fits, and there is no storage class to make one"),
    "no such class": (claim(storageClassName="none"), "storage class none does not exist"),
    "another's class": (
        storage_class("theirs", "example.com/disk", volumeBindingMode="Immediate") + claim(storageClassName="theirs"),
        "no volume fits, and provisioner example.com/disk is not one of ours",
    ),
    "no Pod": (claim(), "waits for the first Pod that uses it to be placed"),
    "no node": (
        storage_class(
            "far",
            volumeBindingMode="Immediate",
            allowedTopologies=[{"matchLabelExpressions": [{"key": "zone", "values": ["mars"]}]}],
        )
        + claim(storageClassName="far"),
        "there is no node with room on which class far makes volumes",
    ),
    "no source": (
        claim(dataSource={"kind": "PersistentVolumeClaim", "name": "other"}),
        "nothing here fills a volume from a data source: it waits for one that reserves itself",
    ),
    "no volume": (claim(volumeName="v9", **MINE), "volume v9 does not exist or belongs to another claim"),
    "another's volume": (
        volume("v1", claimRef={"namespace": "default", "name": "late"}) + claim(volumeName="v1", **MINE),
        "volume v1 does not exist or belongs to another claim",
    ),
    "a small volume": (
        volume("v1", "1Gi") + claim(size="2Gi", volumeName="v1", **MINE),
        "volume v1 cannot be bound: requested PV is too small",
    ),
    "a block device on a share": (
        storage_class(
            "shared",
            "nfs.csi.k8s.io",
            volumeBindingMode="Immediate",
            parameters={"server": "nfs.example", "share": "/srv"},
        )
        + claim(storageClassName="shared", volumeMode="Block"),
        "class shared makes directories on a share, and no block devices (volumeMode: Block)",
    ),
}


@pytest.mark.parametrize("case", WAITING)
def test_a_claim_says_what_it_waits_for(case: str) -> None:
    """And is blocked by it."""
    text, why = WAITING[case]
    cluster = Cluster()
    cluster.push(text)
    cluster.settle()
    cluster.tick()
    expected = (Decision.BLOCKED, Reason.CLAIM_NOT_BOUND, why)
    assert verdict(cluster, "PersistentVolumeClaim", "data") == expected


def test_waiting_for_a_pod_is_told_when_the_claim_comes() -> None:
    """Once."""
    cluster = Cluster()
    cluster.push(claim())
    told = happened(cluster.settle())
    assert told.count(("Normal", "WaitForFirstConsumer", "waits for the first Pod that uses it to be placed")) == 1
    cluster.push(claim(), commit="c2")
    assert happened(cluster.settle()) == []
    used = Cluster()
    used.push(claim() + pod("p", "data"))
    assert [one[1] for one in happened(used.settle())] == ["Bound"]


def test_an_immediate_class_leaves_out_nodes_that_take_nothing() -> None:
    """The first by name that is neither cordoned nor silent has the volume."""
    cluster = Cluster(nodes=("node-1", "node-2", "node-3"))
    cluster.settle()
    (first,) = (one for ref, one in cluster.observed.objects.items() if (ref.kind, ref.name) == ("Node", "node-1"))
    word = Override(ref=first.ref, uid=first.object.metadata.uid, unschedulable=True, by="ann", at=cluster.now)
    cluster.observed = replace(cluster.observed, overrides={first.ref: word})
    report = cluster.report

    def without_second() -> None:
        before = cluster.observed.nodes["node-2"]
        report()
        cluster.observed = replace(cluster.observed, nodes={**cluster.observed.nodes, "node-2": before})

    cluster.report = without_second  # type: ignore[method-assign]
    cluster.now += cluster.policy.node_lease_s + 1
    cluster.settle()
    cluster.push(storage_class("now", volumeBindingMode="Immediate") + claim(storageClassName="now") + pod("p", "data"))
    cluster.settle()
    assert places(cluster) == {"p": "node-3"}


def test_a_claim_that_returns_is_not_given_what_was_another_claims() -> None:
    """A volume that was chosen here is let go when its claim got another one; one that a person kept stays kept."""
    cluster = Cluster()
    kept = volume("kept", "9Gi", claimRef={"namespace": "default", "name": "data"})
    pushed(cluster, kept + claim(**MINE))
    pushed(cluster, kept, "c2")
    assert phases(cluster) == {"kept": "Available"} or phases(cluster) == {"kept": "Released"}
    pushed(cluster, kept + volume("next") + claim(volumeName="next", **MINE), "c3")
    assert bindings(cluster) == {"data": "next"}
    assert volumes(cluster)["kept"].spec.claim_ref.name == "data"


def test_a_word_that_frees_a_volume_is_for_the_claim_that_it_names() -> None:
    """For another claim, or another volume of the name, it does nothing and is used up or kept."""
    for uid, freed, phase in (("", "", "Available"), ("other", "", "Released"), ("", "other", "Released")):
        cluster = Cluster()
        pushed(cluster, volume("v1") + claim(**MINE))
        pushed(cluster, volume("v1"), "c2")
        (ref,) = (ref for ref in cluster.observed.objects if ref.kind == "PersistentVolume")
        found: Any = cluster.observed.objects[ref].object
        gone = freed or found.spec.claim_ref.uid
        word = Override(ref=ref, uid=uid or found.metadata.uid, freed=gone, by="ann", at=cluster.now)
        cluster.observed = replace(cluster.observed, overrides={ref: word})
        told = [one for one in happened(cluster.settle()) if one[1] == "VolumeFreed"]
        assert phases(cluster) == {"v1": phase}, (uid, freed)
        expected = [("Normal", "VolumeFreed", "ann gave it free; it was default/data's")]
        assert told == (expected if phase == "Available" else [])


def test_a_claim_of_another_keeps_a_pod_from_running() -> None:
    """The Pod says so, as long as it is so; one that has ended needs none any more."""
    cluster = Cluster()
    cluster.push(EPHEMERAL + OTHER)
    cluster.settle()
    decision, reason, message = verdict(cluster, "Pod", "web")
    assert (decision, reason) == (Decision.BLOCKED, Reason.CONFLICT)
    assert message == 'PVC "web-scratch" was not created for pod "web" (pod is not owner)'
    ended = Cluster()
    ended.phase = lambda _: "Succeeded"
    ended.push(EPHEMERAL.replace("spec:", "spec:\n  restartPolicy: Never", 1))
    ended.settle()
    objects = {ref: one for ref, one in ended.observed.objects.items() if ref.kind != "PersistentVolumeClaim"}
    ended.observed = replace(ended.observed, objects=objects)
    ended.settle()
    assert not ended.of("PersistentVolumeClaim")
