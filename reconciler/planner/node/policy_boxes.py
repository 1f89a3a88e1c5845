"""Turns what rules let through into boxes of addresses, protocols and ports that share nothing. Pure.

The kernel looks one packet up in one set of such boxes, however many rules they come from; and it takes no two elements
that overlap. The addresses are cut wherever a rule begins or ends; between two cuts the ports are united, and stretches
that let the same through are one. The same permissions give the same boxes, in whatever order they come.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from reconciler.model.networkpolicy import ADDRESS_MAX, ANY_PROTOCOL, PORT_MAX, Box, PolicyBlock

Span = tuple[int, int]
Ports = tuple[tuple[int, int, int], ...]
"""Protocol, first and last port. `EVERY_PORT` is everything."""

EVERY_PORT: Ports = ((ANY_PROTOCOL, 0, PORT_MAX),)
EVERYWHERE: Span = (0, ADDRESS_MAX)
Permission = tuple[Span, Ports]


@lru_cache(maxsize=1 << 16)
def address_number(ip: str) -> int:
    """Return an IPv4 address as a number."""
    return int(ipaddress.IPv4Address(ip))


def block_spans(block: PolicyBlock) -> tuple[Span, ...]:
    """Return the addresses of a network less what is excepted; none of IPv6, which Pods do not speak."""
    network = ipaddress.ip_network(block.cidr, strict=False)
    if network.version != 4:
        return ()
    low, high = _span(network)
    found = []
    for first, last in sorted(_span(one) for one in _networks(block.without)):
        if first > low:
            found.append((low, min(first - 1, high)))
        low = max(low, last + 1)
    if low <= high:
        found.append((low, high))
    return tuple(found)


def _networks(texts: Iterable[str]) -> list[ipaddress.IPv4Network]:
    read = (ipaddress.ip_network(text, strict=False) for text in texts)
    return [one for one in read if isinstance(one, ipaddress.IPv4Network)]


def _span(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Span:
    return int(network.network_address), int(network.broadcast_address)


def united(ports: Iterable[Ports]) -> Ports:
    """Return ports as sorted ranges that neither overlap nor touch."""
    every = sorted({one for group in ports for one in group})
    if every and every[0][0] == ANY_PROTOCOL:
        return EVERY_PORT
    found: list[tuple[int, int, int]] = []
    for protocol, first, last in every:
        if found and found[-1][0] == protocol and first <= found[-1][2] + 1:
            found[-1] = (protocol, found[-1][1], max(found[-1][2], last))
        else:
            found.append((protocol, first, last))
    return tuple(found)


def boxes_of(permissions: Iterable[Permission]) -> tuple[Box, ...]:
    """Return permissions as boxes that share nothing, in order."""
    begins: dict[int, list[Ports]] = {}
    ends: dict[int, list[Ports]] = {}
    for (low, high), ports in permissions:
        begins.setdefault(low, []).append(ports)
        ends.setdefault(high + 1, []).append(ports)
    active: Counter[Ports] = Counter()
    known: dict[frozenset[Ports], Ports] = {}
    stretches: list[tuple[int, int, Ports]] = []
    for cut, following in pairwise(sorted({*begins, *ends})):
        for ports in ends.get(cut, ()):
            active[ports] -= 1
            if not active[ports]:
                del active[ports]
        active.update(begins.get(cut, ()))
        if not active:
            continue
        key = frozenset(active)
        together = known[key] if key in known else known.setdefault(key, united(key))
        if stretches and stretches[-1][1] == cut - 1 and stretches[-1][2] == together:
            stretches[-1] = (stretches[-1][0], following - 1, together)
        else:
            stretches.append((cut, following - 1, together))
    return tuple(Box(low, high, *part) for low, high, ports in stretches for part in ports)
