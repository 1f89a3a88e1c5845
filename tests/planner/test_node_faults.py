"""What a node tells of itself that lasts is a condition of its Node, and no revision's fault."""

from __future__ import annotations

from typing import cast

from reconciler.model.kinds import Condition, Node, Pod
from reconciler.model.node_report import NodeFault
from reconciler.model.observed import NodeState
from reconciler.model.plan import RevisionEnding
from reconciler.model.times import unix
from reconciler.planner.health import condition
from reconciler.planner.node_faults import fault_conditions, troubles
from tests.planner.test_revision_endings import SLOW, endings, returning
from tests.planner.world import Cluster, replace

UNPREPARED = NodeFault(action="prepareHost", reason="NetworkConflict", message="link l is foreign", blocks_pods=True)
NO_WAY = NodeFault(action="programPeers", reason="NoWayToNode", message="host 10.0.0.2 shares no link")
ROUTED = Condition(type="NetworkUnavailable", status="False", reason="RouteCreated", message="there is one")


def tell(cluster: Cluster, *faults: NodeFault, node: str = "node-1") -> None:
    """Have a node report these from now on."""
    report = type(cluster).report

    def changed() -> None:
        report(cluster)
        state = cluster.observed.nodes[node]
        assert state.observation is not None
        state = replace(state, observation=replace(state.observation, faults=faults))
        cluster.observed = replace(cluster.observed, nodes={**cluster.observed.nodes, node: state})

    cluster.report = changed  # type: ignore[method-assign]
    cluster.report()


def node_of(cluster: Cluster, name: str = "node-1") -> Node:
    """The Node object."""
    return cast(Node, cluster.of("Node")[name])


def said(cluster: Cluster, kind: str) -> Condition | None:
    """A condition of the node."""
    return cast(Condition | None, condition(node_of(cluster).status.conditions, kind))


def taints(cluster: Cluster) -> list[str]:
    """The taints of the node."""
    return [f"{one.key}:{one.effect}" for one in node_of(cluster).spec.taints]


def test_a_node_without_trouble_says_nothing_of_it() -> None:
    """Its conditions are those of a kubelet."""
    cluster = Cluster()
    cluster.settle()
    kinds = [one.type for one in node_of(cluster).status.conditions]
    assert kinds == ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"]


def test_a_host_that_is_not_prepared_has_no_network_and_takes_no_pods() -> None:
    """In Kubernetes' words, with the host's own reason; it is ready all the same."""
    cluster = Cluster()
    cluster.settle()
    tell(cluster, UNPREPARED)
    cluster.settle()
    told, ready = said(cluster, "NetworkUnavailable"), said(cluster, "Ready")
    assert told is not None
    assert (told.status, told.reason, told.message) == ("True", "NetworkConflict", "prepareHost: link l is foreign")
    assert ready is not None
    assert ready.status == "True"
    assert taints(cluster) == ["node.kubernetes.io/network-unavailable:NoSchedule"]


def test_what_keeps_no_pod_from_running_keeps_none_away() -> None:
    """It is told under another name."""
    cluster = Cluster()
    tell(cluster, NO_WAY)
    cluster.settle()
    told = said(cluster, "reconciler.dev/Degraded")
    assert told is not None
    assert (told.status, told.reason) == ("True", "NoWayToNode")
    assert said(cluster, "NetworkUnavailable") is None
    assert not taints(cluster)


def test_it_goes_by_itself_and_says_since_when_it_is_over() -> None:
    """The conditions stay, as False; the taint goes. Nothing is written after that."""
    cluster = Cluster()
    tell(cluster, UNPREPARED, NO_WAY)
    cluster.settle()
    cluster.now += 100
    over_at = cluster.now
    tell(cluster)
    cluster.settle()
    for kind in ("NetworkUnavailable", "reconciler.dev/Degraded"):
        told = said(cluster, kind)
        assert told is not None
        assert told.status == "False"
        assert unix(told.last_transition_time) == over_at
    assert not troubles(node_of(cluster).status.conditions)
    assert not taints(cluster)
    cluster.now += 10
    assert not cluster.tick().changes


def test_what_a_provider_says_of_routes_stays_its_own() -> None:
    """It holds where the node itself has nothing against its network, and again once that is over."""
    facts = Cluster().observed.nodes["node-1"]
    cluster = Cluster()
    tell(cluster, UNPREPARED)
    ill, well = cluster.observed.nodes["node-1"], facts
    first = fault_conditions(ill, (), (ROUTED,), silent=False)
    assert [one.reason for one in first] == ["NetworkConflict"]
    assert fault_conditions(well, first, (ROUTED,), silent=False) == (ROUTED,)
    assert fault_conditions(well, (ROUTED,), (), silent=False) == ()


def test_what_a_silent_node_said_last_still_holds() -> None:
    """Nothing else is known of it."""
    told = Condition(type="NetworkUnavailable", status="True", reason="NetworkConflict")
    assert fault_conditions(NodeState(name="n"), (told,), (), silent=True) == (told,)


def late(*faults: NodeFault) -> Cluster:
    """A cluster whose second revision misses its deadline while the node has these faults."""
    cluster = returning("main")
    cluster.push(SLOW)
    cluster.settle()
    tell(cluster, *faults)
    cluster.ready = lambda _: False
    cluster.push(SLOW.replace("web:1", "web:2"), commit="c2")
    for _ in range(4):
        assert not endings(cluster)
        cluster.now += 1
    cluster.now += 120
    cluster.report()
    return cluster


def failed(cluster: Cluster) -> list[RevisionEnding]:
    """What is said of failed revisions in the next passes."""
    found = []
    for _ in range(4):
        found += [one for one in endings(cluster) if one.failed is not None]
        cluster.now += 1
    return found


def test_a_commit_is_not_taken_back_for_a_node() -> None:
    """Neither for one on which Pods do not come up, nor for one that takes none."""
    assert failed(late())
    assert not failed(late(NO_WAY))
    assert not failed(late(UNPREPARED))


def test_a_node_that_is_well_again_leaves_a_commit_its_time() -> None:
    """As long as its deadline, counted anew; what is then still not up is the commit's own fault."""
    cluster = late(NO_WAY)
    assert not failed(cluster)
    tell(cluster)
    assert not failed(cluster)
    at = cluster.tick().look_again_at
    assert at is not None
    assert at <= cluster.now + 60
    cluster.now += 60
    cluster.report()
    assert failed(cluster)


def test_a_commit_that_fails_elsewhere_too_is_taken_back() -> None:
    """One node's trouble is no excuse for the Pods of another."""
    cluster = late(NO_WAY)
    nodes = {**cluster.observed.nodes, "node-2": NodeState(name="node-2")}
    last = max(ref for ref in cluster.observed.objects if ref.kind == "Pod")
    stored = cluster.observed.objects[last]
    moved = replace(stored.object, spec=replace(cast(Pod, stored.object).spec, node_name="node-2"))
    objects = {**cluster.observed.objects, last: replace(stored, object=moved)}
    cluster.observed = replace(cluster.observed, nodes=nodes, objects=objects)
    cluster.report()
    assert failed(cluster)
