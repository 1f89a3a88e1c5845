"""Choosing a node for one Pod after the other. It gives what a look at every node for every Pod would.

Mutable, and private to one pass: it counts what it is told was placed.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any

from reconciler.model.kinds import Pod
from reconciler.model.placing import PlacingPolicy
from reconciler.planner.scheduling.alike import Alike, Chosen
from reconciler.planner.scheduling.fit import Candidate, with_pod, without
from reconciler.planner.scheduling.framework import AnyPlugin, Cluster, Misfit, TopologyPlugin, World
from reconciler.planner.scheduling.hints import Change
from reconciler.planner.scheduling.nodewise import Nodewise, Step
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
        settings: PlacingPolicy | None = None,
    ) -> None:
        shared = {} if kept is None else kept
        self.cluster = Cluster(dict(candidates), world, kept=shared, settings=settings or PlacingPolicy())
        made = [one(self.cluster) for one in plugins]
        self._topology = tuple(one for one in made if isinstance(one, TopologyPlugin))
        self._plain = tuple(one for one in made if not isinstance(one, TopologyPlugin))
        self._barred = dict.fromkeys(silent, SILENT)
        self.steps: list[Step] = []
        self._alike: dict[Hashable, Alike] = {}
        self._nodewise: dict[Hashable, Nodewise] = {}

    @property
    def candidates(self) -> Mapping[str, Candidate]:
        """The nodes by name."""
        return self.cluster.nodes

    def alike(self, pod: Pod) -> Alike:
        """Return what the nodes are for Pods like this one, as things stand."""
        likeness = self._likeness(pod)
        found = self._alike.get(likeness)
        if found is None:
            nodewise = self._nodewise_of(pod, likeness[0])
            found = self._alike[likeness] = Alike(pod, nodewise, self._topology, self.cluster, len(self.steps))
        found.follow(self.steps)
        return found

    def _likeness(self, pod: Pod) -> tuple[Hashable, ...]:
        """Return what a Pod is by itself, and what it is to others."""
        by_itself = tuple([plugin.likeness(pod) for plugin in self._plain])
        return (by_itself, *[plugin.likeness(pod) for plugin in self._topology])

    def _nodewise_of(self, pod: Pod, likeness: Hashable) -> Nodewise:
        """Return what nodes are by themselves for Pods like this one, as things stand."""
        found = self._nodewise.get(likeness)
        if found is None:
            found = Nodewise(pod, self._plain, self.cluster, self._barred, len(self.steps))
            self._nodewise[likeness] = found
        found.follow(self.steps)
        return found

    def best(self, pod: Pod) -> str:
        """Return the best node, or an empty name."""
        return self.chosen(pod).node

    def chosen(self, pod: Pod) -> Chosen:
        """Return the best node, and of how many. The node that others make room on is not compared, once it fits."""
        nominated = pod.status.nominated_node_name
        if nominated in self.cluster.nodes and self._takes(nominated, pod):
            return Chosen(nominated, 0)
        return self.alike(pod).chosen()

    def _takes(self, name: str, pod: Pod) -> bool:
        """Whether one node takes a Pod. The others are not looked at, unless they have been for Pods like this one."""
        if self._likeness(pod) in self._alike:
            return self.alike(pod).misfit(name) is None
        return name not in self._barred and all(
            plugin.lets_in(pod, self.cluster.nodes[name]) for plugin in (*self._plain, *self._topology)
        )

    def place(self, pod: Pod, node: str) -> None:
        """Count a Pod to a node."""
        self.cluster.nodes[node] = with_pod(self.cluster.nodes[node], pod)
        self.cluster.placements.append((pod, node))
        self.steps.append((True, pod, node))

    def displace(self, pod: Pod, node: str) -> None:
        """Take a Pod from a node."""
        self.cluster.nodes[node] = without(self.cluster.nodes[node], (pod,))
        self.steps.append((False, pod, node))

    def may_help(self, pod: Pod, plugins: Collection[str], changes: Iterable[Change]) -> bool:
        """Whether a change may have one of these plugins answer otherwise, that refused a Pod."""
        asked = [one for one in (*self._plain, *self._topology) if one.name in plugins]
        return any(plugin.may_help(pod, change) for change in changes for plugin in asked)

    def misfits(self, pod: Pod) -> dict[str, Misfit | None]:
        """Return what each node has against a Pod, in the order of their names; None: it fits."""
        alike = self.alike(pod)
        return {name: alike.misfit(name) for name in sorted(self.candidates)}
