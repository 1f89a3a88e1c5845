"""One cluster with something of everything: each step of a pass leaves what a person would look for."""

from functools import cache
from typing import Any

import pytest

from reconciler.model.overrides import Override
from reconciler.model.plan import Decision, Plan
from tests.planner.test_quotas import limits, object, quota, workload
from tests.planner.volumes import claim, pod
from tests.planner.world import Cluster, replace

POD = "spec: {restartPolicy: Never, containers: [{name: c, image: i, resources: {requests: {cpu: 100m}}}]}"
SELECTED = (
    f"selector: {{matchLabels: {{app: NAME}}}}, template: {{metadata: {{labels: {{app: NAME}}}}, {POD}}}".replace(
        "restartPolicy: Never, ", ""
    )
)


def of(version: str, kind: str, name: str, spec: str) -> str:
    """Return a manifest."""
    spec = spec.replace("NAME", name)
    return f"---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"


SCALER = "minReplicas: 3, maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}"
CLAIM = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}"
OWN = f"volumeClaimTemplate: {{spec: {{{CLAIM}}}}}"
MANIFESTS = (
    workload(replicas=2)
    + of("apps/v1", "StatefulSet", "db", f"serviceName: db, replicas: 1, {SELECTED}")
    + of("apps/v1", "DaemonSet", "log", SELECTED)
    + of("batch/v1", "Job", "once", f"template: {{{POD}}}")
    + of("batch/v1", "CronJob", "often", f"schedule: '* * * * *', jobTemplate: {{spec: {{template: {{{POD}}}}}}}")
    + of("autoscaling/v2", "HorizontalPodAutoscaler", "web", SCALER)
    + of("policy/v1", "PodDisruptionBudget", "web", "minAvailable: 1, selector: {matchLabels: {app: web}}")
    + of("v1", "Service", "web", "type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]")
    + of("networking.k8s.io/v1", "Ingress", "web", "defaultBackend: {service: {name: none, port: {number: 80}}}")
    + quota("pods: 20", "pods")
    + quota("pods: 1", "tight", ", scopes: [Terminating]")
    + limits("{type: Container, defaultRequest: {memory: 1Mi}}")
    + "---\n"
    + claim()
    + pod("user", "data")
    + of(
        "v1",
        "Pod",
        "own",
        f"containers: [{{name: c, image: i}}], volumes: [{{name: v, ephemeral: {{{OWN}}}}}]",
    )
    + of("v1", "Pod", "far", "nodeName: node-1, nodeSelector: {disk: none}, containers: [{name: c, image: i}]")
    + "---\napiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: 7\n"
    + of("v1", "Pod", "high", "priorityClassName: high, containers: [{name: c, image: i}]")
    + object("ConfigMap", "plain")
)


@cache
def settled() -> tuple[Cluster, tuple[Plan, ...]]:
    """Return a cluster at rest, and how it came there."""
    cluster = Cluster()
    cluster.observed = replace(
        cluster.observed, cluster=replace(cluster.observed.cluster, load_balancer=("10.0.9.1-10.0.9.2",))
    )
    cluster.push(MANIFESTS)
    return cluster, tuple(cluster.settle(limit=100))


def one(kind: str, name: str) -> Any:
    """Return an object."""
    return settled()[0].of(kind)[name]


