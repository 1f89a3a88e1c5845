"""How Services are reached from outside: the settings, what nodes are told, and what they do.

Pure. `NodePortRange` and `AddressPool` read the operator's words; a `Way` is one port of a Service as one node leads
to it from outside, decided by the planner, so that who programs it need not choose.
"""

import ipaddress
import itertools
from collections.abc import Iterable, Mapping

from reconciler.model.base import Value
from reconciler.model.kinds import Protocol, ServiceSpec

NODE_PORTS = "30000-32767"
OUR_CLASS = "reconciler.dev/pool"
# Kubernetes keeps the first of each range for numbers and addresses that are asked for.
_RESERVED_MIN, _RESERVED_MAX = 16, 128


class NodePortRange(Value):
    """The numbers that ports on nodes are given from, both ends included."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> "NodePortRange":
        """Read `30000-32767`, or a single number; raise ValueError with the reason."""
        first, dash, last = text.partition("-")
        try:
            numbers = int(first), int(last if dash else first)
        except ValueError:
            raise ValueError(f"{text!r} is no range of ports such as {NODE_PORTS}") from None
        if not 1 <= numbers[0] <= numbers[1] <= 65535:
            raise ValueError(f"{text!r} is no range of ports between 1 and 65535")
        return cls(first=numbers[0], last=numbers[1])

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @property
    def band(self) -> range:
        """The numbers that are given to who asks for none: those above the reserved first."""
        size = self.last - self.first + 1
        reserved = min(max(_RESERVED_MIN, size // 32), _RESERVED_MAX)
        return range(self.first + (reserved if size > reserved else 0), self.last + 1)


class AddressPool(Value):
    """The addresses that load balancers are given, as pairs of a first and a last one, in ascending order."""

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "AddressPool":
        """Read `10.0.0.240-10.0.0.250`, `10.0.1.0/28` or a single address; raise ValueError with every fault."""
        found: list[tuple[int, int]] = []
        faults: list[str] = []
        for text in texts:
            try:
                found.append(_range(text))
            except ValueError as error:
                faults.append(str(error))
        found.sort()
        for (_, last), (first, _) in itertools.pairwise(found):
            if first <= last:
                faults.append(f"{ipaddress.IPv4Address(first)} is in two of the ranges")
        if faults:
            raise ValueError("; ".join(faults))
        return cls(ranges=tuple(found))

    def __contains__(self, address: str) -> bool:
        number = int(ipaddress.IPv4Address(address))
        return any(first <= number <= last for first, last in self.ranges)

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def __getitem__(self, index: int) -> str:
        for first, last in self.ranges:
            if index <= last - first:
                return str(ipaddress.IPv4Address(first + index))
            index -= last - first + 1
        raise IndexError(index)

    def meets(self, cidr: str) -> bool:
        """Whether an address of the pool is in a range of CIDR notation."""
        try:
            network = ipaddress.IPv4Network(cidr)
        except ValueError:  # what is wrong with the range itself is told elsewhere
            return False
        low, high = int(network.network_address), int(network.broadcast_address)
        return any(first <= high and low <= last for first, last in self.ranges)


def _range(text: str) -> tuple[int, int]:
    try:
        if "/" in text:
            network = ipaddress.IPv4Network(text.strip())
            return int(network.network_address), int(network.broadcast_address)
        first, dash, last = text.partition("-")
        low = ipaddress.IPv4Address(first.strip())
        high = ipaddress.IPv4Address((last if dash else first).strip())
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    if high < low:
        raise ValueError(f"{text!r}: the last address is before the first")
    if any(one.is_loopback or one.is_multicast or one.is_unspecified or one.is_link_local for one in (low, high)):
        raise ValueError(f"{text!r}: no host can hold such an address")
    return int(low), int(high)


def settings_faults(
    node_ports: str, addresses: Iterable[str], ranges: Mapping[str, str], node_address: str
) -> tuple[str, ...]:
    """Return everything that is wrong with the settings; `ranges` are those of Pods and Services, by setting."""
    faults: list[str] = []
    pool = AddressPool()
    try:
        NodePortRange.parse(node_ports)
    except ValueError as error:
        faults.append(f"nodePortRange: {error}")
    try:
        pool = AddressPool.parse(addresses)
    except ValueError as error:
        faults.append(f"loadBalancer.addresses: {error}")
    faults += [
        f"loadBalancer.addresses: some are in {name} {cidr}" for name, cidr in ranges.items() if pool.meets(cidr)
    ]
    if node_address and node_address in pool:
        faults.append(f"loadBalancer.addresses: nodeAddress {node_address} is one of them")
    return tuple(faults)


def is_reached_from_outside(spec: ServiceSpec) -> bool:
    """Whether a Service is reached from outside the cluster (upstream: `ExternallyAccessible`)."""
    return spec.type in ("NodePort", "LoadBalancer") or (spec.type == "ClusterIP" and bool(spec.external_ips))


def needs_node_ports(spec: ServiceSpec) -> bool:
    """Whether each port of a Service is given a port on the nodes."""
    return spec.type == "NodePort" or (
        spec.type == "LoadBalancer" and spec.allocate_load_balancer_node_ports is not False
    )


def needs_health_check(spec: ServiceSpec) -> bool:
    """Whether a Service has a port on which nodes tell whether they serve it."""
    return spec.type == "LoadBalancer" and spec.external_traffic_policy == "Local"


class Announced(Value):
    """An address from outside, and the node that answers for it."""

    address: str
    node: str


class Backend(Value):
    """One endpoint behind a way; `elsewhere`: not on the node that leads to it."""

    ip: str
    port: int
    elsewhere: bool = False


class Way(Value):
    """One port of a Service as a node leads to it from outside: by `addresses` at `port`, by any of its own at
    `node_port` (0: none).

    With `local`, clients from outside come to the endpoints in `own` only, those of this node; clients inside come to
    `backends` all the same. Who asks the addresses in `fenced` has to be in one of `source_ranges`.
    """

    service: str
    protocol: Protocol
    port: int
    addresses: tuple[str, ...] = ()
    node_port: int = 0
    affinity_timeout_s: int = 0
    backends: tuple[Backend, ...] = ()
    local: bool = False
    own: tuple[Backend, ...] = ()
    fenced: tuple[str, ...] = ()
    source_ranges: tuple[str, ...] = ()


class HealthCheck(Value):
    """A port on which a node tells how many endpoints of a Service it has."""

    port: int
    namespace: str
    name: str
    endpoints: int
