"""Endpoints of Services: the Pods a selector chooses, or what a person wrote by hand. Pure."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias, TypeVar, cast

from reconciler.model import kinds as k
from reconciler.model.kinds import Pod, Service, ServicePort
from reconciler.model.node import HINTED, Endpoint, EndpointPort, ServiceEntry, ServicePortEntry
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.identity import suffix
from reconciler.planner.services.balancers import outer_addresses, source_ranges
from reconciler.planner.services.by_hand import SERVICE_NAME, written_by_hand
from reconciler.planner.services.hints import (
    asks_for_hints,
    hinted_entry,
    preferring,
    with_hints,
    zones_of_nodes,
)
from reconciler.planner.services.nodeports import held_node_ports
from reconciler.planner.view import View, owner_of, replace
from reconciler.planner.workloads.podview import is_ready

M = TypeVar("M", k.Endpoints, tuple[k.EndpointSlice, ...])
Ports: TypeAlias = tuple[tuple[str, k.Protocol, int], ...]
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"


def sync_endpoints(view: View) -> None:
    """Write Endpoints and EndpointSlices of every Service with a selector."""
    places = zones_of_nodes(view)
    zones = places.zones
    for stored in view.due("Service"):
        service = cast(Service, stored.object)
        if service.spec.selector and service.spec.type != "ExternalName":
            entry = service_entry(view, stored)
            _write(view, stored, _kept(view, stored, (entry,), _as_endpoints))
            slices = _kept(view, stored, (entry, zones), _as_slices)
            slices = with_hints(view, stored, slices, places)
            for one in slices:
                _write(view, stored, one)
            _remove_others(view, stored, frozenset(one.metadata.name for one in slices))


def _kept(view: View, owner: StoredObject, parts: tuple[Any, ...], make: Callable[..., M]) -> M:
    return view.memo.get((make.__name__, owner.ref), (owner, *parts), partial(make, owner, *parts))


def service_entries(view: View) -> tuple[ServiceEntry, ...]:
    """Return every Service as the nodes need it, in the order of names."""
    known: dict[ObjectRef, ServiceEntry] = view.memo.kept("service entries", dict)
    for stored in view.due("Service"):
        known[stored.ref] = hinted_entry(view, stored, service_entry(view, stored))
    return tuple(known[stored.ref] for stored in view.of_kind("Service"))


def service_entry(view: View, stored: StoredObject) -> ServiceEntry:
    """Return one Service with its endpoints: the same value as before when its Pods are the same."""
    spec = cast(Service, stored.object).spec
    chosen = [cast(Pod, one.object) for one in view.labelled(stored.ref.namespace, spec.selector)]
    held = held_node_ports(view, stored)
    if not spec.selector:
        return _entry(view, stored, chosen, held)
    return view.memo.get(("service", stored.ref), (stored, *held, *chosen), partial(_entry, view, stored, chosen, held))


def _entry(view: View, stored: StoredObject, chosen: list[Pod], held: tuple[bool, ...]) -> ServiceEntry:
    """`held` says which of the ports on the nodes are the Service's own; no other is ever programmed."""
    service = cast(Service, stored.object)
    spec = service.spec
    affinity = spec.session_affinity_config.client_ip.timeout_seconds if spec.session_affinity == "ClientIP" else 0
    ports = [_port(one, chosen, stored.ref.name) for one in spec.ports]
    if not spec.ports and chosen:
        # A headless Service without ports still has names; port 0 is never programmed.
        ports = [ServicePortEntry(port=0, targets=_targets(None, chosen, stored.ref.name))]
    if not spec.selector:
        ports = [written_by_hand(view, stored, one) for one in spec.ports]
    return ServiceEntry(
        namespace=stored.ref.namespace,
        name=stored.ref.name,
        cluster_ip="" if spec.cluster_ip == "None" else spec.cluster_ip,
        external_name=(spec.external_name or "") if spec.type == "ExternalName" else "",
        publish_not_ready=spec.publish_not_ready_addresses,
        affinity_timeout_s=affinity,
        internal_local=spec.internal_traffic_policy == "Local",
        external_ips=() if spec.type == "ExternalName" or spec.cluster_ip == "None" else spec.external_ips,
        balanced=outer_addresses(service),
        source_ranges=source_ranges(spec),
        external_local=spec.external_traffic_policy == "Local",
        health_check_port=spec.health_check_node_port if held[-1] else 0,
        distribution=HINTED if _has_hints(service, ports) else spec.traffic_distribution or "",
        ports=tuple(_on_nodes(ports, spec.ports, held)),
    )


