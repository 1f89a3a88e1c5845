"""Which names Services and their endpoints have: the Kubernetes DNS specification.

Pure. One Service adds what follows from it alone; names that several Services share (PTR) collect all answers.
"""

import ipaddress
from collections.abc import Iterator

from reconciler.model.details import DnsRecord
from reconciler.model.node import Endpoint, ServiceEntry, ServicePortEntry

TTL_S = 5
_Item = tuple[str, str, str]


def records(services: tuple[ServiceEntry, ...], domain: str) -> tuple[DnsRecord, ...]:
    """Return the answers for all Services, sorted by name and type."""
    zone = domain.strip(".").lower()
    found: dict[tuple[str, str], dict[str, None]] = {}
    for service in sorted(services, key=lambda one: (one.namespace, one.name)):
        for name, kind, value in _items(service, zone):
            found.setdefault((name, kind), {})[value] = None
    return tuple(
        DnsRecord(name=name, type=kind, values=tuple(values), ttl=TTL_S)
        for (name, kind), values in sorted(found.items())
    )


def _items(service: ServiceEntry, zone: str) -> Iterator[_Item]:
    name = f"{service.name}.{service.namespace}.svc.{zone}."
    if service.external_name:
        yield name, "CNAME", service.external_name.strip(".").lower() + "."
    elif service.cluster_ip:
        yield name, "A", service.cluster_ip
        yield _reverse(service.cluster_ip), "PTR", name
        for port in service.ports:
            for prefix in _port_prefixes(port):
                yield f"{prefix}.{name}", "SRV", f"0 100 {port.port} {name}"
        for endpoint in _answering(service):
            if endpoint.hostname:
                yield f"{endpoint.hostname}.{name}", "A", endpoint.ip
    else:
        yield from _headless_items(service, name)


def _headless_items(service: ServiceEntry, name: str) -> Iterator[_Item]:
    for endpoint in _answering(service):
        own = f"{_label(endpoint)}.{name}"
        yield name, "A", endpoint.ip
        yield own, "A", endpoint.ip
        yield _reverse(endpoint.ip), "PTR", own
    for port in service.ports:
        for target in port.targets:
            for endpoint in sorted(target.endpoints, key=_order):
                if _answers(service, endpoint):
                    for prefix in _port_prefixes(port):
                        yield f"{prefix}.{name}", "SRV", f"0 100 {target.port} {_label(endpoint)}.{name}"


def _answering(service: ServiceEntry) -> list[Endpoint]:
    every = {
        (endpoint.ip, endpoint.hostname): endpoint
        for port in service.ports
        for target in port.targets
        for endpoint in target.endpoints
        if _answers(service, endpoint)
    }
    return sorted(every.values(), key=_order)


def _answers(service: ServiceEntry, endpoint: Endpoint) -> bool:
    return service.publish_not_ready or (endpoint.ready and not endpoint.terminating)


def _order(endpoint: Endpoint) -> tuple[int, str]:
    return int(ipaddress.IPv4Address(endpoint.ip)), endpoint.hostname


def _label(endpoint: Endpoint) -> str:
    """Return the name of an endpoint within its Service: its hostname, or its address with dashes."""
    return endpoint.hostname or endpoint.ip.replace(".", "-")


def _port_prefixes(port: ServicePortEntry) -> tuple[str, ...]:
    return (f"_{port.name}._{port.protocol.lower()}",) if port.name else ()


def _reverse(ip: str) -> str:
    return ".".join(reversed(ip.split("."))) + ".in-addr.arpa."
