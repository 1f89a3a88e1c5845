"""What the node's own network map must say: the cluster's view, corrected by what the node knows of its own Pods.

Pure. A Pod that ends or is no longer ready leaves the map at once, without a word from the controller; readiness of
Pods elsewhere is the view's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from reconciler.model.base import Part
from reconciler.model.details import DnsRecord, HostPort, PrepareHost, ProgramServices, PublishNames
from reconciler.model.external import HealthCheck, Way
from reconciler.model.node import Endpoint, EndpointPort, NetworkView, PodAssignment, ServiceEntry
from reconciler.model.plan import Action, Reason
from reconciler.planner.node.actions import make_action, node_ref
from reconciler.planner.node.external import distributed, external_action, health_checks, ways_of, zones_of
from reconciler.planner.node.fingerprint import fingerprint
from reconciler.planner.node.look import Look
from reconciler.planner.node.names import records
from reconciler.planner.node.peers import peers_action
from reconciler.planner.node.tasks import Task


class LocalTruth(Part, frozen=True):
    """What the node knows of one of its Pods; one that is gone has none."""

    uid: str
    ip: str
    ready: bool
    terminating: bool
    gated: bool = False
    ports: tuple[HostPort, ...] = ()


class NetworkMap(Part, frozen=True):
    """What is to be programmed and published, each with its digest."""

    services: tuple[ServiceEntry, ...]
    host_ports: tuple[HostPort, ...]
    digest: str
    names: tuple[DnsRecord, ...]
    names_digest: str
    ways: tuple[Way, ...] = ()
    checks: tuple[HealthCheck, ...] = ()


def host_ports(pod: PodAssignment, ip: str) -> tuple[HostPort, ...]:
    """Return the ports of the host that lead to a Pod at `ip`, each once."""
    if pod.spec.host_network or not ip:
        return ()
    found = (
        HostPort(
            host_ip="" if port.host_ip == "0.0.0.0" else port.host_ip,
            protocol=port.protocol,
            port=port.host_port,
            pod_ip=ip,
            pod_port=port.container_port,
        )
        for container in (*pod.spec.init_containers, *pod.spec.containers)
        for port in container.ports
        if port.host_port
    )
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Base:
    """What of a view this node's Pods have no part in, and the Services in which they do."""

    view: NetworkView
    domain: str
    remote: tuple[ServiceEntry, ...]
    local: tuple[ServiceEntry, ...]
    digest: str
    names: tuple[DnsRecord, ...]
    names_digest: str
    zones: Mapping[str, str]
    ways: tuple[Way, ...]
    checks: tuple[HealthCheck, ...]


_MADE: dict[str, tuple[_Base, tuple[LocalTruth, ...], NetworkMap]] = {}
_MADE_MAX = 256


def network_map(node: str, domain: str, view: NetworkView, truths: tuple[LocalTruth, ...]) -> NetworkMap:
    """Return the node's map. The last answer per node is kept: it is large, and mostly the same."""
    made = _MADE.get(node)
    base = made[0] if made is not None and made[0].view is view and made[0].domain == domain else None
    if made is not None and base is not None and made[1] == truths:
        return made[2]
    base = base or _base(node, domain, view)
    answer = _corrected(node, base, {truth.uid: truth for truth in truths})
    if len(_MADE) >= _MADE_MAX:
        _MADE.clear()
    _MADE[node] = (base, truths, answer)
    return answer


def network_tasks(look: Look, wanted: NetworkMap, view: NetworkView) -> tuple[Task, ...]:
    """Return what the host's network lacks; everything needs the host to be prepared."""
    network = look.facts.network
    tasks: list[Task] = []
    prepare = ""
    if not network.prepared or not network.dns_running:
        action = _prepare(look)
        tasks.append(Task(action))
        prepare = action.key
    if network.services_digest != wanted.digest:
        damaged = not network.services_digest and network.prepared
        reason = Reason.TABLE_DAMAGED if damaged else Reason.SERVICES_CHANGED
        program = ProgramServices(
            digest=wanted.digest, services=wanted.services, host_ports=wanted.host_ports, ways=wanted.ways
        )
        tasks.append(Task(_network_action(look, program, reason, wanted.digest, prepare)))
    if (ways := peers_action(look, view, prepare)) is not None:
        tasks.append(Task(ways))
    if (outside := external_action(look, view, wanted.checks, prepare)) is not None:
        tasks.append(Task(outside))
    if network.names_digest != wanted.names_digest:
        publish = PublishNames(digest=wanted.names_digest, domain=look.assignment.domain, records=wanted.names)
        tasks.append(Task(_network_action(look, publish, Reason.NAMES_CHANGED, wanted.names_digest, prepare)))
    return tuple(tasks)


def _prepare(look: Look) -> Action:
    assignment = look.assignment
    detail = PrepareHost(
        pod_cidr=assignment.pod_cidr,
        cluster_pod_cidr=assignment.cluster_pod_cidr,
        service_cidr=assignment.service_cidr,
        dns_address=assignment.dns_address,
        domain=assignment.domain,
    )
    return make_action(look.node, node_ref(look.node), detail, Reason.HOST_NOT_PREPARED)


