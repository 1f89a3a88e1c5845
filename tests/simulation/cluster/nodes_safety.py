"""What must hold of nodes and of where Pods run, checked independently of how the planner decides."""

from collections import Counter
from collections.abc import Iterator
from typing import cast

from reconciler.model.kinds import Node, Pod, PodDisruptionBudget, ref_of
from reconciler.model.observed import ObservedState
from reconciler.model.quantity import cpu_millis
from reconciler.model.refs import ObjectRef
from reconciler.planner.references import claims_of
from reconciler.planner.workloads.podgc import OUT_OF_SERVICE
from reconciler.simulation.cluster import SimulatedCluster
from tests.simulation.cluster.nodes import HOSTNAME, MAINTENANCE
from tests.simulation.cluster.sets import SetsSafety
from tests.simulation.cluster.unsafe import Unsafe

_UNREACHABLE = "node.kubernetes.io/unreachable"
_NOT_READY = "node.kubernetes.io/not-ready"
_ROUNDING_S = 1.0


class NodesSafety:
    """Watches every committed plan."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster
        self._sets = SetsSafety(cluster)
        self._well_at: dict[str, float] = {}

    def planned(self, before: ObservedState) -> None:
        """Check one committed plan."""
        after = self.cluster.observed
        self._sets.planned(before)
        for name, node in _nodes(after).items():
            if _ready(node) == "True":
                self._well_at[name] = self.cluster.now
        for old, pod in _earlier(before, after):
            if pod is None:
                self._check_removed(before, after, old)
            elif pod.metadata.deletion_timestamp and not old.metadata.deletion_timestamp:
                self._check_ended(after, pod)
        placed = [pod for pod in _pods(after) if _is_placed_anew(before, pod)]
        for pod in placed:
            self._check_place(after, pod)
        if placed:
            self._check_spread(after, placed)

    def unhealthy(self) -> str:
        """Say what is not as it should be at rest: every node is heard of, and every budget was looked at."""
        observed = self.cluster.observed
        for name, node in _nodes(observed).items():
            if _ready(node) != "True":
                return f"{name} is {_ready(node)}"
        for ref, one in sorted(observed.objects.items()):
            if ref.kind == "PodDisruptionBudget":
                budget = cast(PodDisruptionBudget, one.object)
                if budget.status.observed_generation != budget.metadata.generation:
                    return f"{ref} was not looked at"
        return self._sets.unhealthy()

    # What ends

    def _check_removed(self, before: ObservedState, after: ObservedState, pod: Pod) -> None:
        """P20: a Pod of a silent node is not forgotten, unless a person said that the node is gone."""
        state = before.nodes.get(pod.spec.node_name)
        if state is None or pod.status.phase in ("Succeeded", "Failed"):
            return
        override = before.overrides.get(ref_of(pod))
        is_forced = override is not None and override.grace_s == 0
        node = _nodes(after)[pod.spec.node_name]
        is_gone = any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints)
        if state.is_silent(self.cluster.now, self.cluster.policy.node_lease_s) and not (is_gone or is_forced):
            raise Unsafe(f"{pod.metadata.name} is forgotten while {node.metadata.name} is silent")

    def _check_ended(self, after: ObservedState, pod: Pod) -> None:
        told = next((one for one in pod.status.conditions if one.type == "DisruptionTarget"), None)
        reason = told.reason if told is not None else ""
        if reason == "PreemptionByScheduler":
            self._check_preempted(after, pod)
        elif reason == "DeletionByTaintManager":
            self._check_evicted(after, pod)

    def _check_preempted(self, after: ObservedState, victim: Pod) -> None:
        """Somebody more urgent waits for that very node."""
        node = victim.spec.node_name
        waiting = [pod for pod in _pods(after) if not pod.spec.node_name and pod.status.nominated_node_name == node]
        if not any(_priority(pod) > _priority(victim) for pod in waiting):
            raise Unsafe(f"{victim.metadata.name} makes room on {node}, and nobody more urgent waits for it")

    def _check_evicted(self, after: ObservedState, pod: Pod) -> None:
        """P20: not before its node's lease and the Pod's own time are over; one that is not movable never is."""
        node = _nodes(after)[pod.spec.node_name]
        if any(taint.key in (MAINTENANCE, OUT_OF_SERVICE) for taint in node.spec.taints):
            return
        name, policy, now = node.metadata.name, self.cluster.policy, self.cluster.now
        is_silent = after.nodes[name].is_silent(now, policy.node_lease_s)
        borne = _borne_s(pod, _UNREACHABLE if is_silent else _NOT_READY, policy.toleration_s)
        # Between two plans it may have been silent already: the lease is not added twice.
        since = after.nodes[name].heartbeat_at if is_silent else self._well_at.get(name, 0.0)
        lease_s = policy.node_lease_s if is_silent else 0.0
        if borne is None or now - (since or 0.0) < lease_s + borne - _ROUNDING_S:
            raise Unsafe(f"{pod.metadata.name} leaves {name} after {now - (since or 0.0):.0f} s, and bears {borne}")
        owner = next((one.kind for one in pod.metadata.owner_references), "")
        if owner not in ("ReplicaSet", "Job") or any(self._has_one_writer(claim) for claim in claims_of(pod.spec)):
            raise Unsafe(f"{pod.metadata.name} leaves {name}, and could run there still")

    def _has_one_writer(self, claim: str) -> bool:
        ref = ObjectRef(kind="PersistentVolumeClaim", namespace="default", name=claim)
        found = self.cluster.observed.objects.get(ref)
        return found is None or "ReadWriteMany" not in found.object.spec.access_modes  # type: ignore[union-attr]

    # Where Pods come to

    def _check_place(self, after: ObservedState, pod: Pod) -> None:
        node = _nodes(after)[pod.spec.node_name]
        name = node.metadata.name
        barring = [one.key for one in node.spec.taints if one.effect != "PreferNoSchedule" and not _bears(pod, one.key)]
        if node.spec.unschedulable or barring:
            raise Unsafe(f"{pod.metadata.name} comes to {name}, which is closed: {barring}")
        there = [one for one in _pods(after) if one.spec.node_name == name]
        living = [one for one in there if one.status.phase not in ("Succeeded", "Failed")]
        if sum(map(_cpu, living)) > 4000:
            raise Unsafe(f"{pod.metadata.name} comes to {name}, which is full")
        ports = Counter(port for one in living for port in _host_ports(one))
        if any(ports[port] > 1 for port in _host_ports(pod)):
            raise Unsafe(f"{pod.metadata.name} comes to {name}, where its port is taken: {ports}")
        self._check_apart(after, pod, living)

    def _check_apart(self, after: ObservedState, pod: Pod, living: list[Pod]) -> None:
        """Required anti-affinity on one host, both ways."""
        for other in living:
            if other.metadata.uid != pod.metadata.uid and (_shuns(pod, other) or _shuns(other, pod)):
                raise Unsafe(f"{pod.metadata.name} and {other.metadata.name} are on {pod.spec.node_name}")

    def _check_spread(self, after: ObservedState, placed: list[Pod]) -> None:
        """Whatever else was placed in the same plan, the last of them that heeds it kept the skew."""
        nodes, together = _nodes(after), {pod.metadata.uid for pod in placed}
        for pod in placed:
            for one in pod.spec.topology_spread_constraints:
                if one.when_unsatisfiable != "DoNotSchedule" or _was_disturbed(after):
                    continue
                domains = {name: node.metadata.labels.get(one.topology_key) for name, node in nodes.items()}
                counts = Counter({domain: 0 for domain in domains.values() if domain})
                wanted = one.label_selector.match_labels if one.label_selector is not None else {}
                counts.update(
                    domains.get(other.spec.node_name)
                    for other in _pods(after)
                    if (one in other.spec.topology_spread_constraints or other.metadata.uid not in together)
                    and wanted.items() <= other.metadata.labels.items()
                    and domains.get(other.spec.node_name)
                    and other.metadata.deletion_timestamp is None
                    and other.status.phase not in ("Succeeded", "Failed")
                )
                skew = counts[domains[pod.spec.node_name]] - min(counts.values())
                if skew > one.max_skew:
                    raise Unsafe(f"{pod.metadata.name} comes to {pod.spec.node_name}, a skew of {skew}: {counts}")


def _was_disturbed(after: ObservedState) -> bool:
    """Whether somebody was driven away; in the same plan that may be after the others were counted."""
    return any(pod.metadata.deletion_timestamp and _disrupted(pod) for pod in _pods(after))


def _disrupted(pod: Pod) -> bool:
    return any(one.type == "DisruptionTarget" for one in pod.status.conditions)


def _nodes(state: ObservedState) -> dict[str, Node]:
    return {ref.name: cast(Node, one.object) for ref, one in state.objects.items() if ref.kind == "Node"}


def _pods(state: ObservedState) -> Iterator[Pod]:
    return (cast(Pod, one.object) for ref, one in state.objects.items() if ref.kind == "Pod")


def _earlier(before: ObservedState, after: ObservedState) -> Iterator[tuple[Pod, Pod | None]]:
    """Yield the Pods that there were and that changed, with what they are now; None: they are gone."""
    for ref, one in before.objects.items():
        if ref.kind == "Pod" and after.objects.get(ref) is not one:
            yield cast(Pod, one.object), _same(after, cast(Pod, one.object))


def _same(state: ObservedState, pod: Pod) -> Pod | None:
    found = state.objects.get(ref_of(pod))
    if found is None or found.object.metadata.uid != pod.metadata.uid:
        return None
    return cast(Pod, found.object)


def _is_placed_anew(before: ObservedState, pod: Pod) -> bool:
    is_daemon = any(one.kind == "DaemonSet" for one in pod.metadata.owner_references)
    old = _same(before, pod)
    return bool(pod.spec.node_name) and (old is None or not old.spec.node_name) and not is_daemon


def _ready(node: Node) -> str:
    return next((one.status for one in node.status.conditions if one.type == "Ready"), "")


def _priority(pod: Pod) -> int:
    return pod.spec.priority or 0


def _borne_s(pod: Pod, key: str, otherwise: int) -> float | None:
    """Return how long a Pod bears a taint; None: for ever."""
    mine = [one for one in pod.spec.tolerations if one.key == key and one.effect in ("", "NoExecute")]
    if not mine:
        return otherwise
    times = [one.toleration_seconds for one in mine if one.toleration_seconds is not None]
    return min(times) if times else None


def _bears(pod: Pod, key: str) -> bool:
    return any(one.key == key and one.effect in ("", "NoSchedule") for one in pod.spec.tolerations)


def _cpu(pod: Pod) -> int:
    return sum(cpu_millis(one.resources.requests.get("cpu", "0")) for one in pod.spec.containers)


def _host_ports(pod: Pod) -> set[int]:
    return {port.host_port for one in pod.spec.containers for port in one.ports if port.host_port}


def _shuns(pod: Pod, other: Pod) -> bool:
    anti = pod.spec.affinity.pod_anti_affinity if pod.spec.affinity is not None else None
    terms = anti.required_during_scheduling_ignored_during_execution if anti is not None else ()
    return any(
        term.topology_key == HOSTNAME
        and term.label_selector is not None
        and term.label_selector.match_labels.items() <= other.metadata.labels.items()
        for term in terms
    )
