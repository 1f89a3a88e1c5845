"""The plugin InterPodAffinity: which Pods are to be near to each other, and which apart. Pure."""

from collections.abc import Collection, Hashable, Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar, cast

from reconciler.model.kinds import Namespace, Node, Pod
from reconciler.model.labels import Labels
from reconciler.planner.scheduling import interpod
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.framework import Cluster, Hints, Misfit, TopologyPlugin
from reconciler.planner.scheduling.hints import Change
from reconciler.planner.scheduling.interpod import Namespaces, Neighbours, Spot, normalised
from reconciler.planner.scheduling.interpod_terms import Term, label_keys, terms_of, wording
from reconciler.planner.scheduling.population import Group, Population, population_of
from reconciler.planner.scheduling.topology import Topology

_MISFITS = {
    interpod.NOT_NEAR: Misfit((interpod.NOT_NEAR,), is_final=True),
    interpod.NOT_APART: Misfit((interpod.NOT_APART,)),
    interpod.REPELLED: Misfit((interpod.REPELLED,)),
}


class InterPodAffinity(TopologyPlugin[Neighbours]):
    """Required terms refuse nodes, preferred ones rank them; both count from either side."""

    name = "InterPodAffinity"
    weight = 2

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._population: Population = population_of(cluster)
        self._topology = Topology(cluster.nodes)

    @cached_property
    def _namespaces(self) -> Namespaces:
        return {one.ref.name: _labels_of(one.object) for one in self.cluster.world.of_kind("Namespace")}

    def likeness(self, pod: Pod) -> Hashable:
        """Return the Pod's terms, its namespace, and the labels that some term looks at; None when there is no term."""
        self._population.notice(self.cluster.placements)
        words = wording(pod)
        if not words and not self._population.with_terms:
            return None
        keys = self._population.keys
        if words:
            keys = keys | label_keys(terms_of(pod).all())
        labels = pod.metadata.labels
        shown = tuple((key, labels[key]) for key in sorted(keys) if key in labels)
        return pod.metadata.namespace, words, shown, len(keys)

    def prepare(self, pod: Pod) -> Neighbours | None:
        """Count all placed Pods that have to do with Pods like this one."""
        if self.likeness(pod) is None:
            return None
        self._population.sync(self.cluster.nodes)
        state = Neighbours(pod, self._namespaces, self._topology, self.cluster.settings.hard_pod_affinity_weight)
        nodes = self.cluster.nodes
        for group in self._related(state):
            if state.keys_of(group):
                for name, number in group.nodes.items():
                    state.count(group, nodes[name].node.metadata.labels, number)
        return state

    def _related(self, state: Neighbours) -> Iterable[Group]:
        """Return the groups that have to do with a Pod: they have terms, or its own terms may be about them."""
        found = dict(self._population.with_terms)
        for term in state.terms.all():
            namespaces = term.namespaces if term.namespace_selector is None else None
            found.update(dict.fromkeys(self._population.chosen_by(term.selector, namespaces)))
        return found

    def why_not(self, state: Neighbours, pod: Pod, node: Candidate) -> Misfit | None:
        """Return which rule a node breaks."""
        return _MISFITS.get(state.why_not(node.node.metadata.labels))

    def spot(self, state: Neighbours, node: Candidate) -> Hashable:
        """Return the domains that a node is in, as far as terms ask for them."""
        return state.spot(node.node.metadata.name)

    def usual(self, state: Neighbours) -> Mapping[str, Hashable]:
        """Return the domains that the nodes are in."""
        return state.usual()

    def unusual(self, state: Neighbours) -> Collection[str]:
        """Return the nodes of the domains where something counts."""
        return state.unusual()

    def spot_scores(self, state: Neighbours, pod: Pod, spots: Mapping[Hashable, int]) -> Mapping[Hashable, int]:
        """Return how much the spots are wished for."""
        if self.cluster.settings.ignore_preferred_terms_of_existing_pods and not state.terms.wishes:
            return {}
        known = cast(Mapping[Spot, int], spots)
        return normalised({spot: state.wish_at(spot) for spot in known}) if state.wishes else {}

    def placed(self, state: Neighbours, pod: Pod, other: Pod, node: str) -> Collection[str]:
        """Count a Pod to its domains."""
        return self._count(state, other, node, 1)

    def removed(self, state: Neighbours, pod: Pod, other: Pod, node: str) -> Collection[str]:
        """Take a Pod from its domains."""
        return self._count(state, other, node, -1)

    def after_pod(self, pod: Pod, change: Change) -> bool:
        """One comes that the Pod is to be near to, or one goes that keeps it away; or the Pod has other labels."""
        if (itself := change.of_itself(pod)) is not None:
            return itself[0].metadata.labels != itself[1].metadata.labels
        terms, (old, new) = terms_of(pod), change.of_counted()
        was_near, is_near = self._all_choose(terms.near, old), self._all_choose(terms.near, new)
        # The first of a group that is to be together may go anywhere.
        if was_near != is_near and (is_near or self._all_choose(terms.near, pod)):
            return True
        if old is None:
            return False
        if self._any_chooses(terms.apart, old) and not self._any_chooses(terms.apart, new):
            return True
        return new is None and self._any_chooses(terms_of(old).apart, pod)

    def after_node(self, pod: Pod, change: Change) -> bool:
        """It goes, or comes, and is in domains that terms ask for; or it is in others than before."""
        old, new = change.of(Node)
        if new is None:
            return True
        terms, labels = terms_of(pod), new.metadata.labels
        if old is None:
            return all(term.topology_key in labels for term in terms.near)
        others = (term for group in self._population.with_terms for term in group.terms.apart)
        keys = {term.topology_key for term in (*terms.near, *terms.apart, *others)}
        return any(old.metadata.labels.get(key) != labels.get(key) for key in keys)

    def after_namespace(self, pod: Pod, change: Change) -> bool:
        """Terms may choose others now."""
        return change.is_relabelled(Namespace)

    hints: ClassVar[Hints] = {"Namespace": after_namespace, "Node": after_node, "Pod": after_pod}

    def _all_choose(self, terms: Collection[Term], other: Pod | None) -> bool:
        return bool(terms) and other is not None and all(self._chooses(term, other) for term in terms)

    def _any_chooses(self, terms: Collection[Term], other: Pod | None) -> bool:
        return other is not None and any(self._chooses(term, other) for term in terms)

    def _chooses(self, term: Term, other: Pod) -> bool:
        namespace = other.metadata.namespace
        return term.chooses(namespace, other.metadata.labels, self._namespaces.get(namespace, {}))

    def _count(self, state: Neighbours, other: Pod, name: str, number: int) -> Collection[str]:
        group, known = self._population.group_of(other), len(state.keys)
        keys = state.keys_of(group)
        if not keys:
            return ()
        labels = self.cluster.nodes[name].node.metadata.labels
        state.count(group, labels, number)
        if len(state.keys) > known:
            return self.cluster.nodes
        return name, *self._topology.companions(labels, keys)


def _labels_of(namespace: Any) -> Labels:
    """Return the labels of a Namespace; its name is always one of them."""
    name = namespace.metadata.name
    return {"kubernetes.io/metadata.name": name, **namespace.metadata.labels}
