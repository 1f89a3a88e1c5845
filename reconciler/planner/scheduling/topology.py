"""Topology domains: the nodes that agree in the value of a label. Pure."""

from collections.abc import Collection, Iterable, Mapping

from reconciler.model.labels import Labels
from reconciler.planner.scheduling.fit import Candidate

# A label with more values than this is treated node by node, such as the host name.
_WIDE_MAX = 32


class Topology:
    """The domains of every label that is asked about, found once."""

    def __init__(self, nodes: Mapping[str, Candidate]) -> None:
        self._nodes = nodes
        self._domains: dict[str, dict[str, list[str]]] = {}

    def domains(self, key: str) -> Mapping[str, list[str]]:
        """Return the nodes of each value of a label."""
        found = self._domains.get(key)
        if found is None:
            found = self._domains[key] = {}
            for name, candidate in self._nodes.items():
                value = candidate.node.metadata.labels.get(key)
                if value is not None:
                    found.setdefault(value, []).append(name)
        return found

    def is_wide(self, key: str) -> bool:
        """Whether the label has few values, so that its domains have many nodes."""
        return len(self.domains(key)) <= _WIDE_MAX

    def companions(self, labels: Labels, keys: Iterable[str]) -> Collection[str]:
        """Return the nodes in the domains of a node with these labels, for those of the keys that are not wide."""
        found: list[str] = []
        for key in dict.fromkeys(keys):
            value = labels.get(key)
            if value is not None and not self.is_wide(key):
                found += self.domains(key)[value]
        return found
