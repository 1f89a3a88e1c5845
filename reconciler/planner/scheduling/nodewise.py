"""What each node by itself has against Pods, and how good it is. Mutable, and private to one choice.

Pods that agree in everything but their relation to other Pods share it. After a Pod was placed only its node is looked
at again, and those that a plugin names.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.model.kinds import Pod
from reconciler.planner.scheduling.framework import AnyPlugin, Cluster, Misfit, Plugin, SpotPlugin

# A Pod that was counted to a node, or taken from it again.
Step = tuple[bool, Pod, str]
# The spots of a node, one per spot plugin.
Spots = tuple[Hashable, ...]
# The spot of every node for one plugin, as long as nothing is counted on the node.
Usual = Mapping[str, Hashable]


class Nodewise:
    """The nodes that fit by themselves, what the others lack, and the nodes that were looked at again since."""

    def __init__(
        self, pod: Pod, plugins: Sequence[AnyPlugin], cluster: Cluster, barred: Mapping[str, Misfit], seen: int
    ) -> None:
        self._pod = pod
        self._cluster = cluster
        # What nodes have against every Pod.
        self._barred = barred
        self._seen = seen
        self.everywhere: Misfit | None = None
        # The nodes that can do at all, and what the others lack.
        self.only: frozenset[str] | None = None
        self.elsewhere: Misfit
        self.misfits: dict[str, Misfit] = {}
        self.reasons: Counter[str] = Counter()
        # How good the nodes that fit are, backwards, and their spots.
        self.places: dict[str, tuple[int, Spots]] = {}
        self.changed: list[str] = []
        # The plugins that refused any node, also in a trial.
        self.refusers: set[str] = set()
        self._shelves: dict[tuple[int, ...], Shelf] = {}
        active = self._prepared(plugins)
        self.spotters = [(one, state) for one, state in active if isinstance(one, SpotPlugin)]
        self._filters = [(one, state) for one, state in active if _has(one, "why_not")]
        self._followers = [(one, state) for one, state in active if _has(one, "placed") or _has(one, "removed")]
        self._scorers = [(one, state) for one, state in active if one.weight and not isinstance(one, SpotPlugin)]
        if self.everywhere is None:
            for name in sorted(cluster.nodes if self.only is None else self.only & cluster.nodes.keys()):
                self._look(name)

    def _prepared(self, plugins: Sequence[AnyPlugin]) -> list[tuple[AnyPlugin, Any]]:
        active, choosy = [], []
        for plugin in plugins:
            state = plugin.prepare(self._pod)
            if isinstance(state, Misfit):
                self.everywhere = state
                self.refusers.add(plugin.name)
                break
            if state is None:
                continue
            active.append((plugin, state))
            only = plugin.only(state)
            if only is not None:
                choosy.append(plugin.name)
                self.refusers.add(plugin.name)
                self.only = frozenset(only) if self.only is None else self.only.intersection(only)
        self.elsewhere = Misfit((f"node(s) didn't satisfy plugin(s) [{' '.join(sorted(choosy))}]",), is_final=True)
        return active

    def _look(self, name: str) -> None:
        misfit = self.why_not(name)
        if misfit is not None:
            self.misfits[name] = misfit
            self.reasons.update(misfit.reasons)
            return
        node, total = self._cluster.nodes[name], 0
        for plugin, state in self._scorers:
            total += plugin.weight * plugin.score(state, self._pod, node)
        self.places[name] = (-total, tuple([plugin.spot(state, node) for plugin, state in self.spotters]))
        for shelf in self._shelves.values():
            shelf.put(name, *self.places[name])

    def _forget(self, name: str) -> None:
        misfit = self.misfits.pop(name, None)
        if misfit is not None:
            for reason in misfit.reasons:
                self.reasons[reason] -= 1
            return
        place = self.places.pop(name, None)
        if place is not None:
            for shelf in self._shelves.values():
                shelf.take(name, *place)

    def why_not(self, name: str) -> Misfit | None:
        """Return what a node has against the Pod as it stands, also in the middle of a trial."""
        if name in self._barred:
            return self._barred[name]
        node = self._cluster.nodes[name]
        for plugin, state in self._filters:
            misfit = plugin.why_not(state, self._pod, node)
            if misfit is not None:
                self.refusers.add(plugin.name)
                return misfit
        return None

    def follow(self, steps: Sequence[Step]) -> None:
        """Take into account what was placed, or taken away again, since it was last asked."""
        if self._seen == len(steps) or self.everywhere is not None:
            return
        touched: dict[str, None] = {}
        for step in steps[self._seen :]:
            touched[step[2]] = None
            touched.update(dict.fromkeys(self.tell(step)))
        self._seen = len(steps)
        for name in touched:
            if self.only is None or name in self.only:
                self._forget(name)
                self._look(name)
                self.changed.append(name)

    def tell(self, step: Step) -> Iterator[str]:
        """Have the plugins count one step; return the other nodes about which they may answer otherwise."""
        is_added, pod, node = step
        for plugin, state in self._followers:
            yield from (plugin.placed if is_added else plugin.removed)(state, self._pod, pod, node)

    def shelf(self, usual: Sequence[Usual]) -> "Shelf":
        """Return the nodes that fit, sorted by where they usually are for further plugins."""
        key = tuple(map(id, usual))
        if key not in self._shelves:
            self._shelves[key] = Shelf(usual, self.places)
        return self._shelves[key]


class Shelf:
    """The nodes that fit, grouped by their spots, in each group the best first."""

    def __init__(self, usual: Sequence[Usual], places: Mapping[str, tuple[int, Spots]]) -> None:
        # Keeps them alive, as they are known by their identity.
        self._usual = tuple(usual)
        self.groups: dict[Spots, list[tuple[int, str]]] = {}
        for name, (minus, spots) in places.items():
            self.groups.setdefault(self.group(name, spots), []).append((minus, name))
        for group in self.groups.values():
            group.sort()

    def group(self, name: str, spots: Spots) -> Spots:
        """Return the group of a node."""
        return (*spots, *[usual[name] for usual in self._usual])

    def put(self, name: str, minus: int, spots: Spots) -> None:
        """Add a node."""
        insort(self.groups.setdefault(self.group(name, spots), []), (minus, name))

    def take(self, name: str, minus: int, spots: Spots) -> None:
        """Take a node away."""
        key = self.group(name, spots)
        group = self.groups[key]
        del group[bisect_left(group, (minus, name))]
        if not group:
            del self.groups[key]


def _has(plugin: AnyPlugin, method: str) -> bool:
    """Whether a plugin does something of its own at a point."""
    own: Callable[..., Any] = getattr(type(plugin), method)
    return own is not getattr(Plugin, method)
