"""When other nodes no longer lead to a Pod that ends."""

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.node import Assignment, NetworkView, PodAssignment, ServiceEntry
from reconciler.model.node_report import NodeFacts, Observation
from reconciler.model.observed import NodeState
from reconciler.planner.departures import Departures
from tests.planner.node.host import assignment, pod

NOW = 1_000.0
LEASE_S = 40.0
OTHER = ServiceEntry(namespace="shop", name="other")


def heard(name: str, view_generation: int, ago_s: float = 0.0) -> NodeState:
    """A node that tells which view its maps were made from."""
    told = Observation(
        node=name,
        boot_id="b",
        sequence=1,
        observed_at=NOW,
        view_generation=view_generation,
        facts=NodeFacts(node=name, observed_at=NOW),
    )
    return NodeState(name=name, heartbeat_at=NOW - ago_s, observation=told)


def told_by(**generations: int) -> dict[str, NodeState]:
    """Nodes that were all heard just now."""
    return {name: heard(name, generation) for name, generation in generations.items()}


def view(*services: ServiceEntry) -> NetworkView:
    """A view as it is projected: without a generation."""
    return NetworkView(cluster_id="c", term=1, generation=0, services=services)


def ending(name: str = "web", **fields: Any) -> PodAssignment:
    """A Pod that was asked to end."""
    return pod(name, deletion_requested_at=NOW, **fields)


def still(
    departures: Departures, nodes: dict[str, NodeState], *pods: PodAssignment, generation: int = 7, at: NetworkView
) -> list[str]:
    """Which of the Pods of node `a` other nodes may still lead to."""
    given: dict[str, Assignment] = {name: assignment() for name in nodes} | {"a": assignment(*pods)}
    marked = departures.mark(at, generation, given, nodes, NOW, LEASE_S)
    assert all(replace(one, still_served=False) in pods for one in marked["a"].pods) and marked.keys() == given.keys()
    return [one.name for one in marked["a"].pods if one.still_served]


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        # Alone, and what its own node leads to is that node's matter.
        (told_by(a=1), []),
        (told_by(a=1, b=6), ["web"]),
        (told_by(a=1, b=7), []),
        (told_by(a=1, b=8), []),
        (told_by(a=7, b=8, c=6), ["web"]),
        (told_by(a=7, b=6, c=8), ["web"]),
        # Whose lease has expired, or who never told anything, is not waited for.
        ({"a": heard("a", 7), "b": heard("b", 1, ago_s=LEASE_S)}, ["web"]),
        ({"a": heard("a", 7), "b": heard("b", 1, ago_s=LEASE_S + 0.1)}, []),
        ({"a": heard("a", 7), "b": NodeState(name="b", heartbeat_at=NOW)}, []),
        ({"a": heard("a", 7), "b": heard("b", 0)}, ["web"]),
    ],
)
def test_an_ending_pod_waits_for_every_other_live_node(nodes: dict[str, NodeState], expected: list[str]) -> None:
    """Each has to tell that its maps are made from the view that is sent with this generation, or a newer one."""
    assert still(Departures(), nodes, ending(), at=view()) == expected


def test_only_pods_that_end_wait() -> None:
    """Not those that run, nor those that have finished: nothing leads to them."""
    pods = (pod("runs"), ending("ends"), ending("ended", finished="Succeeded"))
    assert still(Departures(), told_by(a=1, b=1), *pods, at=view()) == ["ends"]


def test_what_counts_is_the_generation_of_the_view_and_not_that_of_later_documents() -> None:
    """A view that does not change is not sent again, so nobody would tell its number."""
    departures, nodes = Departures(), told_by(a=7, b=7)
    assert still(departures, nodes, pod(), at=view(), generation=7) == []
    # No Service leads to it: the view is the same with and without it.
    assert still(departures, nodes, ending(), at=view(), generation=8) == []


def test_a_later_change_of_the_view_does_not_make_a_pod_wait_longer() -> None:
    """What the other node tells is newer than the view that the Pod left with."""
    departures, nodes = Departures(), told_by(a=1, b=7)
    assert still(departures, nodes, ending(), at=view(), generation=8) == ["web"]
    nodes = told_by(a=1, b=8)
    assert still(departures, nodes, ending(), at=view(OTHER), generation=9) == []
    both = (ending(), ending("late"))
    assert still(departures, nodes, *both, at=view(OTHER), generation=10) == ["late"]


def lingers(departures: Departures, nodes: dict[str, NodeState], *pods: PodAssignment, generation: int) -> bool:
    """Whether another node may still know Pods that have gone from node `a`; the view is another one each time."""
    given: dict[str, Assignment] = {name: assignment() for name in nodes} | {"a": assignment(*pods)}
    at = view(replace(OTHER, cluster_ip=f"10.43.0.{generation}"))
    return departures.mark(at, generation, given, nodes, NOW, LEASE_S)["a"].lingering


def test_addresses_linger_until_every_other_live_node_has_forgotten_the_pod() -> None:
    """Not for what others come and go with; a Pod more is none that has gone."""
    departures, both = Departures(), (pod("web"), pod("db"))
    assert not lingers(departures, told_by(a=7, b=7), *both, generation=7)
    assert not lingers(departures, told_by(a=8, b=7), *both, pod("more"), generation=8)
    assert lingers(departures, told_by(a=9, b=8), pod("web"), pod("more"), generation=9)
    assert lingers(departures, told_by(a=10, b=8), pod("web"), pod("more"), generation=10)
    assert not lingers(departures, told_by(a=10, b=9), pod("web"), pod("more"), generation=10)
    assert lingers(departures, told_by(a=11, b=10), generation=11)
    assert not lingers(departures, {"a": heard("a", 11), "b": heard("b", 10, ago_s=LEASE_S + 1)}, generation=11)


def test_who_has_not_seen_pods_go_takes_the_first_view_for_theirs() -> None:
    """As after the daemon's start; a host on its own waits for nobody."""
    departures = Departures()
    assert lingers(departures, told_by(a=7, b=6), pod("web"), generation=7)
    assert not lingers(departures, told_by(a=7, b=7), pod("web"), generation=7)
    assert not lingers(Departures(), told_by(a=1), pod("web"), generation=7)


def test_what_went_while_another_daemon_led_is_not_known() -> None:
    """It may have placed Pods that have gone since: as after the start, the first view of a term stands for them."""
    departures, given = Departures(), {"a": assignment(), "b": assignment()}
    nodes = told_by(a=7, b=7)
    assert not departures.mark(view(), 7, given, nodes, NOW, LEASE_S)["a"].lingering
    again = replace(view(), term=3)
    assert departures.mark(again, 9, given, nodes, NOW, LEASE_S)["a"].lingering
    assert not departures.mark(again, 10, given, told_by(a=7, b=9), NOW, LEASE_S)["a"].lingering


def test_a_pod_that_comes_again_under_its_uid_starts_anew() -> None:
    """What has gone is not remembered."""
    departures, nodes = Departures(), told_by(a=1, b=7)
    assert still(departures, nodes, ending(), at=view(), generation=7) == []
    assert still(departures, nodes, at=view(OTHER), generation=8) == []
    assert still(departures, nodes, ending(), at=view(), generation=9) == ["web"]
