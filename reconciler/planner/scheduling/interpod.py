"""What the placed Pods mean for one Pod with inter-pod affinity, and for its nodes. Pure; counted up and down.

Source: podAffinity and podAntiAffinity of the core API. Required terms decide in this order: the Pod's affinity (for
the first of a group that is to be together any node with the label does), its anti-affinity, the anti-affinity of Pods
that are there. Wishes count from both sides, and a required affinity of a Pod that is there as a wish of `hard_weight`.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from reconciler.model.kinds import Pod
from reconciler.model.labels import Labels
from reconciler.planner.scheduling.interpod_terms import Term, terms_of
from reconciler.planner.scheduling.population import Group
from reconciler.planner.scheduling.topology import Topology, Values

NOT_NEAR = "node(s) didn't match pod affinity rules"
NOT_APART = "node(s) didn't match pod anti-affinity rules"
REPELLED = "node(s) didn't satisfy existing pods anti-affinity rules"

# Labels of Namespaces by their name.
Namespaces = Mapping[str, Labels]
Domain = tuple[str, str]
Counts = dict[Domain, int]
# Of a domain: whether anything counts for each kind of required terms, and what wishes come to.
Numbers = tuple[bool, bool, bool, int]
# Of a node: the domains it is in, then what counts where domains are many. None stands for a missing label.
Spot = tuple[Values, tuple[Numbers | None, ...]]
_NOTHING: Numbers = (False, False, False, 0)
_NO_LABELS: Labels = {}


@dataclass(frozen=True, slots=True)
class Relation:
    """What one placed Pod of a group counts in the domains it is in: keys of the domains, and weights of wishes."""

    near: tuple[str, ...]
    apart: tuple[str, ...]
    repelled: tuple[str, ...]
    wishes: tuple[tuple[str, int], ...]


class Neighbours:
    """The domains that matter to one Pod, with how many Pods count in each."""

    def __init__(self, pod: Pod, namespaces: Namespaces, topology: Topology, hard_weight: int = 1) -> None:
        self.near: Counts = {}
        self.apart: Counts = {}
        self.repelled: Counts = {}
        self.wishes: Counts = {}
        self.terms = terms_of(pod)
        # Labels of nodes that are looked at: they only become more.
        self.keys = dict.fromkeys(term.topology_key for term in self.terms.all())
        self._is_first = _all_choose(self.terms.near, pod, namespaces)
        self._hard_weight = hard_weight
        self._pod = pod
        self._namespaces = namespaces
        self._topology = topology
        self._relations: dict[Group, Relation | None] = {}
        # Domains in which anything was ever counted.
        self._touched: set[Domain] = set()
        self._settle()

    def count(self, group: Group, labels: Labels, number: int) -> None:
        """Count Pods of a group on a node with these labels, as far as they mean anything to the Pod."""
        relation = self._relation(group)
        if relation is None:
            return
        for counts, keys in (
            (self.near, relation.near),
            (self.apart, relation.apart),
            (self.repelled, relation.repelled),
        ):
            for key in keys:
                self._add(counts, key, labels, number)
        for key, weight in relation.wishes:
            self._add(self.wishes, key, labels, number * weight)

    def keys_of(self, group: Group) -> tuple[str, ...]:
        """Return the labels of nodes by which Pods of a group count."""
        found = self._relation(group)
        return () if found is None else (*found.near, *found.apart, *found.repelled, *(key for key, _ in found.wishes))

    def why_not(self, labels: Labels) -> str:
        """Return what speaks against a node with these labels; empty when nothing does."""
        if not self._is_near(labels):
            return NOT_NEAR
        if any((key, value) in self.apart for key, value in self._own(self.terms.apart, labels)):
            return NOT_APART
        if self.repelled and any(domain in self.repelled for domain in labels.items()):
            return REPELLED
        return ""

    def spot(self, name: str) -> Spot:
        """Return everything of a node that answers depend on."""
        if self._spotted != len(self.keys):
            self._settle()
        numbers = []
        for key, values in self._narrow:
            value = values[name]
            numbers.append(None if value is None else self._counted((key, value)))
        return self._values[name], tuple(numbers)

    def usual(self) -> Mapping[str, Hashable]:
        """Return the spots of all nodes while nothing is counted."""
        if self._spotted != len(self.keys):
            self._settle()
        return self._usual

    def unusual(self) -> set[str]:
        """Return the nodes that are not where they are while nothing is counted."""
        topology = self._topology
        domains = ((key, value) for key, value in self._touched if not topology.is_wide(key))
        return {name for key, value in domains for name in topology.domains(key).get(value, ())}

    def wish_at(self, spot: Spot) -> int:
        """Return the sum of the weights that count on the nodes of a spot."""
        values, numbers = spot
        wide = sum(
            self.wishes.get((key, value), 0) for key, value in zip(self._wide, values, strict=True) if value is not None
        )
        return wide + sum(one[3] for one in numbers if one is not None)

    def _settle(self) -> None:
        """Settle what a spot is: domains with many nodes by their name, the others by what is counted in them."""
        topology = self._topology
        self._wide = tuple(key for key in self.keys if topology.is_wide(key))
        self._values = topology.values(self._wide)
        self._narrow = [(key, topology.value(key)) for key in self.keys if not topology.is_wide(key)]
        self._usual = topology.usual(self._wide, tuple(key for key, _ in self._narrow), _NOTHING)
        self._spotted = len(self.keys)

    def _counted(self, domain: Domain) -> Numbers:
        if domain not in self._touched:
            return _NOTHING
        return domain in self.near, domain in self.apart, domain in self.repelled, self.wishes.get(domain, 0)

    def _is_near(self, labels: Labels) -> bool:
        terms = self.terms.near
        if any(term.topology_key not in labels for term in terms):
            return False
        if all((term.topology_key, labels[term.topology_key]) in self.near for term in terms):
            return True
        return not self.near and self._is_first

    @staticmethod
    def _own(terms: Iterable[Term], labels: Labels) -> Iterable[Domain]:
        return ((term.topology_key, labels[term.topology_key]) for term in terms if term.topology_key in labels)

    def _add(self, counts: Counts, key: str, labels: Labels, number: int) -> None:
        value = labels.get(key)
        if value is None:
            return
        domain = (key, value)
        self._touched.add(domain)
        new = counts.get(domain, 0) + number
        if new:
            counts[domain] = new
        else:
            counts.pop(domain, None)

    def _relation(self, group: Group) -> Relation | None:
        if group not in self._relations:
            found = self._related(group)
            self._relations[group] = found
            if found is not None:
                self.keys |= dict.fromkeys(self.keys_of(group))
        return self._relations[group]

    def _related(self, group: Group) -> Relation | None:
        pod, own, theirs = self._pod, self.terms, group.terms
        there = (group.namespace, group.labels, self._namespaces.get(group.namespace, _NO_LABELS))
        namespace = pod.metadata.namespace
        here = (namespace, pod.metadata.labels, self._namespaces.get(namespace, _NO_LABELS))
        is_near = bool(own.near) and all(term.chooses(*there) for term in own.near)
        hard = self._hard_weight
        relation = Relation(
            near=tuple(term.topology_key for term in own.near) if is_near else (),
            apart=tuple(term.topology_key for term in own.apart if term.chooses(*there)),
            repelled=tuple(term.topology_key for term in theirs.apart if term.chooses(*here)),
            wishes=(
                *((term.topology_key, term.weight) for term in own.wishes if term.chooses(*there)),
                *((term.topology_key, hard) for term in theirs.near if hard and term.chooses(*here)),
                *((term.topology_key, term.weight) for term in theirs.wishes if term.chooses(*here)),
            ),
        )
        return relation if relation != _UNRELATED else None


_UNRELATED = Relation((), (), (), ())


def _all_choose(terms: Iterable[Term], pod: Pod, namespaces: Namespaces) -> bool:
    namespace = pod.metadata.namespace
    of_namespace = namespaces.get(namespace, _NO_LABELS)
    return all(term.chooses(namespace, pod.metadata.labels, of_namespace) for term in terms)


def normalised(wishes: Mapping[Hashable, int]) -> dict[Hashable, int]:
    """Return scores from 0, for what is wished least, to 100."""
    sums = sorted(wishes.values())
    return {one: int(100 * (sum_ - sums[0]) / max(sums[-1] - sums[0], 1)) for one, sum_ in wishes.items()}
