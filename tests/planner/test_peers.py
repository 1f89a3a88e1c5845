"""The nodes as each of them is told of the others."""

from __future__ import annotations

from msgspec.structs import replace

from reconciler.model.node import Peer
from reconciler.model.node_report import HostFact, NetworkFact, NodeFacts, Observation
from reconciler.model.observed import ClusterInfo, NodeState, ObservedState
from reconciler.model.policy import Policy
from reconciler.planner.project import project_view


def told(name: str, address: str, **network: str) -> NodeState:
    """A node that has reported its address."""
    facts = NodeFacts(
        node=name, observed_at=1.0, host=HostFact(boot_id="b", address=address), network=NetworkFact(**network)
    )
    seen = Observation(node=name, boot_id="b", sequence=1, observed_at=1.0, facts=facts)
    return NodeState(name=name, observation=seen, heartbeat_at=1.0)


def peers(cluster: ClusterInfo, **nodes: NodeState) -> tuple[Peer, ...]:
    """Return the peers in the view of a cluster."""
    state = ObservedState(
        cluster=cluster, nodes=nodes, allocations={f"node/{name}": str(n) for n, name in enumerate(nodes)}
    )
    return project_view(state, Policy(), 2.0).peers


CLUSTER = ClusterInfo(id="c")


def test_every_node_is_told_with_its_range() -> None:
    """In the order of names; by a tunnel unless the cluster says otherwise."""
    nodes = {"b": told("b", "10.0.0.2"), "a": told("a", "10.0.0.1")}
    assert peers(CLUSTER, **nodes) == (
        Peer(node="a", address="10.0.0.1", pod_cidr="10.42.1.0/24", backend="vxlan"),
        Peer(node="b", address="10.0.0.2", pod_cidr="10.42.0.0/24", backend="vxlan"),
    )
    plain = replace(CLUSTER, network_backend="host-gw")
    assert {one.backend for one in peers(plain, **nodes)} == {"host-gw"}


def test_a_node_whose_kernel_makes_no_tunnel_is_reached_by_plain_routes() -> None:
    """The others go on with their tunnels."""
    found = peers(CLUSTER, a=told("a", "10.0.0.1", tunnel_error="no VXLAN"), b=told("b", "10.0.0.2"))
    assert {one.node: one.backend for one in found} == {"a": "host-gw", "b": "vxlan"}


def test_where_the_network_routes_to_pods_a_kernel_without_tunnels_is_no_matter() -> None:
    """There are no ways of ours."""
    fabric = replace(CLUSTER, network_backend="routed")
    found = peers(fabric, a=told("a", "10.0.0.1", tunnel_error="no VXLAN"), b=told("b", "10.0.0.2"))
    assert {one.backend for one in found} == {"routed"}


def test_a_node_without_an_address_towards_others_is_left_out() -> None:
    """So is one that has never reported."""
    found = peers(CLUSTER, a=told("a", "127.0.0.1"), b=told("b", ""), c=NodeState(name="c"), d=told("d", "10.0.0.4"))
    assert [one.node for one in found] == ["d"]
