"""What a node's own network map says, endpoint by endpoint and name by name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from reconciler.model.details import HostPort
from reconciler.model.kinds import ContainerPort
from reconciler.model.node import Endpoint, EndpointPort, NetworkView, ServiceEntry, ServicePortEntry
from reconciler.model.node_report import Observation
from reconciler.planner.node.memory import (
    ContainerMemory,
    Failure,
    ImageMemory,
    NodeMemory,
    PodMemory,
    memory_of,
)
from reconciler.planner.node.network import LocalTruth, NetworkMap, host_ports, network_map
from tests.planner.node.host import NODE, container, pod, view
from tests.planner.node.situation import IP, UID, shows

DOMAIN = "cluster.local"
HERE = Endpoint(ip=IP, node=NODE, pod="shop/web", pod_uid=UID)
THERE = Endpoint(ip="10.42.2.2", node="node-2", pod="shop/other", pod_uid="other")
TRUTH = LocalTruth(uid=UID, ip=IP, ready=True, terminating=False)


def service(*endpoints: Endpoint, name: str = "web", **fields: Any) -> ServiceEntry:
    """A Service that leads there."""
    port = ServicePortEntry(name="http", port=80, targets=(EndpointPort(port=8080, endpoints=endpoints),))
    return ServiceEntry(namespace="shop", name=name, ports=(port,), **({"cluster_ip": "10.43.0.1"} | fields))


def made(network: NetworkView, *truths: LocalTruth, domain: str = DOMAIN, node: str = NODE) -> NetworkMap:
    """The map of a node that knows this of its own Pods."""
    return network_map(node, domain, network, truths)


def endpoints(answer: NetworkMap) -> tuple[Endpoint, ...]:
    """Where the first Service leads."""
    return answer.services[0].ports[0].targets[0].endpoints


@pytest.mark.parametrize(
    ("given", "known", "expected"),
    [
        ({}, {}, {}),
        ({"ready": False, "serving": False}, {}, {}),
        ({"ready": False}, {"gated": True}, {"ready": False}),
        ({"ready": True}, {"gated": True}, {}),
        ({}, {"ready": False}, {"ready": False, "serving": False}),
        ({}, {"terminating": True}, {"ready": False, "terminating": True}),
        ({"terminating": True}, {}, {"ready": False, "terminating": True}),
        ({}, {"ip": "10.42.1.9"}, {"ip": "10.42.1.9"}),
        ({"ip": "10.42.1.9"}, {"ip": ""}, {"ip": "10.42.1.9"}),
        ({"node": "node-2"}, {}, {"node": "node-2"}),
    ],
)
def test_what_the_node_knows_of_its_own_pods_corrects_the_view(
    given: dict[str, Any], known: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Readiness, address and end; a gate is the controller's."""
    answer = made(view(service(replace(HERE, **given), THERE)), replace_truth(**known))
    assert [one for one in endpoints(answer) if one.pod_uid == UID] == [replace(HERE, **expected)]


def replace_truth(**fields: Any) -> LocalTruth:
    """What the node knows of its Pod, but for this."""
    known: dict[str, Any] = {"uid": UID, "ip": IP, "ready": True, "terminating": False} | fields
    return LocalTruth(**known)


def test_endpoints_elsewhere_and_those_written_by_hand_are_left_as_they_are() -> None:
    """One that is said to be here and is not is dropped."""
    by_hand = Endpoint(ip="192.168.7.7")
    answer = made(view(service(THERE, HERE, by_hand, replace(THERE, ready=False, ip="10.42.2.1"))))
    assert [(one.ip, one.ready) for one in endpoints(answer)] == [
        ("10.42.2.1", False),
        ("10.42.2.2", True),
        ("192.168.7.7", True),
    ]


def test_the_same_map_has_the_same_digest_and_another_one_another() -> None:
    """Whatever the order of Services, ports' targets and endpoints; whatever was asked before."""
    one, other = service(THERE, HERE), service(THERE, name="a")
    base = made(view(one, other), TRUTH)
    assert [entry.name for entry in base.services] == ["a", "web"]
    shuffled = made(view(other, service(HERE, THERE)), TRUTH)
    assert (shuffled.digest, shuffled.names_digest) == (base.digest, base.names_digest)
    assert made(view(one, other)).digest != base.digest
    assert made(view(one), TRUTH).digest != base.digest
    assert made(view(one, other), TRUTH, domain="other.local").names_digest != base.names_digest
    assert made(view(one, other), replace_truth(ports=(HostPort(port=1, pod_ip=IP, pod_port=1),))).digest != base.digest
    assert made(view(one, other), TRUTH).names_digest == base.names_digest


