"""The plugin PodTopologySpread: how evenly Pods are spread over the domains of node labels. Pure."""

from collections.abc import Collection, Hashable, Iterable, Mapping
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar, TypeAlias, cast

import msgspec

from reconciler.model.kinds import (
    LabelSelector,
    Node,
    Pod,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
)
from reconciler.model.observed import StoredObject
from reconciler.planner.scheduling import spread
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.framework import Cluster, Hints, Misfit, TopologyPlugin
from reconciler.planner.scheduling.hints import Change
from reconciler.planner.scheduling.population import Population, population_of
from reconciler.planner.scheduling.spread import Spot, Spread
from reconciler.planner.scheduling.spread_constraints import (
    Constraint,
    Spreading,
    counts_node,
    default_selector,
    spreading_of,
)
from reconciler.planner.scheduling.topology import Topology

# The selectors of Services by namespace and the first of the labels that they ask for.
_Selectors: TypeAlias = Mapping[tuple[str, str, str], list[Mapping[str, str]]]
_OWNERS = {one.kind: one for one in (ReplicaSet, ReplicationController, StatefulSet)}
_SKEWED, _NO_LABEL = Misfit((spread.SKEWED,)), Misfit((spread.NO_LABEL,), is_final=True)


class PodTopologySpread(TopologyPlugin[Spread]):
    """Constraints that forbid refuse nodes, those that prefer rank them."""

    name = "PodTopologySpread"
    weight = 2

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._population: Population = population_of(cluster)
        self._topology = Topology(cluster.nodes)
        self._known: dict[Hashable, Spreading] = {}

    def likeness(self, pod: Pod) -> Hashable:
        """Return the constraints with what they choose, and on which nodes the Pod may be; None without any."""
        spreading = self.spreading(pod)
        if not spreading.constraints:
            return None
        spec, required = pod.spec, pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
        tolerations = spec.tolerations if any(one.heeds_taints for one in spreading.constraints) else ()
        where = msgspec.json.encode((spec.node_selector, required, tolerations))
        return pod.metadata.namespace, msgspec.json.encode(spreading), where

    def prepare(self, pod: Pod) -> Spread | None:
        """Count all placed Pods that the constraints are about."""
        spreading = self.spreading(pod)
        if not spreading.constraints:
            return None
        self._population.sync(self.cluster.nodes)
        state = Spread(pod, spreading, self.cluster.nodes, self._topology)
        namespace = (pod.metadata.namespace,)
        chosen = [self._population.chosen_by(one.selector, namespace) for one in spreading.constraints]
        for group in dict.fromkeys(chain(*chosen)):
            if state.tallies_of(group):
                for name, number in group.nodes.items():
                    state.count(group, name, number)
        return state

    def why_not(self, state: Spread, pod: Pod, node: Candidate) -> Misfit | None:
        """Return which constraint a node breaks."""
        why, is_final = state.why_not(node.node.metadata.labels)
        return (_NO_LABEL if is_final else _SKEWED) if why else None

    def spot(self, state: Spread, node: Candidate) -> Hashable:
        """Return the domains that a node is in, and the Pods on it."""
        return state.spot(node.node.metadata.name)

    def usual(self, state: Spread) -> Mapping[str, Hashable]:
        """Return the domains that the nodes are in."""
        return state.usual

    def unusual(self, state: Spread) -> Collection[str]:
        """Return the nodes on which Pods are counted, and those of their domains where they are small."""
        return state.unusual(self._topology)

    def spot_scores(self, state: Spread, pod: Pod, spots: Mapping[Hashable, int]) -> Mapping[Hashable, int]:
        """Return how even it would be."""
        return cast(Mapping[Hashable, int], state.scores(cast(Mapping[Spot, int], spots))) if state.soft else {}

    def placed(self, state: Spread, pod: Pod, other: Pod, node: str) -> Collection[str]:
        """Count a Pod to its domains."""
        return self._count(state, other, node, 1)

    def removed(self, state: Spread, pod: Pod, other: Pod, node: str) -> Collection[str]:
        """Take a Pod from its domains."""
        return self._count(state, other, node, -1)

    def after_pod(self, pod: Pod, change: Change) -> bool:
        """One that is counted comes or goes; or the Pod itself is counted, or bears taints, anew."""
        constraints = self.spreading(pod).of(hard=True)
        if (itself := change.of_itself(pod)) is not None:
            old, new = itself
            is_tolerant = old.spec.tolerations != new.spec.tolerations
            if is_tolerant and any(one.heeds_taints for one in constraints):
                return True
            return any(one.counts(old.metadata.labels) != one.counts(new.metadata.labels) for one in constraints)
        before, after = change.of_counted()
        return any(_counts(one, pod, before) != _counts(one, pod, after) for one in constraints)

    def after_node(self, pod: Pod, change: Change) -> bool:
        """Its Pods are counted now, or no more, or elsewhere."""
        constraints, (old, new) = self.spreading(pod).of(hard=True), change.of(Node)
        return _outline(constraints, pod, old) != _outline(constraints, pod, new)

    hints: ClassVar[Hints] = {"Node": after_node, "Pod": after_pod}

    def _count(self, state: Spread, other: Pod, name: str, number: int) -> Collection[str]:
        if not state.count(self._population.group_of(other), name, number):
            return ()
        labels = self.cluster.nodes[name].node.metadata.labels
        return name, *self._topology.companions(labels, (one.constraint.topology_key for one in state.hard))

    def spreading(self, pod: Pod) -> Spreading:
        """Return the constraints of a Pod."""
        if pod.spec.topology_spread_constraints:
            return spreading_of(pod, LabelSelector())
        owner = next((one for one in pod.metadata.owner_references if one.controller), None)
        named = (owner.kind, owner.name) if owner is not None else ("", "")
        key = (pod.metadata.namespace, named, tuple(sorted(pod.metadata.labels.items())))
        if key not in self._known:
            self._known[key] = self._default(pod, *named)
        return self._known[key]

    def _default(self, pod: Pod, kind: str, name: str) -> Spreading:
        world, namespace = self.cluster.world, pod.metadata.namespace
        owner = world.typed(_OWNERS[kind], namespace, name) if kind in _OWNERS else None
        selector = default_selector(pod, self._selectors_near(pod), owner)
        return spreading_of(pod, selector, self.cluster.settings.default_constraints)

    def _selectors_near(self, pod: Pod) -> Iterable[Mapping[str, str]]:
        """Return the selectors of the Services that may choose a Pod, in the order of the Services' names."""
        for item in sorted(pod.metadata.labels.items()):
            yield from self._services.get((pod.metadata.namespace, *item), ())

    @cached_property
    def _services(self) -> _Selectors:
        """The selectors of all Services: as before while the Services are the very same."""
        services = self.cluster.world.of_kind("Service")
        known = self.cluster.kept.get("selectors")
        if known is None or known[0] is not services:
            known = self.cluster.kept["selectors"] = (services, _selectors(services))
        return cast(_Selectors, known[1])


def _selectors(services: Iterable[StoredObject]) -> _Selectors:
    found: dict[tuple[str, str, str], list[Mapping[str, str]]] = {}
    for stored in services:
        selector = cast(Any, stored.object).spec.selector
        if selector:
            found.setdefault((stored.ref.namespace, *min(selector.items())), []).append(selector)
    return found


def _counts(constraint: Constraint, pod: Pod, other: Pod | None) -> bool:
    """Whether a Pod counts for a constraint; one that is ending does not."""
    if other is None or other.metadata.deletion_timestamp is not None:
        return False
    return other.metadata.namespace == pod.metadata.namespace and constraint.counts(other.metadata.labels)


def _outline(constraints: Iterable[Constraint], pod: Pod, node: Node | None) -> object:
    """Return what constraints look at of a node; None for one without all of the labels."""
    if node is None:
        return None
    values = [node.metadata.labels.get(one.topology_key) for one in constraints]
    if None in values:
        return None
    return values, node.spec.taints, [counts_node(one, pod, node) for one in constraints]
