"""Pods that move to emptier nodes: off by default, never without a budget, one at a time, and never back again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.model.kinds import Node, OwnerReference, Pod
from reconciler.model.plan import Plan, Reason
from reconciler.model.policy import RebalancingPolicy
from reconciler.model.times import unix
from reconciler.planner.rebalancing import fullness
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.room import Room
from tests.planner.test_daemonset import override_node
from tests.planner.world import Cluster

ON = RebalancingPolicy(enabled=True, settled_s=600, margin_percent=20)
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: COUNT
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}, annotations: {NOTES}}
    spec:
      NODE
      containers: [{name: c, image: i, resources: {requests: {cpu: CPU}}}]
      volumes: [VOLUMES]
---
"""
BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: NAME}
spec: {maxUnavailable: ALLOWED, selector: {matchLabels: {app: NAME}}}
---
"""


def web(
    name: str = "web", count: int = 4, cpu: str = "1500m", node: str = "", notes: str = "", volumes: str = ""
) -> str:
    """A Deployment whose Pods ask for processors."""
    text = WEB.replace("NAME", name).replace("COUNT", str(count)).replace("CPU", cpu).replace("NOTES", notes)
    return text.replace("NODE", f"nodeSelector: {{kubernetes.io/hostname: {node}}}" if node else "").replace(
        "VOLUMES", volumes
    )


def budget(name: str = "web", allowed: int = 1) -> str:
    """A budget for it."""
    return BUDGET.replace("NAME", name).replace("ALLOWED", str(allowed))


def crowded(text: str, rules: RebalancingPolicy = ON) -> Cluster:
    """Two nodes of eight processors, of which the second came when everything was on the first already."""
    cluster = Cluster(("node-1",))
    cluster.policy = replace(cluster.policy, rebalancing=rules)
    cluster.push(text)
    cluster.settle()
    cluster.observed = replace(
        cluster.observed,
        nodes={**cluster.observed.nodes, "node-2": replace(cluster.observed.nodes["node-1"], name="node-2")},
    )
    cluster.report()
    assert moved(cluster.settle()) == 0
    return cluster


def later(cluster: Cluster, seconds: float = 601) -> list[Plan]:
    """Let time pass, with nodes that are heard, and settle."""
    cluster.now += seconds
    cluster.report()
    return cluster.settle()


def moved(plans: list[Plan]) -> int:
    """How many Pods were ended to run elsewhere."""
    return len({one.ref for plan in plans for one in plan.changes if one.reason is Reason.REBALANCED})


def counts(cluster: Cluster) -> dict[str, int]:
    """How many Pods each node has."""
    found = {"node-1": 0, "node-2": 0}
    for pod in cluster.of("Pod").values():
        assert isinstance(pod, Pod)
        found[pod.spec.node_name] += 1
    return found


def test_pods_move_one_by_one_until_the_nodes_are_even() -> None:
    """Each only after a while in which nothing moved; then nothing moves any more."""
    cluster = crowded(web() + budget(), replace(ON, margin_percent=10))
    assert counts(cluster) == {"node-1": 4, "node-2": 0}
    assert moved(later(cluster, 300)) == 0
    assert moved(later(cluster, 400)) == 1
    assert counts(cluster) == {"node-1": 3, "node-2": 1}
    assert moved(later(cluster, 300)) == 0
    assert moved(later(cluster, 400)) == 1
    assert counts(cluster) == {"node-1": 2, "node-2": 2}
    assert [moved(later(cluster)) for _ in range(3)] == [0, 0, 0]


def test_what_is_told_of_a_move_names_both_nodes() -> None:
    """As the reason of the plan and as an event, with how full they are."""
    cluster = crowded(web() + budget())
    cluster.now += 601
    cluster.report()
    plan = cluster.plan()
    (verdict,) = [one for one in plan.verdicts if one.reason is Reason.REBALANCED]
    assert verdict.message == "node-1 is 75% full, node-2 will be 19% with it"
    assert [one.message for one in plan.happenings if one.reason == "Rebalanced"] == [
        "ends here to run elsewhere: node-1 is 75% full, node-2 will be 19% with it"
    ]


def test_it_says_when_it_is_to_look_again() -> None:
    """So that a cluster in which nothing happens is balanced, too."""
    cluster = crowded(web() + budget())
    assert cluster.plan().look_again_at is not None
    cluster = crowded(web() + budget(), replace(ON, settled_s=20))
    made = max(unix(one.metadata.creation_timestamp) or 0.0 for one in cluster.of("Pod").values())
    cluster.now = made + 10
    cluster.report()
    assert cluster.plan().look_again_at == made + 20
    cluster.now = made + 19
    cluster.report()
    assert moved([cluster.tick()]) == 0
    cluster.now = made + 20
    cluster.report()
    assert moved([cluster.tick()]) == 1


def stays(text: str, rules: RebalancingPolicy = ON) -> bool:
    """Whether nothing moves, however long one waits."""
    cluster = crowded(text, rules)
    return moved([*later(cluster), *later(cluster, 10_000)]) == 0


def test_nothing_moves_unless_it_is_switched_on() -> None:
    """It is off by default."""
    assert stays(web() + budget(), RebalancingPolicy())


def test_nothing_moves_without_a_budget_or_against_it() -> None:
    """Also where two budgets cover a Pod, of which nobody knows which one counts."""
    assert stays(web())
    assert stays(web() + budget(allowed=0))
    assert stays(web() + budget() + budget().replace("{name: web}", "{name: other}"))


def test_nothing_moves_that_has_its_data_here_or_asks_to_stay() -> None:
    """Empty directories, directories of the host, and the annotation that cluster autoscalers read."""
    assert stays(web(volumes="{name: v, emptyDir: {}}") + budget())
    assert stays(web(volumes="{name: v, hostPath: {path: /srv}}") + budget())
    assert stays(web(notes="cluster-autoscaler.kubernetes.io/safe-to-evict: 'false'") + budget())


def test_nothing_moves_that_the_scheduler_would_bring_back() -> None:
    """A Pod that may be nowhere else, one that asks for nothing, and one too large for the margin."""
    assert stays(web(node="node-1") + budget())
    assert stays(web(cpu="0") + budget())
    assert stays(web("large", 3) + web("idle", cpu="0") + budget("idle"))
    assert stays(web(count=1, cpu="7") + budget())
    assert stays(web(count=2, cpu="1") + budget(), replace(ON, margin_percent=26))


def test_nothing_moves_to_a_node_that_is_cordoned() -> None:
    """Whoever did that is about to have it empty."""
    cluster = crowded(web() + budget())
    override_node(cluster, "node-2", unschedulable=True)
    assert moved([*later(cluster), *later(cluster)]) == 0


STATEFUL = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  replicas: 4
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 1500m}}}]}
---
"""
ALONE = """
apiVersion: v1
kind: Pod
metadata: {name: alone, labels: {app: web}}
spec: {NODE, containers: [{name: c, image: i, resources: {requests: {cpu: "6"}}}]}
---
"""