EXPECTED = {
    "a node is written": lambda: one("Node", "node-1").status.conditions != (),
    "built-in namespaces": lambda: {"default", "kube-system"} <= settled()[0].of("Namespace").keys(),
    "built-in classes": lambda: "system-node-critical" in settled()[0].of("PriorityClass"),
    "a default class": lambda: "local" in settled()[0].of("StorageClass"),
    "roles": lambda: "view" in settled()[0].of("ClusterRole"),
    "gathered rules": lambda: len(one("ClusterRole", "view").rules) > 3,
    "the autoscaler": lambda: one("Deployment", "web").spec.replicas == 3,
    "its status": lambda: one("HorizontalPodAutoscaler", "web").status.conditions != (),
    "a Deployment": lambda: one("Deployment", "web").status.available_replicas == 3,
    "its ReplicaSet": lambda: [n.status.replicas for n in settled()[0].of("ReplicaSet").values()] == [3],
    "a StatefulSet": lambda: one("StatefulSet", "db").status.ready_replicas == 1,
    "a DaemonSet": lambda: one("DaemonSet", "log").status.number_ready == 1,
    "a Job": lambda: one("Job", "once").status.active == 1,
    "a CronJob": lambda: one("CronJob", "often").metadata.generation == 1,
    "a place": lambda: one("Pod", "high").spec.node_name == "node-1",
    "a report": lambda: one("Pod", "high").status.phase == "Running",
    "a priority": lambda: one("Pod", "high").spec.priority == 7,
    "a volume": lambda: one("PersistentVolumeClaim", "data").status.phase == "Bound",
    "a volume of its own": lambda: one("PersistentVolumeClaim", "own-v").status.phase == "Bound",
    "a Pod that its node refuses": lambda: one("Pod", "far").status.phase == "Failed",
    "an address": lambda: one("Service", "web").spec.cluster_ip,
    "an address from outside": lambda: one("Service", "web").status.load_balancer.ingress != (),
    "endpoints": lambda: len(one("Endpoints", "web").subsets[0].addresses) == 3,
    "who announces": lambda: [key for key in settled()[0].observed.allocations if key.startswith("announcer/")] != [],
    "an Ingress": lambda: "does not exist" in one("Ingress", "web").status.noted,
    "a budget": lambda: one("PodDisruptionBudget", "web").status.disruptions_allowed == 2,
    "a quota": lambda: one("ResourceQuota", "pods").status.used["pods"] == "9",
    "a limit": lambda: one("Pod", "own").spec.containers[0].resources.requests["memory"] == "1Mi",
    "an owner": lambda: one("ReplicaSet", next(iter(settled()[0].of("ReplicaSet")))).metadata.owner_references != (),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_a_pass_sees_to(case: str) -> None:
    """What each step is for."""
    assert EXPECTED[case]()


def test_in_the_end_there_is_nothing_to_do() -> None:
    """Each object has one verdict; the plan names its revisions, when it looks again, and what it does not know."""
    cluster, plans = settled()
    last = cluster.plan()
    assert last.is_empty and last.complete and last.applyable and last.observed_at == cluster.now
    assert {one.object for one in last.verdicts} >= {one.ref for one in cluster.desired["main"].objects}
    assert len({one.object for one in last.verdicts}) == len(last.verdicts)
    assert {name: one.commit for name, one in last.revisions.items()} == {"main": "c1"}
    assert last.look_again_at is not None and last.look_again_at > cluster.now
    assert any(one.actions for one in plans) and any(one.happenings for one in plans)
    other = Cluster(sources=("main", "second"))
    other.observed = replace(
        other.observed, sources={name: replace(one, loaded=False) for name, one in other.observed.sources.items()}
    )
    other.push(object("ConfigMap", "plain"))
    assert not other.plan().complete and not other.plan().applyable
    other.push(object("ConfigMap", "plain"), source="second")
    assert other.plan().complete and other.plan().applyable


def test_who_scales_has_its_say_in_the_pass_that_brings_it() -> None:
    """The number of Pods is right from the first one on, and nothing is said of another who scales."""
    cluster = Cluster()
    cluster.push(workload(replicas=1) + of("autoscaling/v2", "HorizontalPodAutoscaler", "web", SCALER))
    cluster.tick()
    assert len(cluster.of("Pod")) == 3
    (scaler,) = cluster.of("HorizontalPodAutoscaler").values()
    assert "ScalingActive" not in {one.type for one in scaler.status.conditions}  # type: ignore[union-attr]


def test_what_a_person_says_is_done_and_told() -> None:
    """A word about a Pod, and about a Deployment that is held back by it."""
    cluster = Cluster()
    cluster.push(workload(replicas=1) + object("ConfigMap", "plain"))
    cluster.settle()
    words = {}
    for ref, stored in cluster.observed.objects.items():
        if ref.kind == "Deployment":
            at = "2026-01-01T00:00:00Z"
            words[ref] = Override(ref=ref, uid=stored.object.metadata.uid, restarted_at=at, by="ann", at=cluster.now)
        if ref.kind == "Pod":
            words[ref] = Override(
                ref=ref, uid=stored.object.metadata.uid, delete_at=cluster.now, by="ann", at=cluster.now
            )
    before = set(cluster.of("Pod"))
    cluster.observed = replace(cluster.observed, overrides=words)
    cluster.settle()
    assert len(cluster.of("Pod")) == 1 and not before & set(cluster.of("Pod"))
    told = [(one.decision, one.message) for one in cluster.plan().verdicts if one.object.kind == "Deployment"]
    assert told == [(Decision.UNCHANGED, "restarted at 2026-01-01T00:00:00Z")]
    assert [ref.kind for ref in cluster.observed.overrides] == ["Deployment"]
    cluster.push(object("ConfigMap", "plain"), commit="c2")
    cluster.acknowledge(cluster.tick())
    cluster.settle()
    assert not cluster.of("Deployment") and not cluster.of("ReplicaSet") and not cluster.of("Pod")


def test_an_empty_cluster_need_not_be_looked_at_again() -> None:
    """Nothing there can change by itself."""
    assert Cluster(nodes=()).plan().look_again_at is None
