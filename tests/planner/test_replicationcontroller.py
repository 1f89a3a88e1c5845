"""ReplicationControllers: they keep a number of Pods as ReplicaSets do, and take in Pods that nobody manages."""

from reconciler.model.plan import Decision, Reason
from reconciler.planner.health import health_of
from reconciler.planner.view import SYSTEM
from tests.planner.world import Cluster, replace

WEB = """
apiVersion: v1
kind: ReplicationController
metadata: {name: web}
spec:
  replicas: REPLICAS
  selector: {app: web}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "web:1"}]
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: KEPT, labels: {app: web}}
spec:
  containers: [{name: web, image: "web:0"}]
"""


def web(replicas: int = 2) -> str:
    """Return the manifest of a ReplicationController."""
    return WEB.replace("REPLICAS", str(replicas))


def free_pod(cluster: Cluster, name: str) -> None:
    """Have a running Pod that neither an owner nor a repository manages."""
    cluster.push(POD.replace("KEPT", name), source="other")
    cluster.settle()
    objects = dict(cluster.observed.objects)
    ref = next(ref for ref in objects if ref.name == name)
    objects[ref] = replace(objects[ref], manager=SYSTEM, digest="", provenance=None)
    del cluster.desired["other"]
    cluster.observed = replace(cluster.observed, objects=objects)


def test_a_replication_controller_keeps_its_number_of_pods() -> None:
    """P09: Pods are made, counted, made anew when they go, and once settled nothing is to be done."""
    cluster = Cluster()
    cluster.push(web())
    cluster.settle()
    pods = cluster.of("Pod")
    assert len(pods) == 2
    status = cluster.of("ReplicationController")["web"].status
    assert (status.replicas, status.ready_replicas, status.available_replicas) == (2, 2, 2)
    stored = next(one for ref, one in cluster.observed.objects.items() if ref.kind == "ReplicationController")
    assert health_of(stored).health == "healthy"
    assert cluster.plan().is_empty
    cluster.phase = lambda pod: "Failed" if pod.metadata.name == min(pods) else "Running"
    cluster.settle()
    assert sum(pod.status.phase == "Running" for pod in cluster.of("Pod").values()) == 2


def test_it_shrinks_to_what_is_declared() -> None:
    """A smaller number ends Pods, and the plan says why."""
    cluster = Cluster()
    cluster.push(web(3))
    cluster.settle()
    cluster.push(web(1), commit="c2")
    answer = cluster.plan()
    gone = [one.reason for one in answer.verdicts if one.decision is Decision.DELETE]
    assert gone == [Reason.SCALE_DOWN, Reason.SCALE_DOWN]
    cluster.settle()
    assert len(cluster.of("Pod")) == 1


def test_its_pods_go_with_it() -> None:
    """P04: removing it lists the Pods that go along."""
    cluster = Cluster()
    keep = "---\n".join(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}}}\n" for n in range(10))
    cluster.push(web() + "---\n" + keep)
    cluster.settle()
    cluster.push(keep, commit="c2")
    reasons = [one.reason for one in cluster.plan().verdicts if one.object.kind == "Pod"]
    assert reasons == [Reason.OWNER_DELETED, Reason.OWNER_DELETED]
    cluster.settle()
    assert not cluster.of("Pod")


def test_it_takes_in_a_pod_that_nobody_manages() -> None:
    """A running Pod with its labels and without an owner counts; one fewer is made."""
    cluster = Cluster(sources=("main", "other"))
    free_pod(cluster, "kept")
    cluster.push(web())
    answer = cluster.tick()
    assert [one.reason for one in answer.verdicts if one.object.name == "kept"] == [Reason.ADOPTED]
    cluster.settle()
    pods = cluster.of("Pod")
    assert len(pods) == 2
    assert pods["kept"].metadata.owner_references[0].kind == "ReplicationController"


def test_it_leaves_a_pod_of_a_repository_alone() -> None:
    """P05: a Pod that a repository declares stays that repository's, whatever its labels."""
    cluster = Cluster()
    cluster.push(web() + "---" + POD.replace("KEPT", "declared"))
    cluster.settle()
    pods = cluster.of("Pod")
    assert len(pods) == 3
    assert not pods["declared"].metadata.owner_references
    assert cluster.plan().is_empty


def test_it_lets_go_a_pod_that_lost_its_labels() -> None:
    """A Pod that the selector no longer finds stands alone from then on, and another is made in its place."""
    cluster = Cluster()
    cluster.push(web())
    cluster.settle()
    ref = min(ref for ref in cluster.observed.objects if ref.kind == "Pod")
    stored = cluster.observed.objects[ref]
    metadata = replace(stored.object.metadata, labels={"app": "quarantined"})
    objects = {**cluster.observed.objects, ref: replace(stored, object=replace(stored.object, metadata=metadata))}
    cluster.observed = replace(cluster.observed, objects=objects)
    answer = cluster.tick()
    assert [one.reason for one in answer.verdicts if one.object == ref] == [Reason.RELEASED]
    cluster.settle()
    pods = cluster.of("Pod")
    assert len(pods) == 3
    assert not pods[ref.name].metadata.owner_references
