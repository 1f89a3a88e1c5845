"""The proxy of Ingresses on one node: why it is programmed, and what makes another configuration of it."""

from __future__ import annotations

from msgspec.structs import replace

from reconciler.model.details import ProgramIngress
from reconciler.model.ingress import IngressRoute, IngressTarget
from reconciler.model.node import NetworkView
from reconciler.model.plan import Reason
from reconciler.model.ports import NodeDocuments
from tests.planner.node.host import NODE, Host, assignment, pod
from tests.planner.node.test_ingress import ROUTE, VIEW, know
from tests.planner.node.test_network import endpoint, service


def programmed(host: Host) -> list[tuple[Reason, ProgramIngress]]:
    """Return what was programmed since the last look: why, and what."""
    actions, host.world.executed = host.world.executed, []
    return [(one.reason, one.detail) for one in actions if isinstance(one.detail, ProgramIngress)]


def deliver(host: Host, view: NetworkView, **fields: str) -> list[tuple[Reason, ProgramIngress]]:
    """Deliver a view, and fields of the assignment; return what was programmed."""
    host.done()
    host.generation += 1
    given = replace(assignment(*host.pods, generation=host.generation), **fields)
    host.node.deliver(NodeDocuments(assignment=given, view=replace(view, generation=host.generation)))
    host.settle()
    return programmed(host)


def whole(host: Host) -> NetworkView:
    """Return the view with the Ingresses."""
    return NetworkView(cluster_id="c", term=1, generation=0, services=host.services, ingress=VIEW)


def test_a_proxy_that_does_not_run_is_started_and_one_that_runs_is_changed() -> None:
    """Two reasons, which are told."""
    host = Host(pod())
    host.services = (service(),)
    ((reason, _),) = deliver(host, whole(host))
    assert reason is Reason.INGRESS_DOWN
    other = replace(VIEW, routes=(replace(ROUTE, host="b.example"),), digest="d2")
    ((reason, detail),) = deliver(host, replace(whole(host), ingress=other))
    assert reason is Reason.INGRESS_CHANGED
    assert [one.lines for one in detail.maps if one.file == "hosts.map"] == [("b.example h0",)]


def test_another_view_or_place_is_another_configuration() -> None:
    """Also where the Services are the very same; the same view is nothing new."""
    host = Host(pod())
    host.services = (service(),)
    ((_, first),) = deliver(host, whole(host))
    assert deliver(host, whole(host)) == []
    more = IngressRoute(id="s", host="a.example", path="/s", target=IngressTarget(namespace="shop", service="web"))
    ((_, second),) = deliver(host, replace(whole(host), ingress=replace(VIEW, routes=(ROUTE, more), digest="d2")))
    assert [one.name for one in second.backends] == ["r", "s"]
    assert (first.view, second.view) == ("d1", "d2") and first.structure != second.structure
    ((_, third),) = deliver(host, whole(host), dns_address="169.254.20.11")
    assert "nameserver cluster 169.254.20.11:53" in third.head
    ((_, fourth),) = deliver(host, whole(host), dns_address="169.254.20.12")
    assert "nameserver cluster 169.254.20.12:53" in fourth.head


def test_endpoints_everywhere_are_behind_an_ingress() -> None:
    """Also of a Service that clients inside the cluster reach on their own nodes only."""
    host = Host(pod())
    local = replace(service(endpoint("far", "10.42.9.1", node="node-9")), internal_local=True)
    host.services = (local,)
    ((_, detail),) = deliver(host, whole(host))
    (backend,) = detail.backends
    assert [one.address for one in backend.servers] == ["10.42.9.1"]


def test_nodes_that_do_not_serve_wait_for_no_endpoints() -> None:
    """A Pod there ends without a word of a proxy; one that serves tells what it is to lead to."""
    host = Host(pod("web"))
    host.services = (service(endpoint("web-uid-0001")),)
    know(host, VIEW)
    assert host.node.last is not None and host.node.last.proxy == host.world.ingress.endpoints != ""
    know(host, replace(VIEW, nodes=("node-9",)))
    assert host.node.last.proxy == ""
    host.delete("web", grace_s=1)
    host.settle()
    assert host.names(state="running") == [] and NODE not in ("node-9",)
