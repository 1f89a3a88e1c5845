"""Pods of a Service are spread by themselves, over hosts and zones, also where nodes lack one of the two labels."""

from msgspec.structs import replace

from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.spread_plugin import PodTopologySpread
from tests.planner.scheduled import HOST, cluster, node, pod

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}


def nameless(name: str, zone: str) -> Candidate:
    """Return a node of a zone that does not say which host it is."""
    one = node(name, zone)
    labels = {key: value for key, value in one.node.metadata.labels.items() if key != HOST}
    return replace(one, node=replace(one.node, metadata=replace(one.node.metadata, labels=labels)))


def scores(nodes: tuple[Candidate, ...], **placed: int) -> dict[str, int]:
    """Return how good nodes are for one Pod more, where so many are on them already."""
    there = {name: [pod(f"{name}-{one}", "web") for one in range(number)] for name, number in placed.items()}
    made = cluster(nodes, there, SERVICE)
    plugin, new = PodTopologySpread(made), pod("new", "web")
    state = plugin.prepare(new)
    assert state is not None
    return dict(plugin.scores(state, new, made.nodes))


def test_the_emptier_zone_is_better_also_without_labels_of_hosts() -> None:
    """Pods on nodes that lack that label count to their zone all the same."""
    both = (nameless("a", "z1"), nameless("b", "z2"))
    found = scores(both, a=3, b=1)
    assert found["b"] > found["a"]
    mixed = (nameless("a", "z1"), node("b", "z1"), node("c", "z2"))
    found = scores(mixed, a=3)
    assert found["c"] > found["b"]


def test_the_emptier_host_is_better_also_without_zones() -> None:
    """There is one label to go by."""
    found = scores((node("a"), node("b")), a=2)
    assert found["b"] > found["a"]
