"""What goes with its owner or its namespace, beyond the usual cases: owners of every sort, and who blocks whom."""

from typing import Any

import pytest

from reconciler.model.kinds import (
    ConfigMap,
    LabelSelector,
    Namespace,
    ObjectMeta,
    OwnerReference,
    Pod,
    PodSpec,
    ReplicaSet,
    ReplicaSetSpec,
)
from reconciler.model.kinds import PodTemplateSpec as Template
from reconciler.model.plan import Decision, Hold, Plan, Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import View
from reconciler.planner.workloads.owners import empty_namespaces
from tests.planner.test_collection import cluster_object, deleting, put
from tests.planner.test_quotas import object, workload
from tests.planner.world import Cluster, replace

GONE = "2026-01-01T10:00:00Z"


def reference(kind: str, name: str, uid: str = "", **more: bool) -> OwnerReference:
    """Return a reference to an owner, by the uid that is like its name."""
    return OwnerReference(api_version="v1", kind=kind, name=name, uid=uid or name, **more)


def child(name: str, *owners: OwnerReference, namespace: str = "default") -> Any:
    """Return an empty ReplicaSet that belongs to these."""
    metadata = ObjectMeta(name=name, namespace=namespace, uid=name, owner_references=owners)
    spec = ReplicaSetSpec(selector=LabelSelector(), replicas=0, template=Template(spec=PodSpec(containers=())))
    return cluster_object(ReplicaSet(metadata=metadata, spec=spec))


def config_map(name: str, **more: Any) -> Any:
    """Return a ConfigMap that nobody manages."""
    metadata = ObjectMeta(**{"name": name, "namespace": "default", "uid": name} | more)
    return cluster_object(ConfigMap(metadata=metadata))


def verdict(answer: Plan, kind: str, name: str) -> tuple[Decision, Reason, str]:
    """Return what is to become of an object, and why."""
    found = next(one for one in answer.verdicts if (one.object.kind, one.object.name) == (kind, name))
    return found.decision, found.reason, found.message


def started() -> Cluster:
    """Return a cluster with a node and the usual namespaces."""
    cluster = Cluster()
    cluster.settle()
    return cluster


def test_nothing_is_made_for_an_owner_that_goes() -> None:
    """A Pod that is lacking just when the Deployment goes is not replaced for the moment that is left."""
    cluster = Cluster()
    kept = "".join(object("ConfigMap", f"kept-{one}") for one in range(5))
    cluster.push(workload(replicas=2) + kept)
    cluster.settle()
    [lost, left] = [ref for ref in sorted(cluster.observed.objects) if ref.kind == "Pod"]
    objects = {ref: one for ref, one in cluster.observed.objects.items() if ref != lost}
    cluster.observed = replace(cluster.observed, objects=objects)
    cluster.push(kept, commit="c2")
    answer = cluster.plan()
    assert verdict(answer, "Deployment", "web")[0] is Decision.DELETE
    assert [one.object for one in answer.verdicts if one.object.kind == "Pod"] == [left]


@pytest.mark.parametrize(
    ("owner", "goes"),
    [
        (reference("ConfigMap", "there"), False),
        (reference("ConfigMap", "there", "another"), True),
        (reference("ConfigMap", "missing"), True),
        (reference("Widget", "there"), True),
    ],
    ids=["there", "another of its name", "missing", "of a kind that nobody serves"],
)
def test_an_object_goes_when_its_owner_is_not_there(owner: OwnerReference, goes: bool) -> None:
    """An owner is known by its kind, name and uid."""
    cluster = started()
    put(cluster, config_map("there"), child("set", owner))
    expected = (Decision.DELETE, Reason.OWNER_DELETED, f"{owner.kind.lower()}/{owner.name} is gone")
    assert (verdict(cluster.plan(), "ReplicaSet", "set") == expected) is goes


def test_an_owner_without_a_namespace_is_looked_for_without_one() -> None:
    """What belongs to a node stays while the node is there."""
    cluster = started()
    uid = cluster.of("Node")["node-1"].metadata.uid
    put(cluster, child("set", reference("Node", "node-1", uid)))
    assert verdict(cluster.plan(), "ReplicaSet", "set")[0] is not Decision.DELETE


def test_every_orphan_goes_whatever_stays_before_it() -> None:
    """One that has its owner does not keep the next one, and the controller is named as the one that is gone."""
    cluster = started()
    both = (reference("ConfigMap", "first"), reference("Deployment", "web", controller=True))
    put(cluster, config_map("there"), child("a", reference("ConfigMap", "there")), child("b", *both), child("c"))
    answer = cluster.plan()
    assert verdict(answer, "ReplicaSet", "a")[0] is not Decision.DELETE
    assert verdict(answer, "ReplicaSet", "b") == (Decision.DELETE, Reason.OWNER_DELETED, "deployment/web is gone")
    assert verdict(answer, "ReplicaSet", "c")[0] is not Decision.DELETE