def test_nothing_moves_whose_owner_makes_no_other_at_once() -> None:
    """Members of StatefulSets have names, of which there is one; Pods without an owner are gone for good."""
    assert stays(STATEFUL + budget(), replace(ON, margin_percent=10))
    alone = ALONE.replace("NODE, ", "").replace('cpu: "6"', 'cpu: "3"')
    assert stays(alone + alone.replace("alone", "other") + budget().replace("maxUnavailable: 1", "minAvailable: 0"))


def test_nothing_moves_that_is_not_ready() -> None:
    """It may be the reason for which others must stay."""
    cluster = crowded(web() + web("sick", 1, cpu="100m") + budget(allowed=0) + budget("sick"))
    cluster.ready = lambda pod: not pod.metadata.name.startswith("sick")
    cluster.report()
    cluster.settle()
    assert moved([*later(cluster), *later(cluster)]) == 0


def test_a_margin_is_enough_when_it_is_just_met() -> None:
    """Two Pods of a fifth each: one of them moves."""
    assert not stays(web(count=2, cpu="1600m") + budget())
    assert stays(web(count=2, cpu="1600m") + budget(), replace(ON, margin_percent=21))
    assert stays(web(count=2, cpu="1590m") + budget())
    large = ALONE.replace("NODE", "nodeSelector: {kubernetes.io/hostname: node-2}").replace('cpu: "6"', "memory: 8Gi")
    other = replace(ON, margin_percent=25)
    assert not stays(web() + budget() + large.replace("app: web", "app: large"), other)


