"""Rules about one claim and one volume, each at both of its sides."""

from typing import Any, cast

import pytest
import yaml

from reconciler.model.kinds import PersistentVolume, decode_object
from reconciler.model.plan import Decision
from reconciler.model.refs import ObjectRef
from reconciler.planner.storage.ephemeral import is_claim_of, sync_ephemeral_claims
from reconciler.planner.storage.expansion import why_not_resized
from reconciler.planner.storage.phases import sync_volume
from reconciler.planner.storage.volumes import BOUND_BY_CONTROLLER, kept_claim, node_of
from reconciler.planner.view import SYSTEM, View
from tests.planner.reading import read, stored
from tests.planner.test_storage_edges import pushed
from tests.planner.volumes import claim, pod, storage_class
from tests.planner.world import Cluster, replace

ASKS = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}"
TEMPLATE = f"volumeClaimTemplate: {{metadata: {{name: web-v}}, spec: {{{ASKS}}}}}"
VOLUME = f"volumes: [{{name: other, emptyDir: {{}}}}, {{name: v, ephemeral: {{{TEMPLATE}}}}}]"
CONTAINER = "containers: [{name: c, image: i}]"
ENDING = "deletionTimestamp: '2027-01-01T00:00:00Z'"


def view_of(*objects: Any) -> View:
    """Return a view of these objects."""
    cluster = Cluster()
    found = {one.ref: one for one in map(stored, objects)}
    return View(replace(cluster.observed, objects=found), cluster.policy, cluster.now)


def web(metadata: str = "", phase: str = "Pending", spec: str = VOLUME, name: str = "web") -> Any:
    """Return a Pod that brings a claim along."""
    return read("Pod", name=name, metadata=f"uid: p, {metadata}", spec=f"{CONTAINER}, {spec}", status=f"phase: {phase}")


def of(kind: str = "Pod", name: str = "web", uid: str = "p", controller: str = "true", more: str = "") -> Any:
    """Return a claim that has an owner."""
    owner = f"{{apiVersion: v1, kind: {kind}, name: {name}, uid: {uid}, controller: {controller}}}"
    return read(
        "PersistentVolumeClaim",
        name="web-v",
        metadata=f"uid: c, ownerReferences: [{owner}], {more}",
        spec=ASKS,
    )


CLAIM = ObjectRef(kind="PersistentVolumeClaim", namespace="default", name="web-v")
POD = ObjectRef(kind="Pod", namespace="default", name="web")


@pytest.mark.parametrize(
    ("one", "makes"),
    [
        (web(), True),
        (web(ENDING), False),
        (web(phase="Succeeded"), False),
        (web(phase="Failed"), False),
        (web(phase="Running"), True),
        (web(spec="hostname: h"), False),
    ],
)
def test_a_pod_brings_its_claim_along_while_it_lives(one: Any, makes: bool) -> None:
    """Those before it that need none keep nobody from it."""
    view = view_of(web(name="a", spec="hostname: h"), web(ENDING, name="b"), one)
    sync_ephemeral_claims(view)
    assert (view.get(CLAIM) is not None) is makes


@pytest.mark.parametrize(
    ("found", "ends", "blocks"),
    [
        (of(), False, False),
        (of(uid="earlier"), True, False),
        (of(uid="earlier", more=ENDING), False, True),
        (of(uid="earlier", name="other"), False, True),
        (of(uid="earlier", kind="Job"), False, True),
        (of(uid="earlier", controller="false"), False, True),
        (of(controller="false"), False, True),
    ],
)
def test_whose_claim_it_is_decides(found: Any, ends: bool, blocks: bool) -> None:
    """Its own is used, that of an earlier Pod of the name goes, any other one blocks the Pod."""
    view = view_of(web(), found)
    sync_ephemeral_claims(view)
    claim = view.get(CLAIM)
    assert claim is not None
    assert (claim.object.metadata.deletion_timestamp is not None) is (
        ends or ENDING in str(found) or "2027" in str(found)
    )
    verdict = view.verdicts.get(POD)
    assert (verdict is not None and verdict.decision is Decision.BLOCKED) is blocks
    assert is_claim_of(web(), found) is not (ends or blocks)


