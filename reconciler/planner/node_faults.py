"""What a node tells of itself that lasts, as conditions of its Node object. Pure.

`NetworkUnavailable` is Kubernetes': no Pod gets its network, and the taint that follows from it keeps new ones away.
`reconciler.dev/Degraded` is everything else that a node does not get done: Pods are placed there and run.
Neither is there before there was something to tell; afterwards it stays, False, so that it can be told since when.
"""

from collections.abc import Iterable

from reconciler.model.kinds import Condition
from reconciler.model.node_report import NodeFault
from reconciler.model.observed import NodeState
from reconciler.model.status import NETWORK_UNAVAILABLE, NODE_DEGRADED, TROUBLES

# What a provider says under the same name is its own.
BY_PROVIDER = frozenset({"RouteCreated", "NoRouteCreated"})
_OVER = {
    NETWORK_UNAVAILABLE: ("NetworkPrepared", "the host's network is prepared"),
    NODE_DEGRADED: ("Recovered", "what failed on this node works again"),
}


def fault_conditions(
    state: NodeState, before: tuple[Condition, ...], routes: tuple[Condition, ...], *, silent: bool
) -> tuple[Condition, ...]:
    """Return what the node says of itself, and where that is nothing against its network, what a provider does.

    What a node that is silent said last still holds.
    """
    known = {one.type: one for one in before if one.type in TROUBLES and one.reason not in BY_PROVIDER}
    if not silent:
        said = state.observation.faults if state.observation is not None else ()
        faults = tuple(one for one in said if one.lasts)
        known = {**{kind: _over(kind) for kind in known}, **dict(_told(faults))}
    network = known.get(NETWORK_UNAVAILABLE)
    if routes and (network is None or network.status != "True"):
        known.pop(NETWORK_UNAVAILABLE, None)
        return (*routes, *known.values())
    return tuple(known[kind] for kind in TROUBLES if kind in known)


def troubles(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Return what is wrong with a node for all that it is ready."""
    return tuple(one for one in conditions if one.type in TROUBLES and one.status == "True")


def _told(faults: Iterable[NodeFault]) -> Iterable[tuple[str, Condition]]:
    told = {kind: [one for one in faults if one.blocks_pods is (kind == NETWORK_UNAVAILABLE)] for kind in TROUBLES}
    for kind, found in told.items():
        if found:
            message = "; ".join(f"{one.action}: {one.message}" for one in found)
            yield kind, Condition(type=kind, status="True", reason=found[0].reason, message=message)


def _over(kind: str) -> Condition:
    reason, message = _OVER[kind]
    return Condition(type=kind, status="False", reason=reason, message=message)
