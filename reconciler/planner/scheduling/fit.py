"""A node with what is placed on it, and the questions about one node that more than placing asks. Pure."""

from collections.abc import Iterable

from reconciler.model.base import Value
from reconciler.model.integers import decimal_integer, whole_number
from reconciler.model.kinds import (
    Node,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    Taint,
    Toleration,
)
from reconciler.planner.scheduling.resizing import counted_spec
from reconciler.planner.scheduling.room import Room, allocatable, host_ports, requested, supposed

Port = tuple[str, int, str]


class Candidate(Value):
    """A node with the Pods that are placed on it.

    `used` is what the Pods ask for, `supposed` what scores reckon with, `ports` what they take of the host, `lowest`
    the lowest of their priorities.
    """

    node: Node
    has: Room
    used: Room = Room()
    supposed: Room = Room()
    pods: tuple[Pod, ...] = ()
    ports: frozenset[Port] = frozenset()
    lowest: int | None = None

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.metadata.name


def candidate_of(node: Node, pods: Iterable[Pod] = ()) -> Candidate:
    """Return a node with these Pods; those that have ended take nothing."""
    placed = tuple(pod for pod in pods if pod.status.phase not in ("Succeeded", "Failed"))
    return holding(Candidate(node=node, has=allocatable(node)), placed)


def holding(candidate: Candidate, pods: tuple[Pod, ...]) -> Candidate:
    """Return a node with exactly these Pods."""
    used = likely = Room()
    for pod in pods:
        spec = counted_spec(pod)
        used = used.plus(requested(spec))
        likely = likely.plus(supposed(spec))
    return Candidate(
        node=candidate.node,
        has=candidate.has,
        used=used,
        supposed=likely,
        pods=pods,
        ports=frozenset(port for pod in pods for port in host_ports(pod)),
        lowest=min(map(priority_of, pods), default=None),
    )


def with_pod(candidate: Candidate, pod: Pod) -> Candidate:
    """Return a node once a Pod is placed on it."""
    return Candidate(
        node=candidate.node,
        has=candidate.has,
        used=candidate.used.plus(requested(pod.spec)),
        supposed=candidate.supposed.plus(supposed(pod.spec)),
        pods=(*candidate.pods, pod),
        ports=candidate.ports | host_ports(pod),
        lowest=priority_of(pod) if candidate.lowest is None else min(candidate.lowest, priority_of(pod)),
    )


def without(candidate: Candidate, pods: Iterable[Pod]) -> Candidate:
    """Return a node without some of its Pods."""
    gone = {_identity(pod) for pod in pods}
    return holding(candidate, tuple(pod for pod in candidate.pods if _identity(pod) not in gone))


def _identity(pod: Pod) -> tuple[str, str, str]:
    return pod.metadata.namespace, pod.metadata.name, pod.metadata.uid


def priority_of(pod: Pod) -> int:
    """Return a Pod's priority; without one it is 0."""
    return pod.spec.priority or 0


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether a toleration bears a taint; `Gt` and `Lt` bear one whose value is a larger, or smaller, whole number."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator:
        case "Exists":
            return True
        case "Equal":
            return toleration.value == taint.value
    has, bound = decimal_integer(taint.value), decimal_integer(toleration.value)
    if has is None or bound is None:
        return False
    return has > bound if toleration.operator == "Gt" else has < bound


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
            have, bound = whole_number(value or ""), whole_number(one.values[0] if one.values else "")
            if have is None or bound is None:
                return False
            return have > bound if one.operator == "Gt" else have < bound