BIG, SMALL = "resources: {requests: {storage: 2Gi}}", "resources: {requests: {storage: 1Gi}}"


@pytest.mark.parametrize(
    ("before", "after", "phase", "allowed", "fault"),
    [
        (SMALL, BIG, "Bound", True, ""),
        (SMALL, SMALL, "Pending", False, ""),
        (BIG, SMALL, "Bound", False, ""),
        (SMALL, BIG, "Pending", True, "only bound persistent volume claims can be expanded"),
        (SMALL, BIG, "Bound", False, "only dynamically provisioned pvc can be resized"),
    ],
)
def test_a_claim_that_asks_for_more_needs_a_volume_and_its_class(
    before: str, after: str, phase: str, allowed: bool, fault: str
) -> None:
    """A class that lets volumes grow."""
    made = storage_class("disk", allowVolumeExpansion=allowed)
    view = view_of(decode_object(next(iter(yaml.safe_load_all(made)))))
    old, new = (
        read(
            "PersistentVolumeClaim",
            spec=f"accessModes: [ReadWriteOnce], storageClassName: disk, {size}",
            status=f"phase: {phase}",
        )
        for size in (before, after)
    )
    assert why_not_resized(view, old, new).startswith(fault) and bool(why_not_resized(view, old, new)) is bool(fault)


def test_the_volume_of_a_class_of_others_does_not_grow_here() -> None:
    """Its provisioner does that; nor does one that asks for as much as it has, in other words."""
    cluster = Cluster()
    theirs = storage_class("theirs", "example.com/disk", allowVolumeExpansion=True)
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "v1"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"},
            "hostPath": {"path": "/mnt"},
            "storageClassName": "theirs",
        },
    }
    text = theirs + yaml.safe_dump(volume) + "\n---\n"
    pushed(cluster, text + claim(storageClassName="theirs") + pod("p", "data"))
    pushed(cluster, text + claim(size="3Gi", storageClassName="theirs") + pod("p", "data"), "c2")
    found = cast(PersistentVolume, cluster.of("PersistentVolume")["v1"])
    assert found.spec.capacity["storage"] == "1Gi"
    own = Cluster()
    pushed(own, claim() + pod("p", "data"))
    plans = pushed(own, claim(size="1024Mi") + pod("p", "data"), "c2")
    assert not [one for plan in plans for one in plan.happenings if one.reason == "VolumeResizeSuccessful"]


def volume(annotations: str = "", spec: str = "", phase: str = "Bound", name: str = "v1") -> Any:
    """Return a volume."""
    base = "accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}"
    marks = f"uid: v, annotations: {{{annotations}}}"
    return read("PersistentVolume", name=name, metadata=marks, spec=f"{base}, {spec}", status=f"phase: {phase}")


def ref(name: str = "data", uid: str = "c") -> str:
    """Return the claim that a volume is kept for."""
    return f"claimRef: {{namespace: default, name: {name}, uid: '{uid}'}}"


OURS, CHOSEN = "pv.kubernetes.io/provisioned-by: reconciler.dev/local", "pv.kubernetes.io/bound-by-controller: 'yes'"
KEEP, DELETE = "persistentVolumeReclaimPolicy: Retain", "persistentVolumeReclaimPolicy: Delete"
LOCAL = "local: {path: /mnt/v1}"


