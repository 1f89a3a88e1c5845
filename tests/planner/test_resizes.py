"""Pods that are to use more or less: in place, weighed by quotas, also where a person asks through the API."""

from __future__ import annotations

from typing import Any

from reconciler.model.kinds import ResourceRequirements
from reconciler.model.overrides import Override
from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from tests.planner.world import Cluster, replace

QUOTA = """
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: few}
spec: {hard: {requests.cpu: 500m}}
"""
WEB = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "web:1", resources: {requests: {cpu: 200m}}}]}
"""


def pod(requests: str = "cpu: 200m", limits: str = "", rest: str = "") -> str:
    """The manifest of a Pod."""
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  containers: [{{name: main, image: web, resources: {{requests: {{{requests}}}, limits: {{{limits}}}}}{rest}}}]
"""


def verdict(before: str, after: str) -> Any:
    """What becomes of the Pod whose declaration changes."""
    cluster = Cluster()
    cluster.push(before)
    cluster.settle()
    cluster.push(after, commit="c2")
    return next(one for one in cluster.plan().verdicts if one.object.kind == "Pod")


def test_a_pod_is_resized_in_place() -> None:
    """The plan says so."""
    found = verdict(pod(), pod("cpu: 300m"))
    assert (found.decision, found.message) == (Decision.UPDATE, "resize in place")
    assert verdict(pod("cpu: 1"), pod("cpu: 1000m")).message == ""


def test_what_cannot_be_resized_is_replaced() -> None:
    """Another class of service, or something taken away."""
    for after in (pod(""), pod("memory: 1Gi")):
        assert verdict(pod("cpu: 200m"), after).decision is Decision.REPLACE
    assert verdict(pod("cpu: 200m"), pod("cpu: 200m", "cpu: 400m")).decision is Decision.UPDATE
    whole = pod("cpu: 1, memory: 1Gi", "cpu: 1, memory: 1Gi")
    found = verdict(whole, pod("cpu: 1, memory: 1Gi", "cpu: 2, memory: 1Gi"))
    assert (found.decision, "class of service" in found.message) == (Decision.REPLACE, True)


def test_a_container_that_would_end_for_its_resize_is_replaced() -> None:
    """Its policy asks for a restart, and the Pod's for none."""
    rest = ", resizePolicy: [{resourceName: cpu, restartPolicy: RestartContainer}], restartPolicy: Never"
    assert verdict(pod(rest=rest), pod("cpu: 300m", rest=rest)).decision is Decision.REPLACE
    assert verdict(pod(rest=rest[:-7] + "Always"), pod("cpu: 300m", rest=rest[:-7] + "Always")).message


def test_a_resize_beyond_a_quota_is_blocked() -> None:
    """What the Pod has already is not counted twice."""
    assert verdict(QUOTA + pod(), QUOTA + pod("cpu: 400m")).decision is Decision.UPDATE
    found = verdict(QUOTA + pod(), QUOTA + pod("cpu: 600m"))
    assert (found.decision, found.reason) == (Decision.BLOCKED, Reason.QUOTA_EXCEEDED)


def asked(cluster: Cluster, cpu: str, **others: Override) -> None:
    """Have a person resize the Deployment's Pod; what is said of nodes stays said."""
    ((name, found),) = cluster.of("Pod").items()
    ref = ObjectRef.of("Pod", "default", name)
    resources = {"main": ResourceRequirements(requests={"cpu": cpu})}
    override = Override(ref=ref, uid=found.metadata.uid, resources=resources, by="ann")
    said = {ObjectRef(kind="Node", name=name): one for name, one in others.items()}
    cluster.observed = replace(cluster.observed, overrides={**said, ref: override})


def test_a_node_that_is_cordoned_does_not_hinder_a_resize() -> None:
    """What was said of the node, and what was asked for the Pod, are heard alike."""
    cluster = Cluster(nodes=("a",))
    cluster.push(WEB)
    cluster.settle()
    uid = cluster.of("Node")["a"].metadata.uid
    asked(cluster, "300m", a=Override(ref=ObjectRef(kind="Node", name="a"), uid=uid, unschedulable=True, by="ann"))
    cluster.settle()
    (after,) = cluster.of("Pod").values()
    spec: Any = after.spec  # type: ignore[union-attr]
    assert spec.containers[0].resources.requests == {"cpu": "300m"}
    assert [ref.kind for ref in cluster.observed.overrides] == ["Node"]


def test_a_person_resizes_a_pod_of_a_deployment() -> None:
    """The Pod is the same, its Deployment leaves it alone, and nothing is left of the request."""
    cluster = Cluster()
    cluster.push(QUOTA + WEB)
    cluster.settle()
    before: Any = next(iter(cluster.of("Pod").values()))
    asked(cluster, "300m")
    cluster.settle()
    ((_, after),) = cluster.of("Pod").items()
    spec: Any = after.spec  # type: ignore[union-attr]
    assert (after.metadata.uid, spec.containers[0].resources.requests) == (before.metadata.uid, {"cpu": "300m"})
    assert not cluster.observed.overrides
    asked(cluster, "600m")
    plan = cluster.plan()
    assert any("exceeded quota" in one.message for one in plan.happenings)
    cluster.settle()
    assert not cluster.observed.overrides