def test_forgetting_an_owner_is_nothing_to_be_approved() -> None:
    """The object stays as it is; that one of its owners went is no change of it that anybody asked for."""
    cluster = started()
    put(cluster, config_map("there"), child("set", reference("ConfigMap", "there"), reference("ConfigMap", "missing")))
    answer = cluster.tick()
    assert verdict(answer, "ReplicaSet", "set")[:2] == (Decision.UNCHANGED, Reason.IN_SYNC)
    assert [one.name for one in cluster.of("ReplicaSet")["set"].metadata.owner_references] == ["there"]


def test_what_owns_nothing_goes_at_once_with_an_owner_deleted_in_the_foreground() -> None:
    """Only what has something of its own to wait for is made to wait."""
    cluster = deleting("reconciler.dev/deletion-propagation: Foreground")
    uid = cluster.of("Deployment")["web"].metadata.uid
    block = reference("Deployment", "web", uid, controller=True, block_owner_deletion=True)
    put(cluster, child("empty", block))
    cluster.ends = lambda _: False
    expected = (Decision.DELETE, Reason.OWNER_DELETED, "deployment/default/web is being deleted")
    assert verdict(cluster.tick(), "ReplicaSet", "empty") == expected
    assert "empty" not in cluster.of("ReplicaSet")


@pytest.mark.parametrize(
    ("by_owner", "by_other", "waits"),
    [(True, False, True), (True, True, True), (False, False, False), (False, True, False)],
)
def test_only_who_blocks_the_owner_is_waited_for(by_owner: bool, by_other: bool, waits: bool) -> None:
    """What belongs to it without blocking it may end later, and whom else it blocks is nothing to this owner."""
    cluster = started()
    finalizers = ("foregroundDeletion",)
    put(cluster, config_map("other"), config_map("going", finalizers=finalizers, deletion_timestamp=GONE))
    owners = (
        reference("ConfigMap", "going", controller=True, block_owner_deletion=by_owner),
        reference("ConfigMap", "other", block_owner_deletion=by_other),
    )
    metadata = ObjectMeta(name="p", namespace="default", uid="p", owner_references=owners)
    put(cluster, cluster_object(Pod(metadata=metadata, spec=PodSpec(containers=(), node_name="node-1"))))
    cluster.ends = lambda _: False
    cluster.report()
    cluster.tick()
    assert ("going" in cluster.of("ConfigMap")) is waits
    assert cluster.of("Pod")["p"].metadata.deletion_timestamp


# Namespaces


def space(name: str, **more: Any) -> Any:
    """Return a namespace."""
    return cluster_object(Namespace(metadata=ObjectMeta(name=name, uid=name, **more)))


def test_a_namespace_that_goes_empties_itself_and_nothing_else() -> None:
    """What nobody declares goes too; a Pod ends in its own time, and the namespace says that it is terminating."""
    cluster = started()
    running = Pod(metadata=ObjectMeta(name="p", namespace="shop", uid="p"), spec=PodSpec(containers=()))
    running = replace(running, spec=replace(running.spec, node_name="node-1"))
    put(cluster, space("shop", deletion_timestamp=GONE), space("kept"), cluster_object(running))
    put(cluster, config_map("inside", namespace="shop"), config_map("beside", namespace="kept"))
    cluster.ends = lambda _: False
    cluster.report()
    answer = cluster.tick()
    expected = (Decision.DELETE, Reason.NAMESPACE_DELETED, "namespace shop is deleted")
    assert verdict(answer, "ConfigMap", "inside") == expected
    assert verdict(answer, "Pod", "p") == expected
    assert set(cluster.of("ConfigMap")) == {"beside"}
    assert cluster.of("Namespace")["shop"].status.phase == "Terminating"
    assert cluster.of("Namespace")["kept"].status.phase == "Active"
    cluster.ends = lambda _: True
    cluster.report()
    cluster.settle()
    assert not cluster.of("Pod")
    assert set(cluster.of("Namespace")) >= {"default", "kept"}
    assert "shop" not in cluster.of("Namespace")


def test_an_empty_namespace_goes_at_once_although_others_are_full() -> None:
    """It does not matter what there is in another one."""
    cluster = started()
    put(cluster, space("shop", deletion_timestamp=GONE), config_map("beside"))
    assert verdict(cluster.tick(), "Namespace", "shop")[:2] == (Decision.DELETE, Reason.NO_LONGER_DECLARED)
    assert "shop" not in cluster.of("Namespace")


def test_what_is_held_stays_in_a_namespace_that_goes() -> None:
    """P02: a deletion that waits for a person is not done by way of the namespace."""
    cluster = started()
    put(cluster, space("shop", deletion_timestamp=GONE), config_map("held", namespace="shop"))
    view = View(cluster.observed, cluster.policy, cluster.now)
    held = ObjectRef(kind="ConfigMap", namespace="shop", name="held")
    view.holds.append(Hold(id="h", source="main", objects=(held,), message="too many at once"))
    empty_namespaces(view)
    assert held in view.objects
    assert ObjectRef(kind="Namespace", name="shop") in view.objects
