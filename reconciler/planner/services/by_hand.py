"""Endpoints that a person wrote: Endpoints of the Service's name, and EndpointSlices that name it. Pure."""

from typing import cast

from reconciler.model import kinds as k
from reconciler.model.kinds import ServicePort
from reconciler.model.node import Endpoint, EndpointPort, ServicePortEntry
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import View

SERVICE_NAME = "kubernetes.io/service-name"


def written_by_hand(view: View, stored: StoredObject, port: ServicePort) -> ServicePortEntry:
    """Return where a port leads of a Service that selects no Pods."""
    targets: list[EndpointPort] = []
    endpoints = view.get(ObjectRef(kind="Endpoints", namespace=stored.ref.namespace, name=stored.ref.name))
    if endpoints is not None:
        for subset in cast(k.Endpoints, endpoints.object).subsets:
            for one in subset.ports:
                if one.name == (port.name or "") and one.protocol == port.protocol:
                    targets.append(EndpointPort(port=one.port, endpoints=_addresses(subset)))
    for found in view.of_kind("EndpointSlice"):
        slice_ = cast(k.EndpointSlice, found.object)
        named = found.ref.namespace == stored.ref.namespace and slice_.metadata.labels.get(SERVICE_NAME)
        if named == stored.ref.name:
            for two in slice_.ports:
                if two.name == (port.name or "") and two.protocol == port.protocol:
                    targets.append(EndpointPort(port=two.port, endpoints=_of_slice(slice_)))
    return ServicePortEntry(name=port.name or "", protocol=port.protocol, port=port.port, targets=tuple(targets))


def _addresses(subset: k.EndpointSubset) -> tuple[Endpoint, ...]:
    ready = [Endpoint(ip=one.ip, hostname=one.hostname or "") for one in subset.addresses]
    rest = [
        Endpoint(ip=one.ip, hostname=one.hostname or "", ready=False, serving=False)
        for one in subset.not_ready_addresses
    ]
    return (*ready, *rest)


def _of_slice(slice_: k.EndpointSlice) -> tuple[Endpoint, ...]:
    return tuple(
        Endpoint(
            ip=address,
            node=one.node_name or "",
            hostname=one.hostname or "",
            ready=one.conditions.ready,
            serving=one.conditions.serving,
            terminating=one.conditions.terminating,
            for_zones=tuple(zone.name for zone in one.hints.for_zones) if one.hints is not None else (),
        )
        for one in slice_.endpoints
        for address in one.addresses
    )