def _has_hints(service: Service, ports: list[ServicePortEntry]) -> bool:
    """Whether endpoints are asked to say, or said by hand, for which zones they are."""
    if service.spec.selector:
        return asks_for_hints(service)
    return any(one.for_zones for port in ports for target in port.targets for one in target.endpoints)


def _on_nodes(
    entries: list[ServicePortEntry], ports: tuple[ServicePort, ...], held: tuple[bool, ...]
) -> Iterator[ServicePortEntry]:
    """Add the ports on the nodes that are the Service's own."""
    for number, entry in enumerate(entries):
        own = ports[number].node_port if number < len(ports) and held[number] else None
        yield replace(entry, node_port=own) if own is not None else entry


def _port(port: ServicePort, pods: list[Pod], service: str) -> ServicePortEntry:
    return ServicePortEntry(
        name=port.name or "", protocol=port.protocol, port=port.port, targets=_targets(port, pods, service)
    )


def _targets(port: ServicePort | None, pods: list[Pod], service: str) -> tuple[EndpointPort, ...]:
    """Group the Pods by the number that the target port has in them."""
    by_number: dict[int, list[Endpoint]] = {}
    for pod in pods:
        number = 0 if port is None else target_number(port, pod)
        if number is not None and pod.status.pod_ip and pod.status.phase not in ("Succeeded", "Failed"):
            by_number.setdefault(number, []).append(_endpoint(pod, service))
    return tuple(EndpointPort(port=number, endpoints=tuple(by_number[number])) for number in sorted(by_number))


def target_number(port: ServicePort, pod: Pod) -> int | None:
    """Return the number of the Service's target port in this Pod; None when it has no port of that name."""
    target = port.target_port if port.target_port is not None else port.port
    if isinstance(target, int):
        return target
    for container in pod.spec.containers:
        for one in container.ports:
            if one.name == target and one.protocol == port.protocol:
                return one.container_port
    return None


def _endpoint(pod: Pod, service: str) -> Endpoint:
    terminating = pod.metadata.deletion_timestamp is not None
    serving = is_ready(pod)
    hostname = pod.spec.hostname if pod.spec.hostname and pod.spec.subdomain == service else ""
    return Endpoint(
        ip=pod.status.pod_ip,
        node=pod.spec.node_name,
        pod=f"{pod.metadata.namespace}/{pod.metadata.name}",
        pod_uid=pod.metadata.uid,
        hostname=hostname or "",
        ready=serving and not terminating,
        serving=serving,
        terminating=terminating,
    )


# Served objects


def _write(view: View, owner: StoredObject, object: k.Endpoints | k.EndpointSlice) -> None:
    ref = ObjectRef(kind=object.kind, namespace=owner.ref.namespace, name=object.metadata.name)
    stored = view.get(ref)
    written = ("written", ref)
    if stored is not None and view.memo.known(written, (stored,)) is object:
        view.memo.keep(written, (stored,), object)
        return
    if stored is None:
        view.create(object, manager=owner.object.metadata.uid, reason=Reason.STATUS, provenance=owner.provenance)
        return
    updated = replace(object, metadata=stored.object.metadata)
    if view.update(stored, updated, reason=Reason.STATUS) is stored:
        view.memo.keep(written, (stored,), object)


def _meta(owner: StoredObject, name: str, labels: dict[str, str]) -> k.ObjectMeta:
    return k.ObjectMeta(name=name, namespace=owner.ref.namespace, labels=labels, owner_references=(owner_of(owner),))


