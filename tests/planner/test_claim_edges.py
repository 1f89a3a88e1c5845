"""Claims, volumes and classes in one step: what is bound when, what is written on both ends, and what is said of it."""

from typing import Any, cast

import msgspec
import pytest

from reconciler.model.kinds import (
    Condition,
    NFSVolumeSource,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    decode_object,
)
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.provider import ProviderAnswer, ProviderState, VolumeMade
from reconciler.model.refs import ObjectRef
from reconciler.planner.storage.claims import bind_placed_claims, tie
from reconciler.planner.storage.classes import DEFAULT_CLASS, ensure_default_class
from reconciler.planner.storage.phases import sync_volume
from reconciler.planner.storage.provided import heed_provider
from reconciler.planner.storage.volumes import node_of
from reconciler.planner.view import SYSTEM, View
from tests.planner.reading import read, stored
from tests.planner.test_storage_rules import ASKS, ref, view_of, volume
from tests.planner.volumes import bindings, claim, places, pod
from tests.planner.volumes import volume as volume_text
from tests.planner.world import Cluster, replace

CLAIM = ObjectRef.of("PersistentVolumeClaim", "default", "data")
LOCAL_CLASS = ObjectRef(kind="StorageClass", name="local")


def storage_class(name: str, annotations: str = "") -> Any:
    """Return a class of volumes that are made here."""
    document = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "uid": name, "annotations": {annotations: "true"} if annotations else {}},
        "provisioner": "reconciler.dev/local",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    return decode_object(document)


def pending(spec: str = "", name: str = "data") -> Any:
    """Return a claim that waits for its volume."""
    return read("PersistentVolumeClaim", name=name, metadata="uid: c", spec=f"{ASKS}, {spec}", status="phase: Pending")


def local(manager: str = SYSTEM, digest: str = "") -> StoredObject:
    """Return the class `local` as it is stored, which is not marked as the default."""
    return replace(stored(storage_class("local"), manager=manager), digest=digest)


def answering(*volumes: str) -> ProviderState:
    """Return what is known of a provider that tells of these volumes, which are well."""
    made = tuple(VolumeMade(name=one, nfs=NFSVolumeSource(server="files", path=f"/{one}")) for one in volumes)
    return ProviderState(answer=ProviderAnswer(api_version="v", capabilities=("volumes",), volumes=made))


def test_a_claim_that_waits_for_no_pod_is_bound_before_pods_are_placed() -> None:
    """So a Pod that uses it need not wait for the next step."""
    cluster = Cluster()
    cluster.push(volume_text("v1") + claim(storageClassName="") + pod("p", "data"))
    cluster.tick()
    assert (bindings(cluster), places(cluster)) == ({"data": "v1"}, {"p": "node-1"})


