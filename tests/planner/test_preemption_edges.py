"""Making room at its edges: several that come at once, victims that end already, budgets used up; and words."""

from typing import Any

import pytest

from reconciler.model.kinds import Pod
from tests.planner.test_preemption import BUDGET, CLASSES, ended, full, message, more, pod
from tests.planner.world import Cluster


def of(cluster: Cluster, name: str) -> Pod:
    """Return a Pod."""
    found: Any = cluster.of("Pod")[name]
    assert isinstance(found, Pod)
    return found


def guarded(name: str, app: str, cpu: str, class_name: str = "low") -> str:
    """Return a Pod that is counted with others."""
    return pod(name, class_name, cpu).replace(f"app: {name}", f"app: {app}")


def budget(app: str, minimum: int) -> str:
    """Return a budget of these Pods."""
    return BUDGET.replace("NAME", app).replace("minAvailable: 1", f"minAvailable: {minimum}")


def test_two_that_come_at_once_share_the_room_of_one_victim() -> None:
    """Neither is placed before it is gone, and nobody else ends."""
    cluster = full(pod("old", "low", "7"), pod("stays", "low", "1"))
    rest = (pod("old", "low", "7"), pod("stays", "low", "1"), pod("one", "high", "3"), pod("two", "high", "3"))
    assert ended(more(cluster, *rest)) == {"old"}
    for name in ("one", "two"):
        assert (of(cluster, name).spec.node_name, of(cluster, name).status.nominated_node_name) == ("", "node-1")


def test_one_that_ends_already_does_not_save_the_others() -> None:
    """It is not ended again; what else has to go does."""
    cluster = full(pod("going", "middle", "4"), pod("next", "low", "4"))
    more(cluster, pod("next", "low", "4"))
    cluster.push("---".join((CLASSES, pod("next", "low", "4"), pod("new", "high", "8"))), commit="c3")
    plan = cluster.tick()
    assert [one.object.name for one in plan.happenings if one.reason == "Preempted"] == ["next"]


def test_who_was_to_have_the_room_gives_way_to_a_higher_one() -> None:
    """It is nominated no more, and looks for another node; one of another node keeps it."""
    cluster = full(pod("old", "low", "6"), pod("far", "low", "6"), nodes=("node-1", "node-2"))
    rest = (pod("old", "low", "6"), pod("far", "low", "6"))
    more(cluster, *rest, pod("m1", "middle", "6"), pod("m2", "middle", "6"))
    nominated = {of(cluster, name).status.nominated_node_name for name in ("m1", "m2")}
    assert nominated == {"node-1", "node-2"}
    text = (*rest, pod("m1", "middle", "6"), pod("m2", "middle", "6"), pod("new", "high", "6"))
    cluster.push("---".join((CLASSES, *text)), commit="c3")
    cluster.tick()
    first = of(cluster, "new").status.nominated_node_name
    assert sorted(of(cluster, name).status.nominated_node_name for name in ("m1", "m2")) == [
        "",
        *(nominated - {first}),
    ]


def test_a_budget_with_room_protects_nobody() -> None:
    """What it allows to go goes before what is more important."""
    pods = (guarded("g", "g", "6"), budget("g", 0), pod("free", "middle", "6"))
    cluster = full(*pods, nodes=("node-1", "node-2"))
    assert ended(more(cluster, *pods, pod("new", "high", "6"))) == {"g"}


def test_every_victim_uses_its_budget_up() -> None:
    """The second that comes in the same pass finds it used up, and has another one end; without one it yields."""
    pods = (guarded("g1", "g", "6"), guarded("g2", "g", "6"), budget("g", 1), pod("free", "middle", "6"))
    cluster = full(*pods, nodes=("node-1", "node-2", "node-3"))
    plan = more(cluster, *pods, pod("one", "high", "6"), pod("two", "high", "6"))
    assert "free" in ended(plan) and len(ended(plan)) == 2
    poor = full(*pods[:3], nodes=("node-1", "node-2"))
    assert ended(more(poor, *pods[:3], pod("one", "high", "6"), pod("two", "high", "6"))) == {"g1", "g2"}


