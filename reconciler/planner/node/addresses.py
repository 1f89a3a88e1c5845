"""Which address a Pod gets: the next free one of the node's range after the last given.

Pure. Network, gateway-like first and broadcast addresses stay reserved; a released address rests for 30 s, and as long
as `lingering` says that another node may still know its former Pod by it.
"""

from collections.abc import Collection, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network

REST_S = 30.0


@lru_cache(maxsize=64)
def _range(pod_cidr: str) -> tuple[int, int]:
    network = IPv4Network(pod_cidr)
    return int(network.network_address) + 2, int(network.broadcast_address) - 1


def next_address(
    pod_cidr: str,
    last: str,
    used: Collection[str],
    released: Mapping[str, float],
    now: float,
    lingering: bool = False,
) -> str:
    """Return the next free address, or an empty text when there is none now."""
    first, final = _range(pod_cidr)
    size = final - first + 1
    start = int(IPv4Address(last)) + 1 - first if last else 0
    for step in range(max(size, 0)):
        candidate = str(IPv4Address(first + (start + step) % size))
        rests = candidate in released and (lingering or _is_resting(released[candidate], now))
        if candidate not in used and not rests:
            return candidate
    return ""


def next_free_at(released: Mapping[str, float], now: float) -> float | None:
    """Return when the next resting address may be given again."""
    return min((until for until in released.values() if _is_resting(until, now)), default=None)


def still_resting(released: Mapping[str, float], now: float, lingering: bool = False) -> Mapping[str, float]:
    """Return what of `released` still matters; the same mapping when all does."""
    if lingering or all(_is_resting(until, now) for until in released.values()):
        return released
    return {ip: until for ip, until in released.items() if _is_resting(until, now)}


def _is_resting(until: float, now: float) -> bool:
    """None rests longer than it is to: one that seems to was released while the host's clock was ahead."""
    return now < until <= now + REST_S
