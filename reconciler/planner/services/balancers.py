"""Addresses of load balancers: out of the declared pool, each to one Service, or those that a provider tells. Pure.

The pool answers as a provider does, but at once, in the pass that asks: a row keeps what it gave. A class that is not
ours is left to whoever serves it. What cannot be given is told by a condition, an Event, and why the Service is
blocked; kubectl shows `<pending>`.
"""

import ipaddress
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, cast

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
from reconciler.model.provider import PROVIDER_CLASS, Balanced
from reconciler.planner.services.rows import LOAD_BALANCER, probing, row_key, rows_of
from reconciler.planner.view import View, replace

GIVEN = "reconciler.dev/AddressGiven"


def give_outer_address(view: View, stored: StoredObject) -> tuple[StoredObject, str]:
    """Give a load balancer its address; return why it cannot have one, or nothing."""
    service = cast(Service, stored.object)
    if service.spec.type != "LoadBalancer":
        return _without(view, stored), ""
    source = _SOURCES.get(service.spec.load_balancer_class)
    if source is None:
        rows_of(view).release_others(LOAD_BALANCER, stored.ref, ())
        view.warn(f"{stored.ref}: loadBalancerClass {service.spec.load_balancer_class} is left to whoever serves it")
        return stored, ""
    known = service.status.load_balancer.ingress
    found, waits = source.find(view, stored)
    if found.error:
        return _refused(view, stored, found.error), found.error
    if not (found.ip or found.hostname):
        # What is not told of stays as it is.
        return stored, "" if known else waits
    ingress = (LoadBalancerIngress(ip=found.ip or None, hostname=found.hostname or None, ip_mode=source.ip_mode),)
    if known != ingress:
        view.happened(stored, source.event, f"{source.words} {found.ip or found.hostname}")
    return _with_status(view, stored, ingress, None), ""


def _of_pool(view: View, stored: StoredObject) -> tuple[Balanced, str]:
    """Return what the declared pool has for a load balancer, which then has it."""
    address, fault = _address(view, stored, cast(Service, stored.object))
    if not fault:
        rows_of(view).take(row_key(LOAD_BALANCER, stored.ref), address)
    return Balanced(namespace=stored.ref.namespace, name=stored.ref.name, ip=address, error=fault), ""


def _of_provider(view: View, stored: StoredObject) -> tuple[Balanced, str]:
    """Return what the provider told of a load balancer."""
    rows_of(view).release_others(LOAD_BALANCER, stored.ref, ())
    provider = view.observed.provider
    nothing = Balanced(namespace=stored.ref.namespace, name=stored.ref.name)
    if provider is None:
        fault = f"loadBalancerClass {PROVIDER_CLASS} needs a provider (setting provider.script)"
        return replace(nothing, error=fault), ""
    found = provider.balanced(stored.ref.namespace, stored.ref.name) or nothing
    if found.error:
        found = replace(found, error=f"the provider says: {found.error}")
    return found, provider.error or "the provider has given no address yet"


class _Source(NamedTuple):
    """Who gives addresses to load balancers of a class: in a provider's words, and what is waited for without any."""

    find: Callable[[View, StoredObject], tuple[Balanced, str]]
    event: str
    words: str
    ip_mode: Literal["VIP", "Proxy"] | None = None


_POOL = _Source(_of_pool, "IPAllocated", "assigned IP", "VIP")
_SOURCES = {
    None: _POOL,
    OUR_CLASS: _POOL,
    PROVIDER_CLASS: _Source(_of_provider, "EnsuredLoadBalancer", "the provider gave"),
}


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
