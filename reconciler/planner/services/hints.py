"""Hints of endpoints: the zone, or the node, whose clients are to use each. Pure.

A Service asks for them with the annotation `service.kubernetes.io/topology-mode: Auto`, and gets them by Kubernetes'
rules (topology-aware routing): zones have endpoints in proportion to their processors. Slices that stay as they are
keep their hints as long as no zone has too few. With `spec.trafficDistribution` each endpoint is for its own zone, or
node.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from reconciler.model.base import Value
from reconciler.model.kinds import (
    Condition,
    Endpoint,
    EndpointHints,
    EndpointSlice,
    ForNode,
    ForZone,
    Node,
    Service,
)
from reconciler.model.node import HINTED, EndpointPort, ServiceEntry
from reconciler.model.observed import StoredObject
from reconciler.planner.health import condition
from reconciler.planner.services.zones import (
    Allocation,
    NodeZones,
    Place,
    allocations,
    exchanges,
    is_overloaded,
    node_zones,
    place_of,
)
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.conditions import with_condition, without_condition

TOPOLOGY_MODE = "service.kubernetes.io/topology-mode"
_MODE_OF_OLD = "service.kubernetes.io/topology-aware-hints"
AWARE = "reconciler.dev/TopologyAware"
_ENABLED, _DISABLED = "TopologyAwareHintsEnabled", "TopologyAwareHintsDisabled"
_IS_ENABLED, _IS_DISABLED = "Topology Aware Hints has been enabled", "Topology Aware Hints has been disabled"
_NO_SHARES = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
_NO_ZONE = "One or more endpoints do not have a zone specified"
_TOO_FEW = "Insufficient number of endpoints"
_TOO_UNEVEN = "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold"

Slices = tuple[EndpointSlice, ...]


class Hinted(Value):
    """Slices with their hints; why there are none."""

    slices: Slices
    fault: str = ""


def asks_for_hints(service: Service) -> bool:
    """Whether a Service wants its endpoints shared by zones; what it says with the older annotation goes first."""
    said = service.metadata.annotations
    return said.get(_MODE_OF_OLD, said.get(TOPOLOGY_MODE)) in ("Auto", "auto")


class _Known:
    """Where the nodes stood when they were last looked at."""

    def __init__(self) -> None:
        self.mark: object = None
        self.zones = NodeZones(zones={}, shares={})
        self.places: dict[str, tuple[StoredObject, Place]] = {}

    def look(self, nodes: Iterable[StoredObject]) -> NodeZones:
        """Look at the nodes that are not the very same as before."""
        known, self.places = self.places, {}
        for one in nodes:
            seen, place = known.get(one.ref.name, (None, None))
            if place is None or seen is not one:
                place = place_of(cast(Node, one.object))
            self.places[one.ref.name] = one, place
        return node_zones({name: place for name, (_, place) in self.places.items()})


def zones_of_nodes(view: View) -> NodeZones:
    """Return where the nodes stand: the same value as before when they stand as before. Wakes Services if not."""
    known, mark = view.memo.kept("node zones", _Known), view.memo.picture.marks["Node"]
    if known.mark is mark:
        return known.zones
    before, known.mark = known.zones, mark
    fresh = known.look(view.of_kind("Node"))
    if fresh == before:
        return before
    known.zones = fresh
    for stored in view.of_kind("Service"):
        if fresh.zones != before.zones or asks_for_hints(cast(Service, stored.object)):
            view.wake(stored.ref)
    return fresh


def shared_by_zones(slices: Slices, before: Mapping[str, EndpointSlice], shares: Mapping[str, float]) -> Hinted:
    """Return slices with hints; `before` has those that are written, by their names."""
    number = sum(one.conditions.ready for each in slices for one in each.endpoints)
    numbers = f"({number} endpoints, {len(shares)} zones)"
    if not shares:
        return Hinted(slices=slices, fault=_NO_SHARES)
    if number < len(shares):
        return Hinted(slices=slices, fault=f"{_TOO_FEW} {numbers}")
    wanted = allocations(number, shares)
    if wanted is None:
        return Hinted(slices=slices, fault=f"{_TOO_UNEVEN} {numbers}")
    known = tuple(_as_written(one, before.get(one.metadata.name)) for one in slices)
    if all(map(_has_hints, known)) and not is_overloaded(_counts(known), shares):
        return Hinted(slices=known)
    counts: dict[str, int] = {}
    settled = tuple(one if _may_stay(one, counts, wanted) else _of_own_zone(one, counts) for one in known)
    if not all(map(_has_hints, settled)):
        return Hinted(slices=slices, fault=_NO_ZONE)
    moved = _moved(settled, known, *exchanges(counts, wanted))
    return Hinted(slices=moved)


def _as_written(slice_: EndpointSlice, before: EndpointSlice | None) -> EndpointSlice:
    """Return a slice with the hints that it has, where nothing else of it has changed."""
    if before is None or before.ports != slice_.ports:
        return slice_
    is_same = tuple(replace(one, hints=None) for one in before.endpoints) == slice_.endpoints
    return replace(slice_, endpoints=before.endpoints) if is_same else slice_


def _zones(endpoint: Endpoint) -> tuple[str, ...]:
    return tuple(one.name for one in endpoint.hints.for_zones) if endpoint.hints is not None else ()


def _ready(slices: Slices) -> Iterator[Endpoint]:
    return (one for each in slices for one in each.endpoints if one.conditions.ready)


def _has_hints(slice_: EndpointSlice) -> bool:
    return all(map(_zones, _ready((slice_,))))


def _counts(slices: Slices) -> dict[str, int]:
    """Return for how many endpoints each zone is named."""
    return Counter(zone for one in _ready(slices) for zone in _zones(one))


def _may_stay(slice_: EndpointSlice, counts: dict[str, int], wanted: Mapping[str, Allocation]) -> bool:
    """Whether a slice's hints still leave enough for every zone; they are then counted."""
    own = _counts((slice_,))
    if not _has_hints(slice_) or any(
        zone not in wanted or counts.get(zone, 0) + number > wanted[zone].maximum for zone, number in own.items()
    ):
        return False
    _add(counts, own)
    return True


