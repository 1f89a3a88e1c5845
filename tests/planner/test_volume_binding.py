"""What claims mean for the place of a Pod: whom they leave out, what helps, and that nobody ends in vain for them."""

from typing import Any

import pytest
from msgspec import to_builtins

from reconciler.model.plan import Decision
from reconciler.planner.scheduling.framework import Cluster as Nodes
from reconciler.planner.scheduling.framework import Misfit, Plugin
from reconciler.planner.scheduling.hints import Change
from reconciler.planner.scheduling.volumes import GONE, UNREACHABLE, PodClaims, VolumeBinding, claims_for
from reconciler.planner.scheduling.volumes_restrictions import VolumeRestrictions
from reconciler.planner.scheduling.volumes_score import Point, Share, score_of
from reconciler.planner.storage.capacity import STORAGE_FREE
from tests.planner.reading import read
from tests.planner.scheduled import Objects
from tests.planner.scheduled import node as candidate
from tests.planner.test_preemption import CLASSES, ended
from tests.planner.test_preemption import pod as filling
from tests.planner.test_preemption_edges import of
from tests.planner.volumes import bindings, claim, on, places, pod, storage_class, volume, why
from tests.planner.world import Cluster, replace

STATIC = "kubernetes.io/no-provisioner"
EPHEMERAL = """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  priorityClassName: high
  containers: [{name: a, image: i, resources: {requests: {cpu: 6}}}]
  volumes:
  - name: data
    ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}
---
"""
ASKS = [{"name": "a", "image": "i", "resources": {"requests": {"cpu": "6"}}}]
USER = pod("p", "data", priorityClassName="high").replace(
    '[{"name": "a", "image": "a:1"}]', str(ASKS).replace("'", '"')
)
WAITS = {
    "missing": (USER, 'persistentvolumeclaim "data" not found'),
    "unbound": (claim(storageClassName="") + USER, "pod has unbound immediate PersistentVolumeClaims"),
    "of another": (claim("p-data") + EPHEMERAL, 'PVC "p-data" was not created for pod "p"'),
}


@pytest.mark.parametrize("case", WAITS)
def test_nobody_ends_for_a_pod_whose_claims_can_be_met_nowhere(case: str) -> None:
    """However high its priority is, and whatever room the others have."""
    text, said = WAITS[case]
    cluster = Cluster()
    low = CLASSES + "---" + filling("low", "low", "7") + "\n---\n"
    cluster.push(low)
    cluster.settle()
    cluster.push(low + text, commit="c2")
    answer = cluster.tick()
    assert not ended(answer) and said in why(cluster, "p")
    assert "Preemption is not helpful" in why(cluster, "p") and not of(cluster, "p").status.nominated_node_name


@pytest.mark.parametrize(
    ("claim_", "said"),
    [
        ("phase: Lost", 'persistentvolumeclaim "data" bound to non-existent persistentvolume "v"'),
        ("phase: Bound", 'persistentvolumeclaim "data" is being deleted'),
    ],
)
def test_what_is_wrong_with_a_claim_is_so_on_every_node(claim_: str, said: str) -> None:
    """No other Pod's end would change it."""
    spec = "volumeName: v, resources: {requests: {storage: 1Gi}}, accessModes: [ReadWriteOnce]"
    mark = "deletionTimestamp: '2027-01-01T00:00:00Z'" if "Bound" in claim_ else ""
    one = read("PersistentVolumeClaim", name="data", metadata=mark, spec=spec, status=claim_)
    found = claims_for(world(one), USING)
    assert not isinstance(found, PodClaims)
    assert (found.reasons, found.is_final) == ((said,), True)


def test_a_claim_that_is_missing_is_so_on_every_node() -> None:
    """Whoever asks."""
    found = claims_for(world(), USING)
    assert found == Misfit(('persistentvolumeclaim "data" not found',), is_final=True)


