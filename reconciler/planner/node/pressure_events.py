"""What is told of a host that memory, disk or process numbers press, in the words of the kubelet's events. Pure.

Only changes are told: a condition that comes or goes, and that room begins to be made.
"""

from collections.abc import Iterator

from reconciler.model.node_report import NodeEvent
from reconciler.model.pressure import HostLimits
from reconciler.planner.node.eviction import resource_of
from reconciler.planner.node.memory import NodeMemory
from reconciler.planner.node.pressure import due_thresholds

_WORDS = {
    "MemoryPressure": ("NodeHasInsufficientMemory", "NodeHasSufficientMemory"),
    "DiskPressure": ("NodeHasDiskPressure", "NodeHasNoDiskPressure"),
    "PIDPressure": ("NodeHasInsufficientPID", "NodeHasSufficientPID"),
}


def pressure_events(
    node: str, before: NodeMemory, after: NodeMemory, limits: HostLimits, now: float
) -> tuple[NodeEvent, ...]:
    """Return what has changed of a host's pressures within one pass."""
    if (before.pressures, before.reclaim_at, before.evicted_at) == (
        after.pressures,
        after.reclaim_at,
        after.evicted_at,
    ):
        return ()
    return (*_conditions(node, before, after, now), *_reclaims(before, after, limits, now))


def _conditions(node: str, before: NodeMemory, after: NodeMemory, now: float) -> Iterator[NodeEvent]:
    for kind, (there, gone) in _WORDS.items():
        if (kind in before.pressures) != (kind in after.pressures):
            word = there if kind in after.pressures else gone
            yield NodeEvent(at=now, reason=word, message=f"Node {node} status is now: {word}")


def _reclaims(before: NodeMemory, after: NodeMemory, limits: HostLimits, now: float) -> Iterator[NodeEvent]:
    begins = bool(after.reclaim_at) and not before.reclaim_at
    if begins or after.evicted_at != before.evicted_at:
        due = (resource_of(one.signal) for one in due_thresholds(after, limits, now))
        what = next(due, None)
        if what is not None:
            message = f"Attempting to reclaim {what}"
            yield NodeEvent(at=now, type="Warning", reason="EvictionThresholdMet", message=message)
