"""The last answer stands while nothing that it was made from is otherwise, and no time has come."""

from collections.abc import Callable

import pytest

from reconciler.model.kinds import Condition
from reconciler.model.node_report import Observation
from reconciler.model.observed import Acknowledgement
from reconciler.model.overrides import Override
from reconciler.model.plan import Plan
from reconciler.model.refs import ObjectRef
from tests.planner.test_deployment import web
from tests.planner.world import Cluster, replace


def settled() -> Cluster:
    """Return a cluster in which nothing is left to do."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    cluster.push(web())
    cluster.settle()
    cluster.report()
    cluster.settle()
    return cluster


def reporting(cluster: Cluster, change: Callable[[Observation], Observation]) -> None:
    """Have the first node report something else, a second later."""
    cluster.now += 1
    state = cluster.observed.nodes["node-1"]
    assert state.observation is not None
    told = replace(state, heartbeat_at=cluster.now, observation=change(state.observation))
    cluster.observed = replace(cluster.observed, nodes={**cluster.observed.nodes, "node-1": told})


def passes_of(cluster: Cluster) -> int:
    """Plan; return how many passes that took."""
    before = cluster.memo.passes
    cluster.plan()
    return cluster.memo.passes - before


def test_the_answer_stands_until_the_leases_end() -> None:
    """A later heartbeat moves the time at which to look again; the answer is that of the moment."""
    cluster = settled()
    first: Plan = cluster.plan()
    reporting(cluster, lambda one: replace(one, sequence=one.sequence + 1, generation=7, view_generation=8))
    assert passes_of(cluster) == 0
    later = cluster.plan()
    assert later.observed_at == cluster.now and later.verdicts == first.verdicts
    cluster.now += cluster.policy.node_lease_s + 0.01
    assert passes_of(cluster) == 1
    assert any(change.ref.kind == "Node" for change in cluster.plan().changes)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, pods=(replace(one.pods[0], phase="Failed"), *one.pods[1:])),
        lambda one: replace(one, pressures=("MemoryPressure",)),
        lambda one: replace(one, facts=replace(one.facts, complete=False, engine_error="silent")),
        lambda one: replace(one, facts=replace(one.facts, host=replace(one.facts.host, boot_id="another"))),
        lambda one: replace(one, facts=replace(one.facts, directories=("/data/one",))),
        lambda one: replace(one, facts=replace(one.facts, ingress=replace(one.facts.ingress, program="proxy"))),
    ],
)
def test_what_steps_read_of_a_report_is_planned_with(change: Callable[[Observation], Observation]) -> None:
    """Whether anything follows from it is for the steps to say."""
    cluster = settled()
    cluster.plan()
    assert passes_of(cluster) == 0
    reporting(cluster, change)
    assert passes_of(cluster) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.push(web(replicas=1), commit="c2"),
        lambda one: setattr(one, "policy", replace(one.policy, node_lease_s=90.0)),
        lambda one: setattr(one, "now", one.now - 1),
        lambda one: setattr(one, "observed", replace(one.observed, objects=dict(one.observed.objects))),
        lambda one: setattr(one, "observed", replace(one.observed, acknowledgements=(acknowledged(),))),
        lambda one: setattr(one, "observed", replace(one.observed, overrides={node().ref: node()})),
        lambda one: setattr(one, "observed", replace(one.observed, nodes={"node-1": one.observed.nodes["node-1"]})),
    ],
)
def test_whatever_else_comes_in_is_planned_with(change: Callable[[Cluster], None]) -> None:
    """Declarations, policy, objects, a person's word, a node that has gone, and a clock that was set back."""
    cluster = settled()
    cluster.plan()
    change(cluster)
    assert passes_of(cluster) == 1


def test_an_answer_that_something_follows_from_does_not_stand() -> None:
    """Until it is carried out, each pass finds it anew."""
    cluster = settled()
    cluster.push(web(replicas=1), commit="c2")
    assert cluster.plan().changes
    assert passes_of(cluster) == 1


def acknowledged() -> Acknowledgement:
    """Return a person's word."""
    return Acknowledgement(source="main", objects=(), at=1.0)


def node() -> Override:
    """Return the override of a node that a person cordoned."""
    condition = Condition(type="Tested", status="True")
    return Override(ref=ObjectRef(kind="Node", name="node-1"), uid="", unschedulable=True, conditions=(condition,))
