"""Choosing a node for one Pod after the other. It gives what a look at every node for every Pod would.

Mutable, and private to one pass: it counts what it is told was placed.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any

from reconciler.model.kinds import Pod
from reconciler.planner.scheduling.alike import Alike, Step
from reconciler.planner.scheduling.fit import Candidate, with_pod, without
from reconciler.planner.scheduling.framework import AnyPlugin, Cluster, Misfit, World
from reconciler.planner.scheduling.plugins import PLUGINS

SILENT = Misfit(("node(s) had untolerated taint {node.kubernetes.io/unreachable: }",), is_final=True)


class Choice:
    """The nodes with what is placed on them so far. `silent` nodes take no new Pods."""

    def __init__(
        self,
        candidates: Mapping[str, Candidate],
        world: World,
        silent: Collection[str] = (),
        plugins: Iterable[type[AnyPlugin]] = PLUGINS,
        kept: dict[str, Any] | None = None,
    ) -> None:
        self.cluster = Cluster(dict(candidates), world, kept={} if kept is None else kept)
        self._plugins = tuple(one(self.cluster) for one in plugins)
        self._barred = dict.fromkeys(silent, SILENT)
        self.steps: list[Step] = []
        self._alike: dict[Hashable, Alike] = {}

    @property
    def candidates(self) -> Mapping[str, Candidate]:
        """The nodes by name."""
        return self.cluster.nodes

    def alike(self, pod: Pod) -> Alike:
        """Return what the nodes are for Pods like this one, as things stand."""
        likeness = tuple([plugin.likeness(pod) for plugin in self._plugins])
        found = self._alike.get(likeness)
        if found is None:
            found = Alike(pod, self._plugins, self.cluster, self._barred, len(self.steps))
            self._alike[likeness] = found
        found.follow(self.steps)
        return found

    def best(self, pod: Pod) -> str:
        """Return the best node, or an empty name. The node that others make room on comes first, once it fits."""
        alike = self.alike(pod)
        nominated = pod.status.nominated_node_name
        if nominated in self.cluster.nodes and alike.misfit(nominated) is None:
            return nominated
        return alike.best()

    def place(self, pod: Pod, node: str) -> None:
        """Count a Pod to a node."""
        self.cluster.nodes[node] = with_pod(self.cluster.nodes[node], pod)
        self.cluster.placements.append((pod, node))
        self.steps.append((True, pod, node))

    def displace(self, pod: Pod, node: str) -> None:
        """Take a Pod from a node."""
        self.cluster.nodes[node] = without(self.cluster.nodes[node], (pod,))
        self.steps.append((False, pod, node))

    def misfits(self, pod: Pod) -> dict[str, Misfit | None]:
        """Return what each node has against a Pod, in the order of their names; None: it fits."""
        alike = self.alike(pod)
        return {name: alike.misfit(name) for name in sorted(self.candidates)}