@pytest.mark.parametrize("first", ["node-1", "node-2"])
def test_the_volume_of_a_pod_that_names_its_node_is_made_there(first: str) -> None:
    """No scheduler has chosen the node; of several that are named it is the first."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    cluster.push(claim() + pod("z", "data", nodeName="node-2") + pod("a", "data", nodeName=first))
    cluster.settle()
    (made,) = cluster.of("PersistentVolume").values()
    assert node_of(cast(PersistentVolume, made)) == first


def test_a_claim_that_nobody_declares_says_what_it_waits_for() -> None:
    """That of a StatefulSet, say; what is new says that it is."""
    view = view_of(pending("storageClassName: none"))
    bind_placed_claims(view)
    verdict = view.verdicts[CLAIM]
    assert (verdict.decision, verdict.reason) == (Decision.BLOCKED, Reason.CLAIM_NOT_BOUND)
    cluster = Cluster()
    cluster.push(claim())
    assert {one.decision for one in cluster.plan().verdicts if one.object == CLAIM} == {Decision.CREATE}


def test_a_claim_is_given_the_default_class_without_a_verdict_of_its_own() -> None:
    """What a person reads is what it waits for."""
    view = view_of(pending(), storage_class("mine", DEFAULT_CLASS), storage_class("local"))
    bind_placed_claims(view)
    assert cast(PersistentVolumeClaim, view.objects[CLAIM].object).spec.storage_class_name == "mine"
    assert view.verdicts[CLAIM].reason is Reason.CLAIM_NOT_BOUND


@pytest.mark.parametrize(("asked", "expected"), [("", "disk"), ("storageClassName: ''", "")])
def test_both_ends_are_written_at_once(asked: str, expected: str) -> None:
    """Phases, sizes, the class of the volume where the claim names none; neither end is said to be updated."""
    one = volume(spec="storageClassName: disk", phase="Available")
    view = view_of(pending(asked), one)
    tie(view, view.objects[CLAIM], view.objects[stored(one).ref])
    bound = cast(PersistentVolumeClaim, view.objects[CLAIM].object)
    assert (bound.spec.volume_name, bound.spec.storage_class_name) == ("v1", expected)
    assert (bound.status.phase, bound.status.capacity) == ("Bound", {"storage": "1Gi"})
    status = cast(PersistentVolume, view.objects[stored(one).ref].object).status
    assert (status.phase, status.last_phase_transition_time) == ("Bound", view.timestamp)
    assert not view.verdicts


def test_the_built_in_class_keeps_data_and_lets_it_grow() -> None:
    """What `kubectl get storageclass` shows of it."""
    view = view_of()
    ensure_default_class(view)
    found = cast(StorageClass, view.objects[LOCAL_CLASS].object)
    assert (found.provisioner, found.reclaim_policy) == ("reconciler.dev/local", "Retain")
    assert (found.volume_binding_mode, found.allow_volume_expansion) == ("WaitForFirstConsumer", True)
    assert found.metadata.annotations == {DEFAULT_CLASS: "true"}


@pytest.mark.parametrize(
    ("one", "marked"),
    [
        (local(), True),
        (local(digest="given"), False),
        (local(manager="source/main"), False),
    ],
)
def test_a_class_of_its_name_that_a_person_gave_stays_as_it_is(one: StoredObject, marked: bool) -> None:
    """By the API or in a repository; the built-in one is the default again where no other is."""
    cluster = Cluster()
    view = View(replace(cluster.observed, objects={one.ref: one}), cluster.policy, cluster.now)
    ensure_default_class(view)
    assert (DEFAULT_CLASS in view.objects[LOCAL_CLASS].object.metadata.annotations) is marked
    if not marked:
        assert view.objects[LOCAL_CLASS] is one


@pytest.mark.parametrize(
    ("spec", "reason"),
    [("", Reason.IN_SYNC), (ref(uid="gone"), Reason.RELEASED)],
)
def test_a_volume_says_whether_it_is_released(spec: str, reason: Reason) -> None:
    """Unless more is said of it already."""
    one = volume(spec=spec, phase="Available")
    view = view_of(one)
    name = stored(one).ref
    sync_volume(view, view.objects[name])
    assert (view.verdicts[name].decision, view.verdicts[name].reason) == (Decision.UNCHANGED, reason)
    view.judge(name, Decision.UPDATE, Reason.SPEC_CHANGED)
    sync_volume(view, view.objects[name])
    assert view.verdicts[name].decision is Decision.UPDATE


def test_the_node_that_is_to_move_a_directory_on_a_share_is_no_update() -> None:
    """It is noted on the volume, and nothing a person is told of."""
    marks = "pv.kubernetes.io/provisioned-by: reconciler.dev/nfs, reconciler.dev/share: /data"
    spec = f"{ref(uid='gone')}, persistentVolumeReclaimPolicy: Delete, nfs: {{server: s, path: /data/v1}}"
    one = stored(volume(marks, spec, "Released"), manager=SYSTEM)
    cluster = Cluster()
    view = View(replace(cluster.observed, objects={one.ref: one}), cluster.policy, cluster.now)
    sync_volume(view, one)
    assert view.objects[one.ref].object.metadata.annotations["reconciler.dev/trashed-by"] == "node-1"
    assert view.verdicts[one.ref].decision is Decision.UNCHANGED


PROVIDED = "storageClassName: cloud, nfs: {server: files, path: /v1}"
MARK = "pv.kubernetes.io/provisioned-by: reconciler.dev/provider"
ILL = {"type": "reconciler.dev/VolumeMade", "status": "False", "reason": "VolumeConditionAbnormal", "message": "ill"}
GROWS = {"type": "Resizing", "status": "True", "reason": "Resizing", "message": "grows"}


@pytest.mark.parametrize(
    ("provider", "warned", "conditions"),
    [
        (None, False, ["Resizing"]),
        (ProviderState(), False, ["reconciler.dev/VolumeMade", "Resizing"]),
        (answering(), True, ["Resizing", "reconciler.dev/VolumeMade"]),
        (answering("v1"), False, ["Resizing"]),
    ],
    ids=["no provider", "no answer yet", "tells of it no more", "tells of it"],
)
def test_a_volume_of_the_provider_is_well_as_far_as_it_tells(
    provider: ProviderState | None, warned: bool, conditions: list[str]
) -> None:
    """What was wrong is taken back when it tells of it again; before its first answer nothing is known."""
    one = volume(MARK, PROVIDED)
    found = read("PersistentVolumeClaim", name="data", metadata="uid: c", spec=f"{ASKS}, volumeName: v1")
    told = tuple(msgspec.convert(each, Condition) for each in (ILL, GROWS))
    found = replace(found, status=replace(found.status, phase="Bound", conditions=told))
    cluster = Cluster()
    objects = {each.ref: each for each in (stored(found), stored(one))}
    view = View(replace(cluster.observed, objects=objects, provider=provider), cluster.policy, cluster.now)
    after = heed_provider(view, view.objects[CLAIM], one)
    assert bool(view.warnings) is warned
    assert [each.type for each in cast(PersistentVolumeClaim, after.object).status.conditions] == conditions