def test_no_end_of_another_pod_brings_a_volume_nearer() -> None:
    """One that is gone, or is elsewhere."""
    node = candidate("a")
    plugin = VolumeBinding(Nodes({"a": node}, Objects()))
    far = replace(VOLUME, spec=replace(VOLUME.spec, node_affinity=ELSEWHERE.spec.node_affinity))
    assert plugin.why_not(PodClaims((VOLUME, None), ()), USING, node) == Misfit((GONE,), is_final=True)
    assert plugin.why_not(PodClaims((VOLUME, far), ()), USING, node) == Misfit((UNREACHABLE,), is_final=True)
    assert plugin.why_not(PodClaims((VOLUME,), ()), USING, node) is None


USING: Any = read(
    "Pod",
    metadata="uid: u",
    spec="containers: [{name: c, image: i}], volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]",
)


class World(Objects):
    """Objects by their references."""

    def __init__(self, *objects: Any) -> None:
        self.objects = objects

    def typed(self, type_: Any, namespace: str, name: str) -> Any:
        """Return an object by its Python type."""
        return next((one for one in self.objects if isinstance(one, type_) and one.metadata.name == name), None)


def world(*objects: Any) -> World:
    """Return what the scheduler may ask for."""
    return World(*objects)


def test_pods_that_come_together_go_each_to_its_own_volume() -> None:
    """They are alike but for their claims."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    names = ("a", "b")
    claims = "".join(claim(name, storageClassName="disks") for name in names)
    disks = "".join(
        volume(
            f"v{node}", "1Gi", f"node-{node}", storageClassName="disks", claimRef={"namespace": "default", "name": name}
        )
        for name, node in (("a", 2), ("b", 1))
    )
    there = storage_class("disks", STATIC, volumeBindingMode="Immediate") + disks + claims
    cluster.push(there)
    cluster.settle()
    assert bindings(cluster) == {"a": "v2", "b": "v1"}
    cluster.push(there + pod("pa", "a") + pod("pb", "b") + pod("plain"), commit="c2")
    cluster.tick()
    assert places(cluster) | {"plain": ""} == {"pa": "node-2", "pb": "node-1", "plain": ""}


def test_the_place_of_a_volume_is_no_change_that_a_person_approves() -> None:
    """The node is noted on the claim; the plan calls the claim as it was declared unchanged."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    cluster.push(claim())
    cluster.settle()
    cluster.push(claim() + pod("first", "data", **on("node-2")), commit="c2")
    answer = cluster.tick()
    (noted,) = (one for one in answer.changes if one.ref.kind == "PersistentVolumeClaim" and one.verb == "update")
    assert "node-2" in noted.object.metadata.annotations.values()
    said = {one.object.kind: one.decision for one in answer.verdicts if one.object.name in ("data", "first")}
    assert said["PersistentVolumeClaim"] is not Decision.UPDATE


ELSEWHERE = read(
    "PersistentVolume",
    spec="capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], local: {path: /a}, nodeAffinity: {required: "
    "{nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [b]}]}]}}",
)
NODE = read("Node", name="n")
RELABELLED = read("Node", name="n", metadata="labels: {a: b}")
ROOM = read("Node", name="n", metadata=f"annotations: {{{STORAGE_FREE}: '{{}}'}}")
CORDONED = read("Node", name="n", spec="unschedulable: true")
VOLUME = read("PersistentVolume", spec="capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /a}")
LARGER = read("PersistentVolume", spec="capacity: {storage: 2Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /a}")
WANTED = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}"
CLAIM = read("PersistentVolumeClaim", name="data", spec=WANTED)
OTHER = read("PersistentVolumeClaim", name="other", spec=WANTED)
MEMBER = replace(USING, metadata=replace(USING.metadata, name="member", uid="m"))
BINDING, RESTRICTIONS = VolumeBinding, VolumeRestrictions


