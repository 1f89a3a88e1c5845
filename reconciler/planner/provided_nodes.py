"""What a provider says of nodes: the names, zones and types of their machines, and the routes to their Pods. Pure."""

from collections.abc import Mapping
from typing import cast

from reconciler.model.kinds import Condition, Node
from reconciler.model.observed import StoredObject
from reconciler.model.provider import Instance, Routed
from reconciler.model.status import NETWORK_UNAVAILABLE
from reconciler.planner.health import condition
from reconciler.planner.node_faults import BY_PROVIDER
from reconciler.planner.view import View


def provided_labels(view: View, node: str) -> dict[str, str]:
    """Return the labels that a node has from its provider, under Kubernetes' names."""
    instance, _ = _told_of(view, node)
    if instance is None:
        return {}
    said = {
        "topology.kubernetes.io/zone": instance.zone,
        "topology.kubernetes.io/region": instance.region,
        "node.kubernetes.io/instance-type": instance.type,
    }
    return {label: value for label, value in said.items() if value}


def provided_id(view: View, node: str) -> str:
    """Return the name of a node's machine at its provider."""
    instance, _ = _told_of(view, node)
    return instance.provider_id if instance is not None else ""


def read_of_provider(view: View, node: str) -> tuple[object, ...]:
    """Return what is said of a node, to be compared by identity."""
    provider = view.observed.provider
    if provider is None:
        return (None,)
    return *_told_of(view, node), provider.does("routes"), provider.answer is not None


def route_condition(view: View, stored: StoredObject) -> tuple[Condition, ...]:
    """Return whether a node's Pods are reached from others, where a provider sees to that; nothing where none does.

    In the words of Kubernetes' route controller. As long as a provider has not answered since the start, what it said
    before holds.
    """
    provider, name = view.observed.provider, stored.ref.name
    before = condition(cast(Node, stored.object).status.conditions, NETWORK_UNAVAILABLE)
    before = before if before is not None and before.reason in BY_PROVIDER else None
    if provider is not None and provider.answer is None:
        return (before,) if before is not None else ()
    if provider is None or not provider.does("routes"):
        return ()
    _, routed = _told_of(view, name)
    if routed is not None and not routed.error:
        message = "the provider has a route to the node's Pods"
        return (Condition(type=NETWORK_UNAVAILABLE, status="False", reason="RouteCreated", message=message),)
    message = "the provider has no route to the node's Pods"
    message = f"{message}: {' '.join(routed.error.split())}" if routed is not None else f"{message} yet"
    if routed is not None and (before is None or before.message != message):
        view.happened(stored, "FailedToCreateRoute", message, warning=True)
    return (Condition(type=NETWORK_UNAVAILABLE, status="True", reason="NoRouteCreated", message=message),)


def _told_of(view: View, node: str) -> tuple[Instance | None, Routed | None]:
    """Return what the provider tells of a node's machine, and of the route to its Pods."""
    known: tuple[Mapping[str, Instance], Mapping[str, Routed]] = view.kept_for_pass(
        "nodes of the provider", lambda: _all(view)
    )
    return known[0].get(node), known[1].get(node)


def _all(view: View) -> tuple[Mapping[str, Instance], Mapping[str, Routed]]:
    answer = view.observed.provider.answer if view.observed.provider is not None else None
    if answer is None:
        return {}, {}
    return {one.node: one for one in answer.instances}, {one.node: one for one in answer.routes}
