"""Which Pods leave a tainted node, when, and what is told of it, seen in one pass."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.kinds import OwnerReference, Taint
from reconciler.model.plan import Plan, Reason
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.taint_eviction import is_movable
from reconciler.planner.view import View
from tests.planner.test_node_life import WEB, taint
from tests.planner.volumes import claim, volume
from tests.planner.volumes import pod as using
from tests.planner.world import Cluster, replace

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: a, image: a}]TOLERATIONS}\n"
KEY = "node.kubernetes.io/unreachable"


def with_pod(text: str = POD, tolerations: str = "") -> Cluster:
    """A cluster in which a Pod runs since ten seconds."""
    cluster = Cluster()
    cluster.push(text.replace("TOLERATIONS", f", tolerations: [{tolerations}]" if tolerations else ""))
    cluster.settle()
    cluster.now += 10
    cluster.report()
    return cluster


def change(cluster: Cluster, ref: ObjectRef, object: Any) -> None:
    """Have an object be stored like this."""
    stored = replace(cluster.observed.objects[ref], object=object)
    cluster.observed = replace(cluster.observed, objects={**cluster.observed.objects, ref: stored})


def tainted(cluster: Cluster, *taints: Taint) -> Plan:
    """Plan with these taints on the node, in its object and by a person."""
    taint(cluster, "node-1", *taints)
    ref = ObjectRef(kind="Node", name="node-1")
    node: Any = cluster.of("Node")["node-1"]
    change(cluster, ref, replace(node, spec=replace(node.spec, taints=taints)))
    return cluster.plan()


def gone(plan: Plan) -> list[str]:
    """The Pods that are told to end for a taint."""
    return sorted({one.ref.name for one in plan.changes if one.reason is Reason.NODE_TAINTED})


def gpu(cluster: Cluster, ago_s: float = 0.0, **fields: Any) -> Taint:
    """A person's taint, so many seconds old."""
    return Taint(**({"key": "gpu", "effect": "NoExecute", "time_added": rfc3339(cluster.now - ago_s)} | fields))


def bearing(seconds: int | None, key: str = "gpu") -> str:
    """A toleration as it is written."""
    until = "" if seconds is None else f", tolerationSeconds: {seconds}"
    return f"{{key: {key}, operator: Exists{until}}}"


@pytest.mark.parametrize(
    ("tolerations", "ago_s", "leaves", "wait_s"),
    [
        ("", 0, True, None),
        (bearing(None), 1000, False, None),
        (bearing(5), 4, False, 1),
        (bearing(5), 5, True, None),
        (bearing(5), 0, False, 5),
        (bearing(15), 1000, False, 5),
        (bearing(5), 1000, True, None),
        (bearing(None, "other"), 0, True, None),
    ],
)
def test_a_pod_leaves_when_it_no_longer_bears_a_taint(
    tolerations: str, ago_s: float, leaves: bool, wait_s: float | None
) -> None:
    """Since the taint came, or since the Pod came to the node that had it; the plan says when."""
    cluster = with_pod(tolerations=tolerations)
    pod: Any = cluster.of("Pod")["web"]
    conditions = tuple(
        replace(one, last_transition_time=rfc3339(cluster.now - 10)) if one.type == "PodScheduled" else one
        for one in pod.status.conditions
    )
    ref = ObjectRef(kind="Pod", namespace="default", name="web")
    change(cluster, ref, replace(pod, status=replace(pod.status, conditions=conditions)))
    plan = tainted(cluster, gpu(cluster, ago_s))
    assert gone(plan) == (["web"] if leaves else [])
    if wait_s is not None:
        assert plan.look_again_at == cluster.now + wait_s
    assert plan.look_again_at is None or plan.look_again_at <= cluster.now + cluster.policy.node_lease_s + 1


