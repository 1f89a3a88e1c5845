"""Priorities: Pods get those of their classes, once."""

from typing import Any

from reconciler.model.kinds import Pod
from reconciler.model.plan import Decision, Reason
from tests.planner.world import Cluster

CLASS = """
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: NAME}
value: VALUE
globalDefault: DEFAULT
preemptionPolicy: Never
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  priorityClassName: "CLASS"
  containers: [{name: main, image: web}]
"""


def a_class(name: str = "high", value: int = 100, default: str = "false") -> str:
    """Return the manifest of a class."""
    return CLASS.replace("NAME", name).replace("VALUE", str(value)).replace("DEFAULT", default)


def pod(name: str = "web", class_name: str = "") -> str:
    """Return the manifest of a Pod that names a class, or none."""
    return POD.replace("NAME", name).replace("CLASS", class_name)


def spec(cluster: Cluster, name: str = "web") -> Any:
    """Return the spec of a Pod."""
    return cluster.of("Pod")[name].spec


def test_a_pod_gets_priority_and_policy_of_its_class() -> None:
    """As Kubernetes' admission does it; and nothing is left to do afterwards (P09)."""
    cluster = Cluster()
    cluster.push(a_class() + "---" + pod(class_name="high"))
    cluster.settle()
    assert (spec(cluster).priority, spec(cluster).preemption_policy) == (100, "Never")
    assert cluster.plan().is_empty


def test_a_class_that_is_missing_holds_the_pod_back() -> None:
    """The Pod is not placed and says which class it waits for; once it exists, the Pod runs."""
    cluster = Cluster()
    cluster.push(pod(class_name="high"))
    verdicts = {v.object.kind: v for v in [*cluster.settle(), cluster.plan()][-1].verdicts if v.object.name == "web"}
    assert verdicts["Pod"].decision is Decision.BLOCKED
    assert "priorityclass/high" in verdicts["Pod"].message or "PriorityClass with name high" in verdicts["Pod"].message
    assert not spec(cluster).node_name
    cluster.push(a_class() + "---" + pod(class_name="high"), commit="c2")
    cluster.settle()
    assert spec(cluster).node_name
    assert spec(cluster).priority == 100


def test_the_lowest_default_class_counts_for_pods_without_one() -> None:
    """Pods that name no class get the default one; without a default their priority is 0."""
    cluster = Cluster()
    cluster.push(pod("before"))
    cluster.settle()
    classes = a_class("a", 9, "true") + "---" + a_class("b", 5, "true")
    cluster.push(f"{pod('before')}---{classes}---{pod('after')}", commit="c2")
    cluster.settle()
    assert spec(cluster, "before").priority == 0
    assert (spec(cluster, "after").priority, spec(cluster, "after").priority_class_name) == (5, "b")


def test_a_changed_label_does_not_replace_a_pod_for_its_priority() -> None:
    """What admission filled in is no difference: the Pod stays (P26)."""
    cluster = Cluster()
    cluster.push(a_class() + "---" + pod(class_name="high"))
    cluster.settle()
    uid = cluster.of("Pod")["web"].metadata.uid
    cluster.push((a_class() + "---" + pod(class_name="high")).replace("name: web}", "name: web, labels: {a: b}}"))
    cluster.settle()
    assert cluster.of("Pod")["web"].metadata.uid == uid
    assert cluster.of("Pod")["web"].metadata.labels == {"a": "b"}


def test_the_value_of_a_class_cannot_be_changed() -> None:
    """As in Kubernetes; the plan says so instead of pretending."""
    cluster = Cluster()
    cluster.push(a_class())
    cluster.settle()
    cluster.push(a_class(value=200), commit="c2")
    verdict = next(v for v in cluster.plan().verdicts if v.object.name == "high")
    assert (verdict.decision, verdict.reason) == (Decision.BLOCKED, Reason.IMMUTABLE_FIELD)


def test_every_cluster_has_the_two_system_classes() -> None:
    """Pods of the system may name them without declaring them."""
    cluster = Cluster()
    cluster.push(pod(class_name="system-node-critical"))
    cluster.settle()
    assert spec(cluster).priority == 2_000_001_000


def test_the_pod_with_the_higher_priority_is_placed_first() -> None:
    """With room for one, the more important one gets it, whatever its name and age."""
    cluster = Cluster()
    large = "containers: [{name: main, image: web, resources: {requests: {cpu: 5}}}]"
    both = pod("a") + "---" + pod("b", "high")
    cluster.push(a_class() + "---" + both.replace("containers: [{name: main, image: web}]", large))
    cluster.settle()
    assert spec(cluster, "b").node_name
    assert not spec(cluster, "a").node_name


def test_a_pod_whose_class_does_not_exist_waits_and_says_so() -> None:
    """And is placed once it does."""
    cluster = Cluster()
    cluster.push(pod(class_name="high"))
    cluster.settle()
    waits = [one.message for one in cluster.plan().blocked if one.object.name == "web"]
    assert waits == ["0/1 nodes are available: no PriorityClass with name high was found."]
    cluster.push(a_class() + "---" + pod(class_name="high"), commit="c2")
    cluster.settle()
    placed = cluster.of("Pod")["web"]
    assert isinstance(placed, Pod)
    assert (placed.spec.node_name, placed.spec.priority) == ("node-1", 100)
