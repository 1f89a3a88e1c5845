"""What a pass looks at because of nodes, persons, policy and time, and what it leaves asleep."""

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.model.observed import ClusterInfo, NodeState
from reconciler.model.overrides import Override
from reconciler.model.refs import ObjectRef
from reconciler.planner.plan import plan
from tests.planner.test_deployment import web
from tests.planner.test_safety import config_maps
from tests.planner.world import Cluster, replace

BODY = "metadata: {name: NAME}\nspec: {nodeName: NODE, containers: [{name: c, image: i}]}"
POD = f"---\napiVersion: v1\nkind: Pod\n{BODY}\n"
C0 = ObjectRef.of("ConfigMap", "default", "c0")
EVERYTHING = "everything"


def quiet() -> Cluster:
    """Return a cluster of two nodes in which everything sleeps that may."""
    cluster = Cluster(nodes=("a", "b"))
    pods = [POD.replace("NAME", name).replace("NODE", name[0]) for name in ("a-1", "a-2", "b-1")]
    service = web().split("---\n")[1]
    cluster.push(config_maps(range(2)) + "".join(pods) + "---\n" + service)
    cluster.settle()
    assert woken(cluster) == []
    return cluster


def woken(cluster: Cluster) -> list[str]:
    """Return what the next pass wakes, but for what follows from nodes by themselves."""
    plan(cluster.desired, cluster.observed, cluster.policy, cluster.now, cluster.memo)
    kinds = ("ConfigMap", "Pod", "Service")
    return sorted({ref.name for ref in cluster.memo.attention.woken if ref.kind in kinds})


def state(cluster: Cluster, name: str, one: NodeState | None) -> None:
    """Have a node be told otherwise, or be gone."""
    nodes = {other: known for other, known in cluster.observed.nodes.items() if other != name}
    cluster.observed = replace(cluster.observed, nodes=nodes if one is None else {**nodes, name: one})


def override(cluster: Cluster, **parts: Any) -> None:
    """Override something on c0."""
    one = Override(ref=C0, uid=cluster.observed.objects[C0].object.metadata.uid, by="admin", **parts)
    cluster.observed = replace(cluster.observed, overrides={C0: one})


def silence(cluster: Cluster) -> None:
    """Have only the node b go on reporting."""
    silent = cluster.observed.nodes["a"]
    cluster.now += 100
    cluster.report()
    state(cluster, "a", silent)


def policy(cluster: Cluster) -> None:
    """Let the operator say something else."""
    cluster.policy = replace(cluster.policy, prune_min=4)


def elsewhere(cluster: Cluster) -> None:
    """Give the cluster another domain."""
    cluster.observed = replace(cluster.observed, cluster=ClusterInfo(id="test", domain="other"))


def earlier(cluster: Cluster) -> None:
    """Let the clock go back."""
    cluster.now -= 1


def later(cluster: Cluster) -> None:
    """Let a second pass."""
    cluster.now += 1


def same(cluster: Cluster) -> None:
    """Let no time pass."""


def report(cluster: Cluster) -> None:
    """Let all nodes report the same again."""
    cluster.report()


def unready(cluster: Cluster) -> None:
    """Have one Pod be reported otherwise."""
    cluster.ready = lambda pod: pod.metadata.name != "a-2"
    cluster.report()


def forget(cluster: Cluster) -> None:
    """Lose what was allocated."""
    cluster.observed = replace(cluster.observed, allocations={})


def allocate(cluster: Cluster) -> None:
    """Allocate something more."""
    cluster.observed = replace(cluster.observed, allocations={**cluster.observed.allocations, "more": "1"})


def commit(cluster: Cluster) -> None:
    """Read the same from another commit."""
    cluster.desired = {"main": replace(cluster.desired["main"], objects=tuple(cluster.desired["main"].objects))}


def change(cluster: Cluster) -> None:
    """Declare one object otherwise."""
    objects = tuple(replace(one, digest="new") if one.ref == C0 else one for one in cluster.desired["main"].objects)
    cluster.desired = {"main": replace(cluster.desired["main"], objects=objects)}


def drop(cluster: Cluster) -> None:
    """Declare one object no more."""
    objects = tuple(one for one in cluster.desired["main"].objects if one.ref != C0)
    cluster.desired = {"main": replace(cluster.desired["main"], objects=objects)}


CASES: list[tuple[Callable[[Cluster], None], list[str]]] = [
    (same, []),
    (later, []),
    (report, []),
    (allocate, []),
    (commit, []),
    (earlier, [EVERYTHING]),
    (policy, [EVERYTHING]),
    (elsewhere, [EVERYTHING]),
    (lambda cluster: override(cluster, restarted_at="then"), ["c0"]),
    (silence, ["a-1", "a-2"]),
    (unready, ["a-2"]),
    (lambda cluster: state(cluster, "a", None), ["a-1", "a-2"]),
    (forget, ["web"]),
    (change, ["c0"]),
    (drop, ["c0"]),
]


@pytest.mark.parametrize(("happens", "expected"), CASES, ids=lambda one: getattr(one, "__name__", None))
def test_a_pass_looks_at_what_may_differ_and_at_nothing_else(
    happens: Callable[[Cluster], None], expected: list[str]
) -> None:
    """P18: a pass costs what has changed, also beside objects."""
    cluster = quiet()
    happens(cluster)
    everything = ["a-1", "a-2", "b-1", "c0", "c1", "web"]
    assert woken(cluster) == (everything if expected == [EVERYTHING] else expected)


def test_what_is_overridden_is_looked_at_until_it_is_not() -> None:
    """Also once more when it ends."""
    cluster = quiet()
    override(cluster, restarted_at="then")
    assert woken(cluster) == ["c0"]
    other = quiet()
    pod = next(ref for ref in other.observed.objects if ref.name == "a-1")
    one = Override(ref=pod, uid=other.observed.objects[pod].object.metadata.uid, conditions=())
    other.observed = replace(other.observed, overrides={pod: one})
    assert woken(other) == ["a-1"]
    cluster.observed = replace(cluster.observed, overrides={})
    plan(cluster.desired, cluster.observed, cluster.policy, cluster.now, cluster.memo)
    assert C0 not in set(cluster.memo.attention.all_awake())
