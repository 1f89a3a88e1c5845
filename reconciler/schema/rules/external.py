"""Rules on how a Service is reached from outside: node ports, load balancers, traffic policies.

Semantics of Kubernetes' `ValidateService`. The range of node ports and the pool of addresses are the cluster's
settings, so that what depends on them is judged by the planner.
"""

import ipaddress
from collections.abc import Iterator

from reconciler.model.external import is_reached_from_outside
from reconciler.model.kinds import Service, ServiceSpec
from reconciler.schema.rules.finding import Finding, error
from reconciler.schema.rules.pods import address_findings, is_address

_KUBELET_PORT = 10250


def external_access_findings(service: Service) -> Iterator[Finding]:
    """Yield what is wrong with how a Service is reached from outside."""
    spec = service.spec
    if spec.cluster_ip == "None" and spec.type in ("NodePort", "LoadBalancer"):
        yield error("/spec/clusterIP", f"type {spec.type} needs an address; None belongs to type ClusterIP")
    yield from _node_port_findings(spec)
    yield from _external_ip_findings(spec)
    yield from _load_balancer_findings(spec)
    yield from _policy_findings(spec)


def _node_port_findings(spec: ServiceSpec) -> Iterator[Finding]:
    taken: set[tuple[str, int]] = set()
    for number, port in enumerate(spec.ports):
        at = f"/spec/ports/{number}"
        if spec.type == "LoadBalancer" and port.port == _KUBELET_PORT:
            yield error(f"{at}/port", f"port {_KUBELET_PORT} cannot be offered to the outside: it is the kubelet's")
        if not port.node_port:
            continue
        if spec.type not in ("NodePort", "LoadBalancer"):
            yield error(f"{at}/nodePort", f"nodePort belongs to types NodePort and LoadBalancer, not {spec.type}")
        if (port.protocol, port.node_port) in taken:
            yield error(
                f"{at}/nodePort", f"nodePort {port.node_port}/{port.protocol} is given twice", code="duplicate-port"
            )
        taken.add((port.protocol, port.node_port))


def _external_ip_findings(spec: ServiceSpec) -> Iterator[Finding]:
    for number, text in enumerate(spec.external_ips):
        at = f"/spec/externalIPs/{number}"
        yield from address_findings(at, text)
        if not is_address(text):
            continue
        address = ipaddress.ip_address(text)
        if address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast:
            yield error(at, f"{text} cannot lead to a Service from outside", code="bad-address")
        elif address.version != 4:
            yield error(at, "every Service has IPv4 addresses only", code="bad-address")


def _load_balancer_findings(spec: ServiceSpec) -> Iterator[Finding]:
    for number, text in enumerate(spec.load_balancer_source_ranges):
        if not _is_range(text):
            message = f"{text!r} is no range of IPv4 addresses"
            yield error(f"/spec/loadBalancerSourceRanges/{number}", message, "such as 10.0.0.0/8", code="bad-address")
    if spec.load_balancer_ip is not None:
        yield from address_findings("/spec/loadBalancerIP", spec.load_balancer_ip)
    if spec.type == "LoadBalancer":
        return
    given = {
        "loadBalancerSourceRanges": bool(spec.load_balancer_source_ranges),
        "loadBalancerClass": spec.load_balancer_class is not None,
        "allocateLoadBalancerNodePorts": spec.allocate_load_balancer_node_ports is not None,
    }
    for name, is_given in given.items():
        if is_given:
            yield error(f"/spec/{name}", f"{name} belongs to type LoadBalancer, not {spec.type}")


def _is_range(text: str) -> bool:
    try:
        ipaddress.IPv4Network(text.strip(), strict=False)
    except ValueError:
        return False
    return "/" in text


def _policy_findings(spec: ServiceSpec) -> Iterator[Finding]:
    if spec.external_traffic_policy is not None and not is_reached_from_outside(spec):
        message = "externalTrafficPolicy belongs to Services that are reached from outside"
        yield error("/spec/externalTrafficPolicy", message, "types NodePort and LoadBalancer, or externalIPs")
    if spec.health_check_node_port and not (spec.type == "LoadBalancer" and spec.external_traffic_policy == "Local"):
        message = "healthCheckNodePort belongs to type LoadBalancer with externalTrafficPolicy Local"
        yield error("/spec/healthCheckNodePort", message)
