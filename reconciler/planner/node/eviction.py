"""Which Pods a host ends when its memory, a disk or process numbers run out, as the kubelet's eviction manager chooses.

Pure. Pods that hold more than they may go at once. For a signal one goes at a time, then a look at what that freed; on
the disk of the images what nobody uses goes first. Pods as critical as the cluster itself are never ended.
"""

from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from reconciler.model.kinds import PodSpec
from reconciler.model.node import Assignment, PodAssignment
from reconciler.model.node_report import NodeFacts
from reconciler.model.podresources import pod_requests
from reconciler.model.pressure import HostLimits, SignalFact, Threshold
from reconciler.model.quantity import bytes_of, format_quantity, in_units
from reconciler.planner.node.disk_usage import DISK, Measure, binary_text, larger_consumers, over_limit, ranked_for_disk
from reconciler.planner.node.memory import NodeMemory
from reconciler.planner.node.pressure import due_thresholds, has_image_disk, is_of_disk

EVICTED = "Evicted"
GRACE_S = 1.0
# The kubelet waits this long for what it has ended to be gone (its pod cleanup timeout).
_PAUSE_S = 30.0
# Signals are read every 10 s: by then one was read after the images had gone.
_RECLAIM_S = 20.0
_CRITICAL = 2_000_000_000
_RESOURCES = {"memory.available": "memory", "pid.available": "pids"}


def evict(
    memory: NodeMemory,
    assignment: Assignment,
    facts: NodeFacts,
    limits: HostLimits,
    now: float,
    in_flight: frozenset[str],
) -> NodeMemory:
    """Note of Pods that they have failed: of those over their limits, or of one where too little is left."""
    candidates = tuple(_candidates(memory, assignment)) if facts.pod_disk or memory.met else ()
    over = {pod.uid: message for pod in candidates if (message := over_limit(pod, facts.pod_disk.get(pod.uid)))}
    if over:
        return _failed(memory, over, GRACE_S)
    if not memory.met or 0 <= now - memory.evicted_at < _PAUSE_S:
        return memory
    due = due_thresholds(memory, limits, now)
    threshold = next(iter(due), None)
    if threshold is None or _makes_room(memory, threshold, now, in_flight):
        return memory
    fact = next(one for one in facts.signals if one.signal == threshold.signal)
    ranked, told = _ranked(threshold.signal, candidates, facts)
    if not ranked:
        return memory
    chosen = ranked[0]
    grace_s = GRACE_S if threshold.is_hard else min(chosen.grace_s, limits.max_pod_grace_s)
    message = _message(threshold, fact) + told(chosen)
    return replace(_failed(memory, {chosen.uid: message}, grace_s), evicted_at=now)


def ranked_for_memory(pods: Iterable[PodAssignment], facts: NodeFacts) -> list[PodAssignment]:
    """Return Pods by who goes first: over what they asked for, less important, and by how much they are over it."""

    def rank(pod: PodAssignment) -> tuple[bool, int, int, str]:
        over = facts.pod_memory[pod.uid] - requested_memory(pod.spec)
        return (over <= 0, pod.spec.priority or 0, -over, pod.uid)

    return sorted((pod for pod in pods if pod.uid in facts.pod_memory), key=rank)


def ranked_for_processes(pods: Iterable[PodAssignment], facts: NodeFacts) -> list[PodAssignment]:
    """Return Pods by who goes first: less important, and by how many processes they have; nobody asks for those."""

    def rank(pod: PodAssignment) -> tuple[int, int, str]:
        return (pod.spec.priority or 0, -facts.pod_processes[pod.uid], pod.uid)

    return sorted((pod for pod in pods if pod.uid in facts.pod_processes), key=rank)


def requested_memory(spec: PodSpec) -> int:
    """Return what the containers that run together ask for, or the Pod as a whole."""
    whole = pod_requests(spec).get("memory")
    if whole is not None:
        return in_units(whole, 0)
    sidecars = (one for one in spec.init_containers if one.restart_policy == "Always")
    running = (*spec.containers, *sidecars)
    return sum(bytes_of(str(one.resources.requests.get("memory", "0"))) for one in running)


def _ranked(
    signal: str, pods: Iterable[PodAssignment], facts: NodeFacts
) -> tuple[list[PodAssignment], Callable[[PodAssignment], str]]:
    if signal == "pid.available":
        return ranked_for_processes(pods, facts), lambda _: ""
    if not is_of_disk(signal):
        return ranked_for_memory(pods, facts), lambda _: ""
    if signal.endswith("inodesFree"):
        return ranked_for_disk(pods, facts.pod_disk, Measure.FILES), lambda _: ""
    measure = Measure.LAYERS if signal.startswith("imagefs") else Measure.ALL
    if measure is Measure.ALL and has_image_disk(facts):
        measure = Measure.BESIDE_LAYERS
    ranked = ranked_for_disk(pods, facts.pod_disk, measure)
    return ranked, lambda pod: larger_consumers(pod, facts.pod_disk[pod.uid])


def _makes_room(memory: NodeMemory, threshold: Threshold, now: float, in_flight: frozenset[str]) -> bool:
    """Whether images and ended containers are still being removed, or what that freed was not seen yet."""
    if not memory.reclaim_at or not is_of_disk(threshold.signal):
        return False
    removing = any(one.type == "removeImage" and one.key in in_flight for one in memory.emitted)
    return removing or now - memory.reclaim_at < _RECLAIM_S


def _candidates(memory: NodeMemory, assignment: Assignment) -> Iterable[PodAssignment]:
    for pod in assignment.pods:
        known = memory.pods.get(pod.uid)
        is_over = pod.finished or pod.deletion_requested_at is not None or known is None or known.finished
        if not is_over and (pod.spec.priority or 0) < _CRITICAL:
            yield pod


def _failed(memory: NodeMemory, messages: Mapping[str, str], grace_s: float) -> NodeMemory:
    ended = {
        uid: replace(memory.pods[uid], finished="Failed", reason=EVICTED, message=message, evicted_grace_s=grace_s)
        for uid, message in messages.items()
    }
    return replace(memory, pods={**memory.pods, **ended})


def resource_of(signal: str) -> str:
    """Return what runs out, by Kubernetes' name."""
    return _RESOURCES.get(signal, "inodes" if signal.endswith("inodesFree") else DISK)


def _message(threshold: Threshold, fact: SignalFact) -> str:
    resource = resource_of(threshold.signal)
    if resource == "memory":
        limit, left = (f"{amount // 1024}Ki" for amount in (threshold.least(fact), fact.available))
        limit = format_quantity(limit)
    elif resource in ("inodes", "pids"):
        limit, left = str(threshold.least(fact)), str(fact.available)
    else:
        limit, left = binary_text(threshold.least(fact)), binary_text(fact.available)
    return f"The node was low on resource: {resource}. Threshold quantity: {limit}, available: {left}. "
