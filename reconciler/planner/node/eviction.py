"""Which Pod a host ends when its memory runs out, as the kubelet's eviction manager chooses.

Pure. One Pod at a time, then a look at what that freed. Pods as critical as the cluster itself are never ended.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from reconciler.model.kinds import PodSpec
from reconciler.model.node import Assignment, NodeFacts, PodAssignment
from reconciler.model.pressure import SignalFact, Threshold
from reconciler.model.quantity import bytes_of, format_quantity
from reconciler.planner.node.memory import NodeMemory

EVICTED = "Evicted"
GRACE_S = 1.0
_SIGNAL = "memory.available"
# The kubelet waits this long for what it has ended to be gone (its pod cleanup timeout).
_PAUSE_S = 30.0
_CRITICAL = 2_000_000_000


def evict_for_memory(
    memory: NodeMemory, assignment: Assignment, facts: NodeFacts, thresholds: Iterable[Threshold], now: float
) -> NodeMemory:
    """Note of one Pod that it has failed, where less memory is left than the threshold says."""
    fact = next((one for one in facts.signals if one.signal == _SIGNAL), None)
    met = next((one for one in thresholds if one.signal == _SIGNAL and fact is not None and one.is_met(fact)), None)
    if met is None or fact is None or 0 <= now - memory.evicted_at < _PAUSE_S:
        return memory
    chosen = next(iter(ranked_for_memory(_candidates(memory, assignment), facts)), None)
    if chosen is None:
        return memory
    known = memory.pods[chosen.uid]
    ended = replace(known, finished="Failed", reason=EVICTED, message=_message(met, fact))
    return replace(memory, pods={**memory.pods, chosen.uid: ended}, evicted_at=now)


def ranked_for_memory(pods: Iterable[PodAssignment], facts: NodeFacts) -> list[PodAssignment]:
    """Return Pods by who goes first: over what they asked for, less important, and by how much they are over it."""

    def rank(pod: PodAssignment) -> tuple[bool, int, int, str]:
        over = facts.pod_memory.get(pod.uid, 0) - requested_memory(pod.spec)
        return (over <= 0, pod.spec.priority or 0, -over, pod.uid)

    return sorted((pod for pod in pods if pod.uid in facts.pod_memory), key=rank)


def requested_memory(spec: PodSpec) -> int:
    """Return what the containers that run together ask for."""
    sidecars = (one for one in spec.init_containers if one.restart_policy == "Always")
    running = (*spec.containers, *sidecars)
    return sum(bytes_of(str(one.resources.requests.get("memory", "0"))) for one in running)


def _candidates(memory: NodeMemory, assignment: Assignment) -> Iterable[PodAssignment]:
    for pod in assignment.pods:
        known = memory.pods.get(pod.uid)
        is_over = pod.finished or pod.deletion_requested_at is not None or known is None or known.finished
        if not is_over and (pod.spec.priority or 0) < _CRITICAL:
            yield pod


def _message(threshold: Threshold, fact: SignalFact) -> str:
    least = threshold.amount if threshold.share is None else int(fact.capacity * threshold.share)
    limit, left = (f"{amount // 1024}Ki" for amount in (least, fact.available))
    return f"The node was low on resource: memory. Threshold quantity: {format_quantity(limit)}, available: {left}. "
