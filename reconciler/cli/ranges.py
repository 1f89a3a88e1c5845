"""Address ranges: do those of the cluster overlap with each other or with what the host can reach?

Effect: reads /proc, and routes by netlink.
"""

import ipaddress
import socket
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from reconciler.model.errors import ConfigurationError

Network = ipaddress.IPv4Network
_OURS = ("rc", "reconciler-")
_ROUTES = Path("/proc/net/route")


class Route(NamedTuple):
    """One route of the host."""

    network: Network
    link: str


def read_range(text: str, name: str) -> Network:
    """Return a range in CIDR notation; raise ConfigurationError with what is wrong."""
    try:
        return Network(text)
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}", hint="an IPv4 network such as 10.42.0.0/16") from error


def host_routes(file: Path = _ROUTES) -> list[Route]:
    """Return the routes of this host, without the default route and without our own."""
    try:
        lines = file.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return []
    routes = [_route(line.split()) for line in lines if line.strip()]
    to_nodes = _routes_to_nodes() if any(route.network.prefixlen > 0 for route in routes) else ()
    return [
        route
        for route in routes
        if route.network.prefixlen > 0 and not route.link.startswith(_OURS) and route not in to_nodes
    ]


def overlaps(pods: Network, services: Network, routes: Iterable[Route]) -> list[str]:
    """Return every overlap as a sentence."""
    found = []
    if pods.overlaps(services):
        found.append(f"the pod range {pods} overlaps the service range {services}")
    ranges: Sequence[tuple[str, Network]] = (("pod", pods), ("service", services))
    for route in routes:
        for name, network in ranges:
            if network.overlaps(route.network):
                found.append(f"the {name} range {network} overlaps the host's route {route.network} on {route.link}")
    return found


def check_ranges(pods: str, services: str, routes: Iterable[Route]) -> None:
    """Raise ConfigurationError when the ranges of a new cluster cannot be used here."""
    found = overlaps(read_range(pods, "--pod-cidr"), read_range(services, "--service-cidr"), routes)
    if found:
        raise ConfigurationError("; ".join(found), hint="choose others: --pod-cidr, --service-cidr")


def _routes_to_nodes() -> Collection[Route]:
    """Return the plain routes that we have made to other nodes' Pods; another link may lead to the same, wrongly."""
    from reconciler.executors.network.netlink import Netlink
    from reconciler.executors.network.tunnel import PROTOCOL_OURS, routes

    with Netlink() as door:
        return {
            Route(Network((one.destination, one.prefix)), _name(one.link))
            for one in routes(door)
            if one.protocol == PROTOCOL_OURS
        }


def _name(link: int) -> str:
    try:
        return socket.if_indextoname(link)
    except OSError:
        # It is going.
        return ""


def _route(fields: Sequence[str]) -> Route:
    link, destination, mask = fields[0], fields[1], fields[7]
    address = ipaddress.IPv4Address(int.from_bytes(bytes.fromhex(destination), "little"))
    prefix = bin(int(mask, 16)).count("1")
    return Route(Network((address, prefix), strict=False), link)
