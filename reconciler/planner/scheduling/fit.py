"""Whether a Pod fits a node: filters in the order and the words of kube-scheduler. Pure."""

from collections.abc import Callable

from reconciler.model.base import Value
from reconciler.model.kinds import (
    Node,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    PodAffinityTerm,
    Taint,
    Toleration,
)
from reconciler.model.labels import matches
from reconciler.planner.scheduling.room import Room, host_ports, requested


class Candidate(Value):
    """A node with the Pods that are placed on it; `repelling` are those with required anti-affinity."""

    node: Node
    has: Room
    used: Room = Room()
    pods: tuple[Pod, ...] = ()
    repelling: tuple[Pod, ...] = ()


def why_not(pod: Pod, candidate: Candidate, pinned: tuple[str, ...] = ()) -> str:
    """Return why the Pod does not fit the node, in kube-scheduler's words; empty when it fits.

    `pinned` are the nodes that its bound local volumes live on.
    """
    for rule in _FILTERS:
        if why := rule(pod, candidate):
            return why
    if pinned and any(name != candidate.node.metadata.name for name in pinned):
        return "node(s) had volume node affinity conflict"
    return ""


def _unschedulable(pod: Pod, candidate: Candidate) -> str:
    node = candidate.node
    tainted = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
    tolerated = any(tolerates(one, tainted) for one in pod.spec.tolerations)
    return "node(s) were unschedulable" if node.spec.unschedulable and not tolerated else ""


def _taints(pod: Pod, candidate: Candidate) -> str:
    for taint in candidate.node.spec.taints:
        if taint.effect == "PreferNoSchedule":
            continue
        if not any(tolerates(one, taint) for one in pod.spec.tolerations):
            value = f": {taint.value}" if taint.value else ": "
            return f"node(s) had untolerated taint {{{taint.key}{value}}}"
    return ""


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether a toleration bears a taint."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    return toleration.operator == "Exists" or toleration.value == taint.value


def _affinity(pod: Pod, candidate: Candidate) -> str:
    node = candidate.node
    chosen = pod.spec.node_selector.items() <= node.metadata.labels.items()
    required = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    if chosen and (required is None or selects(required, node)):
        return ""
    return "node(s) didn't match Pod's node affinity/selector"


def selects(selector: NodeSelector, node: Node) -> bool:
    """Whether one of the selector's terms holds for the node."""
    return any(term_holds(term, node) for term in selector.node_selector_terms)


def term_holds(term: NodeSelectorTerm, node: Node) -> bool:
    """Whether all conditions of a term hold; an empty term chooses no node."""
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {"metadata.name": node.metadata.name}
    return all(_holds(one, node.metadata.labels.get(one.key)) for one in term.match_expressions) and all(
        _holds(one, fields.get(one.key)) for one in term.match_fields
    )


def _holds(one: NodeSelectorRequirement, value: str | None) -> bool:
    match one.operator:
        case "In":
            return value is not None and value in one.values
        case "NotIn":
            return value is None or value not in one.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            if value is None or not _is_whole(value) or not (one.values and _is_whole(one.values[0])):
                return False
            have, bound = int(value), int(one.values[0])
            return have > bound if one.operator == "Gt" else have < bound


def _is_whole(text: str) -> bool:
    return text.lstrip("+-").isdigit()


def _ports(pod: Pod, candidate: Candidate) -> str:
    wanted = host_ports(pod)
    if not wanted:
        return ""
    taken = {port for other in candidate.pods for port in host_ports(other)}
    clash = any(
        protocol == other[0] and number == other[1] and (address == other[2] or "0.0.0.0" in (address, other[2]))
        for protocol, number, address in wanted
        for other in taken
    )
    return "node(s) didn't have free ports for the requested pod ports" if clash else ""


def _resources(pod: Pod, candidate: Candidate) -> str:
    has, used, wants = candidate.has, candidate.used, requested(pod.spec)
    if used.pods + 1 > has.pods:
        return "Too many pods"
    if wants.cpu_millis and used.cpu_millis + wants.cpu_millis > has.cpu_millis:
        return "Insufficient cpu"
    if wants.memory_bytes and used.memory_bytes + wants.memory_bytes > has.memory_bytes:
        return "Insufficient memory"
    return ""


def _anti_affinity(pod: Pod, candidate: Candidate) -> str:
    """Required rules about other Pods of the same node; other topologies come with many hosts."""
    rules = pod.spec.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution
    if any(_chooses(rule, pod, other) for rule in rules for other in candidate.pods):
        return "node(s) didn't match pod anti-affinity rules"
    for other in candidate.repelling:
        theirs = other.spec.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution
        if any(_chooses(rule, other, pod) for rule in theirs):
            return "node(s) didn't satisfy existing pods anti-affinity rules"
    return ""


def repels(pod: Pod) -> bool:
    """Whether a Pod has required anti-affinity."""
    return bool(pod.spec.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution)


def _pod_affinity(pod: Pod, candidate: Candidate) -> str:
    rules = pod.spec.affinity.pod_affinity.required_during_scheduling_ignored_during_execution
    for rule in rules:
        near = any(_chooses(rule, pod, other) for other in candidate.pods)
        # The first of a group that is to be together may come anywhere.
        if not near and not _chooses(rule, pod, pod):
            return "node(s) didn't match pod affinity rules"
    return ""


def _chooses(rule: PodAffinityTerm, owner: Pod, other: Pod) -> bool:
    namespaces = rule.namespaces or (owner.metadata.namespace,)
    in_scope = rule.namespace_selector is not None or other.metadata.namespace in namespaces
    return in_scope and matches(rule.label_selector, other.metadata.labels)


_FILTERS: tuple[Callable[[Pod, Candidate], str], ...] = (
    _unschedulable,
    _taints,
    _affinity,
    _ports,
    _resources,
    _pod_affinity,
    _anti_affinity,
)


def score(pod: Pod, candidate: Candidate) -> tuple[float, int]:
    """Return how good a node is: the share that stays free, and the weight of the Pod's wishes it meets."""
    has, wants = candidate.has, requested(pod.spec)
    after = candidate.used.plus(wants)
    free = [
        1 - used / whole
        for used, whole in ((after.cpu_millis, has.cpu_millis), (after.memory_bytes, has.memory_bytes))
        if whole
    ]
    wishes = pod.spec.affinity.node_affinity.preferred_during_scheduling_ignored_during_execution
    met = sum(wish.weight for wish in wishes if term_holds(wish.preference, candidate.node))
    return (met + 100 * sum(free) / max(len(free), 1), -after.pods)
