"""What Services are given: an address, ports on the nodes, an address from outside. Pure.

What was asked for wins; else it follows from the name by digest and probing, and is written once, as a row.
"""

import ipaddress
from collections.abc import Iterator
from typing import cast

from reconciler.model.kinds import Service
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.planner.services.balancers import give_outer_address
from reconciler.planner.services.kept import filled
from reconciler.planner.services.nodeports import give_node_ports
from reconciler.planner.services.records import tell_records
from reconciler.planner.services.rows import CLUSTER_IP, probing, row_key, rows_of
from reconciler.planner.view import View, replace

_RESERVED = 16  # upstream keeps the first addresses for explicit ones: min(max(16, size / 16), 256)
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def allocate_addresses(view: View) -> None:
    """Give every Service what its type needs; what cannot be given blocks it, and the rest works."""
    for before in view.due("Service"):
        stored, *faults = _given_address(view, _filled(view, before))
        for give in (give_node_ports, give_outer_address, tell_records):
            stored, fault = give(view, stored)
            faults.append(fault)
        if any(faults):
            message = "; ".join(one for one in faults if one)
            view.judge(stored.ref, Decision.BLOCKED, Reason.CONFLICT, message, stored=stored)
        else:
            _tell(view, stored, _words(before, stored))


def _tell(view: View, stored: StoredObject, words: str) -> None:
    """Say in the plan what a Service that is written will be given; until then it is a forecast."""
    verdict = view.verdicts.get(stored.ref)
    if not words or verdict is None or verdict.decision in (Decision.UNCHANGED, Decision.DELETE):
        return
    message = "; ".join(one for one in (verdict.message, f"{words} (forecast)") if one)
    view.judge(
        stored.ref,
        verdict.decision,
        verdict.reason,
        message,
        changes=verdict.changes,
        stored=stored,
        provenance=verdict.provenance,
        since=verdict.since,
    )


def _words(before: StoredObject, after: StoredObject) -> str:
    """Return what of a Service's ways from outside is new, in words."""
    old, new = cast(Service, before.object), cast(Service, after.object)
    had = {port.node_port for port in old.spec.ports}
    given = dict.fromkeys(str(port.node_port) for port in new.spec.ports if port.node_port not in had)
    addresses = [one.ip for one in new.status.load_balancer.ingress if one not in old.status.load_balancer.ingress]
    words = [f"node port{'s' if len(given) > 1 else ''} {', '.join(given)}"] if given else []
    return ", ".join([*words, *(f"address {one}" for one in addresses if one)])


def _filled(view: View, stored: StoredObject) -> StoredObject:
    service = cast(Service, stored.object)
    spec = filled(service.spec)
    if spec is service.spec:
        return stored
    return view.update(stored, replace(service, spec=spec), reason=Reason.PLACED, judged=False)


def _given_address(view: View, stored: StoredObject) -> tuple[StoredObject, str]:
    """Give a Service its address inside the cluster; return why it cannot have one, or nothing."""
    service, rows, key = cast(Service, stored.object), rows_of(view), row_key(CLUSTER_IP, stored.ref)
    asked = service.spec.cluster_ip
    network: _Network = ipaddress.ip_network(view.observed.cluster.service_cidr)
    if service.spec.type == "ExternalName" or asked == "None":
        return stored, ""
    if asked:
        if ipaddress.ip_address(asked) not in network:
            view.warn(f"{stored.ref}: clusterIP {asked} is outside of {network} and will not be reached")
        other = rows.holder(CLUSTER_IP, asked)
        if other not in (None, stored.ref):
            return stored, f"clusterIP {asked} is that of {other}"
        rows.take(key, asked)
        return stored, ""
    used = _used(view)
    known = rows.of(CLUSTER_IP, stored.ref).get(key, "")
    address = (
        known if known and known not in used else rows.first_free(CLUSTER_IP, lambda: _candidates(network, key, used))
    )
    if not address:
        return stored, f"no address is free in {network}"
    rows.take(key, address)
    spec = replace(service.spec, cluster_ip=address, cluster_ips=(address,))
    return view.update(stored, replace(service, spec=spec), reason=Reason.PLACED, judged=False), ""


def _used(view: View) -> frozenset[str]:
    """Return the addresses that Services have, or ask for."""
    used: dict[str, frozenset[str]] = view.kept_for_pass("cluster addresses", dict)
    if not used:
        asked = (cast(Service, one.object).spec.cluster_ip for one in view.of_kind("Service"))
        used["asked"] = frozenset(asked)
    return used["asked"]


def _candidates(network: _Network, key: str, used: frozenset[str]) -> Iterator[str]:
    """Probe from the digest of the name, in the band above the reserved first addresses."""
    size = network.num_addresses
    first = min(max(_RESERVED, size // 16), 256)
    for index in probing(key, size - first - 1):
        address = str(network[first + index])
        if address not in used:
            yield address
