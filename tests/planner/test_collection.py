"""What goes with its owners, with its node, or because too much of it has ended."""

from typing import Any

from reconciler.model.kinds import ConfigMap, Node, ObjectMeta, OwnerReference, Pod, Taint
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import Override
from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import SYSTEM
from tests.planner.test_deployment import web
from tests.planner.world import Cluster, replace

KEEP = "---\n" + "---\n".join(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}}}\n" for n in range(10))


def deleting(propagation: str) -> Cluster:
    """A settled Deployment that is no longer declared and had said how its deletion is to go on."""
    cluster = Cluster()
    text = web().replace("metadata: {name: web}", f"metadata: {{name: web, annotations: {{{propagation}}}}}", 1)
    cluster.push(text + KEEP)
    cluster.settle()
    cluster.push(KEEP, commit="c2")
    return cluster


def put(cluster: Cluster, *stored: StoredObject) -> None:
    """Have objects be stored as they are."""
    objects = {**cluster.observed.objects, **{one.ref: one for one in stored}}
    cluster.observed = replace(cluster.observed, objects=objects)


def pods(cluster: Cluster) -> list[Pod]:
    """Return the Pods that are not ending."""
    return [pod for pod in cluster.of("Pod").values() if not pod.metadata.deletion_timestamp]  # type: ignore[misc]


def test_a_deletion_in_the_foreground_waits_for_what_belongs_to_it() -> None:
    """P04: the Deployment is listed as going, and is there until its ReplicaSet and Pods have ended."""
    cluster = deleting("reconciler.dev/deletion-propagation: Foreground")
    cluster.ends = lambda _: False
    answer = cluster.tick()
    gone = {one.object.kind: one.reason for one in answer.verdicts if one.decision is Decision.DELETE}
    assert gone["Deployment"] is Reason.NO_LONGER_DECLARED
    assert gone["ReplicaSet"] is Reason.OWNER_DELETED
    assert gone["Pod"] is Reason.OWNER_DELETED
    cluster.settle()
    assert cluster.of("Deployment")["web"].metadata.deletion_timestamp
    assert cluster.of("ReplicaSet")
    assert not pods(cluster)
    cluster.ends = lambda _: True
    cluster.report()
    cluster.settle()
    assert not (cluster.of("Deployment") or cluster.of("ReplicaSet") or cluster.of("Pod"))


def test_orphans_stay_and_are_taken_in_again() -> None:
    """With Orphan the ReplicaSet and its Pods run on; the Deployment that comes back restarts nothing."""
    cluster = deleting("reconciler.dev/deletion-propagation: Orphan")
    before = set(cluster.of("Pod"))
    cluster.settle()
    assert not cluster.of("Deployment")
    assert set(cluster.of("Pod")) == before
    assert all(not one.metadata.owner_references for one in cluster.of("ReplicaSet").values())
    cluster.push(web() + KEEP, commit="c3")
    adopted = [one for one in cluster.plan().verdicts if one.reason is Reason.ADOPTED]
    assert [one.object.kind for one in adopted] == ["ReplicaSet"]
    cluster.settle()
    assert set(cluster.of("Pod")) == before
    assert cluster.plan().is_empty


def test_an_object_goes_with_the_last_of_its_owners() -> None:
    """A Pod with two owners stays while one of them is there, and forgets the other."""
    cluster = Cluster()
    one, other = (
        cluster_object(ConfigMap(metadata=ObjectMeta(name=name, namespace="default", uid=name)))
        for name in ("one", "other")
    )
    references = tuple(OwnerReference(api_version="v1", kind="ConfigMap", name=n, uid=n) for n in ("one", "other"))
    cluster.push(web())
    cluster.settle()
    template = next(iter(cluster.of("Pod").values()))
    metadata = ObjectMeta(name="child", namespace="default", uid="child", owner_references=references)
    put(cluster, one, other, cluster_object(replace(template, metadata=metadata)))
    assert not [v for v in cluster.plan().verdicts if v.object.name == "child" and v.decision is Decision.DELETE]
    remove(cluster, one)
    cluster.tick()
    assert [owner.name for owner in cluster.of("Pod")["child"].metadata.owner_references] == ["other"]
    remove(cluster, other)
    cluster.settle()
    assert "child" not in cluster.of("Pod")


