"""Nodes that fall silent, are pressed, tainted and lost: conditions, taints, and which Pods leave them when."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.kinds import Taint
from reconciler.model.observed import NodeState
from reconciler.model.overrides import Override
from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from tests.planner.world import Cluster, replace

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]TOLERATIONS}
"""
DB = """---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 2
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: "db:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 1}]}
"""
SILENT_FOR = 40.0
GPU = (Taint(key="gpu", effect="NoExecute"), Taint(key="gpu", effect="NoSchedule"))


def started(*texts: str, nodes: tuple[str, ...] = ("a", "b", "c"), tolerations: str = "") -> Cluster:
    """Return a cluster in which this runs."""
    cluster = Cluster(nodes=nodes)
    cluster.push("".join(texts or (WEB,)).replace("TOLERATIONS", tolerations))
    cluster.settle()
    return cluster


def silence(cluster: Cluster, *names: str) -> None:
    """Have nodes report no more."""
    report = cluster.report
    last: dict[str, NodeState] = {name: cluster.observed.nodes[name] for name in names}

    def without_them() -> None:
        report()
        cluster.observed = replace(cluster.observed, nodes={**cluster.observed.nodes, **last})

    cluster.report = without_them  # type: ignore[method-assign]


def go_on(cluster: Cluster, seconds: float) -> None:
    """Let time pass, looking whenever a plan says so, and no more often."""
    end = cluster.now + seconds
    while True:
        cluster.report()
        for _ in range(30):
            if not cluster.tick().changes:
                break
        at = cluster.plan().look_again_at
        if at is None or at > end:
            break
        cluster.now = max(at, cluster.now + 0.01)
    cluster.now = end
    cluster.report()
    cluster.settle()


def taints(cluster: Cluster, node: str) -> list[str]:
    """Return the taints of a node as kubectl writes them."""
    return [f"{one.key.removeprefix('node.kubernetes.io/')}:{one.effect}" for one in spec(cluster, node).taints]


def spec(cluster: Cluster, node: str) -> Any:
    """Return the spec of a node."""
    return cluster.of("Node")[node].spec  # type: ignore[union-attr]


def condition(cluster: Cluster, node: str, kind: str) -> tuple[str, str]:
    """Return status and reason of a node's condition."""
    found = next(one for one in cluster.of("Node")[node].status.conditions if one.type == kind)  # type: ignore[union-attr]
    return found.status, found.reason


def on(cluster: Cluster, node: str, app: str = "web") -> list[Any]:
    """Return the Pods on a node that are not ending."""
    return [
        pod
        for pod in cluster.of("Pod").values()
        if pod.spec.node_name == node and pod.metadata.labels.get("app") == app and not pod.metadata.deletion_timestamp  # type: ignore[union-attr]
    ]


def taint(cluster: Cluster, node: str, *given: Taint) -> None:
    """Have a person taint a node."""
    ref = ObjectRef(kind="Node", name=node)
    uid = cluster.of("Node")[node].metadata.uid
    override = Override(ref=ref, uid=uid, taints=given, by="anna", at=cluster.now)
    cluster.observed = replace(cluster.observed, overrides={ref: override})


def test_a_healthy_node_says_so_in_the_kubelets_words() -> None:
    """Four conditions, and no taint."""
    cluster = started()
    assert condition(cluster, "a", "Ready") == ("True", "KubeletReady")
    assert condition(cluster, "a", "MemoryPressure") == ("False", "KubeletHasSufficientMemory")
    assert condition(cluster, "a", "DiskPressure") == ("False", "KubeletHasNoDiskPressure")
    assert condition(cluster, "a", "PIDPressure") == ("False", "KubeletHasSufficientPID")
    assert not taints(cluster, "a")
    assert cluster.plan().is_empty


def test_pods_bear_a_lost_node_for_five_minutes_unless_they_say_otherwise() -> None:
    """What a Pod says itself of a key is left as it is."""
    own = ", tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, tolerationSeconds: 5}]"
    cluster = started(WEB, tolerations=own)
    pod = next(iter(cluster.of("Pod").values()))
    told = [(one.key, one.effect, one.toleration_seconds) for one in pod.spec.tolerations]  # type: ignore[union-attr]
    assert told == [("node.kubernetes.io/unreachable", "", 5), ("node.kubernetes.io/not-ready", "NoExecute", 300)]


