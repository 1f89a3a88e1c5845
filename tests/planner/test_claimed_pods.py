"""Pods of DaemonSets and Jobs that lose the label by which they are known, and get it back."""

from collections.abc import Mapping

from reconciler.model.kinds import Job, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Plan, Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.workloads.job_tally import CONTROLLER_UID, TRACKED
from tests.planner.test_daemonset import daemon_set, put, started
from tests.planner.test_deployment import web
from tests.planner.test_job import job
from tests.planner.world import Cluster, replace


def stored_pod(cluster: Cluster, name: str) -> StoredObject:
    """Return a Pod as it is stored."""
    return next(one for ref, one in cluster.observed.objects.items() if (ref.kind, ref.name) == ("Pod", name))


def relabel(cluster: Cluster, name: str, labels: Mapping[str, str]) -> None:
    """Give a Pod other labels."""
    stored = stored_pod(cluster, name)
    metadata = replace(stored.object.metadata, labels=labels)
    put(cluster, replace(stored, object=replace(stored.object, metadata=metadata)))


def reason(answer: Plan, name: str) -> Reason:
    """Return the reason of the verdict on a Pod."""
    return next(one.reason for one in answer.verdicts if (one.object.kind, one.object.name) == ("Pod", name))


def on_node(cluster: Cluster, node: str) -> list[str]:
    """Return the Pods of a node."""
    pods = cluster.of("Pod").items()
    return sorted(name for name, pod in pods if isinstance(pod, Pod) and pod.spec.node_name == node)


def test_a_daemons_pod_is_let_go_and_taken_in_by_its_labels() -> None:
    """It runs on for whoever looks at it, its node gets another; given back, one of the two is too many."""
    cluster = started(daemon_set())
    (first,) = on_node(cluster, "node-1")
    labels = cluster.of("Pod")[first].metadata.labels
    relabel(cluster, first, {"app": "other"})
    assert reason(cluster.plan(), first) is Reason.RELEASED
    cluster.settle()
    assert not cluster.of("Pod")[first].metadata.owner_references
    assert len(on_node(cluster, "node-1")) == 2
    relabel(cluster, first, labels)
    assert reason(cluster.plan(), first) is Reason.ADOPTED
    cluster.settle()
    assert len(on_node(cluster, "node-1")) == 1
    assert cluster.plan().is_empty


def test_a_jobs_pod_is_let_go_uncounted_and_taken_in_marked() -> None:
    """Without the label it is the Job's no more; with it, it counts again."""
    cluster = Cluster()
    cluster.push(job("backoffLimit: 2"))
    cluster.tick()
    (first,) = cluster.of("Pod")
    labels = cluster.of("Pod")[first].metadata.labels
    relabel(cluster, first, {key: text for key, text in labels.items() if key != CONTROLLER_UID})
    assert reason(cluster.plan(), first) is Reason.RELEASED
    cluster.tick()
    freed = cluster.of("Pod")[first].metadata
    assert not freed.owner_references
    assert TRACKED not in freed.finalizers
    assert len(cluster.of("Pod")) == 2
    relabel(cluster, first, labels)
    cluster.tick()
    (owner,) = cluster.of("Job").values()
    assert isinstance(owner, Job)
    adopted = cluster.of("Pod").get(first)
    # Two are one too many: whichever stays is the Job's and marked.
    assert adopted is None or adopted.metadata.owner_references[0].uid == owner.metadata.uid
    cluster.settle()
    assert all(one.metadata.owner_references for one in cluster.of("Pod").values())


def test_a_deployments_set_is_let_go_and_taken_in_by_its_labels() -> None:
    """The Deployment makes another one meanwhile; a set of another namespace is none of its own."""
    cluster = Cluster()
    cluster.push(web(replicas=1))
    cluster.settle()
    ((name, first),) = cluster.of("ReplicaSet").items()
    labels = first.metadata.labels
    label_set(cluster, name, {"app": "other"})
    cluster.settle()
    assert not cluster.of("ReplicaSet")[name].metadata.owner_references
    assert len(cluster.of("ReplicaSet")) == 2
    ref = ObjectRef(kind="ReplicaSet", namespace="default", name=name)
    stored = cluster.observed.objects[ref]
    elsewhere = replace(stored.object.metadata, namespace="a", name="elsewhere", uid="elsewhere", labels=labels)
    away = ObjectRef(kind="ReplicaSet", namespace="a", name="elsewhere")
    put(cluster, replace(stored, ref=away, object=replace(stored.object, metadata=elsewhere)))
    label_set(cluster, name, labels)
    cluster.settle()
    assert [one.uid for one in cluster.of("ReplicaSet")[name].metadata.owner_references] == [
        cluster.of("Deployment")["web"].metadata.uid
    ]
    assert not cluster.of("ReplicaSet")["elsewhere"].metadata.owner_references


def label_set(cluster: Cluster, name: str, labels: Mapping[str, str]) -> None:
    """Give a ReplicaSet other labels."""
    stored = cluster.observed.objects[ObjectRef(kind="ReplicaSet", namespace="default", name=name)]
    metadata = replace(stored.object.metadata, labels=labels)
    put(cluster, replace(stored, object=replace(stored.object, metadata=metadata)))


def test_a_deployments_pod_is_let_go_and_replaced() -> None:
    """It runs on for whoever looks at it."""
    cluster = Cluster()
    cluster.push(web(replicas=2))
    cluster.settle()
    first = min(cluster.of("Pod"))
    relabel(cluster, first, {"app": "other"})
    assert reason(cluster.plan(), first) is Reason.RELEASED
    cluster.settle()
    assert len(cluster.of("Pod")) == 3
    assert not cluster.of("Pod")[first].metadata.owner_references
