"""Pods of higher priority make room for themselves: whose end, in which words, and who is spared."""

from typing import Any

from reconciler.model.kinds import Pod
from reconciler.model.plan import Decision, Plan, Reason
from tests.planner.world import Cluster

CLASSES = "---\n".join(
    f"""
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {{name: {name}}}
value: {value}
preemptionPolicy: {policy}
"""
    for name, value, policy in (
        ("low", 10, "PreemptLowerPriority"),
        ("middle", 50, "PreemptLowerPriority"),
        ("high", 100, "PreemptLowerPriority"),
        ("polite", 100, "Never"),
    )
)
POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME, labels: {app: NAME}}
spec:
  priorityClassName: CLASS
  terminationGracePeriodSeconds: 7
  containers: [{name: main, image: web, resources: {requests: {cpu: "CPU"}}}]
"""
BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: NAME}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: NAME}}
"""


def pod(name: str, class_name: str, cpu: str) -> str:
    """Return the manifest of a Pod; a node has 8 CPUs."""
    return POD.replace("NAME", name).replace("CLASS", class_name).replace("CPU", cpu)


def full(*pods: str, nodes: tuple[str, ...] = ("node-1",)) -> Cluster:
    """Return a cluster in which these Pods run."""
    cluster = Cluster(nodes=nodes)
    cluster.ends = lambda _: False
    cluster.push("---".join((CLASSES, *pods)))
    cluster.settle()
    return cluster


def more(cluster: Cluster, *pods: str) -> Plan:
    """Declare these Pods instead, and return the first plan."""
    cluster.push("---".join((CLASSES, *pods)), commit="c2")
    return cluster.tick()


def ended(plan: Plan) -> set[str]:
    """Return the Pods that the plan ends to make room."""
    return {one.object.name for one in plan.verdicts if one.reason is Reason.PREEMPTED}


def message(cluster: Cluster, name: str) -> str:
    """Return why a Pod is not placed."""
    one: Any = cluster.of("Pod")[name]
    return next(condition.message for condition in one.status.conditions if condition.type == "PodScheduled")


def test_a_pod_of_lower_priority_ends_for_one_of_higher() -> None:
    """It ends with its grace, says for whom, and the other one has its node as soon as it has gone."""
    cluster = full(pod("old", "low", "6"))
    plan = more(cluster, pod("old", "low", "6"), pod("new", "high", "6"))
    (verdict,) = [one for one in plan.verdicts if one.object.name == "old"]
    assert (verdict.decision, verdict.reason) == (Decision.DELETE, Reason.PREEMPTED)
    assert verdict.message == "makes room on node-1 for pod/default/new, whose priority is higher"
    (told,) = [one for one in plan.happenings if one.reason == "Preempted"]
    new, old = cluster.of("Pod")["new"], cluster.of("Pod")["old"]
    assert isinstance(new, Pod) and isinstance(old, Pod)
    assert told.message == f"Preempted by pod {new.metadata.uid} on node node-1"
    assert old.metadata.deletion_grace_period_seconds == 7
    assert [one.reason for one in old.status.conditions if one.type == "DisruptionTarget"] == ["PreemptionByScheduler"]
    assert new.status.nominated_node_name == "node-1"
    assert message(cluster, "new") == "0/1 nodes are available: 1 Insufficient cpu."


def test_nobody_else_ends_while_the_victim_does() -> None:
    """The Pod waits for the room that is being made, and says so; a lesser Pod does not take it."""
    cluster = full(pod("old", "low", "6"), pod("stays", "low", "1"))
    rest = (pod("old", "low", "6"), pod("stays", "low", "1"), pod("new", "high", "6"))
    assert ended(more(cluster, *rest)) == {"old"}
    cluster.push("---".join((CLASSES, *rest, pod("lesser", "middle", "1"))), commit="c3")
    plan = cluster.tick()
    assert not [one for one in plan.happenings if one.reason == "Preempted" and one.object.name != "old"]
    assert message(cluster, "new").endswith("not eligible due to a terminating pod on the nominated node.")


def test_the_room_is_taken_by_whom_it_was_made_for() -> None:
    """Once the victim is gone the Pod runs there, and is no longer nominated; the plan says why it is there."""
    cluster = full(pod("far", "middle", "6"), pod("old", "low", "6"), nodes=("node-1", "node-2"))
    more(cluster, pod("far", "middle", "6"), pod("old", "low", "6"), pod("new", "high", "6"))
    node = cluster.of("Pod")["new"].status.nominated_node_name
    cluster.ends = lambda _: True
    plans = []
    for _ in range(5):
        plans.append(cluster.tick())
        cluster.now += 1
    new = cluster.of("Pod")["new"]
    assert isinstance(new, Pod)
    assert (new.spec.node_name, new.status.nominated_node_name) == (node, "")
    messages = [one.message for plan in plans for one in plan.actions if one.verb.value == "bind"]
    assert messages == [f"→ {node}, where room was made for it"]


def test_as_few_as_possible_end_and_the_least_important_first() -> None:
    """Of what runs on a node only what has to goes: the lowest priorities."""
    pods = (pod("least", "low", "3"), pod("more", "middle", "2"), pod("small", "low", "1"))
    cluster = full(*pods)
    assert ended(more(cluster, *pods, pod("new", "high", "5"))) == {"least"}


def test_the_node_whose_budgets_are_kept_comes_first() -> None:
    """A Pod whose budget allows no disruption is spared as long as another node does."""
    pods = (pod("guarded", "low", "6"), BUDGET.replace("NAME", "guarded"), pod("free", "middle", "6"))
    cluster = full(*pods, nodes=("node-1", "node-2"))
    assert ended(more(cluster, *pods, pod("new", "high", "6"))) == {"free"}


def test_a_budget_yields_where_nothing_else_helps() -> None:
    """As with kube-scheduler, budgets are honoured as far as possible, and no further."""
    pods = (pod("guarded", "low", "6"), BUDGET.replace("NAME", "guarded"))
    cluster = full(*pods)
    assert ended(more(cluster, *pods, pod("new", "high", "6"))) == {"guarded"}


def test_a_policy_of_never_makes_no_room() -> None:
    """The Pod waits, and says why nobody ends for it."""
    cluster = full(pod("old", "low", "6"))
    assert not ended(more(cluster, pod("old", "low", "6"), pod("new", "polite", "6")))
    assert message(cluster, "new") == (
        "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never."
    )


def test_equals_do_not_end_for_each_other() -> None:
    """The sentence says that there are no victims; what no node could hold says that it would not help."""
    cluster = full(pod("old", "low", "6"))
    plan = more(cluster, pod("old", "low", "6"), pod("new", "low", "6"), pod("huge", "high", "64"))
    assert not ended(plan)
    assert message(cluster, "new") == (
        "0/1 nodes are available: 1 Insufficient cpu. "
        "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
    )
    assert message(cluster, "huge").endswith("1 Preemption is not helpful for scheduling.")