def test_nothing_moves_that_may_be_nowhere_any_more() -> None:
    """Neither on the node on which it is, nor elsewhere."""
    cluster = crowded(web(node="node-1") + budget())
    override_node(cluster, "node-1", unschedulable=True)
    assert moved([*later(cluster), *later(cluster)]) == 0


def test_a_pod_moves_that_belongs_to_something_else_besides() -> None:
    """Only one of its owners makes another one."""
    cluster = crowded(web() + budget())
    other = OwnerReference(api_version="v1", kind="ConfigMap", name="other", uid="other")
    objects = dict(cluster.observed.objects)
    for ref, one in objects.items():
        if isinstance(one.object, Pod):
            metadata = one.object.metadata
            owned = replace(metadata, owner_references=(*metadata.owner_references, other))
            objects[ref] = replace(one, object=replace(one.object, metadata=owned))
    cluster.observed = replace(cluster.observed, objects=objects)
    assert moved(later(cluster)) == 1


def test_a_node_that_has_nothing_is_full() -> None:
    """A node without processors is no place to go."""
    assert fullness(Candidate(node=Node(), has=Room())) == 1.0


def test_nothing_moves_while_another_pod_has_yet_to_end() -> None:
    """It may be the move before; unless the node is away, of which nobody knows when it comes back."""
    cluster = crowded(web() + budget() + web("slow", 1, cpu="100m", node="node-1"))
    cluster.ends = lambda _: False
    cluster.push(web() + budget() + web("slow", 0, cpu="100m", node="node-1"), commit="c2")
    cluster.tick()
    cluster.tick()
    assert moved([*later(cluster), *later(cluster)]) == 0
    cluster.ends = lambda _: True
    assert moved(later(cluster)) == 1


def test_what_waits_for_ever_keeps_nothing_from_moving_unless_it_would_be_moved() -> None:
    """A Pod without an owner that fits nowhere says nothing of what is well."""
    waiting = ALONE.replace("NODE", "nodeSelector: {kubernetes.io/hostname: none}").replace("app: web", "app: alone")
    cluster = crowded(web() + budget() + waiting)
    assert moved(later(cluster)) == 1
    cluster = crowded(web() + budget() + web("other", 1, node="none"))
    assert moved(later(cluster)) == 0


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from(["100m", "500m", "900m", "2"]), st.integers(0, 2)),
        min_size=1,
        max_size=3,
    ),
    margin=st.integers(1, 40),
)
def test_it_comes_to_an_end_and_keeps_every_budget(sizes: list[tuple[int, str, int]], margin: int) -> None:
    """Fewer moves than Pods, never more at once than a budget allows, and none of a Pod whose budget allows none."""
    text = "".join(web(f"w{n}", count, cpu) + budget(f"w{n}", allowed) for n, (count, cpu, allowed) in enumerate(sizes))
    cluster = crowded(text, replace(ON, margin_percent=margin))
    pods = sum(count for count, _, _ in sizes)
    told = [moved(later(cluster)) for _ in range(pods + 2)]
    assert max(told) <= 1
    assert told[-2:] == [0, 0]