@pytest.mark.parametrize(
    ("plugin", "old", "new", "helps"),
    [
        (BINDING, NODE, RELABELLED, True),
        (BINDING, NODE, ROOM, True),
        (BINDING, ROOM, NODE, True),
        (BINDING, None, NODE, True),
        (BINDING, NODE, CORDONED, False),
        (BINDING, ROOM, replace(CORDONED, metadata=ROOM.metadata), False),
        (BINDING, None, VOLUME, True),
        (BINDING, VOLUME, LARGER, True),
        (BINDING, VOLUME, VOLUME, False),
        (BINDING, CLAIM, CLAIM, True),
        (BINDING, None, OTHER, False),
        (RESTRICTIONS, NODE, RELABELLED, True),
        (RESTRICTIONS, NODE, ROOM, False),
        (RESTRICTIONS, None, VOLUME, True),
        (RESTRICTIONS, VOLUME, LARGER, True),
        (RESTRICTIONS, VOLUME, VOLUME, False),
        (RESTRICTIONS, None, CLAIM, True),
        (RESTRICTIONS, None, OTHER, False),
        (RESTRICTIONS, MEMBER, None, True),
        (RESTRICTIONS, MEMBER, MEMBER, False),
        (RESTRICTIONS, None, MEMBER, False),
    ],
)
def test_a_pod_is_looked_at_again_when_its_claims_may_be_met(
    plugin: type[Plugin[Any]], old: Any, new: Any, helps: bool
) -> None:
    """And is not when nothing of that has changed."""
    change = Change((new or old).kind, old, new)
    assert plugin(Nodes({}, Objects())).may_help(USING, change) is helps


def test_pods_are_alike_whose_claims_many_may_use() -> None:
    """Those of one Pod, or of one node, are told apart by their names; so are those that are missing."""
    bound = "volumeName: v, resources: {requests: {storage: 1Gi}}, accessModes: [%s]"
    modes = {"a": "ReadWriteMany", "b": "ReadWriteMany", "c": "ReadWriteOncePod", "d": "ReadWriteOncePod"}
    modes |= {"e": "ReadWriteOnce", "f": "ReadWriteOnce", "g": "ReadWriteOnce, ReadWriteMany"}
    claims = [to_builtins(read("PersistentVolumeClaim", name=one, spec=bound % mode)) for one, mode in modes.items()]
    shared = to_builtins(replace(VOLUME, metadata=replace(VOLUME.metadata, name="v", namespace="")))
    plugin = VolumeRestrictions(Nodes({}, Objects(*claims, shared)))

    def likeness(*names: str) -> Any:
        volumes = ", ".join(f"{{name: {one}, persistentVolumeClaim: {{claimName: {one}}}}}" for one in names)
        return plugin.likeness(read("Pod", spec=f"containers: [{{name: a, image: i}}], volumes: [{volumes}]"))

    assert likeness() is likeness("a") is likeness("b") is likeness("g") is None
    told_apart = [likeness(one) for one in ("c", "d", "e", "f", "gone", "lost")]
    assert None not in told_apart and len(set(told_apart)) == len(told_apart)


def test_bound_volumes_make_no_node_better() -> None:
    """Only what is still to be chosen does."""
    node = candidate("a")
    plugin = VolumeBinding(Nodes({"a": node}, Objects()))
    assert plugin.score(PodClaims((VOLUME,), ()), USING, node) == 0


SHAPE = (Point(20, 0), Point(60, 40), Point(100, 100))


@pytest.mark.parametrize(
    ("asked", "score"), [(0, 0), (20, 0), (30, 10), (60, 40), (61, 41), (70, 55), (80, 70), (100, 100), (101, 100)]
)
def test_between_two_points_a_node_is_as_good_as_the_line_says(asked: int, score: int) -> None:
    """Flat before the first; what exceeds the volumes counts as full."""
    assert score_of({"fast": Share(asked, 100)}, SHAPE) == score  # type: ignore[arg-type]
