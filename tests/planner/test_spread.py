"""Pods are spread over zones, hosts and whatever nodes are labelled with."""

from typing import Any

import pytest

from reconciler.planner.scheduling.framework import Cluster
from reconciler.planner.scheduling.spread_plugin import PodTopologySpread
from tests.planner.scheduled import HOST, ZONE, cluster, even, node, pod

NODES = [node("n1", "east"), node("n2", "east"), node("n3", "west")]
SKEWED = "node(s) didn't match pod topology spread constraints"


def against(there: Cluster, waiting: Any) -> dict[str, str]:
    """Return what each node has against a Pod."""
    plugin = PodTopologySpread(there)
    state = plugin.prepare(waiting)
    misfits = {name: plugin.why_not(state, waiting, one) if state else None for name, one in there.nodes.items()}
    return {name: misfit.reasons[0] for name, misfit in misfits.items() if misfit is not None}


def scores(there: Cluster, waiting: Any) -> dict[str, int]:
    """Return the scores of all nodes."""
    plugin = PodTopologySpread(there)
    state = plugin.prepare(waiting)
    return dict(plugin.scores(state, waiting, there.nodes)) if state else {}


def test_a_fuller_zone_is_refused() -> None:
    """One Pod more than in the emptiest zone is allowed, two are not."""
    waiting = pod("w", "web", topologySpreadConstraints=[even("web", ZONE)])
    assert against(cluster(NODES, {"n1": [pod("a", "web")]}), waiting) == {"n1": SKEWED, "n2": SKEWED}
    assert against(cluster(NODES, {"n1": [pod("a", "web")], "n3": [pod("b", "web")]}), waiting) == {}


def test_a_node_without_the_label_is_refused() -> None:
    """And for good: no Pod's end would change it."""
    waiting = pod("w", "web", topologySpreadConstraints=[even("web", ZONE)])
    assert against(cluster([*NODES, node("n4")]), waiting) == {"n4": f"{SKEWED} (missing required label)"}


def test_ending_pods_and_those_of_other_namespaces_do_not_count() -> None:
    """Only Pods that will stay, of the own namespace, with the labels."""
    waiting = pod("w", "web", topologySpreadConstraints=[even("web", ZONE)])
    ending = pod("a", "web", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    assert against(cluster(NODES, {"n1": [ending]}), waiting) == {}
    assert against(cluster(NODES, {"n1": [pod("a", "web", namespace="other"), pod("b", "db")]}), waiting) == {}


def test_too_few_domains_count_as_an_empty_one() -> None:
    """minDomains: with three asked for and two there, each zone takes only as much as the skew allows."""
    three = pod("w", "web", topologySpreadConstraints=[even("web", ZONE, minDomains=3)])
    two = pod("w", "web", topologySpreadConstraints=[even("web", ZONE, minDomains=2)])
    there = cluster(NODES, {"n1": [pod("a", "web")], "n3": [pod("b", "web")]})
    assert sorted(against(there, three)) == ["n1", "n2", "n3"]
    assert against(there, two) == {}


def test_only_nodes_that_the_pod_may_be_on_count() -> None:
    """nodeAffinityPolicy, unless it is ignored."""
    chosen: dict[str, Any] = {"nodeSelector": {ZONE: "east"}}
    there = cluster(NODES, {"n1": [pod("a", "web")]})
    assert against(there, pod("w", "web", topologySpreadConstraints=[even("web", ZONE)], **chosen)) == {}
    ignored = even("web", ZONE, nodeAffinityPolicy="Ignore")
    assert sorted(against(there, pod("w", "web", topologySpreadConstraints=[ignored], **chosen))) == ["n1", "n2"]


def test_tainted_nodes_count_unless_taints_are_honoured() -> None:
    """nodeTaintsPolicy; a cordoned node is a tainted one."""
    nodes = [*NODES[:2], node("n3", "west", unschedulable=True)]
    there = cluster(nodes, {"n1": [pod("a", "web")]})
    assert sorted(against(there, pod("w", "web", topologySpreadConstraints=[even("web", ZONE)]))) == ["n1", "n2"]
    honoured = even("web", ZONE, nodeTaintsPolicy="Honor")
    assert against(there, pod("w", "web", topologySpreadConstraints=[honoured])) == {}
    bearing = [{"operator": "Exists"}]
    waiting = pod("w", "web", topologySpreadConstraints=[honoured], tolerations=bearing)
    assert sorted(against(there, waiting)) == ["n1", "n2"]


@pytest.mark.parametrize(("taints", "alike"), [("Honor", False), ("Ignore", True)])
def test_pods_are_alike_that_bear_the_same_where_taints_count(taints: str, alike: bool) -> None:
    """What they bear makes no difference where taints do not."""
    rule = [even("web", ZONE, nodeTaintsPolicy=taints)]
    plugin = PodTopologySpread(cluster(NODES))
    some = [pod("w", "web", topologySpreadConstraints=rule, tolerations=one) for one in ([], [{"operator": "Exists"}])]
    assert (plugin.likeness(some[0]) == plugin.likeness(some[1])) is alike


def test_label_keys_count_the_own_revision_only() -> None:
    """matchLabelKeys: a rollout spreads its new Pods whatever the old ones do."""
    there = cluster(NODES, {"n1": [pod("a", "web", labels={"revision": "1"})]})
    constraint = even("web", ZONE, matchLabelKeys=["revision"])
    waiting = pod("w", "web", labels={"revision": "2"}, topologySpreadConstraints=[constraint])
    assert against(there, waiting) == {}


def test_a_soft_constraint_prefers_the_emptier_domain() -> None:
    """Nothing is refused; the fuller, the fewer points."""
    waiting = pod("w", "web", topologySpreadConstraints=[even("web", ZONE, hard=False)])
    there = cluster(NODES, {"n1": [pod("a", "web"), pod("b", "web")], "n3": [pod("c", "web")]})
    assert against(there, waiting) == {}
    assert scores(there, waiting) == {"n1": 33, "n2": 33, "n3": 100}


def test_pods_of_a_service_spread_softly_by_themselves() -> None:
    """Over hosts and zones, as kube-scheduler does without being told; a Pod of nothing does not."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    there = cluster(NODES, {"n1": [pod("a", "web")]}, service)
    found = scores(there, pod("w", "web"))
    assert found["n3"] > found["n2"] > found["n1"]
    assert scores(there, pod("w", "alone")) == {}


def test_pods_of_a_replica_set_spread_softly_by_themselves() -> None:
    """What the set chooses is counted."""
    replica_set = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "web-1", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}},
        },
    }
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "u", "controller": True}
    there = cluster(NODES, {"n1": [pod("a", "web")]}, replica_set)
    found = scores(there, pod("w", "web", metadata={"ownerReferences": [owner]}))
    assert found["n3"] > found["n2"] > found["n1"]


def test_hosts_are_spread_over_by_name() -> None:
    """A constraint over hosts refuses the host that has one more, not its zone."""
    waiting = pod("w", "web", topologySpreadConstraints=[even("web", HOST)])
    assert sorted(against(cluster(NODES, {"n1": [pod("a", "web")]}), waiting)) == ["n1"]
