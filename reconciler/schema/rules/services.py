"""Rules on Services and hand-written endpoints."""

import ipaddress
from collections.abc import Iterable, Iterator

from reconciler.model.kinds import Endpoints, EndpointSlice, Service
from reconciler.schema.rules.external import external_access_findings
from reconciler.schema.rules.finding import Finding, error, repeated
from reconciler.schema.rules.pods import address_findings, is_address


def service_findings(service: Service) -> Iterator[Finding]:
    """Yield what is wrong with a Service."""
    spec = service.spec
    yield from external_access_findings(service)
    if spec.type == "ExternalName":
        yield from _external_findings(service)
        return
    if spec.external_name is not None:
        yield error("/spec/externalName", "externalName belongs to type ExternalName")
    is_headless = spec.cluster_ip == "None"
    if not spec.ports and not is_headless:
        yield error("/spec", "ports is missing", code="missing-field")
    if spec.cluster_ip and not is_headless:
        yield from address_findings("/spec/clusterIP", spec.cluster_ip, "clusterIP: ")
    if spec.cluster_ips and spec.cluster_ips[0] != spec.cluster_ip:
        yield error("/spec/clusterIPs", "the first of clusterIPs must be clusterIP")
    yield from _port_findings(((port.name or "", port.protocol, port.port) for port in spec.ports), "/spec/ports")


def endpoints_findings(endpoints: Endpoints) -> Iterator[Finding]:
    """Yield what is wrong with hand-written Endpoints."""
    for number, subset in enumerate(endpoints.subsets):
        at = f"/subsets/{number}"
        if not subset.addresses and not subset.not_ready_addresses:
            yield error(at, "a subset needs addresses")
        for field, addresses in (("addresses", subset.addresses), ("notReadyAddresses", subset.not_ready_addresses)):
            for index, address in enumerate(addresses):
                yield from _address_findings(f"{at}/{field}/{index}/ip", address.ip)
        yield from _port_findings(((port.name, port.protocol, port.port) for port in subset.ports), f"{at}/ports")


def slice_findings(endpoint_slice: EndpointSlice) -> Iterator[Finding]:
    """Yield what is wrong with a hand-written EndpointSlice."""
    for number, endpoint in enumerate(endpoint_slice.endpoints):
        for index, address in enumerate(endpoint.addresses):
            yield from _address_findings(f"/endpoints/{number}/addresses/{index}", address)
    names = ((f"/ports/{n}/name", port.name) for n, port in enumerate(endpoint_slice.ports))
    yield from repeated(names, "port name")


def _external_findings(service: Service) -> Iterator[Finding]:
    if service.spec.external_name is None:
        yield error("/spec", "type ExternalName needs externalName", code="missing-field")
    if service.spec.cluster_ip not in ("", "None"):
        yield error("/spec/clusterIP", "type ExternalName has no address")


def _port_findings(ports: Iterable[tuple[str, str, int]], at: str) -> Iterator[Finding]:
    listed = list(ports)
    for number, (name, protocol, port) in enumerate(listed):
        if len(listed) > 1 and not name:
            yield error(f"{at}/{number}", "with several ports, each needs a name", code="missing-field")
        if (protocol, port) in [(other, number_) for _, other, number_ in listed[:number]]:
            yield error(f"{at}/{number}/port", f"port {port}/{protocol} is given twice", code="duplicate-port")
    named = ((f"{at}/{n}/name", name) for n, (name, _, _) in enumerate(listed) if name)
    yield from repeated(named, "port name")


def _address_findings(at: str, text: str) -> Iterator[Finding]:
    yield from address_findings(at, text)
    if not is_address(text):
        return
    address = ipaddress.ip_address(text)
    if address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast:
        yield error(at, f"{text} cannot be reached through a Service", code="bad-address")
