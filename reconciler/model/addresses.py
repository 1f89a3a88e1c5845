"""Addresses and networks as Kubernetes takes them: written in one way only, so that no two programs read two. Pure.

The rules are those of Kubernetes' IsValidIP and IsValidCIDR, of its GetWarningsForIP and GetWarningsForCIDR, and of the
lists that may hold one of each family.
"""

import re
from collections.abc import Iterator, Sequence, Set
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_ZEROS = re.compile(r"\b0+(?=[0-9])")
_MAPPED = "is an IPv4 address in the form of IPv6: write it as IPv4"


def address_fault(text: str) -> str:
    """Return what is wrong with an IP address; an empty text when nothing is."""
    address = _address(text)
    if address is None:
        return f"{text[:60]!r} is no IP address (one without zeros in front of its numbers)"
    return f"{text} {_MAPPED}" if _is_mapped(address) else ""


def cidr_fault(text: str) -> str:
    """Return what is wrong with a network such as 10.0.0.0/8; an empty text when nothing is."""
    network = _network(text)
    if network is None or "/" not in text:
        return "; ".join((f"{text[:60]!r} is no network such as 10.0.0.0/8 or fd00::/8", *cidr_advice(text)))
    if _is_mapped(network.network_address):
        return f"{text} {_MAPPED}"
    if str(network) == text:
        return ""
    return "; ".join(cidr_advice(text)) or f"{text} must be written as {network}"


def address_advice(text: str) -> tuple[str, ...]:
    """Return how an address is better written, where other programs may read another one or write it otherwise."""
    address = _address(_plain(text))
    if address is None:
        return ()
    meant = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if meant is not None or (address.version == 4 and text != str(address)):
        return (f"{text} is read differently by different programs: write {meant or address}",)
    return (f"{text} is written {address} elsewhere: write it like that",) if text != str(address) else ()


def cidr_advice(text: str) -> tuple[str, ...]:
    """Return how a network is better written, or which one may be meant; several sentences when it is both."""
    plain = _plain(text)
    network, address = _network(plain), _address(plain.partition("/")[0])
    if network is None or address is None or "/" not in text:
        return ()
    meant = _unmapped(network)
    found = []
    if address != network.network_address:
        single = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
        found.append(f"{text} is ambiguous: {meant} or {single}/{single.max_prefixlen} may be meant")
    if text != plain or meant.version != network.version:
        found.append(f"{text} is read differently by different programs: write {meant}")
    elif plain != _respelled(plain):
        found.append(f"{text} is written {meant} elsewhere: write it like that")
    return tuple(found)


def plain_address(text: str) -> str:
    """Return an address as every program reads it; what Kubernetes never took for an address stays as it is."""
    address = _address(_plain(text))
    if address is None:
        return text
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if mapped is not None:
        return str(mapped)
    return str(address) if address.version == 4 else text


def plain_network(text: str) -> str:
    """Return a network as every program reads it, without bits behind its prefix; what is none stays as it is."""
    plain = _plain(text)
    network = _network(plain)
    if network is None or "/" not in text:
        return text
    meant = _unmapped(network)
    has_bits = _address(plain.partition("/")[0]) != network.network_address
    return str(meant) if text != plain or has_bits or meant.version != network.version else text


def _plain(text: str) -> str:
    """Return a text without the zeros in front of the decimal numbers of an IPv4 address and of a prefix."""
    address, slash, bits = text.partition("/")
    if ":" not in address:
        address = _ZEROS.sub("", address)
    return f"{address}{slash}{_ZEROS.sub('', bits)}"


def _respelled(text: str) -> str:
    """Return a network in its one spelling, with the bits behind its prefix as they are."""
    address, _, bits = text.partition("/")
    return f"{ip_address(address)}/{bits}"


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped and network.prefixlen >= 96:
        return IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - 96))
    return network


def is_dual_stack(texts: Sequence[str]) -> bool:
    """Whether these are two addresses or networks, one of each family."""
    versions = [address.version for text in texts if (address := _address(text.partition("/")[0])) is not None]
    return sorted(versions) == [4, 6] and len(texts) == 2


def address_list_faults(field: str, texts: Sequence[str], known: Set[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """Yield field and fault of a list of addresses: one, or one of each family; those known before may stay."""
    faults = [(f"{field}[{number}]", address_fault(text)) for number, text in enumerate(texts) if text not in known]
    yield from ((place, fault) for place, fault in faults if fault)
    if len(texts) > 1 and not any(fault for _, fault in faults) and not is_dual_stack(texts):
        yield field, "can be one address, or one of each family"


def _is_mapped(address: IPv4Address | IPv6Address) -> bool:
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # An address with a zone names a place on one machine only.
    return None if isinstance(address, IPv6Address) and address.scope_id else address


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
