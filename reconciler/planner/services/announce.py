"""Which node announces each address of a load balancer: one that is ready, the same as long as it is. Pure.

With externalTrafficPolicy Local only nodes with ready endpoints come into question. The choice follows from address
and name of the node, so that addresses spread; who holds one is a row and keeps it while fit.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import cast

from reconciler.model.external import Announced
from reconciler.model.kinds import Node, Service
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.health import condition
from reconciler.planner.services.balancers import outer_addresses
from reconciler.planner.services.endpoints import service_entry
from reconciler.planner.view import View

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
_POOL = "announcer/"


def announce_addresses(view: View) -> None:
    """Have every address of a load balancer announced by one node."""
    balanced: dict[ObjectRef, None] = view.memo.kept("balanced services", dict)
    for stored in view.due("Service"):
        if outer_addresses(cast(Service, stored.object)):
            balanced[stored.ref] = None
        else:
            balanced.pop(stored.ref, None)
    holders = _holders(view)
    if not balanced and not holders:
        return
    wanted: dict[str, str] = {}
    fit = _fit_nodes(view)
    for ref in sorted(balanced):
        found = view.get(ref)
        if found is not None:
            wanted |= _announcers(view, found, fit, holders)
    for address in sorted(holders.keys() - wanted.keys()):
        view.allocations[f"{_POOL}{address}"] = ""


def announced(allocations: Mapping[str, str]) -> tuple[Announced, ...]:
    """Return who announces what, in the order of addresses as text."""
    found = (value.split(" ") for key, value in allocations.items() if key.startswith(_POOL))
    return tuple(sorted((Announced(address=one, node=node) for one, node in found), key=lambda one: one.address))


def _holders(view: View) -> dict[str, str]:
    rows = view.observed.allocations
    return view.memo.get("announcers", (rows,), lambda: {one.address: one.node for one in announced(rows)})


def _announcers(view: View, stored: StoredObject, fit: frozenset[str], holders: Mapping[str, str]) -> dict[str, str]:
    service = cast(Service, stored.object)
    if service.spec.external_traffic_policy == "Local":
        fit &= _serving_nodes(view, stored)
    found = {}
    for address in outer_addresses(service):
        before = holders.get(address, "")
        node = before if before in fit else _chosen(address, fit)
        if node and node != before:
            # No two rows of a pool have the same value, so that the value names the address too.
            view.allocations[f"{_POOL}{address}"] = f"{address} {node}"
            view.happened(stored, "nodeAssigned", f"announcing {address} from node {node}")
        if node:
            found[address] = node
    return found


def _chosen(address: str, nodes: Iterable[str]) -> str:
    """Return the node that comes first for this address: when one goes, only what it held moves."""
    return max(nodes, key=lambda node: (hashlib.sha256(f"{address} {node}".encode()).digest(), node), default="")


def _fit_nodes(view: View) -> frozenset[str]:
    return frozenset(one.ref.name for one in view.of_kind("Node") if is_fit(cast(Node, one.object)))


def is_fit(node: Node) -> bool:
    """Whether clients from outside may be led to a node."""
    ready = condition(node.status.conditions, "Ready")
    return ready is not None and ready.status == "True" and EXCLUDED not in node.metadata.labels


def _serving_nodes(view: View, stored: StoredObject) -> frozenset[str]:
    entry = service_entry(view, stored)
    endpoints = (one for port in entry.ports for target in port.targets for one in target.endpoints)
    return frozenset(one.node for one in endpoints if one.ready and not one.terminating)