def test_a_budget_of_another_namespace_is_none() -> None:
    """Nor is one that selects others."""
    pods = (guarded("g", "g", "6"), budget("other", 9), pod("free", "middle", "6"))
    cluster = full(*pods, nodes=("node-1", "node-2"))
    assert ended(more(cluster, *pods, pod("new", "high", "6"))) == {"g"}


def test_two_in_vain_say_the_same() -> None:
    """The answer for one holds for those that are like it, and not for those of another priority."""
    cluster = full(pod("old", "middle", "6"))
    rest = (pod("old", "middle", "6"), pod("a", "low", "6"), pod("b", "low", "6"), pod("c", "high", "64"))
    assert not ended(more(cluster, *rest))
    why = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 "
    assert message(cluster, "a") == message(cluster, "b") == f"{why}No preemption victims found for incoming pod."
    assert message(cluster, "c") == f"{why}Preemption is not helpful for scheduling."
    cluster.push("---".join((CLASSES, *rest, pod("d", "high", "6"))), commit="c3")
    assert ended(cluster.tick()) == {"old"}


PINNED = pod("web", "low", "1").replace("spec:", "spec:\n  nodeSelector: {kubernetes.io/hostname: node-1}")
TERM = "{matchExpressions: [{key: kubernetes.io/hostname, operator: NotIn, values: [node-3]}]}"
AWAY = f"{{requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: [{TERM}]}}}}"
APART = pod("web", "low", "1").replace("spec:", f"spec:\n  affinity: {{nodeAffinity: {AWAY}}}")


@pytest.mark.parametrize(
    ("manifest", "nodes", "words"),
    [
        (pod("web", "low", "1"), 1, "→ node-1"),
        (pod("web", "low", "1"), 2, "→ node-1, the best of 2"),
        (PINNED, 2, "→ node-1, the only fit"),
        (APART, 3, "→ node-1, the best of 2 that fit"),
    ],
)
def test_placing_is_told(manifest: str, nodes: int, words: str) -> None:
    """By an Event and in the plan: of how many nodes that take the Pod it is the best."""
    cluster = Cluster(nodes=tuple(f"node-{number + 1}" for number in range(nodes)))
    cluster.tick()
    cluster.push("---".join((CLASSES, manifest)))
    plans = cluster.settle()
    told = [one for plan in plans for one in plan.happenings if one.object.kind == "Pod"]
    assert [(one.type, one.reason, one.message) for one in told] == [("Normal", "Scheduled", "placed on node-1")]
    assert [one.message for plan in plans for one in plan.actions if one.verb.value == "bind"] == [words]
    bound = of(cluster, "web")
    assert [one.status for one in bound.status.conditions if one.type == "PodScheduled"] == ["True"]


def test_waiting_is_told_once() -> None:
    """As a warning, and again when it is for another reason; a gate is no failure."""
    cluster = Cluster()
    cluster.tick()
    gate = pod("gated", "low", "1").replace("spec:", "spec:\n  schedulingGates: [{name: a/a}]")
    cluster.push("---".join((CLASSES, pod("web", "low", "64"), gate)))
    told = [one for plan in cluster.settle() for one in plan.happenings if one.object.kind == "Pod"]
    assert [(one.object.name, one.type, one.reason) for one in told] == [("web", "Warning", "FailedScheduling")]
    conditions = {one.type: (one.status, one.reason, one.message) for one in of(cluster, "gated").status.conditions}
    why = "Scheduling is blocked due to non-empty scheduling gates"
    assert conditions["PodScheduled"] == ("False", "SchedulingGated", why)
    cluster.push(
        "---".join((CLASSES, pod("web", "none", "64").replace("none", "low"), pod("gated", "low", "1"))), "main", "c2"
    )
    told = [one for plan in cluster.settle() for one in plan.happenings if one.object.kind == "Pod"]
    assert [(one.object.name, one.reason) for one in told] == [("gated", "Scheduled")]