def _of_own_zone(slice_: EndpointSlice, counts: dict[str, int]) -> EndpointSlice:
    found = replace(slice_, endpoints=tuple(with_own_zone(one) for one in slice_.endpoints))
    _add(counts, _counts((found,)))
    return found


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for zone, number in more.items():
        counts[zone] = counts.get(zone, 0) + number


def with_own_zone(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint for the clients of its own zone; one that is not ready, or in no zone, has no hint."""
    own = EndpointHints(for_zones=(ForZone(name=endpoint.zone),)) if endpoint.zone else None
    return replace(endpoint, hints=own if endpoint.conditions.ready else None)


def _moved(slices: Slices, before: Slices, giving: dict[str, int], receiving: dict[str, int]) -> Slices:
    """Give endpoints to other zones than their own; slices that stay as they are keep theirs."""
    return tuple(
        one if one is other else replace(one, endpoints=tuple(_given(end, giving, receiving) for end in one.endpoints))
        for one, other in zip(slices, before, strict=True)
    )


def _given(endpoint: Endpoint, giving: dict[str, int], receiving: dict[str, int]) -> Endpoint:
    zone = endpoint.zone or ""
    taker = next((one for one in sorted(receiving) if receiving[one]), "")
    if not endpoint.conditions.ready or not giving.get(zone) or not taker:
        return endpoint
    giving[zone] -= 1
    receiving[taker] -= 1
    return replace(endpoint, hints=EndpointHints(for_zones=(ForZone(name=taker),)))


def hinted_entry(view: View, stored: StoredObject, entry: ServiceEntry) -> ServiceEntry:
    """Return a Service as nodes need it, with the hints that are written."""
    if entry.distribution != HINTED or not cast(Service, stored.object).spec.selector:
        return entry
    written = tuple(view.owned_by(stored.object.metadata.uid, "EndpointSlice"))
    slices = tuple(cast(EndpointSlice, one.object) for one in written)
    return view.memo.get(("hinted", stored.ref), (entry, *written), lambda: _hinted_entry(entry, slices))


def _hinted_entry(entry: ServiceEntry, slices: Slices) -> ServiceEntry:
    zones = {one.target_ref.uid: _zones(one) for each in slices for one in each.endpoints if one.target_ref}
    return replace(
        entry,
        ports=tuple(
            replace(port, targets=tuple(_hinted_target(target, zones) for target in port.targets))
            for port in entry.ports
        ),
    )


def _hinted_target(target: EndpointPort, zones: Mapping[str, tuple[str, ...]]) -> EndpointPort:
    return replace(
        target, endpoints=tuple(replace(one, for_zones=zones.get(one.pod_uid, ())) for one in target.endpoints)
    )


# What a Service says of it


def with_hints(view: View, stored: StoredObject, slices: Slices, zones: NodeZones) -> Slices:
    """Return the slices of a Service as it wants them, and have it say whether they have hints by zones."""
    service = cast(Service, stored.object)
    if not asks_for_hints(service):
        _tell(view, stored, None)
        return slices
    written = tuple(view.owned_by(service.metadata.uid, "EndpointSlice"))
    found = view.memo.get(
        ("hints", stored.ref),
        (slices, zones, *written),
        lambda: shared_by_zones(
            slices, {one.ref.name: cast(EndpointSlice, one.object) for one in written}, zones.shares
        ),
    )
    _tell(view, stored, found.fault)
    return found.slices


def _tell(view: View, stored: StoredObject, fault: str | None) -> None:
    """Have a Service say in a condition, and an Event, that its hints come or go; None: it does not ask for any."""
    status = cast(Service, stored.object).status
    before = condition(status.conditions, AWARE)
    if before is None and fault is None:
        return
    if fault is None:
        if before.status == "True":
            view.happened(stored, _DISABLED, _of_addresses(_IS_DISABLED), warning=True)
        view.set_status(stored, replace(status, conditions=without_condition(status.conditions, AWARE)))
        return
    message = _of_addresses(fault or _IS_ENABLED)
    if before is not None and before.message == message:
        return
    reason = _DISABLED if fault else _ENABLED
    view.happened(stored, reason, message, warning=bool(fault))
    told = Condition(type=AWARE, status="False" if fault else "True", reason=reason, message=message)
    view.set_status(stored, replace(status, conditions=with_condition(view, status.conditions, told)))


def zones_told(stored: StoredObject, slices: Slices) -> dict[str, Any]:
    """Return what a person is told of a Service's zones: how many ready endpoints are for each, or why none are."""
    service = cast(Service, stored.object)
    said = condition(service.status.conditions, AWARE)
    counts = _counts(slices)
    told: dict[str, Any] = {"endpointsForZones": {zone: counts[zone] for zone in sorted(counts)}}
    return told | ({"topologyAware": said.message} if said is not None else {})


def _of_addresses(message: str) -> str:
    return f"{message}, addressType: IPv4"


def preferring(slices: Slices, distribution: str) -> Slices:
    """Return slices with the hints of `spec.trafficDistribution`: each endpoint is for its own zone, or node too."""
    return tuple(
        replace(one, endpoints=tuple(_preferred(end, distribution) for end in one.endpoints)) for one in slices
    )


def _preferred(endpoint: Endpoint, distribution: str) -> Endpoint:
    found = with_own_zone(endpoint)
    if distribution != "PreferSameNode" or not endpoint.conditions.ready or not endpoint.node_name:
        return found
    zones = found.hints.for_zones if found.hints is not None else ()
    return replace(found, hints=EndpointHints(for_zones=zones, for_nodes=(ForNode(name=endpoint.node_name),)))
