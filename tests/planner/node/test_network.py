"""The node's own network map: the view, corrected by local truth."""

from __future__ import annotations

from reconciler.model.details import HostPort
from reconciler.model.kinds import ContainerPort, PodReadinessGate
from reconciler.model.node import Endpoint, EndpointPort, ServiceEntry, ServicePortEntry
from reconciler.simulation.behaviour import Behaviour
from tests.planner.node.host import NODE, Host, container, pod, probe


def endpoint(uid: str, ip: str = "10.42.1.2", node: str = NODE, **fields: bool) -> Endpoint:
    """One endpoint as the controller last knew it."""
    return Endpoint(ip=ip, node=node, pod=f"shop/{uid}", pod_uid=uid, **fields)


def service(*endpoints: Endpoint, name: str = "web") -> ServiceEntry:
    """A Service with one port."""
    port = ServicePortEntry(port=80, targets=(EndpointPort(port=80, endpoints=endpoints),))
    return ServiceEntry(namespace="shop", name=name, cluster_ip="10.43.0.1", ports=(port,))


def programmed(host: Host) -> list[tuple[str, bool, bool]]:
    """What the kernel's table says about the first Service."""
    assert host.world.programmed is not None
    endpoints = host.world.programmed.services[0].ports[0].targets[0].endpoints
    return [(one.pod_uid, one.ready, one.terminating) for one in endpoints]


def test_a_local_pod_that_is_not_ready_leaves_the_map_at_once() -> None:
    """Without a word from the controller."""
    host = Host(images={"app:1": Behaviour(unready_after_s=60)})
    host.services = (service(endpoint("web-uid-0001")),)
    host.assign(pod("web", container(image="app:1", readiness_probe=probe(period_seconds=1))))
    host.node.run_for(30)
    assert programmed(host) == [("web-uid-0001", True, False)]
    host.node.run_for(40)
    assert programmed(host) == [("web-uid-0001", False, False)]


def test_a_local_pod_that_became_ready_enters_the_map_at_once() -> None:
    """The view may lag behind."""
    host = Host()
    host.services = (service(endpoint("web-uid-0001", ready=False)),)
    host.assign(pod("web"))
    host.settle()
    assert programmed(host) == [("web-uid-0001", True, False)]


def test_readiness_gates_are_the_controllers() -> None:
    """A gated Pod is ready only when the view says so."""
    host = Host()
    host.services = (service(endpoint("web-uid-0001", ready=False)),)
    host.assign(pod("web", readiness_gates=(PodReadinessGate(condition_type="example.com/gate"),)))
    host.settle()
    assert programmed(host) == [("web-uid-0001", False, False)]


def test_endpoints_of_pods_that_are_not_here_are_dropped() -> None:
    """The view says they are on this node, and they are not."""
    host = Host()
    host.services = (service(endpoint("gone"), endpoint("remote", "10.42.2.2", "node-2")),)
    host.assign()
    host.settle()
    assert programmed(host) == [("remote", True, False)]


def test_a_table_that_was_lost_is_written_again() -> None:
    """Drift in the kernel is repaired."""
    host = Host(pod("web"))
    host.settle()
    host.done()
    host.world.flush_table()
    host.settle()
    assert host.done() == [f"programServices {NODE}"]


def test_host_ports_lead_to_running_pods() -> None:
    """And only while they run."""
    ports = (ContainerPort(container_port=80, host_port=8080),)
    host = Host(pod("web", container(ports=ports)))
    host.settle()
    assert host.world.programmed is not None
    assert host.world.programmed.host_ports == (HostPort(port=8080, pod_ip="10.42.1.2", pod_port=80),)
    host.delete("web")
    host.settle()
    assert host.world.programmed.host_ports == ()


def test_names_are_published_when_they_change() -> None:
    """Once."""
    host = Host(pod("web"))
    host.settle()
    host.done()
    host.services = (service(name="new"),)
    host.assign(*host.pods)
    host.settle()
    assert sorted(host.done()) == [f"programServices {NODE}", f"publishNames {NODE}"]
    assert host.world.names is not None
    assert any("new.shop.svc.cluster.local." in record.name for record in host.world.names.records)


def test_pods_wait_for_a_host_that_cannot_be_prepared() -> None:
    """And come up once it can."""
    host = Host(pod("web"))
    host.world.fail("prepareHost", 3)
    host.settle()
    assert host.ready("web")


def test_order_of_services_does_not_change_the_map() -> None:
    """The same view in another order is the same digest."""
    digests = set()
    one, two = service(endpoint("a", "10.42.2.3", "n2"), name="a"), service(name="b")
    for services in ((one, two), (two, one)):
        host = Host()
        host.services = services
        host.assign()
        host.settle()
        digests.add(host.world.network.services_digest)
    assert len(digests) == 1


def test_repairs_are_told_as_events() -> None:
    """A link that was broken and a table that was flushed: each says that it was mended."""
    host = Host(pod())
    host.settle()
    host.world.break_link(host.pods[0].uid)
    host.settle()
    host.world.flush_table()
    host.settle()
    messages = [event.message for event in host.node.events]
    assert any("wired again" in message for message in messages), messages
    assert any("written again" in message for message in messages), messages
