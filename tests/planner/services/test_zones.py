"""Where nodes stand, which share each zone has, and how many endpoints zones give to each other."""

import pytest

from reconciler.planner.services.zones import (
    ZONE,
    Allocation,
    NodeZones,
    Place,
    allocations,
    exchanges,
    is_overloaded,
    node_zones,
    place_of,
)
from tests.planner.reading import read

READY = "conditions: [{type: Ready, status: 'True'}], allocatable: {cpu: 1500m}"


@pytest.mark.parametrize(
    ("labels", "status", "place"),
    [
        (f"{ZONE}: a", READY, Place("a", 1500, counts=True)),
        ("", READY, Place("", 1500, counts=True)),
        (f"{ZONE}: a", READY.replace("True", "False"), Place("a", 1500, counts=False)),
        (f"{ZONE}: a", READY.replace("True", "Unknown"), Place("a", 1500, counts=False)),
        (f"{ZONE}: a", "allocatable: {cpu: 2}", Place("a", 2000, counts=False)),
        (f"{ZONE}: a", READY.replace("cpu", "memory"), Place("a", 0, counts=True)),
        (f"{ZONE}: a, node-role.kubernetes.io/control-plane: ''", READY, Place("a", 1500, counts=False)),
        (f"{ZONE}: a, node-role.kubernetes.io/master: ''", READY, Place("a", 1500, counts=False)),
    ],
)
def test_a_node_counts_when_it_is_ready_and_no_control_plane(labels: str, status: str, place: Place) -> None:
    """By either of the labels of control planes; where it stands is known all the same."""
    assert place_of(read("Node", metadata=f"labels: {{{labels}}}", status=status)) == place


def test_zones_share_by_the_processors_of_all_nodes_that_count() -> None:
    """What does not count may come first and stand nowhere; it is in its zone all the same."""
    places = {
        "a0": Place("a", 9000, counts=False),
        "a1": Place("a", 1000, counts=True),
        "away": Place("", 0, counts=False),
        "b1": Place("b", 1000, counts=True),
        "b2": Place("b", 2000, counts=True),
    }
    zones = {"a0": "a", "a1": "a", "b1": "b", "b2": "b"}
    assert node_zones(places) == NodeZones(zones=zones, shares={"a": 0.25, "b": 0.75})


@pytest.mark.parametrize(
    "other", [Place("", 1000, counts=True), Place("c", 0, counts=True), Place("a", 1000, counts=True)]
)
def test_nothing_is_shared_by_what_is_not_known_of_one_node_or_in_a_single_zone(other: Place) -> None:
    """A node without a zone or without processors spoils it."""
    assert not node_zones({"one": Place("a", 1000, counts=True), "other": other}).shares


def test_a_zone_may_have_what_the_others_do_not_need() -> None:
    """Each needs its share less what it may be overloaded by, rounded up."""
    assert allocations(12, {"a": 0.5, "b": 0.5}) == {"a": Allocation(5, 7, 6.0), "b": Allocation(5, 7, 6.0)}
    assert allocations(4, {"a": 0.9, "b": 0.1}) == {"a": Allocation(3, 3, 3.6), "b": Allocation(1, 1, 1.0)}
    assert allocations(2, {"a": 0.5, "b": 0.5}) == {"a": Allocation(1, 1, 1.0), "b": Allocation(1, 1, 1.0)}
    assert allocations(2, {"a": 0.9, "b": 0.1}) is None


def test_a_zone_for_which_there_is_no_endpoint_has_too_few() -> None:
    """However small its share is."""
    assert is_overloaded({"a": 9}, {"a": 0.99, "b": 0.01})
    assert not is_overloaded({"a": 9, "b": 1}, {"a": 0.99, "b": 0.01})


@pytest.mark.parametrize(
    ("counts", "desired", "giving", "receiving"),
    [
        ((6, 2), (4, 4), {"a": 2}, {"b": 2}),
        ((2, 6), (4, 4), {"b": 2}, {"a": 2}),
        ((4, 4), (4, 4), {}, {}),
        # Half of one, where the other end has a whole one.
        ((2, 2, 2), (1.5, 1.5, 3.0), {"a": 1}, {"c": 1}),
        ((2, 2, 2), (2.5, 2.5, 1.0), {"c": 1}, {"a": 1}),
        ((2, 2, 2), (1.4, 1.4, 3.2), {"a": 1}, {"c": 1}),
        ((3, 3, 2), (2.4, 2.4, 3.2), {"a": 1}, {"c": 1}),
        # Less than half of one, and no whole one at either end.
        ((3, 3, 2), (2.6, 2.6, 2.8), {}, {}),
        ((3, 2), (2.4, 2.6), {}, {}),
        ((4, 2, 0), (3.6, 1.6, 0.8), {}, {}),
        # Nobody has too many, where the least that a zone needs is more than its share.
        ((11, 1), (11.4, 1.0), {}, {}),
        # Who lacks most receives first, from who has most.
        ((9, 5, 1, 2), (4, 4, 5, 4), {"a": 5, "b": 1}, {"c": 4, "d": 2}),
        ((), (), {}, {}),
    ],
)
def test_zones_give_what_others_lack(
    counts: tuple[int, ...], desired: tuple[float, ...], giving: dict[str, int], receiving: dict[str, int]
) -> None:
    """Whole endpoints, as long as one end has a whole one to give or to receive and the other at least half of one."""
    wanted = {zone: Allocation(0, 99, number) for zone, number in zip("abcd", desired, strict=False)}
    assert exchanges(dict(zip("abcd", counts, strict=False)), wanted) == (giving, receiving)


def test_a_zone_without_endpoints_receives() -> None:
    """Although nothing is counted for it; one that is wanted no more gives nothing."""
    wanted = allocations(6, {"a": 0.5, "b": 0.5})
    assert wanted is not None
    assert exchanges({"a": 6}, wanted) == ({"a": 3}, {"b": 3})
    assert exchanges({"a": 3, "gone": 3}, wanted) == ({}, {})