def _network_action(
    look: Look, detail: ProgramServices | PublishNames, reason: Reason, digest: str, prepare: str
) -> Action:
    needs = (prepare,) if prepare else ()
    return make_action(look.node, node_ref(look.node), detail, reason, target=digest, needs=needs)


def _base(node: str, domain: str, view: NetworkView) -> _Base:
    ordered = sorted(view.services, key=_order)
    remote = tuple(_service(node, one, {}) for one in ordered if not _is_local(node, one))
    names = records(remote, domain)
    zones = zones_of(view)
    return _Base(
        view=view,
        domain=domain,
        remote=remote,
        local=tuple(one for one in ordered if _is_local(node, one)),
        digest=fingerprint(remote, zones),
        names=names,
        names_digest=fingerprint(names, domain),
        zones=zones,
        ways=ways_of(node, (distributed(node, zones, one) for one in remote)),
        checks=health_checks(node, remote),
    )


def _is_local(node: str, service: ServiceEntry) -> bool:
    endpoints = (one for port in service.ports for target in port.targets for one in target.endpoints)
    return any(one.node == node for one in endpoints)


def _order(service: ServiceEntry) -> tuple[str, str]:
    return service.namespace, service.name


def _corrected(node: str, base: _Base, truths: Mapping[str, LocalTruth]) -> NetworkMap:
    local = tuple(_service(node, service, truths) for service in base.local)
    ports = sorted(
        (port for truth in truths.values() for port in truth.ports),
        key=lambda one: (one.protocol, one.port, one.host_ip, one.pod_ip, one.pod_port),
    )
    names = records(local, base.domain)
    here = tuple(distributed(node, base.zones, one) for one in local)
    return NetworkMap(
        services=tuple(_as_served(node, base.zones, one) for one in sorted((*base.remote, *local), key=_order)),
        host_ports=tuple(ports),
        digest=fingerprint(base.digest, local, ports),
        names=_merged(base.names, names),
        names_digest=fingerprint(base.names_digest, names),
        ways=(*base.ways, *ways_of(node, here)),
        checks=(*base.checks, *health_checks(node, local)),
    )


def _as_served(node: str, zones: Mapping[str, str], service: ServiceEntry) -> ServiceEntry:
    """Leave out of a Service that serves each node by itself (internalTrafficPolicy) what is on others.

    Names are not: DNS answers with every endpoint, as upstream's does.
    """
    if not service.internal_local:
        return distributed(node, zones, service)
    ports = tuple(
        replace(
            port,
            targets=tuple(
                EndpointPort(port=one.port, endpoints=tuple(end for end in one.endpoints if end.node == node))
                for one in port.targets
            ),
        )
        for port in service.ports
    )
    return replace(service, ports=ports)


def _merged(remote: tuple[DnsRecord, ...], local: tuple[DnsRecord, ...]) -> tuple[DnsRecord, ...]:
    """Put two sets of names together; an address that serves both answers with both."""
    if not local:
        return remote
    found = {(record.name, record.type): record for record in remote}
    for record in local:
        other = found.get((record.name, record.type))
        values = record.values if other is None else tuple(dict.fromkeys((*other.values, *record.values)))
        found[record.name, record.type] = replace(record, values=values)
    return tuple(found[key] for key in sorted(found))


def _service(node: str, service: ServiceEntry, truths: Mapping[str, LocalTruth]) -> ServiceEntry:
    ports = tuple(
        replace(
            port,
            targets=tuple(
                EndpointPort(port=target.port, endpoints=_endpoints(node, target.endpoints, truths))
                for target in sorted(port.targets, key=lambda one: one.port)
            ),
        )
        for port in service.ports
    )
    return service if ports == service.ports else replace(service, ports=ports)


def _endpoints(node: str, endpoints: Iterable[Endpoint], truths: Mapping[str, LocalTruth]) -> tuple[Endpoint, ...]:
    corrected = (_endpoint(node, endpoint, truths) for endpoint in endpoints)
    return tuple(sorted((one for one in corrected if one is not None), key=lambda one: (one.ip, one.pod_uid)))


def _endpoint(node: str, endpoint: Endpoint, truths: Mapping[str, LocalTruth]) -> Endpoint | None:
    """Correct one endpoint; None: it is said to be here, and is not."""
    if not endpoint.pod_uid:
        return endpoint
    truth = truths.get(endpoint.pod_uid)
    if truth is None:
        return None if endpoint.node == node else endpoint
    terminating = endpoint.terminating or truth.terminating
    ready = truth.ready and not terminating and (endpoint.ready or not truth.gated)
    corrected = replace(
        endpoint,
        ip=truth.ip or endpoint.ip,
        ready=ready,
        serving=truth.ready,
        terminating=terminating,
    )
    return endpoint if corrected == endpoint else corrected
