"""The taints that a node gets by itself: from its conditions, and where whole zones fail, from none of them. Pure.

Semantics of Kubernetes' node lifecycle controller. NoSchedule follows the conditions at once. NoExecute, which evicts
Pods, comes to one node of a zone after the other, to fewer where most of a zone is ill, and to none where every node
of the cluster is: then it is rather us who do not hear.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum

from reconciler.model.base import Value
from reconciler.model.kinds import Condition, Node, Taint
from reconciler.model.times import unix
from reconciler.planner.health import condition
from reconciler.planner.tolerations import NOT_READY, UNREACHABLE

CORDONED = "node.kubernetes.io/unschedulable"
EXCLUDED = "node.kubernetes.io/exclude-disruption"
_NOT_READY_KEYS = {"False": NOT_READY, "Unknown": UNREACHABLE}
_TRUE_KEYS = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
}
_AUTOMATIC = frozenset({*_NOT_READY_KEYS.values(), *_TRUE_KEYS.values(), CORDONED})
# kube-controller-manager's defaults: unhealthy-zone-threshold, large-cluster-size-threshold, and the seconds between
# two nodes of node-eviction-rate and secondary-node-eviction-rate.
_ILL_SHARE = 0.55
_ILL_MIN = 3
_LARGE = 50
_EVERY_S = 10.0
_EVERY_WHEN_ILL_S = 100.0


class ZoneState(Enum):
    """How much of a zone is ready."""

    NORMAL = "Normal"
    PARTIAL = "PartialDisruption"
    FULL = "FullDisruption"


def is_automatic(taint: Taint) -> bool:
    """Whether a taint comes and goes by itself, and is nobody's word."""
    return taint.key in _AUTOMATIC


def condition_taints(conditions: Iterable[Condition]) -> tuple[Taint, ...]:
    """Return the NoSchedule taints that follow from a node's conditions."""
    keys = []
    for one in conditions:
        if one.type == "Ready" and one.status in _NOT_READY_KEYS:
            keys.append(_NOT_READY_KEYS[one.status])
        elif one.type in _TRUE_KEYS and one.status == "True":
            keys.append(_TRUE_KEYS[one.type])
    return tuple(Taint(key=key, effect="NoSchedule") for key in sorted(keys))


def evicting_taints(conditions: tuple[Condition, ...]) -> tuple[Taint, ...]:
    """Return the NoExecute taint of a node that is not ready, or not reached."""
    ready = condition(conditions, "Ready")
    key = _NOT_READY_KEYS.get(ready.status, "") if ready is not None else ""
    return (Taint(key=key, effect="NoExecute"),) if key else ()


def zone_of(labels: Mapping[str, str]) -> str:
    """Return region and zone of a node as one key; empty where its labels name neither."""
    region = labels.get("topology.kubernetes.io/region") or labels.get("failure-domain.beta.kubernetes.io/region", "")
    zone = labels.get("topology.kubernetes.io/zone") or labels.get("failure-domain.beta.kubernetes.io/zone", "")
    return f"{region}:\0:{zone}" if region or zone else ""


def zone_states(nodes: Iterable[tuple[Mapping[str, str], bool]]) -> dict[str, ZoneState]:
    """Return the state of every zone from the labels of its nodes and whether each is ready."""
    zones: dict[str, list[bool]] = {}
    for labels, is_ready in nodes:
        if EXCLUDED not in labels:
            zones.setdefault(zone_of(labels), []).append(is_ready)
    return {zone: _state(found) for zone, found in sorted(zones.items())}


def _state(ready: list[bool]) -> ZoneState:
    ill = ready.count(False)
    if ill == len(ready):
        return ZoneState.FULL
    return ZoneState.PARTIAL if ill >= _ILL_MIN and ill / len(ready) >= _ILL_SHARE else ZoneState.NORMAL


class Evicting(Value):
    """The nodes that are to carry a NoExecute taint of their own, and when the next may follow (None: none waits)."""

    nodes: frozenset[str] = frozenset()
    next_at: float | None = None


def evicting_nodes(nodes: Mapping[str, Node], ready: Mapping[str, bool], now: float) -> Evicting:
    """Decide which nodes that are not ready evict their Pods.

    A node that carries its taint keeps it while it is ill. What paces the next one is when the last of its zone began,
    as the taints themselves tell.
    """
    ill = [name for name in sorted(ready) if not ready[name]]
    states = zone_states((nodes[name].metadata.labels, ready[name]) for name in sorted(ready)) if ill else {}
    if all(state is ZoneState.FULL for state in states.values()):
        return Evicting()
    sizes = Counter(zone_of(node.metadata.labels) for node in nodes.values())
    chosen, waiting = set(), []
    last: dict[str, float] = {}
    for name in ill:
        begun = _begun_at(nodes[name])
        if begun is not None:
            zone = zone_of(nodes[name].metadata.labels)
            chosen.add(name)
            last[zone] = max(begun, last.get(zone, begun))
    for name in (one for one in ill if one not in chosen):
        zone = zone_of(nodes[name].metadata.labels)
        every_s = _pace(states.get(zone, ZoneState.NORMAL), sizes[zone])
        if every_s is None:
            continue
        if zone not in last or now >= last[zone] + every_s:
            chosen.add(name)
            last[zone] = now
        else:
            waiting.append(last[zone] + every_s)
    return Evicting(nodes=frozenset(chosen), next_at=min(waiting, default=None))


def _pace(state: ZoneState, size: int) -> float | None:
    """Return the seconds between two nodes of a zone; None: none of it is to follow."""
    if state is not ZoneState.PARTIAL:
        return _EVERY_S
    return _EVERY_WHEN_ILL_S if size > _LARGE else None


def _begun_at(node: Node) -> float | None:
    """Return when a node's own NoExecute taint came."""
    times = [unix(one.time_added) for one in node.spec.taints if is_automatic(one) and one.effect == "NoExecute"]
    return min((at for at in times if at is not None), default=None)
