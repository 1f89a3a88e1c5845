"""Which view a host leads by, as it tells the daemon."""

import pytest
from msgspec.structs import replace

from reconciler.model.node_report import NetworkFact
from reconciler.planner.node.leading import Leading
from reconciler.planner.node.network import NetworkMap, network_map
from tests.planner.node.host import view
from tests.planner.node.situation import look, shows

EMPTY = network_map("nowhere", "cluster.local", view(), ())


def made(services: str, names: str = "n") -> NetworkMap:
    """A map of these digests."""
    return replace(EMPTY, digest=services, names_digest=names)


def shown(services: str, names: str = "n") -> NetworkFact:
    """What a host shows."""
    return NetworkFact(services_digest=services, names_digest=names)


def test_a_view_counts_once_table_and_names_are_made_from_it() -> None:
    """Not when it is received, and not when only one of the two is."""
    leading = Leading()
    for wanted, generation, host, expected in (
        (made("a"), 3, shown("", ""), 0),
        (made("a"), 3, shown("a", ""), 0),
        (made("a"), 3, shown("", "n"), 0),
        (made("a"), 3, shown("a"), 3),
        (made("b", "m"), 5, shown("a"), 3),
        (made("b", "m"), 5, shown("b"), 3),
        (made("b", "m"), 5, shown("b", "m"), 5),
        # The same map by a newer view: nothing is to be done for it.
        (made("b", "m"), 6, shown("b", "m"), 6),
        # Nothing is known of what is wanted, or the table was lost: it leads nowhere else.
        (None, 9, shown("b", "m"), 6),
        (made("b", "m"), 9, shown(""), 6),
    ):
        leading.note(wanted, generation, host)
        assert leading.generation == expected


def test_a_slow_table_counts_though_a_newer_view_has_come() -> None:
    """What was made from the view before is told, or nothing would ever be while views come one after the other."""
    leading = Leading()
    for generation, services in enumerate("abcd", start=1):
        leading.note(made(services), generation, shown(""))
    leading.note(made("e"), 5, shown("c"))
    assert leading.generation == 3


def test_only_the_newest_maps_are_known() -> None:
    """One that is shown much later tells nothing."""
    leading = Leading()
    for generation in range(1, 100):
        leading.note(made(f"map-{generation}", "n"), generation, shown(""))
    leading.note(made("map-99"), 99, shown("map-35"))
    assert leading.generation == 0
    leading.note(made("map-99"), 99, shown("map-36"))
    assert leading.generation == 36


@pytest.mark.parametrize(
    ("network", "complete", "is_known"),
    [
        ({}, True, True),
        ({"services_digest": "other"}, True, True),
        ({}, False, True),
        ({"prepared": False}, False, False),
    ],
)
def test_what_is_wanted_is_told_also_while_the_engine_is_silent(
    network: dict[str, object], complete: bool, is_known: bool
) -> None:
    """The network is kept going then."""
    answer = look(shows(network=network, complete=complete))
    assert (answer.map is not None) is is_known


def test_a_view_counts_once_the_proxy_of_ingresses_has_it_too() -> None:
    """Where one runs; one that does not leads nowhere."""
    leading = Leading()
    for generation, wanted, proxy, expected in (
        (1, "x", "", 1),
        (2, "x", "x", 2),
        (3, "y", "x", 2),
        (3, "y", "y", 3),
        (4, "", "y", 3),
        (4, "", "", 4),
        (5, "z", "other", 4),
    ):
        leading.note(made("a"), generation, shown("a"), wanted, proxy)
        assert leading.generation == expected


def test_a_view_counts_once_the_rules_of_network_policies_are_made_from_it_too() -> None:
    """Where there are to be some; rules that somebody damaged are none."""
    leading = Leading()
    for generation, wanted, policies, damaged, expected in (
        (1, "", "", False, 1),
        (2, "r", "", False, 1),
        (2, "r", "r", False, 2),
        (3, "s", "r", False, 2),
        (3, "s", "", True, 2),
        (3, "s", "s", False, 3),
        (4, "", "s", False, 3),
        (4, "", "", False, 4),
    ):
        host = replace(shown("a"), policies_digest=policies, policies_damaged=damaged)
        leading.note(made("a"), generation, host, policies=wanted)
        assert leading.generation == expected
