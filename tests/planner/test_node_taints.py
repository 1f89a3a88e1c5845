"""When nodes get taints by themselves, when they evict, and how long Pods bear it: the rules one by one."""

from __future__ import annotations

import pytest

from reconciler.model.kinds import Condition, Node, NodeSpec, ObjectMeta, PodSpec, Taint, Toleration
from reconciler.model.times import rfc3339
from reconciler.planner.node_taints import (
    ZoneState,
    condition_taints,
    evicting_nodes,
    evicting_taints,
    is_automatic,
    zone_of,
    zone_states,
)
from reconciler.planner.tolerations import FOREVER, borne_s, with_default_tolerations

NOW = 1_800_000_000.0
REGION, ZONE = "topology.kubernetes.io/region", "topology.kubernetes.io/zone"
OLD_REGION, OLD_ZONE = "failure-domain.beta.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone"
NORMAL, PARTIAL, FULL = ZoneState.NORMAL, ZoneState.PARTIAL, ZoneState.FULL


def node(zone: str = "z", began: float | None = None, *taints: Taint) -> Node:
    """A node of a zone that has been evicting since then."""
    own = (
        ()
        if began is None
        else (Taint(key="node.kubernetes.io/unreachable", effect="NoExecute", time_added=rfc3339(began)),)
    )
    return Node(metadata=ObjectMeta(name="n", labels={ZONE: zone}), spec=NodeSpec(taints=(*own, *taints)))


@pytest.mark.parametrize(
    ("kind", "status", "key"),
    [
        ("Ready", "False", "not-ready"),
        ("Ready", "Unknown", "unreachable"),
        ("Ready", "True", ""),
        ("MemoryPressure", "True", "memory-pressure"),
        ("DiskPressure", "True", "disk-pressure"),
        ("PIDPressure", "True", "pid-pressure"),
        ("NetworkUnavailable", "True", "network-unavailable"),
        ("MemoryPressure", "False", ""),
        ("DiskPressure", "Unknown", ""),
        ("Other", "False", ""),
        ("Other", "True", ""),
    ],
)
def test_a_condition_makes_its_taint(kind: str, status: str, key: str) -> None:
    """With the effect NoSchedule; what is not ready evicts as well."""
    conditions = (Condition(type=kind, status=status),)
    full = f"node.kubernetes.io/{key}"
    assert condition_taints(conditions) == ((Taint(key=full, effect="NoSchedule"),) if key else ())
    evicts = kind == "Ready" and key != ""
    assert evicting_taints(conditions) == ((Taint(key=full, effect="NoExecute"),) if evicts else ())


def test_what_persons_say_is_not_automatic() -> None:
    """Only the keys that come and go by themselves are."""
    own = (
        "not-ready",
        "unreachable",
        "memory-pressure",
        "disk-pressure",
        "pid-pressure",
        "network-unavailable",
        "unschedulable",
    )
    assert all(is_automatic(Taint(key=f"node.kubernetes.io/{key}", effect="NoExecute")) for key in own)
    assert not is_automatic(Taint(key="node.kubernetes.io/out-of-service", effect="NoExecute"))
    assert not is_automatic(Taint(key="gpu", effect="NoExecute"))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, ""),
        ({REGION: "r", ZONE: "z"}, "r:\0:z"),
        ({ZONE: "z"}, ":\0:z"),
        ({REGION: "r"}, "r:\0:"),
        ({OLD_REGION: "r", OLD_ZONE: "z"}, "r:\0:z"),
        ({REGION: "new", OLD_REGION: "old", ZONE: "z", OLD_ZONE: "y"}, "new:\0:z"),
    ],
)
def test_a_zone_is_named_by_region_and_zone(labels: dict[str, str], expected: str) -> None:
    """By the former labels where there are no others."""
    assert zone_of(labels) == expected


@pytest.mark.parametrize(
    ("ready", "ill", "state"),
    [
        (3, 0, NORMAL),
        (1, 2, NORMAL),
        (1, 3, PARTIAL),
        (0, 1, FULL),
        (0, 5, FULL),
        (9, 11, PARTIAL),
        (46, 54, NORMAL),
        (45, 55, PARTIAL),
    ],
)
def test_a_zone_is_ill_from_three_nodes_and_55_percent(ready: int, ill: int, state: ZoneState) -> None:
    """As upstream; excluded nodes do not count, and each zone is judged by itself."""
    nodes = [({ZONE: "z"}, True)] * ready + [({ZONE: "z"}, False)] * ill
    excluded = [({ZONE: "z", "node.kubernetes.io/exclude-disruption": ""}, False)] * 9
    assert zone_states([*nodes, *excluded, ({ZONE: "a"}, True)]) == {
        zone_of({ZONE: "z"}): state,
        zone_of({ZONE: "a"}): NORMAL,
    }


def evicting(nodes: dict[str, Node], ready: str = "", now: float = NOW) -> tuple[list[str], float | None]:
    """The nodes that evict, and in how many seconds the next may; those in `ready` are well."""
    found = evicting_nodes(nodes, {name: name in ready for name in nodes}, now)
    return sorted(found.nodes), None if found.next_at is None else found.next_at - now