def _as_endpoints(owner: StoredObject, entry: ServiceEntry) -> k.Endpoints:
    subsets: list[tuple[Ports, list[Endpoint], list[Endpoint]]] = []
    for ports, found in _by_ports(entry):
        ready: list[Endpoint] = []
        rest: list[Endpoint] = []
        for one in found:
            counts = one.ready or (entry.publish_not_ready and not one.terminating)
            (ready if counts else rest).append(one)
        subsets.append((ports, ready, rest))
    return k.Endpoints(
        metadata=_meta(owner, owner.ref.name, dict(owner.object.metadata.labels)),
        subsets=tuple(
            k.EndpointSubset(
                addresses=tuple(map(_address, ready)),
                not_ready_addresses=tuple(map(_address, rest)),
                ports=tuple(k.EndpointPort(name=n, protocol=p, port=number) for n, p, number in ports if number),
            )
            for ports, ready, rest in subsets
        ),
    )


def _address(one: Endpoint) -> k.EndpointAddress:
    return k.EndpointAddress(
        ip=one.ip, hostname=one.hostname or None, node_name=one.node or None, target_ref=_target(one)
    )


def _target(one: Endpoint) -> k.ObjectReference | None:
    namespace, _, name = one.pod.partition("/")
    return k.ObjectReference(kind="Pod", namespace=namespace, name=name, uid=one.pod_uid) if one.pod else None


def _as_slices(owner: StoredObject, entry: ServiceEntry, zones: Mapping[str, str]) -> tuple[k.EndpointSlice, ...]:
    """Return one slice for the Pods with the same numbers of ports, and one without any where there are no Pods."""
    slices = tuple(
        _slice(owner, entry, zones, number, ports, found)
        for number, (ports, found) in enumerate(_by_ports(entry) or [((), [])])
    )
    return preferring(slices, entry.distribution) if entry.distribution not in ("", HINTED) else slices


def _slice(
    owner: StoredObject,
    entry: ServiceEntry,
    zones: Mapping[str, str],
    number: int,
    ports: Ports,
    found: list[Endpoint],
) -> k.EndpointSlice:
    labels = {**owner.object.metadata.labels, SERVICE_NAME: owner.ref.name, MANAGED_BY: "reconciler.dev"}
    return k.EndpointSlice(
        metadata=_meta(owner, f"{owner.ref.name}-{suffix(owner.object.metadata.uid, number)}", labels),
        address_type="IPv4",
        ports=tuple(k.EndpointSlicePort(name=n, protocol=p, port=port) for n, p, port in ports if port),
        endpoints=tuple(
            k.Endpoint(
                addresses=(one.ip,),
                conditions=k.EndpointConditions(
                    ready=one.ready or entry.publish_not_ready,
                    serving=one.serving,
                    terminating=one.terminating,
                ),
                hostname=one.hostname or None,
                node_name=one.node or None,
                target_ref=_target(one),
                zone=zones.get(one.node),
            )
            for one in found
        ),
    )


def _by_ports(entry: ServiceEntry) -> list[tuple[Ports, list[Endpoint]]]:
    """Return the Pods by the ports that they have, each once, in the order of addresses.

    A port may have another number in each Pod, and Pods in the network of one node share its address.
    """
    ports: dict[tuple[str, str], list[tuple[str, k.Protocol, int]]] = {}
    found: dict[tuple[str, str], Endpoint] = {}
    for port in entry.ports:
        for target in port.targets:
            for one in target.endpoints:
                key = (one.ip, one.pod)
                ports.setdefault(key, []).append((port.name, port.protocol, target.port))
                found[key] = one
    groups: dict[Ports, list[Endpoint]] = {}
    for key in sorted(found):
        groups.setdefault(tuple(ports[key]), []).append(found[key])
    return sorted(groups.items())


def _remove_others(view: View, owner: StoredObject, names: frozenset[str]) -> None:
    """Remove the slices of ports that no Pod has any more."""
    for stored in view.owned_by(owner.object.metadata.uid, "EndpointSlice"):
        if stored.ref.name not in names:
            view.remove(stored, Reason.STATUS, "no Pod has these ports any more")
