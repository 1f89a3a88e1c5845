"""How a node serves clients from outside: ways, addresses that it announces, health checks, what it prefers."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.agents import delta_between, merged
from reconciler.model.details import ProgramExternal, ProgramServices
from reconciler.model.external import Announced, Backend, HealthCheck
from reconciler.model.node import Endpoint, EndpointPort, NetworkView, Peer, ServiceEntry, ServicePortEntry
from reconciler.model.plan import Reason
from reconciler.model.ports import NodeDocuments
from reconciler.planner.node.actions import make_action, node_ref
from reconciler.planner.node.external import health_checks, node_port_events, ways_of
from reconciler.planner.node.look import Look
from reconciler.planner.node.network import network_map
from tests.planner.node.host import NODE, Host, assignment, pod
from tests.planner.node.situation import look, shows

HERE = Endpoint(ip="10.42.1.2", node=NODE)
THERE = Endpoint(ip="10.42.2.2", node="node-2")
BY_HAND = Endpoint(ip="192.0.2.77")


def entry(*endpoints: Endpoint, name: str = "web", node_port: int = 30080, **fields: Any) -> ServiceEntry:
    """A Service that is reached from outside."""
    targets = (EndpointPort(port=8080, endpoints=endpoints),)
    port = ServicePortEntry(name="http", port=80, targets=targets, node_port=node_port)
    return ServiceEntry(namespace="shop", name=name, cluster_ip="10.43.0.1", ports=(port,), **fields)


def test_a_service_inside_has_no_way() -> None:
    """Whatever is behind it."""
    assert ways_of(NODE, (entry(HERE, node_port=0),)) == ()


def test_a_port_that_is_reached_from_inside_alone_hides_no_other() -> None:
    """Of a Service whose first port has no port of the nodes, the second one is reached."""
    inside, outside = entry(HERE, node_port=0), entry(HERE)
    both = replace(outside, ports=(*inside.ports, *outside.ports))
    assert [way.node_port for way in ways_of(NODE, (both,))] == [30080]


def test_a_way_says_what_is_elsewhere() -> None:
    """Endpoints on other nodes, and those that a person wrote without one."""
    (way,) = ways_of(NODE, (entry(THERE, HERE, BY_HAND, balanced=("10.0.0.240",), external_ips=("192.0.2.1",)),))
    assert way.backends == (
        Backend(ip="10.42.1.2", port=8080),
        Backend(ip="10.42.2.2", port=8080, elsewhere=True),
        Backend(ip="192.0.2.77", port=8080, elsewhere=True),
    )
    assert (way.service, way.addresses, way.port, way.node_port) == (
        "shop/web",
        ("192.0.2.1", "10.0.0.240"),
        80,
        30080,
    )
    assert not way.local and way.own == () and way.fenced == ()


def test_the_local_policy_names_the_endpoints_here() -> None:
    """Those that end serve where no other does."""
    (way,) = ways_of(NODE, (entry(THERE, HERE, external_local=True),))
    assert way.local and way.own == (Backend(ip="10.42.1.2", port=8080),) and len(way.backends) == 2
    ending = replace(HERE, ready=False, serving=True, terminating=True)
    (way,) = ways_of(NODE, (entry(THERE, ending, external_local=True),))
    assert way.own == (Backend(ip="10.42.1.2", port=8080),)
    assert way.backends == (Backend(ip="10.42.2.2", port=8080, elsewhere=True),)
    (way,) = ways_of(NODE, (entry(THERE, external_local=True),))
    assert way.own == () and way.backends


@pytest.mark.parametrize(("ranges", "fenced"), [((), ()), (("10.0.0.0/8",), ("10.0.0.240",)), (("0.0.0.0/0",), ())])
def test_only_addresses_of_load_balancers_are_fenced(ranges: tuple[str, ...], fenced: tuple[str, ...]) -> None:
    """And not where everybody may come."""
    service = entry(HERE, balanced=("10.0.0.240",), external_ips=("192.0.2.1",), source_ranges=ranges)
    (way,) = ways_of(NODE, (service,))
    assert way.fenced == fenced and bool(way.source_ranges) == bool(fenced)


def test_health_checks_count_the_ready_endpoints_here_once() -> None:
    """A Pod with two ports is one; what ends does not count."""
    ending = replace(HERE, ip="10.42.1.9", terminating=True)
    unready = replace(HERE, ip="10.42.1.8", ready=False)
    service = entry(HERE, THERE, ending, unready, health_check_port=31000)
    service = replace(service, ports=(*service.ports, replace(service.ports[0], name="other", port=81)))
    assert health_checks(NODE, (service, entry(HERE))) == (
        HealthCheck(port=31000, namespace="shop", name="web", endpoints=1),
    )


def view_of(*services: ServiceEntry, **fields: Any) -> NetworkView:
    """A view of these Services on two nodes of one zone and one of another."""
    peers = tuple(
        Peer(node=node, address=f"192.168.0.{number}", pod_cidr=f"10.42.{number}.0/24", zone=zone)
        for number, (node, zone) in enumerate(((NODE, "a"), ("node-2", "a"), ("node-3", "b"), ("node-4", "")), start=1)
    )
    return NetworkView(cluster_id="c", term=1, generation=1, services=services, peers=peers, **fields)


FAR = Endpoint(ip="10.42.3.2", node="node-3")


@pytest.mark.parametrize("distribution", ["PreferClose", "PreferSameZone"])
@pytest.mark.parametrize(
    ("node", "chosen"),
    [
        (NODE, ["10.42.1.2", "10.42.2.2"]),
        ("node-3", ["10.42.3.2"]),
        ("node-4", ["10.42.1.2", "10.42.2.2", "10.42.3.2"]),  # in no zone
    ],
)
def test_endpoints_of_the_zone_are_preferred(distribution: str, node: str, chosen: list[str]) -> None:
    """For clients inside and outside; without any there, all serve."""
    found = network_map(node, "cluster.local", view_of(entry(HERE, THERE, FAR, distribution=distribution)), ())
    assert [one.ip for one in found.services[0].ports[0].targets[0].endpoints] == chosen
    assert [one.ip for one in found.ways[0].backends] == chosen
    lost = network_map("node-3", "cluster.local", view_of(entry(HERE, THERE, distribution=distribution)), ())
    assert len(lost.ways[0].backends) == 2


def test_the_same_node_is_preferred_before_its_zone() -> None:
    """As long as something there serves."""
    service = entry(HERE, THERE, FAR, distribution="PreferSameNode")
    assert [one.ip for one in network_map(NODE, "d", view_of(service), ()).ways[0].backends] == ["10.42.1.2"]
    gone = entry(replace(HERE, ready=False, serving=False), THERE, FAR, distribution="PreferSameNode")
    assert [one.ip for one in network_map(NODE, "d", view_of(gone), ()).ways[0].backends] == ["10.42.2.2"]


@pytest.mark.parametrize(
    ("zones", "node", "chosen"),
    [
        (("a", "b", "b"), NODE, ["10.42.1.2"]),
        (("a", "b", "b"), "node-3", ["10.42.2.2", "10.42.3.2"]),
        (("a", "b", "b"), "node-4", ["10.42.1.2", "10.42.2.2", "10.42.3.2"]),  # in no zone
        (("b", "b", "b"), NODE, ["10.42.1.2", "10.42.2.2", "10.42.3.2"]),  # nothing for its zone
        (("a", "", "b"), NODE, ["10.42.1.2", "10.42.2.2", "10.42.3.2"]),  # one is for no zone
    ],
)
def test_hints_say_which_endpoints_a_zone_uses(zones: tuple[str, ...], node: str, chosen: list[str]) -> None:
    """Wherever these are; all serve where hints are not whole."""
    ends = (
        replace(one, for_zones=(zone,) if zone else ()) for one, zone in zip((HERE, THERE, FAR), zones, strict=True)
    )
    found = network_map(node, "d", view_of(entry(*ends, distribution="Auto")), ())
    assert [one.ip for one in found.services[0].ports[0].targets[0].endpoints] == chosen
    assert [one.ip for one in found.ways[0].backends] == chosen


def test_endpoints_that_do_not_serve_need_no_hints() -> None:
    """They do not take the hints of the others away."""
    gone = replace(THERE, ready=False, serving=False)
    ends = (replace(HERE, for_zones=("b",)), gone, replace(FAR, for_zones=("a",)))
    (way,) = network_map(NODE, "d", view_of(entry(*ends, distribution="Auto")), ()).ways
    assert [one.ip for one in way.backends] == ["10.42.3.2"]


def test_a_zone_that_changes_changes_the_map() -> None:
    """Where any Service asks for zones, and only there."""
    service, plain = entry(HERE, THERE, FAR, distribution="PreferClose"), entry(HERE, THERE, FAR)
    moved = {"peers": tuple(replace(one, zone="b") for one in view_of().peers)}
    for one, differs in ((service, True), (plain, False)):
        before = network_map(NODE, "d", view_of(one), ()).digest
        assert (network_map(NODE, "d", replace(view_of(one), **moved), ()).digest != before) is differs


def know(host: Host, *services: ServiceEntry, announced: tuple[Announced, ...] = ()) -> list[str]:
    """Deliver a view, let the node come to rest, and return what it did."""
    host.done()
    host.generation += 1
    view = NetworkView(cluster_id="c", term=1, generation=host.generation, services=services, announced=announced)
    host.node.deliver(NodeDocuments(assignment=assignment(*host.pods, generation=host.generation), view=view))
    host.settle()
    return host.done()


def test_a_node_holds_the_addresses_that_it_announces() -> None:
    """And gives them up; those of others are not its own."""
    host = Host(pod())
    others = Announced(address="10.0.0.241", node="node-2")
    assert f"programExternal {NODE}" not in know(host, announced=(others,))
    own = Announced(address="10.0.0.240", node=NODE)
    assert know(host, announced=(own, others)) == [f"programExternal {NODE}"]
    assert host.world.external is not None
    assert (host.world.external.addresses, host.world.external.address) == (("10.0.0.240",), "192.168.0.1")
    assert know(host, announced=(own, others)) == []
    assert know(host, announced=(others,)) == [f"programExternal {NODE}"]
    assert host.world.external.addresses == () and host.world.network.external_digest == ""


def test_other_nodes_are_named_where_addresses_are_held() -> None:
    """What they answer for is no conflict: one of them may not have heard yet that another one holds it now."""
    peers = (
        Peer(node=NODE, address="192.168.0.1", pod_cidr=""),
        Peer(node="node-2", address="192.168.0.2", pod_cidr=""),
    )
    for addresses, named in ((("10.0.0.240",), ("192.168.0.2",)), ((), ())):
        held = tuple(Announced(address=one, node=NODE) for one in addresses)
        network = replace(view_of(entry(HERE, health_check_port=31000)), peers=peers, announced=held)
        facts = replace(shows(), host=replace(shows().host, address="192.168.0.1"))
        found = [one.detail for one in look(facts, network=network).plan.actions]
        (hold,) = (one for one in found if isinstance(one, ProgramExternal))
        assert (hold.addresses, hold.peers) == (addresses, named)


@pytest.mark.parametrize(("prepared", "needs"), [(True, []), (False, ["prepareHost"])])
def test_addresses_are_held_once_the_host_is_prepared(prepared: bool, needs: list[str]) -> None:
    """At once where it is."""
    network = replace(view_of(), announced=(Announced(address="10.0.0.240", node=NODE),))
    answer = look(shows(network={"prepared": prepared}), network=network)
    types = {one.key: one.type for one in answer.memory.emitted}
    (hold,) = (one for one in answer.plan.actions if isinstance(one.detail, ProgramExternal))
    assert [types[key] for key in hold.needs] == needs


def test_what_a_restart_finds_is_put_right() -> None:
    """An address that is held without anybody's word goes."""
    host = Host(pod())
    know(host)
    host.world.network = replace(host.world.network, external_digest="unknown")
    assert know(host) == [f"programExternal {NODE}"]
    assert host.world.network.external_digest == ""


