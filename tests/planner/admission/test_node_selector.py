"""Namespaces whose Pods go to certain nodes."""

import pytest

from reconciler.model.kinds import Pod
from reconciler.model.placing import PlacingPolicy
from reconciler.model.plan import Decision, Reason, Verdict
from tests.planner.world import Cluster, replace

NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, annotations: {scheduler.alpha.kubernetes.io/node-selector: "SELECTOR"}}
---
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: LABELS}
spec: {nodeSelector: OWN, containers: [{name: a, image: "b:1"}]}
"""
DAEMON_SET = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template: {metadata: {labels: {app: agent}}, spec: {containers: [{name: a, image: "b:1"}]}}
"""


def cluster_with(selector: str, manifests: str) -> Cluster:
    """Return a cluster of two nodes with a namespace that has Pods of one."""
    cluster = Cluster(("node-1", "node-2"))
    cluster.push(NAMESPACE.replace("SELECTOR", selector) + manifests)
    cluster.settle()
    return cluster


def pod(own: str = "{}", labels: str = "{}") -> str:
    """Return a Pod that asks for nodes itself."""
    return POD.replace("OWN", own).replace("LABELS", labels)


def selectors(cluster: Cluster) -> list[dict[str, str]]:
    """Return what Pods ask of their nodes."""
    found = cluster.of("Pod").values()
    return [dict(one.spec.node_selector) for one in found if isinstance(one, Pod)]


def verdict(cluster: Cluster) -> Verdict:
    """Return the verdict on the Pod."""
    return next(one for one in cluster.plan().verdicts if one.object.kind == "Pod")


def test_a_pod_asks_for_the_nodes_of_its_namespace_too() -> None:
    """And planning again changes nothing."""
    cluster = cluster_with("disk=ssd,zone=a", pod("{os: linux}"))
    assert selectors(cluster) == [{"disk": "ssd", "zone": "a", "os": "linux"}]
    assert cluster.plan().is_empty


def test_a_pod_that_changes_keeps_the_nodes_of_its_namespace() -> None:
    """Its labels change in place: it is not made anew."""
    cluster = cluster_with("disk=ssd", pod())
    uid = cluster.of("Pod")["web"].metadata.uid
    cluster.push(NAMESPACE.replace("SELECTOR", "disk=ssd") + pod(labels="{a: b}"), commit="c2")
    cluster.settle()
    assert cluster.of("Pod")["web"].metadata.uid == uid
    assert selectors(cluster) == [{"disk": "ssd"}]


@pytest.mark.parametrize(("selector", "why"), [("disk=ssd", "conflicts"), ("disk in (ssd)", "cannot be read")])
def test_a_pod_that_cannot_be_on_these_nodes_is_not_admitted(selector: str, why: str) -> None:
    """It waits, and says what for."""
    cluster = cluster_with(selector, pod("{disk: slow}"))
    found = verdict(cluster)
    assert (found.decision, found.reason) == (Decision.BLOCKED, Reason.CONFLICT)
    assert why in found.message
    assert not cluster.of("Pod")


def test_a_daemon_set_starts_no_pods_on_the_other_nodes() -> None:
    """They would only wait there."""
    cluster = cluster_with("kubernetes.io/hostname=node-1", DAEMON_SET)
    assert len(cluster.of("Pod")) == 1
    assert cluster.plan().is_empty


@pytest.mark.parametrize(
    ("annotation", "asked"),
    [
        ("example.com/none: ''", {"pool": "all"}),
        ("openshift.io/node-selector: disk=ssd", {"disk": "ssd"}),
        ("openshift.io/node-selector: ''", {}),
        ("scheduler.alpha.kubernetes.io/node-selector: a=b, openshift.io/node-selector: disk=ssd", {"a": "b"}),
    ],
)
def test_a_default_holds_where_a_namespace_says_nothing(annotation: str, asked: dict[str, str]) -> None:
    """An empty text says: every node."""
    cluster = Cluster()
    placing = PlacingPolicy(cluster_default_node_selector="pool=all")
    cluster.policy = replace(cluster.policy, placing=placing)
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, annotations: {ANNOTATION}}\n---"
    cluster.push(namespace.replace("ANNOTATION", annotation) + pod())
    cluster.settle()
    assert selectors(cluster) == [asked]
    assert cluster.plan().is_empty
