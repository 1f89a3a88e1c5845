"""Which Pods are on which nodes, counted per group of Pods that are alike to others. Pure; kept from pass to pass.

Rules about other Pods look at a Pod's namespace, labels, terms, and at whether it is ending. Pods that agree in these
are one group, so that a rule is compared with each group once instead of with each Pod.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from reconciler.model.kinds import Pod
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
        # The keys of labels that terms of placed Pods have ever looked at: they only become more.
        self.keys: set[str] = set()
        self.has_terms = False
        self._known: dict[str, tuple[Candidate, Counter[_Key]]] = {}
        self._noticed = 0

    def sync(self, nodes: Mapping[str, Candidate]) -> None:
        """Count what is placed on these nodes; a node that is the very same value as before is not looked at."""
        for name in [name for name in self._known if name not in nodes]:
            self._forget(name)
        for name, candidate in nodes.items():
            known = self._known.get(name)
            if known is None or known[0] is not candidate:
                self._recount(name, candidate)

    def notice(self, placements: Sequence[tuple[Pod, str]]) -> None:
        """Take over the terms of Pods that were placed in this pass."""
        for pod, _ in placements[self._noticed :]:
            self.group_of(pod)
        self._noticed = len(placements)

    def group_of(self, pod: Pod) -> Group:
        """Return the group of a Pod."""
        key = _key(pod)
        return self.groups.get(key) or self._add(key, pod)

    def _add(self, key: _Key, pod: Pod) -> Group:
        group = self.groups[key] = Group(pod)
        self.keys |= group.keys
        self.has_terms = self.has_terms or bool(group.terms.all())
        return group

    def _recount(self, name: str, candidate: Candidate) -> None:
        found: Counter[_Key] = Counter()
        for pod in candidate.pods:
            key = _key(pod)
            found[key] += 1
            if key not in self.groups:
                self._add(key, pod)
        before = self._known[name][1] if name in self._known else Counter[_Key]()
        for key in found | before:
            if change := found[key] - before[key]:
                self.groups[key].count(name, change)
        self._known[name] = (candidate, found)

    def _forget(self, name: str) -> None:
        for key, number in self._known.pop(name)[1].items():
            self.groups[key].count(name, -number)

    def tidy(self) -> None:
        """Forget the groups that have no Pods any more."""
        for key in [key for key, group in self.groups.items() if not group.nodes]:
            del self.groups[key]
        self.keys = {key for group in self.groups.values() for key in group.keys}
        self.has_terms = any(group.terms.all() for group in self.groups.values())
        self._noticed = 0


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