@pytest.mark.parametrize(
    ("listening", "told"),
    [
        ("TCP/30080/", True),
        ("TCP/30080/127.0.0.1", True),
        ("UDP/30080/", False),
        ("TCP/3008/", False),
        ("TCP/300800/", False),
    ],
)
def test_a_node_port_that_a_program_has_is_told_when_it_is_programmed(listening: str, told: bool) -> None:
    """With who is answered by whom."""
    ways = ways_of(NODE, (entry(HERE), entry(HERE, name="other", node_port=30090)))
    facts = replace(shows(), listening=(listening,))
    at = Look(
        node=NODE,
        now=1.0,
        assignment=assignment(generation=1),
        facts=facts,
        in_flight=frozenset(),
        probes={},
        images={},
        in_contact=True,
    )
    program = make_action(
        NODE, node_ref(NODE), ProgramServices(digest="d", services=()), Reason.SERVICES_CHANGED, target="d"
    )
    events = node_port_events(at, ways, (program,))
    assert [one.reason for one in events] == (["NodePortConflict"] if told else [])
    assert not told or "30080/TCP: who asks for it from elsewhere comes to service/shop/web" in events[0].message
    assert node_port_events(at, ways, ()) == ()


def test_a_health_check_follows_its_endpoints() -> None:
    """With what the node itself knows of its Pods."""
    host = Host(pod("web"))
    service = entry(
        Endpoint(ip="10.42.1.2", node=NODE, pod="shop/web", pod_uid="web-uid-0001"), health_check_port=31000
    )
    know(host, service)
    assert host.world.external is not None
    assert [one.endpoints for one in host.world.external.checks] == [1]
    host.pods = ()
    know(host, service)
    assert [one.endpoints for one in host.world.external.checks] == [0]


def test_a_delta_carries_who_announces_what() -> None:
    """As the whole does."""
    old = view_of(entry(HERE))
    new = replace(old, generation=2, announced=(Announced(address="10.0.0.240", node=NODE),))
    delta = delta_between(old, new)
    assert delta is not None and merged(old, delta) == new
