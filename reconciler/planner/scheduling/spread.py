"""How evenly the Pods of a constraint are spread, and what another one would do to it. Pure; counted up and down.

Source: `topologySpreadConstraints` of the core API: the skew of a domain is its Pods less those of the emptiest domain,
which is empty when there are fewer domains than minDomains. Nodes without the labels of all constraints do not count,
nor do Pods that are ending.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import count
from math import log

from reconciler.model.kinds import NodeAffinity, Pod
from reconciler.model.labels import Labels
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.population import Group
from reconciler.planner.scheduling.spread_constraints import HOSTNAME, Constraint, Spreading, counts_node
from reconciler.planner.scheduling.topology import Topology, Values

SKEWED = "node(s) didn't match pod topology spread constraints"
NO_LABEL = "node(s) didn't match pod topology spread constraints (missing required label)"

# Of a node: the domains it is in, then numbers of Pods where domains are many. None stands for a missing label.
Spot = tuple[Values, tuple[int | None, ...]]


class Tally:
    """The Pods of every domain of one constraint. The least of them is known at any time."""

    def __init__(self, constraint: Constraint) -> None:
        self.constraint = constraint
        self.domains: dict[str, int] = {}
        self._sizes: Counter[int] = Counter()
        self._least = 0

    def begin(self, values: Iterable[str]) -> None:
        """Note that there are such domains, before any Pod is counted."""
        self.domains.update(dict.fromkeys(values, 0))
        self._sizes[0] = len(self.domains)

    def count(self, value: str, number: int) -> None:
        """Count so many more Pods to a domain."""
        old = self.domains[value]
        self.domains[value] = new = old + number
        self._sizes[old] -= 1
        self._sizes[new] += 1
        if not self._sizes[old]:
            del self._sizes[old]
        if new < self._least or (old == self._least and old not in self._sizes):
            self._least = min(self._sizes)

    def least(self) -> int | None:
        """Return the Pods of the emptiest domain; None when there is no domain."""
        return self._least if self.domains else None

    def skew(self, value: str) -> int:
        """Return by how much a domain would exceed the emptiest one with one Pod more."""
        enough = len(self.domains) >= self.constraint.min_domains
        # Without any domain that counts nothing is skewed.
        least = (self._least if self.domains else _UNCOUNTED) if enough else 0
        return self.domains.get(value, 0) + self.constraint.counts_itself - least


_UNCOUNTED = 2**31 - 1


class Spread:
    """What the placed Pods mean for the constraints of one Pod."""

    def __init__(self, pod: Pod, spreading: Spreading, nodes: Mapping[str, Candidate], topology: Topology) -> None:
        self.hard = tuple(Tally(one) for one in spreading.of(hard=True))
        self.soft = tuple(Tally(one) for one in spreading.of(hard=False))
        # The Pods of soft constraints over hosts, per constraint and node.
        self.hosts: tuple[dict[str, int], ...] = tuple({} for _ in self.soft)
        self._pod = pod
        self._needs_all = spreading.needs_all_labels
        self._hard_keys = tuple(one.constraint.topology_key for one in self.hard)
        self._soft_keys = tuple(one.constraint.topology_key for one in self.soft)
        self._nodes = nodes
        self._counted: dict[Group, frozenset[Tally]] = {}
        self._pods_by = self._lookups(topology)
        self._begin(topology)

    def _lookups(self, topology: Topology) -> list[tuple[Mapping[str, int], Mapping[str, str | None]]]:
        """Settle what a spot is: values of labels, and where numbers of Pods are looked up, and by what of the node."""
        hard = [(tally, key) for tally, key in zip(self.hard, self._hard_keys, strict=True)]
        over_hosts = [hosts for key, hosts in zip(self._soft_keys, self.hosts, strict=True) if key == HOSTNAME]
        wide = [key for _, key in hard if topology.is_wide(key)] + [key for key in self._soft_keys if key != HOSTNAME]
        keys = tuple(dict.fromkeys(wide))
        self._values = topology.values(keys)
        self._narrow = [(tally, key) for tally, key in hard if not topology.is_wide(key)]
        found = [(tally.domains, topology.value(key)) for tally, key in self._narrow]
        by = (*(key for _, key in self._narrow), *(HOSTNAME for _ in over_hosts))
        self.usual = topology.usual(keys, by, 0)
        # Where each soft constraint finds its part of a spot.
        hosts = count(len(found))
        self._parts = [(1, next(hosts)) if key == HOSTNAME else (0, keys.index(key)) for key in self._soft_keys]
        return [*found, *((one, topology.names(HOSTNAME)) for one in over_hosts)]

    def _begin(self, topology: Topology) -> None:
        """Find the domains that count."""
        if self._counts_all_nodes():
            for tally in self.hard:
                tally.begin(topology.complete(self._hard_keys, tally.constraint.topology_key))
            for tally in self.soft:
                key = tally.constraint.topology_key
                if key != HOSTNAME:
                    tally.begin(topology.complete(self._soft_keys if self._needs_all else (key,), key))
            return
        found: dict[Tally, list[str]] = {}
        for candidate in self._nodes.values():
            for tally, value in self._counting(candidate):
                found.setdefault(tally, []).append(value)
        for tally, values in found.items():
            tally.begin(values)

    def tallies_of(self, group: Group) -> frozenset[Tally]:
        """Return the tallies that count Pods of a group."""
        found = self._counted.get(group)
        if found is None:
            is_far = group.is_ending or group.namespace != self._pod.metadata.namespace
            every = () if is_far else (*self.hard, *self.soft)
            found = self._counted[group] = frozenset(one for one in every if one.constraint.counts(group.labels))
        return found

    def count(self, group: Group, name: str, number: int) -> bool:
        """Count Pods of a group on a node; return whether any constraint counts them."""
        counted = self.tallies_of(group)
        if not counted:
            return False
        for tally, hosts in zip(self.soft, self.hosts, strict=True):
            if tally in counted and tally.constraint.topology_key == HOSTNAME:
                hosts[name] = hosts.get(name, 0) + number
        for tally, value in self._counting(self._nodes[name]):
            if tally in counted:
                tally.count(value, number)
        return True

    def why_not(self, labels: Labels) -> tuple[str, bool]:
        """Return what speaks against a node with these labels, and whether that is for good; empty: nothing."""
        for tally in self.hard:
            value = labels.get(tally.constraint.topology_key)
            if value is None:
                return NO_LABEL, True
            if tally.skew(value) > tally.constraint.max_skew:
                return SKEWED, False
        return "", False

    def spot(self, name: str) -> Spot:
        """Return everything of a node that answers depend on."""
        numbers = [None if (by := keys[name]) is None else pods.get(by, 0) for pods, keys in self._pods_by]
        return self._values[name], tuple(numbers)

    def unusual(self, topology: Topology) -> set[str]:
        """Return the nodes that are not where they are while nothing is counted."""
        found = {name for hosts in self.hosts for name in hosts}
        for tally, key in self._narrow:
            domains = topology.domains(key)
            found.update(name for value, number in tally.domains.items() if number for name in domains[value])
        return found

    def scores(self, spots: Mapping[Spot, int]) -> dict[Spot, int]:
        """Return scores from 0 to 100, given how many nodes that fit are of each spot."""
        counted = {spot: number for spot, number in spots.items() if not (self._needs_all and None in self._soft(spot))}
        weights = self.weights(counted)
        raw = {spot: self._badness(spot, weights) for spot in counted}
        least, most = min(raw.values(), default=0), max(raw.values(), default=0)
        scores = {spot: 100 * (most + least - bad) // most if most else 100 for spot, bad in raw.items()}
        return {spot: scores.get(spot, 0) for spot in spots}

    def weights(self, spots: Mapping[Spot, int]) -> list[float]:
        """Return what one Pod weighs for each soft constraint: the more domains the nodes are in, the more."""
        return [
            log((sum(spots.values()) if key == HOSTNAME else len({self._soft(spot)[at] for spot in spots})) + 2)
            for at, key in enumerate(self._soft_keys)
        ]

    def _soft(self, spot: Spot) -> list[str | int | None]:
        """Return the parts of a spot that soft constraints are about: domains, and numbers of Pods on a host."""
        return [spot[which][at] for which, at in self._parts]

    def _badness(self, spot: Spot, weights: Iterable[float]) -> int:
        total = 0.0
        for tally, value, weight in zip(self.soft, self._soft(spot), weights, strict=True):
            if value is not None:
                pods = value if isinstance(value, int) else tally.domains.get(value, 0)
                total += pods * weight + (tally.constraint.max_skew - 1)
        # Half is rounded up.
        return int(total + 0.5)

    def _counts_all_nodes(self) -> bool:
        """Whether neither nodeAffinityPolicy nor nodeTaintsPolicy leaves out any node."""
        spec = self._pod.spec
        is_free = not spec.node_selector and spec.affinity.node_affinity == NodeAffinity()
        every = (*self.hard, *self.soft)
        return not any(one.constraint.heeds_taints or (one.constraint.heeds_affinity and not is_free) for one in every)

    def _counting(self, candidate: Candidate) -> list[tuple[Tally, str]]:
        """Return the domains of a node to which its Pods count."""
        labels = candidate.node.metadata.labels
        found: list[tuple[Tally, str]] = []
        if self.hard and all(key in labels for key in self._hard_keys):
            found = [(tally, labels[tally.constraint.topology_key]) for tally in self.hard]
        if not self._needs_all or all(key in labels for key in self._soft_keys):
            found += [
                (tally, labels[tally.constraint.topology_key])
                for tally in self.soft
                if tally.constraint.topology_key != HOSTNAME and tally.constraint.topology_key in labels
            ]
        return [(tally, value) for tally, value in found if counts_node(tally.constraint, self._pod, candidate.node)]
