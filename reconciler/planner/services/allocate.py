"""ClusterIPs: an explicit one wins, else one that follows from the name and is written once. Pure."""

import hashlib
import ipaddress
from typing import cast

from reconciler.model.kinds import Service
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.planner.view import View, replace

_RESERVED = 16  # upstream keeps the first addresses for explicit ones: min(max(16, size / 16), 256)


def allocate_addresses(view: View) -> None:
    """Give every Service of type ClusterIP its address."""
    network = ipaddress.ip_network(view.observed.cluster.service_cidr)
    used: set[str] | None = None
    for stored in view.due("Service"):
        service = cast(Service, stored.object)
        _complain(view, stored, network)
        if service.spec.type != "ClusterIP" or service.spec.cluster_ip:
            _remember(view, stored)
            continue
        used = _used(view) if used is None else used
        known = view.observed.allocations.get(allocation_key(stored), "")
        address = known if known and known not in used else _free(network, stored, used)
        if not address:
            message = f"no address is free in {network}"
            view.judge(stored.ref, Decision.BLOCKED, Reason.CONFLICT, message, stored=stored)
            continue
        used.add(address)
        spec = replace(service.spec, cluster_ip=address, cluster_ips=(address,))
        updated = view.update(stored, replace(service, spec=spec), reason=Reason.PLACED, judged=False)
        _remember(view, updated)


def _used(view: View) -> set[str]:
    services = view.of_kind("Service")
    return {address for one in services if (address := cast(Service, one.object).spec.cluster_ip)}


def allocation_key(stored: StoredObject) -> str:
    """Return the key under which a Service's address is kept."""
    return f"clusterip/{stored.ref.namespace}/{stored.ref.name}"


def _remember(view: View, stored: StoredObject) -> None:
    address = cast(Service, stored.object).spec.cluster_ip
    key = allocation_key(stored)
    if address and address != "None" and view.observed.allocations.get(key) != address:
        view.allocations[key] = address
        view.keep_awake()


def _complain(view: View, stored: StoredObject, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> None:
    address = cast(Service, stored.object).spec.cluster_ip
    if address and address != "None" and ipaddress.ip_address(address) not in network:
        view.warn(f"{stored.ref}: clusterIP {address} is outside of {network} and will not be reached")


def _free(network: ipaddress.IPv4Network | ipaddress.IPv6Network, stored: StoredObject, used: set[str]) -> str:
    """Probe from the digest of the name, in the band above the reserved first addresses."""
    size = network.num_addresses
    first = min(max(_RESERVED, size // 16), 256)
    band = size - first - 1
    start = int.from_bytes(hashlib.sha256(allocation_key(stored).encode()).digest()[:8], "big")
    for step in range(max(band, 0)):
        address = str(network[first + (start + step) % band])
        if address not in used:
            return address
    return ""
