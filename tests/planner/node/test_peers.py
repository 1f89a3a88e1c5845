"""The ways to the Pods of other nodes."""

from __future__ import annotations

import msgspec

from reconciler.model.node import NetworkView, Peer
from reconciler.model.plan import Reason
from reconciler.model.ports import NodeDocuments
from reconciler.planner.node.actions import tag_of
from tests.planner.node.host import NODE, Host, assignment, pod
from tests.planner.node.situation import look, shows
from tests.planner.node.test_network import endpoint, programmed, service

OWN = Peer(node=NODE, address="192.168.0.1", pod_cidr="10.42.1.0/24")
SECOND = Peer(node="node-2", address="192.168.0.2", pod_cidr="10.42.2.0/24")
THIRD = Peer(node="node-3", address="192.168.0.3", pod_cidr="10.42.3.0/24")


def know(host: Host, *peers: Peer) -> None:
    """Deliver a view with these peers, and let the node come to rest."""
    host.generation += 1
    view = NetworkView(cluster_id="c", term=1, generation=host.generation, services=host.services, peers=(OWN, *peers))
    assigned = assignment(*host.pods, generation=host.generation)
    host.node.deliver(NodeDocuments(assignment=assigned, view=view))
    host.settle()


def ways(host: Host) -> dict[str, tuple[str, str]]:
    """To which nodes the host has ways: address and backend of each."""
    assert host.world.peers is not None
    return {one.node: (one.address, one.backend) for one in host.world.peers.peers}


def test_a_node_alone_has_no_ways() -> None:
    """And nothing is done for them."""
    host = Host(pod())
    know(host)
    assert not any(one.startswith("programPeers") for one in host.done())


def test_there_is_a_way_to_every_other_node_and_none_to_itself() -> None:
    """In the order of names, whatever that of the view."""
    host = Host()
    know(host, THIRD, SECOND)
    assert ways(host) == {"node-2": ("192.168.0.2", "vxlan"), "node-3": ("192.168.0.3", "vxlan")}
    assert host.world.peers is not None
    assert (host.world.peers.address, host.world.peers.pod_cidr) == ("192.168.0.1", "10.42.1.0/24")
    assert [one.node for one in host.world.peers.peers] == ["node-2", "node-3"]
    host.done()
    know(host, SECOND, THIRD)
    assert host.done() == []


def test_ways_are_made_once_the_host_is_prepared() -> None:
    """On a host that is, nothing is waited for."""
    view = NetworkView(cluster_id="c", term=1, generation=1, peers=(OWN, SECOND))

    def needs(*, prepared: bool) -> tuple[str, ...]:
        answer = look(shows(network={"prepared": prepared}), network=view)
        kinds = {action.key: tag_of(action.detail) for action in answer.plan.actions if action.detail is not None}
        [ways] = [one for one in answer.plan.actions if kinds[one.key] == "programPeers"]
        return tuple(kinds[one] for one in ways.needs)

    assert needs(prepared=False) == ("prepareHost",)
    assert needs(prepared=True) == ()


def test_ways_follow_the_nodes() -> None:
    """One whose address changed, one that is gone, and in the end none at all."""
    host = Host()
    know(host, SECOND, THIRD)
    know(host, msgspec.structs.replace(SECOND, address="192.168.7.2"))
    assert ways(host) == {"node-2": ("192.168.7.2", "vxlan")}
    know(host)
    assert ways(host) == {}
    assert host.world.network.peers_digest == ""


def test_ways_follow_the_hosts_own_address() -> None:
    """The tunnel leaves from it."""
    host = Host()
    know(host, SECOND)
    host.world.host = msgspec.structs.replace(host.world.host, address="192.168.9.9")
    host.world.tell("host")
    host.settle()
    assert host.world.peers is not None
    assert host.world.peers.address == "192.168.9.9"


def test_ways_that_were_cut_are_made_again_and_that_is_told() -> None:
    """Drift is repaired."""
    host = Host()
    know(host, SECOND)
    host.done()
    host.world.cut_routes()
    host.settle()
    assert host.done() == [f"programPeers {NODE}"]
    assert host.world.executed == []
    assert any("made again" in event.message for event in host.node.events)


def test_a_first_peer_is_no_repair() -> None:
    """Nothing was broken."""
    host = Host()
    know(host, SECOND)
    reasons = {one.reason for one in host.world.executed if "Peers" in type(one.detail).__name__}
    assert reasons == {Reason.PEERS_CHANGED}
    assert not any("made again" in event.message for event in host.node.events)


def test_what_was_damaged_when_the_last_peer_went_is_removed_all_the_same() -> None:
    """Leftovers would lead nowhere."""
    host = Host()
    know(host, SECOND)
    host.world.network = msgspec.structs.replace(host.world.network, peers_digest="", peers_damaged=True)
    know(host)
    assert ways(host) == {}


def test_a_kernel_without_tunnels_takes_plain_routes_and_says_so() -> None:
    """A warning event tells why; what the host found out is reported, so that the other ends do the same."""
    host = Host()
    host.world.tunnel_error = "this kernel makes no VXLAN"
    know(host, SECOND)
    assert ways(host) == {"node-2": ("192.168.0.2", "host-gw")}
    assert host.world.network.tunnel_error == "this kernel makes no VXLAN"
    [event] = [one for one in host.node.events if one.reason == "NoTunnel"]
    assert (event.type, event.message) == ("Warning", "programPeers: this kernel makes no VXLAN")


def test_a_peer_without_tunnels_is_reached_by_plain_routes() -> None:
    """The others are not."""
    host = Host()
    know(host, msgspec.structs.replace(SECOND, backend="host-gw"), THIRD)
    assert ways(host) == {"node-2": ("192.168.0.2", "host-gw"), "node-3": ("192.168.0.3", "vxlan")}


def test_there_are_no_ways_of_ours_where_the_network_has_its_own() -> None:
    """Those that there were go; the nodes are known all the same."""
    host = Host()
    know(host, SECOND)
    know(host, msgspec.structs.replace(SECOND, backend="routed"))
    assert ways(host) == {}
    host.done()
    know(host, msgspec.structs.replace(SECOND, backend="routed"), msgspec.structs.replace(THIRD, backend="routed"))
    assert host.done() == []


def test_a_host_that_was_not_looked_at_yet_waits() -> None:
    """Without its own address there is no way from it."""
    host = Host()
    host.world.host = msgspec.structs.replace(host.world.host, address="")
    know(host, SECOND)
    assert host.world.peers is None


def test_internal_traffic_policy_local_leaves_out_what_is_on_other_nodes() -> None:
    """DNS still answers with all of a Service without an address."""
    host = Host(pod("web"))
    ends = (endpoint("web-uid-0001"), endpoint("far", "10.42.2.9", "node-2"))
    local = msgspec.structs.replace(service(*ends), internal_local=True)
    headless = msgspec.structs.replace(local, name="headless", cluster_ip="")
    host.services = (local, headless)
    know(host, SECOND)
    assert programmed(host) == [("web-uid-0001", True, False)]
    assert host.world.names is not None
    [record] = [one for one in host.world.names.records if one.name == "headless.shop.svc.cluster.local."]
    assert len(record.values) == 2


def test_internal_traffic_policy_local_without_own_endpoints_serves_nobody() -> None:
    """Elsewhere the Service goes on."""
    host = Host()
    host.services = (msgspec.structs.replace(service(endpoint("far", "10.42.2.9", "node-2")), internal_local=True),)
    know(host, SECOND)
    assert programmed(host) == []
