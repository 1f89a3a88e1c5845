"""Pods that name their node are looked at by it before they start, as by the kubelet: no scheduler has. Pure.

Semantics of the kubelet's general predicates, in its order and words: room, affinity, name, ports, taints with the
effect NoExecute. One that does not fit has failed for ever. A Pod that a node has taken in is not looked at again.
"""

from collections.abc import Iterator
from typing import NamedTuple, cast

from reconciler.model.kinds import Node, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.health import condition
from reconciler.planner.scheduling.fit import Candidate, candidate_of, tolerates
from reconciler.planner.scheduling.noderules import NOT_CHOSEN, OTHER_NAME, PORT_TAKEN, is_chosen, ports_clash
from reconciler.planner.scheduling.room import host_ports, requested
from reconciler.planner.view import View, replace

_SYSTEM = "kubernetes.io/os"
_FROM_FILE = ("kubernetes.io/config.source", "file")


class Refusal(NamedTuple):
    """Why a node does not take a Pod in: the reason of its status, and the sentence."""

    reason: str
    message: str


def admit_named_pods(view: View) -> None:
    """Have Pods fail that name a node on which they do not fit."""
    for stored in view.due("Pod"):
        pod = cast(Pod, stored.object)
        if not _is_new(pod):
            continue
        node = view.get(ObjectRef(kind="Node", name=pod.spec.node_name))
        if node is None or not cast(Node, node.object).status.allocatable:
            # Nobody knows yet what it has.
            continue
        others = (cast(Pod, one.object) for one in view.on_node(node.ref.name) if _is_before(one, stored))
        found = next(refusals(pod, candidate_of(cast(Node, node.object), others)), None)
        if found is not None:
            view.happened(stored, found.reason, found.message, warning=True)
            message = f"Pod was rejected: {found.message}"
            view.set_status(stored, replace(pod.status, phase="Failed", reason=found.reason, message=message))


def refusals(pod: Pod, node: Candidate) -> Iterator[Refusal]:
    """Yield everything that a node has against a Pod."""
    if pod.metadata.labels.get(_SYSTEM, "linux") != "linux":
        text = f"Failed to admit pod as the `{_SYSTEM}` label doesn't match node label"
        yield Refusal("PodOSSelectorNodeLabelDoesNotMatch", text)
    is_strict = pod.spec.security_context.supplemental_groups_policy == "Strict"
    if is_strict and not node.node.status.features.supplemental_groups_policy:
        yield Refusal(
            "SupplementalGroupsPolicyNotSupported", "SupplementalGroupsPolicy=Strict is not supported in this node"
        )
    yield from _lacking(pod, node)
    required = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    if not is_chosen(pod.spec.node_selector, required, node.node):
        yield _predicate("NodeAffinity", NOT_CHOSEN.reasons[0])
    if pod.spec.node_name and pod.spec.node_name != node.name:
        yield _predicate("NodeName", OTHER_NAME.reasons[0])
    if ports_clash(host_ports(pod), node.ports):
        yield _predicate("NodePorts", PORT_TAKEN.reasons[0])
    if pod.metadata.annotations.get(_FROM_FILE[0]) != _FROM_FILE[1] and _evicts(pod, node.node):
        yield _predicate("TaintToleration", "node(s) had taints that the pod didn't tolerate")


def _lacking(pod: Pod, node: Candidate) -> Iterator[Refusal]:
    asked, has, used = requested(pod.spec), node.has, node.used
    if used.pods >= has.pods:
        yield _out_of("pods", 1, used.pods, has.pods)
    named = ("cpu", "memory", "ephemeral-storage")
    # What a node knows nothing of is nobody's to count, as upstream does with resources of plugins that have gone.
    others = tuple(name for name, _ in asked.others if any(name == known for known, _ in has.others))
    for name in (*named, *others):
        if asked.of(name) > 0 and asked.of(name) > has.of(name) - used.of(name):
            yield _out_of(name, asked.of(name), used.of(name), has.of(name))


def _out_of(name: str, asked: int, used: int, has: int) -> Refusal:
    text = f"Node didn't have enough resource: {name}, requested: {asked}, used: {used}, capacity: {has}"
    return Refusal(f"OutOf{name}", text)


def _predicate(name: str, why: str) -> Refusal:
    return Refusal(name, f"Predicate {name} failed: {why}")


def _evicts(pod: Pod, node: Node) -> bool:
    taints = (one for one in node.spec.taints if one.effect == "NoExecute")
    return any(not any(tolerates(toleration, taint) for toleration in pod.spec.tolerations) for taint in taints)


def _is_new(pod: Pod) -> bool:
    """Whether a Pod names its node, and nobody placed it, and no node has told of it yet."""
    if not pod.spec.node_name or pod.status.phase != "Pending" or pod.metadata.deletion_timestamp is not None:
        return False
    return pod.status.start_time is None and condition(pod.status.conditions, "PodScheduled") is None


def _is_before(other: StoredObject, stored: StoredObject) -> bool:
    """Whether a Pod on the same node counts: of those that no node has told of yet, who was made first."""
    if other.ref == stored.ref:
        return False
    one, two = cast(Pod, other.object), cast(Pod, stored.object)
    return not _is_new(one) or _turn(one) < _turn(two)


def _turn(pod: Pod) -> tuple[str, str, str]:
    return pod.metadata.creation_timestamp or "", pod.metadata.namespace, pod.metadata.name
