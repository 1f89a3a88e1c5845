"""The numbers of nodes, from which the ranges of their Pods' addresses follow. Pure.

A number is given once, when a host joins or first reports, and kept until the node is removed: a node that comes or
goes moves the range of no other.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache

from reconciler.model.observed import ClusterInfo

_POOL = "node/"


def allocation_key(node: str) -> str:
    """Return the key under which a node's number is kept."""
    return f"{_POOL}{node}"


def node_numbers(nodes: Iterable[str], allocations: Mapping[str, str]) -> dict[str, int]:
    """Return the number of every node: as it was given, else the lowest that is free, in the order of names."""
    given = {node: allocations.get(f"{_POOL}{node}") for node in sorted(nodes)}
    found = {node: int(value) for node, value in given.items() if value is not None}
    if len(found) == len(given):
        return found
    taken = {int(value) for key, value in allocations.items() if key.startswith(_POOL)}
    lowest = 0
    for node in given:
        if node in found:
            continue
        while lowest in taken:
            lowest += 1
        found[node] = lowest
        taken.add(lowest)
    return found


def numbers_in(cluster: ClusterInfo) -> int:
    """Return how many nodes the cluster's Pod range has room for."""
    network = ipaddress.ip_network(cluster.pod_cidr)
    return int(2 ** max(cluster.node_prefix - network.prefixlen, 0))


def node_cidr(cluster: ClusterInfo, number: int) -> str:
    """Return the range of Pod addresses of the n-th node (from 0)."""
    return _nth_range(cluster.pod_cidr, cluster.node_prefix, number)


@lru_cache(maxsize=10_000)
def _nth_range(whole: str, prefix: int, number: int) -> str:
    network = ipaddress.ip_network(whole)
    if network.prefixlen > prefix:
        return whole
    start = int(network.network_address) + number * 2 ** (network.max_prefixlen - prefix)
    return f"{ipaddress.ip_address(start)}/{prefix}"
