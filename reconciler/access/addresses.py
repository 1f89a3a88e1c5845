"""What this host is called and where it can be reached. Effect: asks the kernel."""

import socket
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address, ip_network

from pyroute2 import IPRoute

_SCOPE_GLOBAL = 0
# Addresses that a host takes for a day, so as not to be recognised.
_TEMPORARY = 0x01
_ADDRESSES_MAX = 64
# Never sent to: connecting a datagram socket only asks for the route (RFC 5737).
_ELSEWHERE = ("192.0.2.1", 9)


def host_addresses() -> tuple[str, ...]:
    """Return the addresses of this host that others can reach, in order; those of links to Pods are not among them."""
    with IPRoute() as door:
        listed = list(door.get_addr())
    lasting = [one for one in listed if one["scope"] == _SCOPE_GLOBAL and not one["flags"] & _TEMPORARY]
    found = {one.get_attr("IFA_LOCAL") or one.get_attr("IFA_ADDRESS") for one in lasting}
    addresses = [ip_address(address) for address in found if address]
    usable = [address for address in addresses if not (address.is_link_local or address.is_loopback)]
    ordered = sorted(usable, key=lambda address: (address.version, int(address)))
    return tuple(str(address) for address in ordered[:_ADDRESSES_MAX])


def primary_address() -> str:
    """Return the address that this host speaks to others from; loopback without a route to anybody."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(_ELSEWHERE)
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def server_names(node: str, domain: str, service_cidr: str, extra: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the names and addresses of the API: of this host, of the Service `kubernetes`, and extra ones."""
    service = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{domain}")
    first = str(ip_network(service_cidr)[1])
    names = (node, "localhost", *service, "127.0.0.1", "::1", first, *extra)
    return tuple(dict.fromkeys(_normal(name) for name in names))


def _normal(name: str) -> str:
    """Return the one way in which a name or an address is written."""
    with suppress(ValueError):
        return str(ip_address(name))
    return name.lower()
