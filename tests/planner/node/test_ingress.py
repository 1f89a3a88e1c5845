"""What a node does for the proxy of Ingresses."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.ingress import IngressFact, IngressRoute, IngressTarget, IngressView
from reconciler.model.kinds import ContainerPort
from reconciler.model.node import NetworkView
from reconciler.model.ports import NodeDocuments
from tests.planner.node.host import NODE, Host, assignment, container, pod
from tests.planner.node.situation import IP, fact, look, remembered, sandbox, shows
from tests.planner.node.test_network import endpoint, service

ROUTE = IngressRoute(id="r", host="a.example", target=IngressTarget(namespace="shop", service="web", port=80))
VIEW = IngressView(nodes=(NODE,), routes=(ROUTE,), digest="d1")


def know(host: Host, view: IngressView | None) -> list[str]:
    """Deliver a view of Ingresses, let the node come to rest, and return what it did for them."""
    host.done()
    host.generation += 1
    whole = NetworkView(cluster_id="c", term=1, generation=host.generation, services=host.services, ingress=view)
    host.node.deliver(NodeDocuments(assignment=assignment(*host.pods, generation=host.generation), view=whole))
    host.settle()
    return ingresses(host)


def ingresses(host: Host) -> list[str]:
    """Return the steps for Ingresses since the last look."""
    return [one for one in host.done() if "Ingress" in one]


def test_a_node_that_serves_runs_the_proxy() -> None:
    """Once; a view of the same is nothing new, one with another digest is."""
    host = Host(pod())
    assert len(know(host, VIEW)) == 1
    assert (host.world.ingress.view, bool(host.world.ingress.structure)) == ("d1", True)
    assert know(host, VIEW) == []
    assert len(know(host, replace(VIEW, digest="d2"))) == 1
    assert host.world.ingress.view == "d2"


def test_a_node_that_serves_no_more_stops_it() -> None:
    """As one that is no longer chosen, or without any Ingress; one that never did does nothing."""
    host = Host(pod())
    assert know(host, None) == []
    assert know(host, replace(VIEW, nodes=("node-9",))) == []
    know(host, VIEW)
    assert len(know(host, replace(VIEW, nodes=("node-9",)))) == 1
    assert host.world.ingress.structure == ""
    know(host, VIEW)
    assert len(know(host, None)) == 1


def test_a_proxy_that_ended_is_started_again() -> None:
    """At once, without a word from anybody."""
    host = Host(pod())
    know(host, VIEW)
    before = host.world.ingress
    host.world.ingress = IngressFact(program="simulated")
    host.settle()
    assert len(ingresses(host)) == 1
    assert host.world.ingress == before


def test_endpoints_follow_and_the_structure_stays() -> None:
    """A ready Pod more changes only the endpoints; one of this node's own that it does not know is none."""
    host = Host()
    host.services = (service(),)
    know(host, VIEW)
    first = host.world.ingress
    host.services = (service(endpoint("far-uid", "10.42.9.1", node="node-9")),)
    assert len(know(host, VIEW)) == 1
    assert host.world.ingress.structure == first.structure
    assert host.world.ingress.endpoints != first.endpoints
    host.services = (service(endpoint("lost-uid")),)
    know(host, VIEW)
    assert host.world.ingress.endpoints == first.endpoints


def test_one_of_several_services_that_changes_is_followed() -> None:
    """Though it is not the first, and the others stay as they are."""
    more = replace(ROUTE, id="s", host="b.example", target=IngressTarget(namespace="shop", service="more", port=80))
    view, host = replace(VIEW, routes=(ROUTE, more)), Host()
    host.services = (service(), service(name="more"))
    know(host, view)
    first = host.world.ingress
    host.services = (host.services[0], service(endpoint("far-uid", "10.42.9.1", node="node-9"), name="more"))
    assert len(know(host, view)) == 1
    assert (host.world.ingress.structure, host.world.ingress.endpoints != first.endpoints) == (first.structure, True)


def test_a_pod_ends_once_the_proxy_leads_elsewhere() -> None:
    """Its containers are stopped after the endpoints were changed, and not after a reload, which takes longer."""
    host = Host(pod("web"))
    host.services = (service(endpoint("web-uid-0001"), endpoint("far-uid", "10.42.9.1", node="node-9")),)
    know(host, VIEW)
    ending = tuple(replace(one, deletion_requested_at=host.clock.now()) for one in host.pods)
    host.generation += 1
    whole = NetworkView(cluster_id="c", term=1, generation=host.generation, services=host.services, ingress=VIEW)
    host.node.deliver(NodeDocuments(assignment=assignment(*ending, generation=host.generation), view=whole))
    host.settle()
    steps = host.done()
    changed = next(number for number, one in enumerate(steps) if "programIngress" in one)
    stopped = next(number for number, one in enumerate(steps) if "stopContainer" in one)
    assert changed < stopped


@pytest.mark.parametrize(
    ("port", "told"),
    [
        ({"host_port": 80}, ["0.0.0.0:80"]),
        ({"host_port": 443, "host_ip": "10.0.0.7"}, ["10.0.0.7:443"]),
        ({"host_port": 81}, []),
        ({"host_port": 80, "protocol": "UDP"}, []),
        ({}, []),
    ],
)
def test_pods_that_have_the_ports_of_the_proxy_are_told(port: dict[str, Any], told: list[str]) -> None:
    """When it is started: what comes there leads to them. A proxy that runs, and one that is stopped, tell nothing."""
    one = pod("web", container(ports=(ContainerPort(container_port=80, **port),)))
    facts, memory = shows(sandbox(), fact()), remembered(ip=IP)
    view = NetworkView(cluster_id="c", term=1, generation=1, ingress=VIEW)
    events = [one for one in look(facts, one, memory=memory, network=view).events if one.reason == "HostPortConflict"]
    assert [one.message.split()[6] for one in events] == told
    assert all((one.type, one.pod) == ("Warning", "web") for one in events)
    runs = replace(facts, ingress=IngressFact(structure="s", view="d1"))
    stopped = replace(view, ingress=None)
    for shown, wanted in ((runs, view), (runs, stopped), (facts, stopped)):
        events = list(look(shown, one, memory=memory, network=wanted).events)
        assert not any(one.reason == "HostPortConflict" for one in events)
