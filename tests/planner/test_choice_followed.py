"""What is found about nodes is brought up to date as Pods are placed: it stays what a fresh look would find."""

from typing import Any

import pytest

from reconciler.model.kinds import Pod
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate
from tests.planner.scheduled import HOST, RACK, ZONE, Objects, affinity, even, near, node, pod

KEYS = (HOST, ZONE, RACK)


def nodes(more: int) -> dict[str, Candidate]:
    """Return six nodes in two zones and three racks, and more of them that are in none."""
    places = [("a", "z1", "r1"), ("b", "z1", "r1"), ("c", "z1", "r2"), ("d", "z2", "r2"), ("e", "z2", "r3")]
    found = {name: node(name, zone, rack=rack) for name, zone, rack in places}
    lonely = [f"m{number}" for number in range(more)]
    return {**found, "f": node("f", "z2"), **{name: node(name) for name in lonely}}


def repelling(name: str, key: str) -> Pod:
    """Return a Pod that bears none of web in its domain."""
    return pod(name, "db", affinity=affinity(podAntiAffinity=[near("web", key)]))


def drawing(name: str, key: str) -> Pod:
    """Return a Pod that would have those of web in its domain."""
    return pod(name, "db", affinity=affinity(podAffinity=[(40, near("web", key))]))


def putting_off(name: str, key: str) -> Pod:
    """Return a Pod that would rather have none of web in its domain."""
    return pod(name, "db", affinity=affinity(podAntiAffinity=[(30, near("web", key))]))


ASKING: tuple[Pod, ...] = (
    pod("plain", "web"),
    pod("other", "db"),
    pod("large", "web", containers=[{"name": "c", "image": "i", "resources": {"requests": {"cpu": "3"}}}]),
    pod("even", "web", topologySpreadConstraints=[even("db", ZONE), even("db", RACK, hard=False)]),
    pod("apart", "web", affinity=affinity(podAntiAffinity=[near("db", HOST)])),
    pod(
        "both",
        "web",
        affinity=affinity(podAffinity=[(7, near("db", RACK))]),
        topologySpreadConstraints=[even("db", HOST)],
    ),
)


def seen(choice: Choice, one: Pod) -> tuple[Any, ...]:
    """Return all that a choice says of a Pod."""
    alike = choice.alike(one)
    misfits = {name: found.reasons if found is not None else () for name, found in choice.misfits(one).items()}
    return misfits, alike.totals(), choice.best(one), +alike.reasons()


def assert_as_anew(choice: Choice) -> None:
    """Compare with a choice that is made now."""
    anew = Choice(choice.candidates, Objects())
    for one in ASKING:
        assert seen(choice, one) == seen(anew, one), one.metadata.name


# With few hosts they are told apart by name, with many by what is counted on them.
@pytest.mark.parametrize("more", [0, 30])
@pytest.mark.parametrize("first", KEYS)
@pytest.mark.parametrize("second", KEYS)
def test_a_label_of_nodes_that_nobody_looked_at_before_comes_into_play(first: str, second: str, more: int) -> None:
    """A Pod is placed whose terms are about another part of the hosts than those that were there."""
    choice = Choice(nodes(more), Objects())
    for placed, where in (
        (drawing("p1", first), "a"),
        (putting_off("p2", second), "d"),
        (repelling("p3", first), "e"),
        (repelling("p4", second), "c"),
        (drawing("p5", ZONE), "f"),
        (pod("p6", "db"), "a"),
    ):
        assert_as_anew(choice)
        choice.place(placed, where)
    assert_as_anew(choice)
    choice.displace(repelling("p3", first), "e")
    assert_as_anew(choice)
    choice.displace(drawing("p1", first), "a")
    assert_as_anew(choice)


@pytest.mark.parametrize("more", [0, 30])
def test_what_fills_the_best_nodes_is_noticed_by_everybody(more: int) -> None:
    """Also by those whose rules it has nothing to do with."""
    choice = Choice(nodes(more), Objects())
    for placed, where in ((putting_off("p1", HOST), "a"), (drawing("p2", RACK), "b"), (drawing("p3", ZONE), "d")):
        choice.place(placed, where)
    for number in range(3):
        for one in ASKING:
            assert_as_anew(choice)
            choice.place(big(f"{one.metadata.name}-{number}"), choice.best(one))
    assert_as_anew(choice)


def big(name: str) -> Pod:
    """Return a Pod that takes a third of a node, and that nobody has rules about."""
    asks = {"requests": {"cpu": "2500m", "memory": "1Gi"}}
    return pod(name, "big", containers=[{"name": "c", "image": "i", "resources": asks}])
