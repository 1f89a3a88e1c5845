"""Nodes on which something is counted are kept apart, each with those that are like it, and none is lost."""

from typing import Any

from reconciler.planner.scheduling.alike import Alike
from reconciler.planner.scheduling.choice import Choice
from tests.planner.scheduled import HOST, ZONE, Objects, affinity, even, near, node, pod

# With so many hosts they are told apart by what is counted on them.
HOSTS = [node(f"h{number:02}") for number in range(40)]
FOND = pod("w", "web", affinity=affinity(podAffinity=[(1, near("db", HOST))]))


def best(of: Choice) -> dict[str, int]:
    """Return the nodes that are wished for, with what that adds to their scores."""
    totals = of.alike(FOND).totals()
    least = min(totals.values())
    return {name: total - least for name, total in totals.items() if total > least}


def filled(of: Choice, *places: str) -> None:
    """Place a Pod that asks for nothing that scores look at on each of these nodes."""
    for number, place in enumerate(places):
        of.place(pod(f"p{number}-{place}", "db", containers=[SMALL]), place)


SMALL: dict[str, Any] = {"name": "c", "image": "i", "resources": {"requests": {"cpu": "0", "memory": "0"}}}


def test_all_nodes_are_compared_wherever_they_are_kept() -> None:
    """Those of one kind, and those that leave it for another."""
    of = Choice({one.name: one for one in HOSTS}, Objects())
    for places, expected in (
        (("h01", "h02", "h03"), {"h01": 200, "h02": 200, "h03": 200}),
        (("h01",), {"h01": 200, "h02": 100, "h03": 100}),
        (("h02",), {"h01": 200, "h02": 200, "h03": 100}),
    ):
        assert of.best(FOND)
        filled(of, *places)
        assert best(of) == expected
        assert of.chosen(FOND) == ("h01", len(HOSTS))


def test_a_node_without_the_label_is_no_better_for_it() -> None:
    """Nor is it worse for what is none of its rules."""
    nodes = {"a": node("a", "z1"), "b": node("b", "z2"), "bare": node("bare")}
    of, plain = Choice(nodes, Objects()), pod("plain", "web")
    spread = pod("w", "web", topologySpreadConstraints=[even("db", ZONE, hard=False)])
    alike: Alike = of.alike(spread)
    scores, usual = alike.totals(), of.alike(plain).totals()
    assert {name: scores[name] - usual[name] for name in nodes} == {"a": 200, "b": 200, "bare": 0}