def test_a_lost_nodes_pods_run_elsewhere_after_their_time() -> None:
    """P20, P27: nothing until the lease has expired, then nothing for 300 s, then they are replaced."""
    cluster = started()
    assert on(cluster, "a")
    silence(cluster, "a")
    go_on(cluster, SILENT_FOR - 4)
    assert not taints(cluster, "a")
    go_on(cluster, 5)
    assert taints(cluster, "a") == ["unreachable:NoSchedule", "unreachable:NoExecute"]
    assert condition(cluster, "a", "Ready") == ("Unknown", "NodeStatusUnknown")
    assert condition(cluster, "a", "DiskPressure") == ("Unknown", "NodeStatusUnknown")
    go_on(cluster, 290)
    assert on(cluster, "a")
    go_on(cluster, 10)
    assert not on(cluster, "a")
    assert len(on(cluster, "b")) + len(on(cluster, "c")) == 4
    evicted = [pod for pod in cluster.of("Pod").values() if pod.spec.node_name == "a"]  # type: ignore[union-attr]
    assert evicted
    for pod in evicted:
        told = [(one.type, one.reason) for one in pod.status.conditions if one.type == "DisruptionTarget"]  # type: ignore[union-attr]
        assert told == [("DisruptionTarget", "DeletionByTaintManager")]


def test_a_lost_node_keeps_what_may_not_run_twice() -> None:
    """P20: a StatefulSet's Pod stays until the node is back, and then it never went."""
    cluster = started(WEB, DB)
    lost = next(name for name in ("a", "b", "c") if on(cluster, name, "db"))
    before = {pod.metadata.name: pod.metadata.uid for pod in on(cluster, lost, "db")}
    report = cluster.report
    silence(cluster, lost)
    go_on(cluster, 3600)
    assert {pod.metadata.name: pod.metadata.uid for pod in on(cluster, lost, "db")} == before
    assert not on(cluster, lost)
    cluster.report = report  # type: ignore[method-assign]
    go_on(cluster, 60)
    assert {pod.metadata.name: pod.metadata.uid for pod in on(cluster, lost, "db")} == before
    assert not taints(cluster, lost)
    assert condition(cluster, lost, "Ready") == ("True", "KubeletReady")


def test_a_person_declares_a_node_gone_and_its_statefulset_goes_on_elsewhere() -> None:
    """P27: kubernetes' taint for it, with the effect NoExecute."""
    cluster = started(DB)
    lost = next(name for name in ("a", "b", "c") if on(cluster, name, "db"))
    silence(cluster, lost)
    go_on(cluster, 400)
    taint(cluster, lost, Taint(key="node.kubernetes.io/out-of-service", value="nodeshutdown", effect="NoExecute"))
    go_on(cluster, 10)
    assert not on(cluster, lost, "db")
    assert sum(len(on(cluster, name, "db")) for name in ("a", "b", "c")) == 2


def test_a_persons_taint_evicts_at_once_or_after_the_time_that_is_borne() -> None:
    """As upstream: without a toleration now, with tolerationSeconds then, with one that has no end never."""
    for tolerations, wait_s in (
        ("", 0),
        (", tolerations: [{key: gpu, operator: Exists, effect: NoExecute, tolerationSeconds: 90}]", 90),
    ):
        cluster = started(WEB, tolerations=tolerations)
        taint(cluster, "a", *GPU)
        answer = cluster.plan()
        gone = [one for one in answer.verdicts if one.reason is Reason.NODE_TAINTED]
        assert bool(gone) is (wait_s == 0)
        assert {one.decision for one in gone} <= {Decision.DELETE}
        go_on(cluster, wait_s + 1)
        assert not on(cluster, "a")
        assert len(on(cluster, "b")) + len(on(cluster, "c")) == 4
    cluster = started(WEB, tolerations=", tolerations: [{operator: Exists}]")
    taint(cluster, "a", *GPU)
    go_on(cluster, 3600)
    assert on(cluster, "a")


