"""Pods that wait have their turn as soon as something helps them: within a pass, and when a node is heard again."""

from reconciler.model.provider import PROVIDER_PROVISIONER
from reconciler.model.refs import ObjectRef
from reconciler.planner.apply import apply_plan
from reconciler.planner.plan import plan
from reconciler.planner.scheduling.waiting import Waiting
from reconciler.planner.storage.volumes import SELECTED_NODE
from tests.planner.test_hints import manifest, near
from tests.planner.volumes import claim, places, pod, storage_class, volume, why
from tests.planner.world import Cluster, replace

HIGH = """
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 1000
"""
HOST = "kubernetes.io/hostname"
STATIC = "kubernetes.io/no-provisioner"


def waits(cluster: Cluster) -> set[str]:
    """Return the Pods that need no other look for now."""
    memory: Waiting = cluster.memo.kept("waiting", Waiting)
    return {ref.name for ref in cluster.observed.objects if ref in memory}


def step(cluster: Cluster) -> None:
    """Plan and write it down; no node says anything meanwhile."""
    answer = plan(cluster.desired, cluster.observed, cluster.policy, cluster.now, cluster.memo)
    cluster.observed = apply_plan(cluster.observed, answer)


def test_who_waits_for_another_is_placed_with_it() -> None:
    """In the very pass in which the other one is, when that has its turn before."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    follower = manifest("follower", "f", {"affinity": near("leader", HOST)})
    cluster.push("---\n".join((HIGH, follower)))
    cluster.settle()
    assert waits(cluster) == {"follower"} and places(cluster) == {"follower": ""}
    leader = manifest("leader", "leader", {"priorityClassName": "high"})
    cluster.push("---\n".join((HIGH, follower, leader)), commit="c2")
    cluster.tick()
    found = places(cluster)
    assert found["leader"] and found["follower"] == found["leader"]


def test_who_has_had_its_turn_is_placed_in_the_next_pass() -> None:
    """Also when another one was looked at since, after what helps it had come."""
    cluster = Cluster()
    first = manifest("first", "f", {"priorityClassName": "high", "affinity": near("leader", HOST)})
    last = manifest("last", "l", {"priorityClassName": "low", "cpu": "100"})
    there = "---\n".join((HIGH, HIGH.replace("high", "low").replace("1000", "-1000"), first, last))
    cluster.push(there)
    cluster.settle()
    assert waits(cluster) == {"first", "last"}
    cluster.push(there + "---\n" + manifest("leader", "leader", {}), commit="c2")
    cluster.settle()
    assert places(cluster) == {"first": "node-1", "last": "", "leader": "node-1"}


def test_who_waits_for_a_node_that_was_silent_is_placed_when_it_is_heard() -> None:
    """No object needs to change for that."""
    cluster = Cluster(nodes=("node-1",))
    cluster.settle()
    cluster.now += 1000
    cluster.push(manifest("one", "a", {}))
    for _ in range(2):
        step(cluster)
    assert waits(cluster) == {"one"} and "unreachable" in why(cluster, "one")
    cluster.report()
    step(cluster)
    assert places(cluster) == {"one": "node-1"} and not waits(cluster)


def test_who_waits_for_a_volume_sees_it_among_all_that_is_declared_with_it() -> None:
    """What does not decide about placing comes before it, and after it."""
    cluster = Cluster(nodes=("node-1",))
    there = storage_class("disks", STATIC) + claim(storageClassName="disks") + pod("p", "data")
    cluster.push(there)
    cluster.settle()
    assert waits(cluster) == {"p"}
    maps = [
        f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: m{number}}}\n---\n"
        for kind in ("ConfigMap", "Secret", "ServiceAccount")
        for number in range(5)
    ]
    cluster.push(there + "".join(maps) + volume("v1", "5Gi", "node-1", storageClassName="disks"), commit="c2")
    cluster.tick()
    assert places(cluster) == {"p": "node-1"}


def test_of_pods_whose_claims_are_alike_that_one_is_placed_whose_claim_has_changed() -> None:
    """A person takes back for one of them where its volume was to be."""
    cluster = Cluster(nodes=("node-1",))
    names = ("one", "two", "three")
    there = storage_class("disks", PROVIDER_PROVISIONER) + "".join(
        claim(one, storageClassName="disks") for one in names
    )
    cluster.push(there)
    cluster.settle()
    for name in names:
        mark(cluster, name, {SELECTED_NODE: "another"})
    cluster.push(there + "".join(pod(name, name) for name in names), commit="c2")
    cluster.settle()
    assert waits(cluster) == set(names)
    mark(cluster, "two", {})
    cluster.settle()
    assert places(cluster) == {"one": "", "two": "node-1", "three": ""}


def mark(cluster: Cluster, name: str, annotations: dict[str, str]) -> None:
    """Give a claim these annotations."""
    ref = ObjectRef(kind="PersistentVolumeClaim", namespace="default", name=name)
    stored = cluster.observed.objects[ref]
    changed = replace(stored.object, metadata=replace(stored.object.metadata, annotations=annotations))
    objects = {**cluster.observed.objects, ref: replace(stored, object=changed)}
    cluster.observed = replace(cluster.observed, objects=objects)
