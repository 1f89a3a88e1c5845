"""Where nodes stand, and which share of the cluster's processors each zone has. Pure.

The rules are those of Kubernetes' topology cache: only nodes that are ready and no control plane count, a single one
whose zone or processors are not known leaves nothing to share by, and so does a single zone.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from reconciler.model.base import Value
from reconciler.model.kinds import Node
from reconciler.model.quantity import cpu_millis
from reconciler.planner.health import condition

ZONE = "topology.kubernetes.io/zone"
_CONTROL_PLANES = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
# By how much more than its share an endpoint may be asked.
_OVERLOAD = 0.2


class NodeZones(Value):
    """The zone of each node that is in one, and the share of each zone; no shares where they cannot be told."""

    zones: Mapping[str, str]
    shares: Mapping[str, float]


class Allocation(NamedTuple):
    """How many endpoints a zone has to have, may have, and should have."""

    minimum: int
    maximum: int
    desired: float


class Place(NamedTuple):
    """Where a node stands, the processors that it has for Pods, and whether they count."""

    zone: str
    cpu_millis: int
    counts: bool


def place_of(node: Node) -> Place:
    """Return where a node stands (its labels, `status.allocatable`)."""
    cpu = cpu_millis(node.status.allocatable.get("cpu", "0"))
    return Place(node.metadata.labels.get(ZONE, ""), cpu, _counts(node))


def node_zones(places: Mapping[str, Place]) -> NodeZones:
    """Return the zones and their shares, given where each node stands."""
    zones = {name: place.zone for name, place in places.items() if place.zone}
    return NodeZones(zones=zones, shares=_shares(places.values()))


def _shares(places: Iterable[Place]) -> dict[str, float]:
    """Return the share of each zone in the processors, in the order of names."""
    millis: Counter[str] = Counter()
    for place in places:
        if not place.counts:
            continue
        if not place.zone or not place.cpu_millis:
            return {}
        millis[place.zone] += place.cpu_millis
    total = sum(millis.values())
    return {zone: millis[zone] / total for zone in sorted(millis)} if len(millis) > 1 else {}


def _counts(node: Node) -> bool:
    ready = condition(node.status.conditions, "Ready")
    is_ready = ready is not None and ready.status == "True"
    return is_ready and not any(one in node.metadata.labels for one in _CONTROL_PLANES)


def is_overloaded(counts: Mapping[str, int], shares: Mapping[str, float]) -> bool:
    """Whether any zone has too few of the endpoints that are counted by the zone that they are for."""
    if not counts:
        return False
    total = sum(counts.values())
    return not shares or any(counts.get(zone, 0) < _minimum(total, share) for zone, share in shares.items())


def allocations(number: int, shares: Mapping[str, float]) -> dict[str, Allocation] | None:
    """Return how so many endpoints are to be shared by the zones; None where some zone would be overloaded."""
    minima = {zone: _minimum(number, share) for zone, share in shares.items()}
    spare = number - sum(minima.values())
    if spare < 0:
        return None
    return {
        zone: Allocation(minimum, minimum + spare, max(shares[zone] * number, float(minimum)))
        for zone, minimum in minima.items()
    }


def _minimum(number: int, share: float) -> int:
    return math.ceil(share * number * (1 / (1 + _OVERLOAD)))


def exchanges(counts: Mapping[str, int], wanted: Mapping[str, Allocation]) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many endpoints each zone gives to others, and how many each receives."""
    over = {zone: counts.get(zone, 0) - one.desired for zone, one in wanted.items()}
    giving: Counter[str] = Counter()
    receiving: Counter[str] = Counter()
    while over:
        giver, taker = max(over, key=over.__getitem__), min(over, key=over.__getitem__)
        if max(over[giver], -over[taker]) < 1 or min(over[giver], -over[taker]) < 0.5:
            break
        giving[giver] += 1
        receiving[taker] += 1
        over[giver] -= 1
        over[taker] += 1
    return giving, receiving
