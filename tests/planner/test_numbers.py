"""The numbers of nodes: given once, lowest first, moved by nobody."""

import pytest

from reconciler.model.observed import ClusterInfo
from reconciler.planner.numbers import node_cidr, node_numbers, numbers_in


def test_a_new_node_moves_no_other() -> None:
    """Also when its name comes first."""
    before = node_numbers(["m", "z"], {})
    kept = {f"node/{name}": str(number) for name, number in before.items()}
    assert node_numbers(["a", "m", "z"], kept) == {"m": 0, "z": 1, "a": 2}


def test_the_number_of_a_node_that_is_gone_is_free_once_it_is_released() -> None:
    """Not while it is only silent: its Pods still have their addresses."""
    assert node_numbers(["c"], {"node/a": "0", "node/b": "1"}) == {"c": 2}
    assert node_numbers(["c"], {"node/b": "1"}) == {"c": 0}


@pytest.mark.parametrize(
    ("cidr", "prefix", "room", "second"),
    [("10.42.0.0/16", 24, 256, "10.42.1.0/24"), ("10.42.0.0/23", 24, 2, "10.42.1.0/24")],
)
def test_ranges_follow_from_numbers(cidr: str, prefix: int, room: int, second: str) -> None:
    """Each node has one of its own, as far as the cluster's goes."""
    cluster = ClusterInfo(id="c", pod_cidr=cidr, node_prefix=prefix)
    assert numbers_in(cluster) == room
    assert node_cidr(cluster, 1) == second


def test_a_small_cluster_has_one_node() -> None:
    """Its range cannot be divided."""
    cluster = ClusterInfo(id="c", pod_cidr="10.42.0.0/26", node_prefix=24)
    assert (numbers_in(cluster), node_cidr(cluster, 0)) == (1, "10.42.0.0/26")


def test_two_nodes_never_share_a_range() -> None:
    """Not even where the cluster's range is that of one node, and a second one has a number all the same."""
    cluster = ClusterInfo(id="c", pod_cidr="10.42.0.0/24", node_prefix=24)
    assert numbers_in(cluster) == 1
    assert [node_cidr(cluster, number) for number in (0, 1)] == ["10.42.0.0/24", "10.42.1.0/24"]