def test_the_first_taint_that_is_not_borne_counts() -> None:
    """It is named; one that says only where Pods may begin is none."""
    cluster = with_pod(WEB.replace("replicas: 4", "replicas: 1"), bearing(50))
    plan = tainted(cluster, gpu(cluster, key="b", effect="NoSchedule"), gpu(cluster), gpu(cluster, key="c", value="x"))
    (verdict,) = [one for one in plan.verdicts if one.reason is Reason.NODE_TAINTED]
    assert verdict.message == "node-1 has the taint c=x:NoExecute"
    assert gone(tainted(cluster, gpu(cluster, effect="NoSchedule"))) == []
    plan = tainted(cluster, gpu(cluster, key="d"), gpu(cluster, key="c"))
    assert [one.message for one in plan.verdicts if one.reason is Reason.NODE_TAINTED] == [
        "node-1 has the taint d:NoExecute"
    ]


def test_what_is_done_is_told() -> None:
    """With an event and a condition; the Pod has its grace."""
    cluster = with_pod(POD.replace("spec: {", "spec: {terminationGracePeriodSeconds: 7, "))
    plan = tainted(cluster, gpu(cluster))
    told = [(one.reason, one.message) for one in plan.happenings if one.object.kind == "Pod"]
    assert ("TaintManagerEviction", "Marking for deletion Pod default/web") in told
    cluster.ends = lambda _: False
    cluster.tick()
    pod: Any = cluster.of("Pod")["web"]
    assert pod.metadata.deletion_grace_period_seconds == 7
    said = [one for one in pod.status.conditions if one.type == "DisruptionTarget"]
    assert [(one.status, one.reason) for one in said] == [("True", "DeletionByTaintManager")]
    assert said[0].message == "Taint manager: deleting due to NoExecute taint"
    types = [one.type for one in pod.status.conditions]
    assert (len(set(types)), "PodScheduled" in types) == (len(types), True)
    assert gone(cluster.plan()) == []


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_stays(phase: str) -> None:
    """Its logs may be read."""
    cluster = Cluster()
    cluster.phase = lambda _: phase
    cluster.push(POD.replace("TOLERATIONS", ", restartPolicy: Never"))
    cluster.settle()
    assert gone(tainted(cluster, gpu(cluster))) == []


def movable(kind: str, *, controller: bool = True, claims: tuple[str, ...] = (), modes: str = "") -> bool:
    """Whether a Pod of such an owner leaves a node that is not reached."""
    texts = [using("web", *claims)]
    if modes:
        texts += [volume("pv", modes=modes), claim(modes=modes, storageClassName="")]
    cluster = with_pod("".join(texts))
    view = View(cluster.observed, cluster.policy, cluster.now, cluster.memo)
    pod: Any = cluster.of("Pod")["web"]
    owner = OwnerReference(api_version="v1", kind=kind, name="o", uid="u", controller=controller)
    metadata = replace(pod.metadata, owner_references=(owner,) if kind else ())
    return is_movable(view, replace(pod, metadata=metadata))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("ReplicaSet", True),
        ("ReplicationController", True),
        ("Job", True),
        ("StatefulSet", False),
        ("DaemonSet", False),
        ("", False),
    ],
)
def test_only_pods_that_may_run_twice_leave_a_lost_node(kind: str, expected: bool) -> None:
    """One that is known by its name stays."""
    assert movable(kind) == expected
    assert not movable(kind, controller=False)


@pytest.mark.parametrize(
    ("modes", "expected"), [("ReadWriteMany", True), ("ReadOnlyMany", True), ("ReadWriteOnce", False), ("", False)]
)
def test_a_pod_that_alone_writes_to_its_volume_stays(modes: str, expected: bool) -> None:
    """So does one whose claim is not known."""
    assert movable("ReplicaSet", claims=("data",), modes=modes) == expected


def test_a_persons_taint_evicts_also_what_a_lost_node_keeps() -> None:
    """Both at once: only the person's counts."""
    cluster = with_pod(tolerations=bearing(0, KEY))
    lost = gpu(cluster, 1000, key=KEY)
    assert gone(tainted(cluster, lost)) == []
    assert gone(tainted(cluster, lost, gpu(cluster))) == ["web"]


def test_a_pod_of_git_that_leaves_says_why() -> None:
    """Though it is as it is declared."""
    cluster = with_pod()
    plan = tainted(cluster, gpu(cluster))
    (verdict,) = [one for one in plan.verdicts if one.object.kind == "Pod"]
    assert (verdict.reason, verdict.message) == (Reason.NODE_TAINTED, "node-1 has the taint gpu:NoExecute")
