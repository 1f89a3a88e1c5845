"""Addresses of load balancers: out of the declared pool, each to one Service. Pure.

A class that is not ours is left to whoever serves it. What cannot be given is told by a condition, an Event, and why
the Service is blocked; kubectl shows `<pending>`.
"""

import ipaddress
from collections.abc import Iterator
from typing import cast

from reconciler.model.external import OUR_CLASS, AddressPool
from reconciler.model.kinds import (
    Condition,
    LoadBalancerIngress,
    LoadBalancerStatus,
    Service,
    ServiceSpec,
    ServiceStatus,
)
from reconciler.model.observed import StoredObject
from reconciler.model.provider import PROVIDER_CLASS
from reconciler.planner.services.rows import LOAD_BALANCER, probing, row_key, rows_of
from reconciler.planner.view import View, replace

GIVEN = "reconciler.dev/AddressGiven"


def give_outer_address(view: View, stored: StoredObject) -> tuple[StoredObject, str]:
    """Give a load balancer its address; return why it cannot have one, or nothing."""
    service = cast(Service, stored.object)
    if service.spec.type != "LoadBalancer":
        return _without(view, stored), ""
    if service.spec.load_balancer_class == PROVIDER_CLASS:
        return _provided(view, stored)
    if not is_ours(service):
        rows_of(view).release_others(LOAD_BALANCER, stored.ref, ())
        view.warn(f"{stored.ref}: loadBalancerClass {service.spec.load_balancer_class} is left to whoever serves it")
        return stored, ""
    address, fault = _address(view, stored, service)
    if fault:
        return _refused(view, stored, fault), fault
    rows_of(view).take(row_key(LOAD_BALANCER, stored.ref), address)
    ingress = (LoadBalancerIngress(ip=address, ip_mode="VIP"),)
    if service.status.load_balancer.ingress != ingress:
        view.happened(stored, "IPAllocated", f"assigned IP {address}")
    return _with_status(view, stored, ingress, None), ""


def _provided(view: View, stored: StoredObject) -> tuple[StoredObject, str]:
    """Take over what the provider told of a load balancer; what it did not tell of stays as it is."""
    rows_of(view).release_others(LOAD_BALANCER, stored.ref, ())
    provider = view.observed.provider
    if provider is None:
        fault = f"loadBalancerClass {PROVIDER_CLASS} needs a provider (setting provider.script)"
        return _refused(view, stored, fault), fault
    found = provider.balanced(stored.ref.namespace, stored.ref.name)
    if found is not None and found.error:
        return _refused(view, stored, f"the provider says: {found.error}"), f"the provider says: {found.error}"
    if found is None or not (found.ip or found.hostname):
        has_one = bool(cast(Service, stored.object).status.load_balancer.ingress)
        return stored, "" if has_one else provider.error or "the provider has given no address yet"
    ingress = (LoadBalancerIngress(ip=found.ip or None, hostname=found.hostname or None),)
    if cast(Service, stored.object).status.load_balancer.ingress != ingress:
        view.happened(stored, "EnsuredLoadBalancer", f"the provider gave {found.ip or found.hostname}")
    return _with_status(view, stored, ingress, None), ""


def source_ranges(spec: ServiceSpec) -> tuple[str, ...]:
    """Return who may use a load balancer, as ranges that do not overlap; nothing where everybody may."""
    if spec.type != "LoadBalancer":
        return ()
    ranges = (ipaddress.IPv4Network(one.strip(), strict=False) for one in spec.load_balancer_source_ranges)
    return tuple(map(str, ipaddress.collapse_addresses(ranges)))


def is_ours(service: Service) -> bool:
    """Whether a load balancer is to be served by the cluster itself."""
    return service.spec.type == "LoadBalancer" and service.spec.load_balancer_class in (None, OUR_CLASS)


def outer_addresses(service: Service) -> tuple[str, ...]:
    """Return the addresses that a load balancer has, where they are ours."""
    if not is_ours(service):
        return ()
    return tuple(one.ip for one in service.status.load_balancer.ingress if one.ip)


def _address(view: View, stored: StoredObject, service: Service) -> tuple[str, str]:
    rows, pool = rows_of(view), AddressPool.parse(view.observed.cluster.load_balancer)
    asked = service.spec.load_balancer_ip
    if not len(pool):
        return "", "no addresses for load balancers are declared (setting loadBalancer.addresses)"
    if asked:
        if asked not in pool:
            return "", f"loadBalancerIP {asked} is not among the addresses for load balancers"
        other = rows.holder(LOAD_BALANCER, asked)
        return (asked, "") if other in (None, stored.ref) else ("", f"loadBalancerIP {asked} is that of {other}")
    key = row_key(LOAD_BALANCER, stored.ref)
    used = _used(view)
    known = rows.of(LOAD_BALANCER, stored.ref).get(key, "")
    if known and known in pool and known not in used:
        return known, ""
    address = rows.first_free(LOAD_BALANCER, lambda: _candidates(pool, key, used))
    return address, "" if address else f"none of the {len(pool)} addresses for load balancers is free"


def _candidates(pool: AddressPool, key: str, used: frozenset[str]) -> Iterator[str]:
    return (address for address in (pool[index] for index in probing(key, len(pool))) if address not in used)


def _used(view: View) -> frozenset[str]:
    """Return the addresses that Services ask for, and those of the nodes themselves."""
    used: dict[str, frozenset[str]] = view.kept_for_pass("outer addresses", dict)
    if not used:
        specs = [cast(Service, one.object).spec for one in view.of_kind("Service")]
        asked = {address for spec in specs for address in (*spec.external_ips, spec.load_balancer_ip or "")}
        nodes = (state.observation for state in view.observed.nodes.values())
        used["asked"] = frozenset(asked | {one.facts.host.address for one in nodes if one is not None})
    return used["asked"]


def _without(view: View, stored: StoredObject) -> StoredObject:
    """Take back what a load balancer had that is none any more."""
    rows_of(view).release_others(LOAD_BALANCER, stored.ref, ())
    return _with_status(view, stored, (), None)


def _refused(view: View, stored: StoredObject, fault: str) -> StoredObject:
    status = cast(Service, stored.object).status
    before = next((one for one in status.conditions if one.type == GIVEN), None)
    if before is not None and before.message == fault:
        return stored
    rows_of(view).release_others(LOAD_BALANCER, stored.ref, ())
    view.happened(stored, "AllocationFailed", fault, warning=True)
    condition = Condition(
        type=GIVEN,
        status="False",
        reason="AllocationFailed",
        message=fault,
        last_transition_time=view.timestamp,
    )
    return _with_status(view, stored, (), condition)


def _with_status(
    view: View, stored: StoredObject, ingress: tuple[LoadBalancerIngress, ...], condition: Condition | None
) -> StoredObject:
    status: ServiceStatus = cast(Service, stored.object).status
    others = tuple(one for one in status.conditions if one.type != GIVEN)
    conditions = others if condition is None else (*others, condition)
    balanced = LoadBalancerStatus(ingress=ingress)
    return view.set_status(stored, replace(status, load_balancer=balanced, conditions=conditions))