def test_the_last_map_of_each_node_is_kept_while_nothing_changes() -> None:
    """It is large, and asked for at every pass."""
    network = view(service(THERE, HERE))
    first = made(network, TRUTH)
    assert made(network, TRUTH) is first
    assert made(network, TRUTH, node="node-9") is not first
    assert made(network, TRUTH) is first
    assert made(network) is not first
    changed = made(network, TRUTH, domain="other.local")
    assert {one.name.rpartition(".svc.")[2] for one in changed.names if one.type == "A"} == {"other.local."}
    for number in range(300):
        made(network, TRUTH, node=f"many-{number}")
    assert made(network, TRUTH) == first


def test_names_of_services_here_and_elsewhere_are_put_together() -> None:
    """An address that serves both answers with both; each is answered for five seconds."""
    headless = {"cluster_ip": ""}
    local = service(HERE, Endpoint(ip="192.168.7.7"), name="a", **headless)
    remote = service(Endpoint(ip="192.168.7.7"), THERE, name="b", **headless)
    answer = made(view(local, remote), TRUTH)
    found = {(one.name, one.type): one.values for one in answer.names}
    assert list(found) == sorted(found)
    assert found["7.7.168.192.in-addr.arpa.", "PTR"] == (
        f"192-168-7-7.b.shop.svc.{DOMAIN}.",
        f"192-168-7-7.a.shop.svc.{DOMAIN}.",
    )
    assert found[f"a.shop.svc.{DOMAIN}.", "A"] == (IP, "192.168.7.7")
    assert {one.ttl for one in answer.names} == {5}
    assert not made(view()).names


@pytest.mark.parametrize(
    ("fields", "ip", "expected"),
    [
        ({}, IP, [("", "TCP", 8080, IP, 80), ("10.0.0.1", "UDP", 53, IP, 5353)]),
        ({}, "", []),
        ({"host_network": True}, IP, []),
    ],
)
def test_ports_of_the_host_lead_to_pods_with_an_address_of_their_own(
    fields: dict[str, Any], ip: str, expected: list[Any]
) -> None:
    """Each once, also those of init containers; every address is no address."""
    web = ContainerPort(container_port=80, host_port=8080, host_ip="0.0.0.0")
    dns = ContainerPort(container_port=5353, host_port=53, host_ip="10.0.0.1", protocol="UDP")
    inner = ContainerPort(container_port=9000)
    one = pod("web", container(ports=(dns, inner)), init_containers=(container("i", ports=(web, web)),), **fields)
    found = host_ports(one, ip)
    assert [(port.host_ip, port.protocol, port.port, port.pod_ip, port.pod_port) for port in found] == expected


FRESH: dict[type, dict[str, Any]] = {
    Failure: {"count": 0, "until": 0.0, "reason": "", "message": ""},
    ImageMemory: {"pulls": 0},
    ContainerMemory: {
        "attempt": -1,
        "container_id": "",
        "image": "",
        "backoff_s": 0.0,
        "ended": None,
        "last": None,
        "ready": False,
        "started": False,
        "condemned": "",
    },
    NodeMemory: {
        "term": 0,
        "generation": 0,
        "view_term": 0,
        "view_generation": 0,
        "boot_in_contact": "",
        "evicted_at": 0.0,
        "last_ip": "",
    },
    PodMemory: {
        "ip": "",
        "host_network": False,
        "sandbox_attempt": -1,
        "sandbox_id": "",
        "sandbox_started_at": 0.0,
        "absent_at": None,
        "finished": "",
    },
}


@pytest.mark.parametrize("type_", FRESH, ids=lambda one: one.__name__)
def test_a_memory_that_lacks_something_says_that_nothing_is_known_of_it(type_: type) -> None:
    """An earlier version of the program did not write everything."""
    text = '{"namespace": "shop", "name": "web", "startedAt": 1}' if type_ is PodMemory else "{}"
    found = msgspec.json.decode(text, type=type_)
    assert {name: getattr(found, name) for name in FRESH[type_]} == FRESH[type_]


def test_a_nodes_memory_is_read_from_its_report() -> None:
    """A node that never reported, or reported none, remembers nothing."""
    memory = NodeMemory(last_ip=IP)
    raw = msgspec.Raw(msgspec.json.encode(memory))
    report = Observation(node=NODE, boot_id="b", sequence=1, observed_at=1.0, facts=shows(), memory=raw)
    assert memory_of(report) == memory
    assert memory_of(None) == NodeMemory()
    assert memory_of(replace(report, memory=msgspec.Raw(b"null"))) == NodeMemory()
