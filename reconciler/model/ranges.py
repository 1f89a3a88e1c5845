"""Address ranges of a cluster: what no range of Pods or Services may be, on whatever host. Pure.

Fields: kube-apiserver's `--service-cluster-ip-range` and kube-controller-manager's `--cluster-cidr`.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

# Of "this" network, loopback, of one link alone, and from multicast on: no host leads these anywhere.
_NOT_ROUTED = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")))
_SERVICES_MIN, _NODE_PREFIX_MAX = 8, 30


def range_faults(pods: str, services: str, node_prefix: int, dns_address: str) -> tuple[str, ...]:
    """Return everything for which a cluster cannot have these ranges."""
    try:
        return tuple(_faults(IPv4Network(pods), IPv4Network(services), node_prefix, IPv4Address(dns_address)))
    except ValueError as error:
        return (str(error),)


def _faults(pods: IPv4Network, services: IPv4Network, node_prefix: int, dns: IPv4Address) -> Iterator[str]:
    if pods.overlaps(services):
        yield f"the pod range {pods} overlaps the service range {services}"
    for name, network in (("pod", pods), ("service", services)):
        unusable = [one for one in _NOT_ROUTED if network.overlaps(one)]
        yield from (f"the {name} range {network} overlaps {one}, which no host routes" for one in unusable)
        if dns in network and not unusable:
            yield f"dnsAddress {dns} is in the {name} range {network}"
    if services.num_addresses < _SERVICES_MIN:
        yield f"the service range {services} has fewer than {_SERVICES_MIN} addresses"
    if node_prefix > _NODE_PREFIX_MAX:
        yield f"nodePrefix {node_prefix} leaves a node no room for Pods: at most {_NODE_PREFIX_MAX}"
