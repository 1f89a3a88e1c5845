"""How a node serves clients from outside: where each port leads, which addresses it holds, what its health checks say.

Pure. Clients inside the cluster come to every endpoint, also of a Service with externalTrafficPolicy Local.
"""

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from reconciler.model.details import ProgramExternal, ProgramServices
from reconciler.model.external import Backend, HealthCheck, Way
from reconciler.model.node import HINTED, Endpoint, NetworkView, ServiceEntry, ServicePortEntry
from reconciler.model.node_report import NodeEvent
from reconciler.model.plan import Action, Reason
from reconciler.model.serving import backend_order, serving_endpoints
from reconciler.planner.node.actions import make_action, node_ref
from reconciler.planner.node.fingerprint import fingerprint
from reconciler.planner.node.look import Look


def ways_of(node: str, services: Iterable[ServiceEntry]) -> tuple[Way, ...]:
    """Return the ways from outside, in the order of names."""
    return tuple(way for service in services for way in _ways(node, service))


def _ways(node: str, service: ServiceEntry) -> Iterator[Way]:
    addresses: tuple[str, ...] = ()
    if service.external_ips or service.balanced:
        addresses = tuple(dict.fromkeys((*service.external_ips, *service.balanced)))
    for port in service.ports:
        if not addresses and not port.node_port:
            continue
        local = service.external_local
        yield Way(
            service=f"{service.namespace}/{service.name}",
            protocol=port.protocol,
            port=port.port,
            addresses=addresses,
            node_port=port.node_port,
            affinity_timeout_s=service.affinity_timeout_s,
            backends=_backends(node, service, port),
            local=local,
            own=_own(node, service, port) if local else (),
            fenced=service.balanced if _is_fenced(service) else (),
            source_ranges=service.source_ranges if _is_fenced(service) else (),
        )


def _is_fenced(service: ServiceEntry) -> bool:
    return bool(service.source_ranges) and "0.0.0.0/0" not in service.source_ranges


def _backends(node: str, service: ServiceEntry, port: ServicePortEntry) -> tuple[Backend, ...]:
    return _ordered(node, serving_endpoints(service, port))


def _own(node: str, service: ServiceEntry, port: ServicePortEntry) -> tuple[Backend, ...]:
    return _ordered(node, serving_endpoints(service, port, lambda one: one.node == node))


def _ordered(node: str, endpoints: Iterable[tuple[Endpoint, int]]) -> tuple[Backend, ...]:
    found = {(one.ip, number): one.node != node for one, number in endpoints}
    return tuple(
        Backend(ip=ip, port=number, elsewhere=found[ip, number]) for ip, number in sorted(found, key=backend_order)
    )


def health_checks(node: str, services: Iterable[ServiceEntry]) -> tuple[HealthCheck, ...]:
    """Return what the node tells of the Services that have a port for it; endpoints that end do not count."""
    return tuple(
        HealthCheck(
            port=service.health_check_port,
            namespace=service.namespace,
            name=service.name,
            endpoints=len({one.ip for one in _ready_here(node, service)}),
        )
        for service in services
        if service.health_check_port
    )


def _ready_here(node: str, service: ServiceEntry) -> Iterator[Endpoint]:
    for port in service.ports:
        for target in port.targets:
            yield from (one for one in target.endpoints if one.node == node and one.ready and not one.terminating)


def zones_of(view: NetworkView) -> dict[str, str]:
    """Return the zones of the nodes, where any Service asks for them."""
    if not any(service.distribution for service in view.services):
        return {}
    return {peer.node: peer.zone for peer in view.peers}


def distributed(node: str, zones: Mapping[str, str], service: ServiceEntry) -> ServiceEntry:
    """Leave out of a Service what this node does not prefer (by distribution or hints), as long as others serve."""
    if not service.distribution:
        return service
    return replace(service, ports=tuple(_distributed(node, zones, service, port) for port in service.ports))


def _distributed(
    node: str, zones: Mapping[str, str], service: ServiceEntry, port: ServicePortEntry
) -> ServicePortEntry:
    if service.distribution == HINTED:
        return _hinted(zones.get(node, ""), service, port)
    chosen = _preferred(node, zones, service, port)
    if not chosen:
        return port
    targets = (
        replace(target, endpoints=tuple(one for one in target.endpoints if one.node in chosen))
        for target in port.targets
    )
    return replace(port, targets=tuple(targets))


def _hinted(zone: str, service: ServiceEntry, port: ServicePortEntry) -> ServicePortEntry:
    """Keep the endpoints for this zone, where every one that serves is for some zone, and any for this one."""
    serving = [one for one, _ in serving_endpoints(service, port)]
    if not all(one.for_zones for one in serving) or not any(zone in one.for_zones for one in serving):
        return port
    targets = (
        replace(target, endpoints=tuple(one for one in target.endpoints if zone in one.for_zones))
        for target in port.targets
    )
    return replace(port, targets=tuple(targets))


def _preferred(node: str, zones: Mapping[str, str], service: ServiceEntry, port: ServicePortEntry) -> frozenset[str]:
    """Return the nodes whose endpoints are preferred; none where nobody serves there."""
    serving = {one.node for one, _ in serving_endpoints(service, port)}
    if service.distribution == "PreferSameNode" and node in serving:
        return frozenset({node})
    zone = zones.get(node, "")
    return frozenset(one for one in serving if zone and zones.get(one) == zone)


def node_port_events(look: Look, ways: Iterable[Way], actions: Iterable[Action]) -> tuple[NodeEvent, ...]:
    """Tell, when the table is programmed, of node ports on which a program of this host listens."""
    if not any(isinstance(one.detail, ProgramServices) for one in actions):
        return ()
    taken = {tuple(one.split("/")[:2]) for one in look.facts.listening}
    return tuple(
        NodeEvent(
            at=look.now,
            type="Warning",
            reason="NodePortConflict",
            message=f"A program on this host listens on {way.node_port}/{way.protocol}: "
            f"who asks for it from elsewhere comes to service/{way.service}",
        )
        for way in ways
        if way.node_port and (way.protocol, str(way.node_port)) in taken
    )


def external_action(look: Look, view: NetworkView, checks: tuple[HealthCheck, ...], prepare: str) -> Action | None:
    """Return what makes this node hold its addresses and answer its health checks; None when it does."""
    addresses = tuple(sorted({one.address for one in view.announced if one.node == look.node}))
    digest = fingerprint(look.host_ip, addresses, checks) if addresses or checks else ""
    # Where the host could not be looked at yet, its own address is not known.
    if not look.host_ip or digest == look.facts.network.external_digest:
        return None
    peers = tuple(one.address for one in view.peers if one.node != look.node) if addresses else ()
    detail = ProgramExternal(digest=digest, address=look.host_ip, addresses=addresses, peers=peers, checks=checks)
    needs = (prepare,) if prepare else ()
    return make_action(look.node, node_ref(look.node), detail, Reason.SERVICES_CHANGED, target=digest, needs=needs)
