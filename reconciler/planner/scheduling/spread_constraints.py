"""Topology spread constraints, made definite for one Pod. Pure.

Source: `topologySpreadConstraints` of the core API. A Pod without any spreads softly over hosts and zones together with
what its Services choose and its ReplicaSet, StatefulSet or ReplicationController has, as kube-scheduler's default.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from reconciler.model.base import Value
from reconciler.model.kinds import (
    LabelSelector,
    Node,
    Pod,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
    Taint,
    TopologySpreadConstraint,
)
from reconciler.model.labels import Labels, matches
from reconciler.planner.scheduling.fit import selects, tolerates
from reconciler.planner.scheduling.interpod_terms import with_values

HOSTNAME = "kubernetes.io/hostname"
_ZONE = "topology.kubernetes.io/zone"
_DEFAULTS = (
    TopologySpreadConstraint(max_skew=3, topology_key=HOSTNAME, when_unsatisfiable="ScheduleAnyway"),
    TopologySpreadConstraint(max_skew=5, topology_key=_ZONE, when_unsatisfiable="ScheduleAnyway"),
)
_UNSCHEDULABLE = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


class Constraint(Value):
    """One constraint; `counts_itself` says whether the Pod is among those it counts."""

    topology_key: str
    max_skew: int
    selector: LabelSelector | None
    is_hard: bool
    min_domains: int = 1
    heeds_affinity: bool = True
    heeds_taints: bool = False
    counts_itself: bool = True

    def counts(self, labels: Labels) -> bool:
        """Whether a Pod of the same namespace is counted; a selector that is empty counts none in kube-scheduler."""
        return self.selector is not None and bool(_parts(self.selector)) and matches(self.selector, labels)


class Spreading(Value):
    """All constraints of a Pod. With defaults, a node may lack labels; with a Pod's own ones it then does not count."""

    constraints: tuple[Constraint, ...] = ()
    needs_all_labels: bool = True

    def of(self, *, hard: bool) -> tuple[Constraint, ...]:
        """Return the constraints that forbid, or those that only prefer."""
        return tuple(one for one in self.constraints if one.is_hard is hard)


NO_SPREADING = Spreading()


def spreading_of(
    pod: Pod, default: LabelSelector, listed: tuple[TopologySpreadConstraint, ...] | None = None
) -> Spreading:
    """Return the constraints of a Pod: its own, or else the default ones for the Pods that a selector chooses.

    `listed` are those that an operator has in place of kube-scheduler's; a node has to have the labels of all of them.
    """
    own = pod.spec.topology_spread_constraints
    if own:
        return Spreading(constraints=tuple(_constraint(pod, one, _own_selector(pod, one)) for one in own))
    if not _parts(default):
        return NO_SPREADING
    defaults = _DEFAULTS if listed is None else listed
    constraints = tuple(_constraint(pod, one, default) for one in defaults)
    return Spreading(constraints=constraints, needs_all_labels=listed is not None)


def _constraint(pod: Pod, one: TopologySpreadConstraint, selector: LabelSelector | None) -> Constraint:
    return Constraint(
        topology_key=one.topology_key,
        max_skew=one.max_skew,
        selector=selector,
        is_hard=one.when_unsatisfiable == "DoNotSchedule",
        min_domains=one.min_domains or 1,
        heeds_affinity=one.node_affinity_policy == "Honor",
        heeds_taints=one.node_taints_policy == "Honor",
        counts_itself=matches(selector, pod.metadata.labels),
    )


def _own_selector(pod: Pod, one: TopologySpreadConstraint) -> LabelSelector | None:
    if one.label_selector is None or not one.match_label_keys:
        return one.label_selector
    same = with_values("In", one.match_label_keys, pod.metadata.labels)
    expressions = (*one.label_selector.match_expressions, *same)
    return msgspec.structs.replace(one.label_selector, match_expressions=expressions)


def _parts(selector: LabelSelector) -> tuple[object, ...]:
    return (*selector.match_labels, *selector.match_expressions)


def default_selector(pod: Pod, services: Iterable[Mapping[str, str]], owner: object) -> LabelSelector:
    """Return what chooses the Pods that a Pod is one of: the selectors of its Services and of its controller.

    `services` are the selectors of the Services of its namespace.
    """
    found: dict[str, str] = {}
    for selector in services:
        if selector and selector.items() <= pod.metadata.labels.items():
            found |= selector
    match owner:
        case ReplicationController():
            return LabelSelector(match_labels={**found, **owner.spec.selector})
        case ReplicaSet() | StatefulSet():
            theirs: Any = owner.spec.selector
            return LabelSelector(
                match_labels={**found, **theirs.match_labels}, match_expressions=theirs.match_expressions
            )
    return LabelSelector(match_labels=found)


def counts_node(constraint: Constraint, pod: Pod, node: Node) -> bool:
    """Whether the Pods of a node count: nodeAffinityPolicy and nodeTaintsPolicy."""
    spec = pod.spec
    if constraint.heeds_affinity:
        required = spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
        if not spec.node_selector.items() <= node.metadata.labels.items():
            return False
        if required is not None and not selects(required, node):
            return False
    return not constraint.heeds_taints or not _is_tainted(pod, node)


def _is_tainted(pod: Pod, node: Node) -> bool:
    taints = (*node.spec.taints, _UNSCHEDULABLE) if node.spec.unschedulable else node.spec.taints
    return any(
        taint.effect != "PreferNoSchedule" and not any(tolerates(one, taint) for one in pod.spec.tolerations)
        for taint in taints
    )
