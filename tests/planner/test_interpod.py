"""Pods are kept near to each other and apart, over any label of nodes."""

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import ObjectMeta
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.framework import Cluster
from reconciler.planner.scheduling.interpod_plugin import InterPodAffinity
from tests.planner.scheduled import HOST, RACK, ZONE, Objects, affinity, cluster, near, node, pod

NODES = [node("n1", "east", rack="r1"), node("n2", "east", rack="r2"), node("n3", "west", rack="r3"), node("n4")]
APART = "node(s) didn't match pod anti-affinity rules"
NEAR = "node(s) didn't match pod affinity rules"
REPELLED = "node(s) didn't satisfy existing pods anti-affinity rules"


def against(there: Cluster, waiting: Any) -> dict[str, str]:
    """Return what each node has against a Pod."""
    plugin = InterPodAffinity(there)
    state = plugin.prepare(waiting)
    misfits = {name: plugin.why_not(state, waiting, one) if state else None for name, one in there.nodes.items()}
    return {name: misfit.reasons[0] for name, misfit in misfits.items() if misfit is not None}


def liked(there: Cluster, waiting: Any) -> dict[str, int]:
    """Return the scores of all nodes."""
    plugin = InterPodAffinity(there)
    state = plugin.prepare(waiting)
    return dict(plugin.scores(state, waiting, there.nodes)) if state else {}


@pytest.mark.parametrize(("key", "refused"), [(HOST, ["n1"]), (RACK, ["n1"]), (ZONE, ["n1", "n2"])])
def test_a_pod_stays_away_from_another_by_any_label(key: str, refused: list[str]) -> None:
    """A host, a rack or a zone; a node without the label has nothing against anybody."""
    waiting = pod("w", "web", affinity=affinity(podAntiAffinity=[near("db", key)]))
    assert against(cluster(NODES, {"n1": [pod("p", "db")]}), waiting) == dict.fromkeys(refused, APART)


def test_who_is_there_repels_whom_it_does_not_want() -> None:
    """Anti-affinity holds in both directions."""
    lonely = pod("p", "db", affinity=affinity(podAntiAffinity=[near("web", ZONE)]))
    assert against(cluster(NODES, {"n1": [lonely]}), pod("w", "web")) == {"n1": REPELLED, "n2": REPELLED}
    assert against(cluster(NODES, {"n1": [lonely]}), pod("w", "other")) == {}


def test_a_pod_goes_where_another_is() -> None:
    """The zone of the other, not only its host; where the label is missing, never."""
    waiting = pod("w", "web", affinity=affinity(podAffinity=[near("db", ZONE)]))
    there = cluster(NODES, {"n1": [pod("p", "db")]})
    assert against(there, waiting) == {"n3": NEAR, "n4": NEAR}


def test_the_first_of_a_group_may_go_to_any_domain() -> None:
    """Only once nobody of the group is anywhere, and only to nodes with the label."""
    waiting = pod("w", "web", affinity=affinity(podAffinity=[near("web", ZONE)]))
    assert against(cluster(NODES), waiting) == {"n4": NEAR}
    assert against(cluster(NODES, {"n3": [pod("p", "web")]}), waiting) == {"n1": NEAR, "n2": NEAR, "n4": NEAR}
    stranger = pod("w", "other", affinity=affinity(podAffinity=[near("web", ZONE)]))
    assert against(cluster(NODES), stranger) == {"n1": NEAR, "n2": NEAR, "n3": NEAR, "n4": NEAR}