def test_nodes_of_a_zone_follow_each_other_ten_seconds_apart() -> None:
    """By the taints that they carry; the last of the zone counts, and every zone for itself."""
    assert evicting({"a": node(), "b": node(), "z": node()}, "z") == (["a"], 10)
    since = {"a": node(began=NOW - 9), "b": node(), "c": node(), "d": node(), "y": node(), "z": node()}
    assert evicting(since, "dyz") == (["a"], 1)
    assert evicting({**since, "a": node(began=NOW - 10)}, "dyz") == (["a", "b"], 10)
    assert evicting({**since, "c": node(began=NOW - 3)}, "dyz") == (["a", "c"], 7)
    assert evicting({**since, "b": node("other")}, "dyz") == (["a", "b"], 1)


def test_each_zone_waits_for_its_own_turn() -> None:
    """The first of them says when to look; one of which none is to follow holds up no other."""
    two = {
        "a": node("x", NOW - 3),
        "b": node("x"),
        "c": node("y", NOW - 8),
        "d": node("y"),
        "y": node("x"),
        "z": node("y"),
    }
    assert evicting(two, "yz") == (["a", "c"], 2)
    ill = {f"a{number}": node("ill") for number in range(3)}
    assert evicting({**ill, "b": node("x"), "y": node("ill"), "z": node("x")}, "yz") == (["b"], None)


def test_a_node_that_is_well_again_evicts_no_more() -> None:
    """And a person's taint, or one without effect on Pods that run, is no beginning."""
    assert evicting({"a": node(began=NOW - 50), "z": node()}, "az") == ([], None)
    mine = Taint(key="gpu", effect="NoExecute", time_added=rfc3339(NOW - 1))
    soft = Taint(key="node.kubernetes.io/unreachable", effect="NoSchedule", time_added=rfc3339(NOW - 1))
    assert evicting({"a": node("z", None, mine, soft), "b": node(), "z": node()}, "z") == (["a"], 10)


def test_the_first_of_a_nodes_own_taints_began_it() -> None:
    """The last node of a zone sets its pace."""
    earlier = Taint(key="node.kubernetes.io/not-ready", effect="NoExecute", time_added=rfc3339(NOW - 8))
    later = Taint(key="node.kubernetes.io/unreachable", effect="NoExecute", time_added=rfc3339(NOW - 2))
    assert evicting({"a": node("z", None, later, earlier), "b": node(), "z": node()}, "z") == (["a"], 2)


def test_nothing_evicts_where_every_zone_is_silent() -> None:
    """Then it is rather us who do not hear."""
    assert evicting({"a": node(began=NOW - 99), "b": node("y")}) == ([], None)
    assert evicting({"a": node("x"), "b": node("y"), "z": node("y")}, "z") == (["a", "b"], None)


@pytest.mark.parametrize(("size", "expected"), [(50, ([], None)), (51, (["n00"], 100.0))])
def test_most_of_a_large_zone_evicts_slowly_and_of_a_small_one_not_at_all(
    size: int, expected: tuple[list[str], float | None]
) -> None:
    """From 51 nodes on, one in a hundred seconds."""
    nodes = {f"n{number:02}": node() for number in range(size)}
    ill = [name for name in nodes if name < "n40"]
    found = evicting_nodes(nodes, {name: name not in ill for name in nodes}, NOW)
    assert (sorted(found.nodes), None if found.next_at is None else found.next_at - NOW) == expected


DEFAULTS = [("node.kubernetes.io/not-ready", 300), ("node.kubernetes.io/unreachable", 300)]


@pytest.mark.parametrize(
    ("own", "added"),
    [
        (None, DEFAULTS),
        (Toleration(key="node.kubernetes.io/not-ready", operator="Exists", effect="NoExecute"), DEFAULTS[1:]),
        (Toleration(key="node.kubernetes.io/not-ready", operator="Exists"), DEFAULTS[1:]),
        (Toleration(key="node.kubernetes.io/not-ready", operator="Exists", effect="NoSchedule"), DEFAULTS),
        (Toleration(operator="Exists"), []),
        (Toleration(operator="Exists", effect="NoSchedule"), DEFAULTS),
        (Toleration(key="gpu", operator="Exists", effect="NoExecute"), DEFAULTS),
    ],
)
def test_what_a_pod_does_not_say_of_lost_nodes_is_added(own: Toleration | None, added: list[tuple[str, int]]) -> None:
    """One key at a time, with the effect NoExecute."""
    spec = PodSpec(containers=(), tolerations=(own,) if own else ())
    found = with_default_tolerations(spec, 300, 300)
    more = found.tolerations[len(spec.tolerations) :]
    assert [(one.key, one.toleration_seconds) for one in more] == added
    assert {(one.operator, one.effect) for one in more} <= {("Exists", "NoExecute")}
    assert (found is spec) == (not added)


@pytest.mark.parametrize(
    ("tolerations", "expected"),
    [
        ((), 0),
        ((Toleration(key="gpu", operator="Exists"),), FOREVER),
        ((Toleration(key="gpu", operator="Exists", toleration_seconds=90),), 90),
        ((Toleration(key="gpu", operator="Exists", toleration_seconds=0),), 0),
        ((Toleration(key="gpu", operator="Exists", toleration_seconds=-5),), 0),
        (
            (
                Toleration(key="other", operator="Exists"),
                Toleration(key="gpu", operator="Exists", toleration_seconds=9),
            ),
            9,
        ),
        ((Toleration(key="gpu", operator="Exists", toleration_seconds=9), Toleration(operator="Exists")), 9),
    ],
)
def test_the_first_toleration_that_matches_says_how_long_a_taint_is_borne(
    tolerations: tuple[Toleration, ...], expected: float
) -> None:
    """None at all: not for a moment."""
    assert borne_s(tolerations, Taint(key="gpu", effect="NoExecute")) == expected
