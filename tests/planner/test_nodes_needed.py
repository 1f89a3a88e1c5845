"""How few nodes are enough, number by number."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.controller.offline import AssumedNode
from reconciler.model.capacity import NodesNeeded
from tests.planner.test_capacity import deployment, found

MANY_SMALL = tuple(AssumedNode(name=f"n{number}", cpu=1.0, memory="1Gi") for number in range(4))


def needed(*documents: dict[str, Any], nodes: tuple[AssumedNode, ...]) -> NodesNeeded:
    """The answer for these manifests, on nodes such as these."""
    return found(*documents, nodes=nodes).needed


def node(name: str, cpu: float = 1.0, memory: str = "1Gi") -> AssumedNode:
    """A node of this size."""
    return AssumedNode(name=name, cpu=cpu, memory=memory)


@pytest.mark.parametrize(
    ("replicas", "cpu", "memory", "count"),
    [
        (1, "1", "64Mi", 1),
        (2, "500m", "64Mi", 1),
        (2, "501m", "64Mi", 2),
        (4, "1", "64Mi", 4),
        (5, "1", "64Mi", 5),
        (9, "1", "64Mi", 9),
        (2, "10m", "1Gi", 2),
        (2, "10m", "512Mi", 1),
        (6, "10m", "1Gi", 6),
    ],
)
def test_as_many_nodes_are_needed_as_what_is_asked_for_fills(replicas: int, cpu: str, memory: str, count: int) -> None:
    """By processors and by memory, to the last bit; beyond those there are, of copies."""
    answer = needed(deployment("web", replicas, cpu, memory), nodes=MANY_SMALL)
    assert (answer.count, answer.present, sum(answer.shapes.values())) == (count, 4, count)
    assert answer.misfits == ()


def test_the_number_of_pods_on_a_node_is_limited_too() -> None:
    """110 of them, however little they ask for."""
    one = (node("n", 64.0, "64Gi"),)
    assert needed(deployment("web", 110, "1m", "1Ki"), nodes=one).count == 1
    assert needed(deployment("web", 111, "1m", "1Ki"), nodes=one).count == 2


def test_the_largest_nodes_are_taken_first_and_copied_first() -> None:
    """Of one size by their names."""
    nodes = (node("b"), node("a"), node("large", 4.0, "8Gi"), node("wide", 4.0, "4Gi"))
    assert needed(deployment("web", 1, "1"), nodes=nodes).shapes == {"large": 1}
    assert needed(deployment("web", 8, "1"), nodes=nodes).shapes == {"large": 1, "wide": 1}
    assert needed(deployment("web", 9, "1"), nodes=nodes).shapes == {"a": 1, "large": 1, "wide": 1}
    many = needed(deployment("web", 14, "1"), nodes=nodes)
    assert (many.count, many.shapes) == (5, {"a": 1, "b": 1, "large": 2, "wide": 1})


def test_large_pods_are_placed_before_small_ones() -> None:
    """Else the small ones would be in their way."""
    small, large = deployment("a-small", 4, "500m"), deployment("b-large", 2, "1")
    assert needed(small, large, nodes=MANY_SMALL).count == 4
    memory = deployment("c-memory", 1, "1m", "1Gi")
    assert needed(small, large, memory, nodes=MANY_SMALL).count == 5


def test_a_set_without_the_largest_node_may_do() -> None:
    """Where a Pod may only run on a smaller one."""
    pinned = deployment("web", 1, "100m", nodeSelector={"kubernetes.io/hostname": "b"})
    answer = needed(pinned, nodes=(node("a", 4.0, "8Gi"), node("b")))
    assert (answer.count, answer.shapes) == (1, {"b": 1})


def test_daemons_take_their_share_where_they_fit() -> None:
    """Once on every node, and their number is not asked for."""
    daemon = deployment("log", 0, "400m", kind="DaemonSet")
    web = deployment("web", 3, "300m")
    assert needed(web, nodes=MANY_SMALL).count == 1
    assert needed(web, daemon, nodes=MANY_SMALL).count == 2
    assert needed(daemon, nodes=MANY_SMALL).count == 1


def test_copies_are_hosts_of_their_own() -> None:
    """Pods that must not share a host need as many as they are."""
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    answer = needed(deployment("web", 3, "1m", affinity=apart), nodes=(node("n"),))
    assert (answer.count, answer.shapes) == (3, {"n": 3})


def test_pods_that_go_with_others_are_placed_after_them() -> None:
    """However large they are."""
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
    near = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    with_it = deployment("a-near", 1, "800m", affinity=near)
    assert needed(with_it, deployment("web", 1, "200m"), nodes=MANY_SMALL).count == 1


def test_what_fits_on_no_node_is_named_and_the_rest_counted() -> None:
    """Each node of the list says why."""
    answer = needed(deployment("huge", 2, "9"), deployment("web", 2, "1"), nodes=MANY_SMALL)
    assert (answer.count, len(answer.misfits)) == (2, 2)
    misfit = answer.misfits[0]
    assert misfit.message == "fits on no node of these shapes"
    assert [(one.node, one.why) for one in misfit.nodes] == [(f"n{n}", "Insufficient cpu") for n in range(4)]


def test_where_pods_ran_before_says_nothing() -> None:
    """They are asked for anew."""
    assert needed(deployment("web", 2, "1", nodeName="n0"), nodes=MANY_SMALL).count == 2


@pytest.mark.parametrize(("replicas", "count"), [(21, 21), (22, 0)])
def test_twenty_copies_are_tried_where_there_is_room(replicas: int, count: int) -> None:
    """What needs more is not found."""
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    assert needed(deployment("web", replicas, "1m", affinity=apart), nodes=(node("n", 64.0, "64Gi"),)).count == count


@pytest.mark.parametrize(("number", "count"), [(39, 1), (40, 2)])
def test_forty_sets_of_each_size_are_tried(number: int, count: int) -> None:
    """The answer is an upper bound."""
    nodes = tuple(node(f"n{one:02}") for one in range(41))
    pinned = deployment("web", 1, "100m", nodeSelector={"kubernetes.io/hostname": f"n{number:02}"})
    assert needed(pinned, nodes=nodes).count == count


def test_what_daemons_take_is_no_room_for_others() -> None:
    """Of processors, of memory and of the number of Pods."""
    one = (node("n", 1.0, "1Gi"),)
    assert needed(deployment("log", 0, "500m", kind="DaemonSet"), deployment("web", 2, "500m"), nodes=one).count == 2
    daemon = deployment("log", 0, "1m", "512Mi", kind="DaemonSet")
    assert needed(daemon, deployment("web", 2, "1m", "512Mi"), nodes=one).count == 2
