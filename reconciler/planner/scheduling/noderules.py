"""Plugins that look at the node itself: cordoned, named, tainted, chosen by labels, host ports. Pure."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from functools import cached_property
from typing import ClassVar, cast

import msgspec

from reconciler.model.kinds import Node, NodeSelector, Pod, PreferredSchedulingTerm, Taint, Toleration
from reconciler.model.kinds import NodeAffinity as Affinity
from reconciler.planner.scheduling.fit import Candidate, Port, selects, term_holds, tolerates
from reconciler.planner.scheduling.framework import Cluster, Hints, Misfit, Plugin, SpotPlugin
from reconciler.planner.scheduling.hints import Change
from reconciler.planner.scheduling.room import host_ports

CORDONED = Misfit(("node(s) were unschedulable",), is_final=True)
OTHER_NAME = Misfit(("node(s) didn't match the requested node name",), is_final=True)
TAINTED = Misfit(("node(s) had untolerated taint(s)",), is_final=True)
NOT_CHOSEN = Misfit(("node(s) didn't match Pod's node affinity/selector",), is_final=True)
NOT_ENFORCED = Misfit(("node(s) didn't match scheduler-enforced node affinity",), is_final=True)
CONFLICTING = Misfit(("pod affinity terms conflict",), is_final=True)
PORT_TAKEN = Misfit(("node(s) didn't have free ports for the requested pod ports",))
_CORDON = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


class NodeUnschedulable(Plugin[bool]):
    """No new Pods on cordoned nodes, unless they bear it."""

    name = "NodeUnschedulable"

    @cached_property
    def _is_used(self) -> bool:
        return any(one.node.spec.unschedulable for one in self.cluster.nodes.values())

    def likeness(self, pod: Pod) -> Hashable:
        """Return whether the Pod bears it."""
        return self._is_used and not any(tolerates(one, _CORDON) for one in pod.spec.tolerations)

    def prepare(self, pod: Pod) -> bool | None:
        """Leave Pods alone that bear it, and clusters where nothing is cordoned."""
        return True if self.likeness(pod) else None

    def why_not(self, state: bool, pod: Pod, node: Candidate) -> Misfit | None:
        """Refuse cordoned nodes."""
        return CORDONED if node.node.spec.unschedulable else None

    def after_node(self, pod: Pod, change: Change) -> bool:
        """It is not cordoned any more, or comes."""
        return _is_let_in(change, lambda node: not node.spec.unschedulable)

    def after_pod(self, pod: Pod, change: Change) -> bool:
        """The Pod bears it by now."""
        itself = change.of_itself(pod)
        return itself is not None and any(tolerates(one, _CORDON) for one in itself[1].spec.tolerations)

    hints: ClassVar[Hints] = {"Node": after_node, "Pod": after_pod}


class NodeName(Plugin[str]):
    """A Pod that names its node goes nowhere else."""

    name = "NodeName"

    def likeness(self, pod: Pod) -> Hashable:
        """Return the name."""
        return pod.spec.node_name

    def prepare(self, pod: Pod) -> str | None:
        """Leave Pods alone that name none."""
        return pod.spec.node_name or None

    def why_not(self, state: str, pod: Pod, node: Candidate) -> Misfit | None:
        """Refuse every other node."""
        return OTHER_NAME if node.name != state else None

    def after_node(self, pod: Pod, change: Change) -> bool:
        """The node that the Pod names comes."""
        return _is_let_in(change, lambda node: node.metadata.name == pod.spec.node_name)

    hints: ClassVar[Hints] = {"Node": after_node}


class TaintToleration(SpotPlugin[tuple[Toleration, ...]]):
    """Taints repel Pods that do not bear them, and keep away those that would rather not."""

    name = "TaintToleration"
    weight = 3

    @cached_property
    def _is_used(self) -> bool:
        return any(one.node.spec.taints for one in self.cluster.nodes.values())

    def likeness(self, pod: Pod) -> Hashable:
        """Return the tolerations."""
        return tuple((one.key, one.operator, one.value, one.effect) for one in pod.spec.tolerations)

    def prepare(self, pod: Pod) -> tuple[Toleration, ...] | None:
        """Return the tolerations; None where no node has a taint."""
        return pod.spec.tolerations if self._is_used else None

    def why_not(self, state: tuple[Toleration, ...], pod: Pod, node: Candidate) -> Misfit | None:
        """Refuse nodes with a taint that the Pod does not bear."""
        return TAINTED if _repels(node.node, state) else None

    def after_node(self, pod: Pod, change: Change) -> bool:
        """The Pod bears its taints now."""
        return _is_let_in(change, lambda node: not _repels(node, pod.spec.tolerations))

    def after_pod(self, pod: Pod, change: Change) -> bool:
        """The Pod has other tolerations."""
        itself = change.of_itself(pod)
        return itself is not None and itself[0].spec.tolerations != itself[1].spec.tolerations

    hints: ClassVar[Hints] = {"Node": after_node, "Pod": after_pod}

    def spot(self, state: tuple[Toleration, ...], node: Candidate) -> Hashable:
        """Return how many soft taints a node has that the Pod does not bear."""
        soft = [one for one in node.node.spec.taints if one.effect == "PreferNoSchedule"]
        return sum(not any(tolerates(one, taint) for one in state) for taint in soft)

    def spot_scores(
        self, state: tuple[Toleration, ...], pod: Pod, spots: Mapping[Hashable, int]
    ) -> Mapping[Hashable, int]:
        """The fewer, the better."""
        counts = {spot: cast(int, spot) for spot in spots}
        worst = max(counts.values(), default=0)
        return {spot: 100 - 100 * count // worst if worst else 100 for spot, count in counts.items()}


def _repels(node: Node, tolerations: Sequence[Toleration]) -> bool:
    for taint in node.spec.taints:
        if taint.effect != "PreferNoSchedule" and not any(tolerates(one, taint) for one in tolerations):
            return True
    return False


def _is_let_in(change: Change, holds: Callable[[Node], bool]) -> bool:
    """Whether something holds for a node that did not before."""
    old, new = change.of(Node)
    return new is not None and holds(new) and (old is None or not holds(old))


class Choosing(msgspec.Struct, frozen=True):
    """What a Pod says about nodes."""

    labels: Mapping[str, str]
    required: NodeSelector | None
    wishes: tuple[PreferredSchedulingTerm, ...]
    named: frozenset[str] | None


class NodeAffinity(SpotPlugin[Choosing]):
    """The labels and names of nodes that a Pod needs or prefers."""

    name = "NodeAffinity"
    weight = 2

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        # What an operator adds to every Pod's own.
        added = cluster.settings.added_affinity or Affinity()
        self._enforced = added.required_during_scheduling_ignored_during_execution
        self._preferred = added.preferred_during_scheduling_ignored_during_execution

    def likeness(self, pod: Pod) -> Hashable:
        """Return the node selector and the node affinity."""
        affinity = pod.spec.affinity.node_affinity
        wishes = affinity.preferred_during_scheduling_ignored_during_execution
        if affinity.required_during_scheduling_ignored_during_execution is None and not wishes:
            return tuple(sorted(pod.spec.node_selector.items())) or None
        return msgspec.json.encode((sorted(pod.spec.node_selector.items()), affinity))

    def prepare(self, pod: Pod) -> Choosing | Misfit | None:
        """Leave Pods alone that take any node; a choice that contradicts itself takes none."""
        affinity = pod.spec.affinity.node_affinity
        required = affinity.required_during_scheduling_ignored_during_execution
        wishes = (
            *self._preferred,
            *affinity.preferred_during_scheduling_ignored_during_execution,
        )
        if required is None and not wishes and not pod.spec.node_selector and self._enforced is None:
            return None
        named = _named(required) if required is not None else None
        if named is not None and not named:
            return CONFLICTING
        return Choosing(pod.spec.node_selector, required, wishes, named)

    def only(self, state: Choosing) -> Collection[str] | None:
        """Return the nodes that every term asks for by name."""
        return state.named

    def why_not(self, state: Choosing, pod: Pod, node: Candidate) -> Misfit | None:
        """Refuse nodes that are not chosen."""
        if self._enforced is not None and not selects(self._enforced, node.node):
            return NOT_ENFORCED
        return None if is_chosen(state.labels, state.required, node.node) else NOT_CHOSEN

    def after_node(self, pod: Pod, change: Change) -> bool:
        """It is chosen now."""
        required = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
        enforced = self._enforced
        return _is_let_in(
            change,
            lambda node: (
                (enforced is None or selects(enforced, node)) and is_chosen(pod.spec.node_selector, required, node)
            ),
        )

    hints: ClassVar[Hints] = {"Node": after_node}

    def spot(self, state: Choosing, node: Candidate) -> Hashable:
        """Return the weight of the wishes that a node meets."""
        return sum(wish.weight for wish in state.wishes if term_holds(wish.preference, node.node))

    def spot_scores(self, state: Choosing, pod: Pod, spots: Mapping[Hashable, int]) -> Mapping[Hashable, int]:
        """The more, the better."""
        met = {spot: cast(int, spot) for spot in spots}
        best = max(met.values(), default=0)
        return {spot: 100 * weight // best for spot, weight in met.items()} if best else {}


def is_chosen(labels: Mapping[str, str], required: NodeSelector | None, node: Node) -> bool:
    """Whether a node has these labels, and one of the required terms holds for it."""
    if labels and not labels.items() <= node.metadata.labels.items():
        return False
    return required is None or selects(required, node)


def _named(required: NodeSelector) -> frozenset[str] | None:
    """Return the nodes that the terms name between them; None where a term names none."""
    found: frozenset[str] = frozenset()
    for term in required.node_selector_terms:
        named = [
            frozenset(one.values) for one in term.match_fields if one.key == "metadata.name" and one.operator == "In"
        ]
        if not named:
            return None
        found |= frozenset.intersection(*named)
    return found


class NodePorts(Plugin[frozenset[Port]]):
    """A port of the host goes to one Pod."""

    name = "NodePorts"

    def likeness(self, pod: Pod) -> Hashable:
        """Return the ports of the host."""
        return host_ports(pod) or None

    def prepare(self, pod: Pod) -> frozenset[Port] | None:
        """Leave Pods alone that take none."""
        return host_ports(pod) or None

    def why_not(self, state: frozenset[Port], pod: Pod, node: Candidate) -> Misfit | None:
        """Refuse nodes where one is taken."""
        return PORT_TAKEN if node.ports and ports_clash(state, node.ports) else None

    def after_node(self, pod: Pod, change: Change) -> bool:
        """It comes."""
        return change.of(Node)[0] is None

    def after_pod(self, pod: Pod, change: Change) -> bool:
        """A Pod goes, or changes, that has such a port."""
        old, _ = change.of_counted()
        return old is not None and ports_clash(host_ports(pod), host_ports(old))

    hints: ClassVar[Hints] = {"Node": after_node, "Pod": after_pod}


def ports_clash(wanted: Collection[Port], taken: Collection[Port]) -> bool:
    """Whether a port is wanted that is taken: on the same address, or on all of them."""
    return any(
        protocol == other[0] and number == other[1] and (address == other[2] or "0.0.0.0" in (address, other[2]))
        for protocol, number, address in wanted
        for other in taken
    )