@pytest.mark.parametrize(
    ("annotations", "policy", "uid", "left"),
    [
        (CHOSEN, KEEP, "c", None),
        ("", KEEP, "c", ("data", "")),
        ("", KEEP, "", ("data", "")),
        (f"{OURS}, {CHOSEN}", DELETE, "c", ("data", "c")),
        (f"{OURS}, {CHOSEN}", KEEP, "c", None),
        (CHOSEN, DELETE, "c", None),
    ],
)
def test_a_claim_that_got_another_volume_lets_go_of_this_one(
    annotations: str, policy: str, uid: str, left: tuple[str, str] | None
) -> None:
    """What was chosen here is forgotten; what a person wrote stays for the next of the name; what goes anyway stays."""
    claim = read("PersistentVolumeClaim", name="data", metadata="uid: c", spec=f"{ASKS}, volumeName: other")
    one = volume(annotations, f"{ref(uid=uid)}, {policy}, {LOCAL}")
    view = view_of(claim, one)
    sync_volume(view, stored(one))
    found = view.get(stored(one).ref)
    assert found is not None
    kept = cast(PersistentVolume, found.object).spec.claim_ref
    assert (None if kept is None else (kept.name, kept.uid)) == left
    is_as_it_was = left == ("data", "c")
    marks = [name for name in one.metadata.annotations if is_as_it_was or name != BOUND_BY_CONTROLLER]
    assert list(found.object.metadata.annotations) == marks


@pytest.mark.parametrize(
    ("told", "complete", "gone"),
    [((), True, True), (("v1",), True, False), (("/mnt/v1",), True, False), ((), False, False)],
)
def test_a_trashed_volume_is_forgotten_once_its_node_has_no_directory(
    told: tuple[str, ...], complete: bool, gone: bool
) -> None:
    """By name or by path, and only where the node has looked at all of them."""
    cluster = Cluster()
    state = cluster.observed.nodes["node-1"]
    assert state.observation is not None
    facts = replace(state.observation.facts, directories=("else", *told), complete=complete)
    nodes = {"node-1": replace(state, observation=replace(state.observation, facts=facts))}
    label = "{key: kubernetes.io/hostname, operator: In, values: [node-1]}"
    near = f"nodeAffinity: {{required: {{nodeSelectorTerms: [{{matchExpressions: [{label}]}}]}}}}"
    one = stored(volume(OURS, f"{ref()}, {DELETE}, {LOCAL}, {near}", "Released"), manager=SYSTEM)
    view = View(replace(cluster.observed, nodes=nodes, objects={one.ref: one}), cluster.policy, cluster.now)
    sync_volume(view, one)
    assert (view.get(one.ref) is None) is gone
    silent = View(replace(cluster.observed, nodes={}, objects={one.ref: one}), cluster.policy, cluster.now)
    sync_volume(silent, one)
    assert silent.get(one.ref) is not None


@pytest.mark.parametrize(
    ("old", "new", "phase", "kept"),
    [
        ("", "", "Available", None),
        ("", ref(uid=""), "Available", ("data", "")),
        (ref(), "", "Bound", ("data", "c")),
        (ref(), ref(uid=""), "Bound", ("data", "c")),
        (ref(), ref(uid=""), "Released", ("data", "")),
        (ref(), ref(uid=""), "Failed", ("data", "")),
        (ref(), "", "Released", ("data", "c")),
        (ref(), ref("next", ""), "Bound", ("next", "")),
    ],
)
def test_whom_a_declared_volume_is_kept_for(old: str, new: str, phase: str, kept: tuple[str, str] | None) -> None:
    """What was bound stays, unless another is named; naming a claim anew gives a released volume to it."""
    found = kept_claim(volume(spec=old, phase=phase), volume(spec=new))
    assert (None if found is None else (found.name, found.uid)) == kept


@pytest.mark.parametrize(
    ("expression", "node"),
    [
        ("{key: kubernetes.io/hostname, operator: In, values: [a, b]}", "a"),
        ("{key: kubernetes.io/hostname, operator: NotIn, values: [a]}", ""),
        ("{key: zone, operator: In, values: [a]}", ""),
        ("{key: zone, operator: In, values: [z]}, {key: kubernetes.io/hostname, operator: In, values: [c]}", "c"),
    ],
)
def test_the_node_of_a_volume_is_the_one_that_it_names(expression: str, node: str) -> None:
    """By the label of the host's name."""
    terms = f"nodeAffinity: {{required: {{nodeSelectorTerms: [{{matchExpressions: [{expression}]}}]}}}}"
    assert node_of(volume(spec=terms)) == node
    assert node_of(volume()) == ""