def cluster_object(object: Any) -> StoredObject:
    """Return an object that nobody manages, as the store holds it."""
    ref = ObjectRef(kind=object.kind, namespace=object.metadata.namespace, name=object.metadata.name)
    return StoredObject(ref=ref, object=object, manager=SYSTEM)


def remove(cluster: Cluster, stored: StoredObject) -> None:
    """Have an object be gone."""
    objects = {ref: one for ref, one in cluster.observed.objects.items() if ref != stored.ref}
    cluster.observed = replace(cluster.observed, objects=objects)


def test_finished_pods_beyond_the_limit_go_oldest_first() -> None:
    """Those that were evicted go before the others; what a repository declares stays."""
    cluster = Cluster()
    cluster.push(web())
    cluster.settle()
    template = next(iter(cluster.of("Pod").values()))
    for number, reason in enumerate(("", "Evicted", "", "")):
        metadata = ObjectMeta(name=f"p{number}", namespace="default", uid=f"p{number}")
        status = replace(template.status, phase="Failed", reason=reason)
        put(cluster, cluster_object(replace(template, metadata=metadata, status=status)))
    cluster.policy = replace(cluster.policy, finished_pods_max=2)
    cluster.phase = lambda pod: "Failed" if pod.metadata.name.startswith("p") else "Running"
    cluster.report()
    gone = [one for one in cluster.plan().verdicts if one.reason is Reason.POD_FINISHED]
    assert [one.object.name for one in gone] == ["p0", "p1"]
    cluster.policy = replace(cluster.policy, finished_pods_max=0)
    cluster.memo = type(cluster.memo)()
    assert not [one for one in cluster.plan().verdicts if one.reason is Reason.POD_FINISHED]


def test_pods_of_a_node_that_is_gone_are_replaced_after_its_lease() -> None:
    """P20, P27: a node that the cluster forgot is waited for as long as a silent one; then its Pods run elsewhere."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    cluster.push(web())
    cluster.settle()
    lost = {pod.metadata.name for pod in pods(cluster) if pod.spec.node_name == "node-1"}
    assert lost
    nodes = {name: state for name, state in cluster.observed.nodes.items() if name != "node-1"}
    cluster.observed = replace(cluster.observed, nodes=nodes)
    remove(cluster, cluster_object(Node(metadata=ObjectMeta(name="node-1"))))
    cluster.settle()
    assert lost <= set(cluster.of("Pod"))
    cluster.now += cluster.policy.node_lease_s
    cluster.report()
    cluster.settle()
    assert {pod.spec.node_name for pod in pods(cluster)} == {"node-2"}
    assert len(pods(cluster)) == 3


def test_a_node_out_of_service_lets_its_ending_pods_go() -> None:
    """P27: a person's taint on a silent node frees what was ending there; a node that reports is believed."""
    cluster = Cluster(nodes=("node-1",))
    cluster.push(web())
    cluster.settle()
    cluster.ends = lambda _: False
    node = next(one for ref, one in cluster.observed.objects.items() if ref.kind == "Node")
    taint = {"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}
    tainted = tainted_by(node, taint)
    cluster.observed = replace(cluster.observed, overrides={node.ref: tainted})
    name = min(cluster.of("Pod"))
    ref = ObjectRef(kind="Pod", namespace="default", name=name)
    ask = Override(ref=ref, uid=cluster.of("Pod")[name].metadata.uid, delete_at=cluster.now, by="anna")
    cluster.observed = replace(cluster.observed, overrides={node.ref: tainted, ref: ask})
    cluster.tick()
    cluster.tick()
    assert name in cluster.of("Pod")
    cluster.now += cluster.policy.node_lease_s + 1
    state = cluster.plan()
    assert [one.decision for one in state.verdicts if one.object == ref] == [Decision.DELETE]
    assert ref in {one.ref for one in state.changes if one.verb == "delete"}


def tainted_by(node: StoredObject, taint: dict[str, str]) -> Override:
    """Return a person's taint on a node."""
    return Override(ref=node.ref, uid=node.object.metadata.uid, taints=(Taint(**taint),), by="anna")  # type: ignore[arg-type]
