"""Which Pods are on which nodes, counted per group of Pods that are alike to others. Pure; kept from pass to pass.

Rules about other Pods look at a Pod's namespace, labels, terms, and at whether it is ending. Pods that agree in these
are one group, so that a rule is compared with each group once instead of with each Pod.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import is_

from reconciler.model.kinds import LabelSelector, Pod
from reconciler.model.labels import Labels
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.framework import Cluster
from reconciler.planner.scheduling.interpod_terms import Terms, label_keys, terms_of, wording

_Key = tuple[object, ...]


class Group:
    """Pods that are alike to others, and how many of them each node has."""

    def __init__(self, pod: Pod) -> None:
        self.namespace = pod.metadata.namespace
        self.labels: Labels = pod.metadata.labels
        self.is_ending = pod.metadata.deletion_timestamp is not None
        self.terms: Terms = terms_of(pod)
        self.keys = label_keys(self.terms.all())
        self.nodes: dict[str, int] = {}

    def count(self, node: str, number: int) -> None:
        """Count so many more of them to a node."""
        new = self.nodes.get(node, 0) + number
        if new:
            self.nodes[node] = new
        else:
            del self.nodes[node]


class Population:
    """All groups; `sync` brings them up to date at the cost of the nodes that have changed."""

    def __init__(self) -> None:
        self.groups: dict[_Key, Group] = {}
        # The groups that have terms, and the keys of labels that these look at.
        self.with_terms: dict[Group, None] = {}
        self.keys: set[str] = set()
        self._by_label: dict[tuple[str, str, str], dict[Group, None]] = {}
        self._nodes: dict[str, Candidate] = {}
        # The groups of the Pods of each node, in their order.
        self._there: dict[str, list[Group]] = {}
        self._noticed = 0

    def sync(self, nodes: Mapping[str, Candidate]) -> None:
        """Count what is placed on these nodes; a node that is the very same value as before is not looked at."""
        known = self._nodes
        for name in [name for name in known if name not in nodes]:
            self._recount(name, (), ())
            del known[name]
        for name in [name for name, candidate in nodes.items() if known.get(name) is not candidate]:
            candidate = nodes[name]
            self._recount(name, known[name].pods if name in known else (), candidate.pods)
            known[name] = candidate

    def notice(self, placements: Sequence[tuple[Pod, str]]) -> None:
        """Take over the terms of Pods that were placed in this pass."""
        for pod, _ in placements[self._noticed :]:
            self.group_of(pod)
        self._noticed = len(placements)

    def group_of(self, pod: Pod) -> Group:
        """Return the group of a Pod."""
        key = _key(pod)
        return self.groups.get(key) or self._add(key, pod)

    def chosen_by(self, selector: LabelSelector | None, namespaces: Iterable[str] | None) -> Iterable[Group]:
        """Return groups among which are all that a selector chooses in some namespaces; None stands for all of them."""
        if selector is None:
            return ()
        if namespaces is None or not selector.match_labels:
            return self.groups.values()
        found: list[Group] = []
        for namespace in namespaces:
            by: list[dict[Group, None]] = [
                self._by_label.get((namespace, *item), {}) for item in selector.match_labels.items()
            ]
            fewest = min(by, key=len)
            found += fewest
        return found

    def tidy(self) -> None:
        """Forget the groups that have no Pods any more."""
        self._noticed = 0
        gone = [key for key, group in self.groups.items() if not group.nodes]
        for key in gone:
            group = self.groups.pop(key)
            self.with_terms.pop(group, None)
            for item in group.labels.items():
                del self._by_label[group.namespace, *item][group]
        if gone:
            self.keys = {key for group in self.with_terms for key in group.keys}

    def _add(self, key: _Key, pod: Pod) -> Group:
        group = self.groups[key] = Group(pod)
        for item in group.labels.items():
            self._by_label.setdefault((group.namespace, *item), {})[group] = None
        if group.terms.all():
            self.with_terms[group] = None
            self.keys |= group.keys
        return group

    def _recount(self, name: str, before: Sequence[Pod], pods: Sequence[Pod]) -> None:
        there = self._there.setdefault(name, [])
        if len(pods) < len(before) or not all(map(is_, before, pods)):
            for group in there:
                group.count(name, -1)
            there.clear()
        for pod in pods[len(there) :]:
            group = self.group_of(pod)
            group.count(name, 1)
            there.append(group)


def population_of(cluster: Cluster) -> Population:
    """Return the population of a cluster, brought up to date at the beginning of a pass."""
    found: Population = cluster.kept.setdefault("population", Population())
    found.sync(cluster.nodes)
    found.tidy()
    return found


def _key(pod: Pod) -> _Key:
    metadata = pod.metadata
    labels = tuple(sorted(metadata.labels.items()))
    return (metadata.namespace, labels, metadata.deletion_timestamp is not None, wording(pod))