@pytest.mark.parametrize(
    ("scope", "meant"),
    [
        ({}, ["own"]),
        ({"namespaces": ["shop"]}, ["shop"]),
        ({"namespaceSelector": {}}, ["own", "shop", "bank"]),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}}, ["shop"]),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}, "namespaces": ["bank"]}, ["shop", "bank"]),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "bank"}}}, ["bank"]),
    ],
)
def test_a_term_is_about_certain_namespaces(scope: dict[str, Any], meant: list[str]) -> None:
    """Its own, those it names, those its selector chooses; an empty selector chooses all."""
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        for name, labels in (("own", {}), ("shop", {"team": "a"}), ("bank", {"team": "b"}))
    ]
    waiting = pod("w", "web", namespace="own", affinity=affinity(podAntiAffinity=[near("db", HOST, **scope)]))
    hosts = {"n1": [pod("p", "db", namespace="own")], "n2": [pod("p", "db", namespace="shop")]}
    there = cluster(NODES, {**hosts, "n3": [pod("p", "db", namespace="bank")]}, *namespaces)
    refused = {"own": "n1", "shop": "n2", "bank": "n3"}
    assert sorted(against(there, waiting)) == sorted(refused[name] for name in meant)


def test_label_keys_narrow_a_term_to_pods_with_the_same_value() -> None:
    """matchLabelKeys: only the own revision; mismatchLabelKeys: only other tenants."""
    old, new = {"revision": "1"}, {"revision": "2"}
    there = cluster(NODES, {"n1": [pod("a", "web", labels=old)], "n3": [pod("b", "web", labels=new)]})
    same = affinity(podAntiAffinity=[near("web", ZONE, matchLabelKeys=["revision"])])
    other = affinity(podAntiAffinity=[near("web", ZONE, mismatchLabelKeys=["revision"])])
    assert sorted(against(there, pod("w", "web", labels=new, affinity=same))) == ["n3"]
    assert sorted(against(there, pod("w", "web", labels=new, affinity=other))) == ["n1", "n2"]


def test_wishes_count_from_both_sides() -> None:
    """Own wishes, those of Pods that are there, and a required affinity of theirs as a small one."""
    waiting = pod("w", "web", affinity=affinity(podAffinity=[(50, near("db", ZONE))]))
    there = {
        "n1": [pod("p", "db")],
        "n3": [pod("q", "x", affinity=affinity(podAntiAffinity=[(50, near("web", ZONE))]))],
    }
    assert liked(cluster(NODES, there), waiting) == {"n1": 100, "n2": 100, "n3": 0, "n4": 50}
    fond = pod("p", "db", affinity=affinity(podAffinity=[near("web", ZONE)]))
    assert liked(cluster(NODES, {"n3": [fond]}), pod("w", "web")) == {"n1": 0, "n2": 0, "n3": 100, "n4": 0}


@pytest.mark.parametrize("hosts", [2, 32, 33])
def test_wishes_about_hosts_are_the_same_however_many_there_are(hosts: int) -> None:
    """A few are told apart by name, many by what is counted on them; one may be without the label."""
    bare = replace(node("bare").node, metadata=ObjectMeta(name="bare"))
    nodes = [Candidate(node=bare, has=node("bare").has), *(node(f"h{number}") for number in range(hosts))]
    waiting = pod("w", "web", affinity=affinity(podAffinity=[(2, near("db", HOST)), (1, near("cache", HOST))]))
    there = cluster(nodes, {"h0": [pod("p", "db")], "h1": [pod("q", "cache")]})
    assert liked(there, waiting) == {**dict.fromkeys(there.nodes, 0), "h0": 100, "h1": 50}
    of = Choice({one.name: one for one in nodes}, Objects())
    for app, place, best in (("cache", "h1", "h1"), ("db", "bare", "h1"), ("db", "h0", "h0")):
        assert of.best(waiting)
        of.place(pod(app, app), place)
        assert of.best(waiting) == best


def test_pods_without_a_part_in_any_term_are_alike() -> None:
    """Labels that no term looks at make no difference."""
    plugin = InterPodAffinity(
        cluster(NODES, {"n1": [pod("p", "db", affinity=affinity(podAntiAffinity=[near("x", ZONE)]))]})
    )
    alike = [plugin.likeness(pod(f"w{n}", "web", labels={"index": str(n)})) for n in (1, 2)]
    assert alike[0] == alike[1] != plugin.likeness(pod("w", "x"))