def test_the_time_of_a_taint_outlasts_a_restart() -> None:
    """What counts is in the object, not in the process (P17)."""
    cluster = started(
        WEB, tolerations=", tolerations: [{key: gpu, operator: Exists, effect: NoExecute, tolerationSeconds: 90}]"
    )
    taint(cluster, "a", *GPU)
    cluster.tick()
    at = cluster.plan().look_again_at
    assert spec(cluster, "a").taints[0].time_added
    cluster.now += 89
    cluster.report()
    cluster.memo = type(cluster.memo)()
    cluster.settle(step_s=0.0)
    assert on(cluster, "a")
    cluster.now += 1
    assert at is not None and at <= cluster.now
    cluster.report()
    cluster.settle(step_s=0.0)
    assert not on(cluster, "a")


def test_nothing_is_evicted_while_every_node_is_silent() -> None:
    """P20: then it is rather us who do not hear; a single host never loses its Pods to its own illness."""
    for nodes in (("a",), ("a", "b", "c")):
        cluster = started(nodes=nodes)
        before = set(cluster.of("Pod"))
        silence(cluster, *nodes)
        go_on(cluster, 7200)
        assert set(cluster.of("Pod")) == before
        assert not any(pod.metadata.deletion_timestamp for pod in cluster.of("Pod").values())
        assert taints(cluster, "a") == ["unreachable:NoSchedule"]


def test_most_of_a_zone_falling_silent_evicts_nothing() -> None:
    """Three of four: as upstream for fewer than fifty nodes."""
    cluster = started(nodes=("a", "b", "c", "d"))
    silence(cluster, "a", "b", "c")
    go_on(cluster, 7200)
    assert not any(pod.metadata.deletion_timestamp for pod in cluster.of("Pod").values())


def test_nodes_that_fall_silent_together_evict_one_after_the_other() -> None:
    """Ten seconds apart, as upstream's node-eviction-rate has it."""
    cluster = started(nodes=("a", "b", "c", "d"))
    silence(cluster, "a", "b")
    go_on(cluster, SILENT_FOR + 1)
    assert [len(taints(cluster, name)) for name in ("a", "b")] == [2, 1]
    go_on(cluster, 10)
    assert [len(taints(cluster, name)) for name in ("a", "b")] == [2, 2]


@pytest.mark.parametrize(
    ("pressure", "key", "reason"),
    [
        ("MemoryPressure", "memory-pressure", "KubeletHasInsufficientMemory"),
        ("DiskPressure", "disk-pressure", "KubeletHasDiskPressure"),
        ("PIDPressure", "pid-pressure", "KubeletHasInsufficientPID"),
    ],
)
def test_a_pressed_node_gets_no_new_pods_and_keeps_those_it_has(pressure: str, key: str, reason: str) -> None:
    """The taint has the effect NoSchedule."""
    cluster = started(nodes=("a", "b"))
    before = {pod.metadata.name for pod in on(cluster, "a")}
    report = cluster.report

    def pressed() -> None:
        report()
        state = cluster.observed.nodes["a"]
        assert state.observation is not None
        found = replace(state, observation=replace(state.observation, pressures=(pressure,)))
        cluster.observed = replace(cluster.observed, nodes={**cluster.observed.nodes, "a": found})

    cluster.report = pressed  # type: ignore[method-assign]
    cluster.report()
    cluster.settle()
    assert condition(cluster, "a", pressure) == ("True", reason)
    assert taints(cluster, "a") == [f"{key}:NoSchedule"]
    cluster.push(WEB.replace("TOLERATIONS", "").replace("replicas: 4", "replicas: 9"), commit="c2")
    cluster.settle()
    assert {pod.metadata.name for pod in on(cluster, "a")} == before
    assert len(on(cluster, "b")) == 9 - len(before)


def test_a_declared_pod_keeps_its_tolerations_when_its_labels_change() -> None:
    """What was added when it was made is no change of what is declared."""
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: p, image: p}]}\n"
    cluster = started(text)
    before = cluster.of("Pod")["p"].metadata.uid
    cluster.push(text.replace("{name: p}\nspec", "{name: p, labels: {a: b}}\nspec"), commit="c2")
    cluster.settle()
    after = cluster.of("Pod")["p"]
    assert after.metadata.uid == before
    assert after.metadata.labels == {"a": "b"}
    assert len(after.spec.tolerations) == 2  # type: ignore[union-attr]
