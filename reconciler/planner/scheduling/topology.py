"""Topology domains: the nodes that agree in the value of a label. Pure."""

from collections.abc import Collection, Hashable, Iterable, Mapping

from reconciler.model.labels import Labels
from reconciler.planner.scheduling.fit import Candidate

# A label with more values than this is treated node by node, such as the host name.
_WIDE_MAX = 32

Values = tuple[str | None, ...]
Spot = tuple[Values, tuple[Hashable, ...]]


class Topology:
    """The labels of nodes that are asked about. Each question is worked out once, and shared by all that ask it."""

    def __init__(self, nodes: Mapping[str, Candidate]) -> None:
        self._nodes = nodes
        self._domains: dict[str, dict[str, list[str]]] = {}
        self._values: dict[tuple[str, ...], dict[str, Values]] = {}
        self._value: dict[str, dict[str, str | None]] = {}
        self._names: dict[str, dict[str, str | None]] = {}
        self._usual: dict[tuple[tuple[str, ...], tuple[str, ...]], dict[str, Spot]] = {}
        self._complete: dict[tuple[tuple[str, ...], str], list[str]] = {}

    def domains(self, key: str) -> Mapping[str, list[str]]:
        """Return the nodes of each value of a label."""
        found = self._domains.get(key)
        if found is None:
            found = self._domains[key] = {}
            for name, candidate in self._nodes.items():
                labels = candidate.node.metadata.labels
                if key in labels:
                    found.setdefault(labels[key], []).append(name)
        return found

    def is_wide(self, key: str) -> bool:
        """Whether the label has few values, so that its domains have many nodes."""
        return len(self.domains(key)) <= _WIDE_MAX

    def values(self, keys: tuple[str, ...]) -> Mapping[str, Values]:
        """Return the values of some labels for every node."""
        found = self._values.get(keys)
        if found is None:
            labels = ((name, one.node.metadata.labels) for name, one in self._nodes.items())
            found = self._values[keys] = {name: tuple([here.get(key) for key in keys]) for name, here in labels}
        return found

    def names(self, key: str) -> Mapping[str, str | None]:
        """Return the names of the nodes that have a label, by name; None for the others."""
        found = self._names.get(key)
        if found is None:
            found = self._names[key] = {
                name: name if one[0] is not None else None for name, one in self.values((key,)).items()
            }
        return found

    def value(self, key: str) -> Mapping[str, str | None]:
        """Return the value of one label for every node."""
        found = self._value.get(key)
        if found is None:
            found = self._value[key] = {name: one[0] for name, one in self.values((key,)).items()}
        return found

    def complete(self, keys: tuple[str, ...], key: str) -> list[str]:
        """Return the values that one of some labels has on nodes that have them all."""
        found = self._complete.get((keys, key))
        if found is None:
            at = keys.index(key)
            values = (one[at] for one in self.values(keys).values() if None not in one)
            found = self._complete[keys, key] = [value for value in dict.fromkeys(values) if value is not None]
        return found

    def usual(self, wide: tuple[str, ...], narrow: tuple[str, ...], nothing: Hashable) -> Mapping[str, Spot]:
        """Return where every node is while nothing is counted: values of labels, and `nothing` for each one it has."""
        found = self._usual.get((wide, narrow))
        if found is None:
            values, there = self.values(wide), self.values(narrow)
            known: dict[Spot, Spot] = {}
            found = self._usual[wide, narrow] = {}
            for name, here in values.items():
                spot = (here, tuple([None if value is None else nothing for value in there[name]]))
                found[name] = known.setdefault(spot, spot)
        return found

    def companions(self, labels: Labels, keys: Iterable[str]) -> Collection[str]:
        """Return the nodes in the domains of a node with these labels, for those of the keys that are not wide."""
        found: list[str] = []
        for key in dict.fromkeys(keys):
            value = labels.get(key)
            if value is not None and not self.is_wide(key):
                found += self.domains(key)[value]
        return found
