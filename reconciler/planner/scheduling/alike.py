"""What the nodes are for Pods that are alike to every plugin. Mutable, and private to one choice.

What each node is by itself is shared with other Pods. Nodes for which every spot plugin answers alike are one cell: the
best of each cell is known, and cells are compared. Most nodes are where they usually are; those on which plugins about
other Pods have counted something are kept apart.
"""

import heapq
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from reconciler.model.kinds import Pod
from reconciler.planner.scheduling.framework import Cluster, Misfit, SpotPlugin, TopologyPlugin
from reconciler.planner.scheduling.nodewise import Nodewise, Spots, Step


class Chosen(NamedTuple):
    """A node, empty when there is none, and of how many that fit it is the best."""

    node: str
    of: int


class Bucket:
    """Nodes that are kept apart and have the same spots, best first."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        # Entries that are no longer true stay until they come up.
        self.queue: list[tuple[int, str]] = []


class Cell(NamedTuple):
    """Nodes of the same spots: how many, and the best of them, with its score backwards."""

    spots: Spots
    size: int
    minus: int
    name: str


class Apart(NamedTuple):
    """A node that is kept apart: its score backwards, its spots, and the group that it is taken out of."""

    minus: int
    spots: Spots
    group: Spots


class Alike:
    """The states of the plugins, what each node has against the Pods, and how good those are that fit."""

    def __init__(
        self, pod: Pod, nodewise: Nodewise, plugins: Iterable[TopologyPlugin[Any]], cluster: Cluster, seen: int
    ) -> None:
        self._pod = pod
        self._cluster = cluster
        self._nodewise = nodewise
        self._seen = seen
        # For whom there was no room to be made: priority -> number of steps by then, and what was said.
        self.in_vain: dict[int, tuple[int, str]] = {}
        # What spots have against the Pods, as long as nothing is placed.
        self._refused: dict[tuple[int, Hashable], Misfit | None] = {}
        self._refusers: set[str] = set()
        prepared = ((one, one.prepare(pod)) for one in plugins if nodewise.everywhere is None)
        self._topology: list[tuple[TopologyPlugin[Any], Any]] = [(one, state) for one, state in prepared if state]
        self._spotters: list[tuple[SpotPlugin[Any], Any]] = [*nodewise.spotters, *self._topology]
        self._sort()

    @property
    def everywhere(self) -> Misfit | None:
        """What every node has against the Pod, whatever it is."""
        return self._nodewise.everywhere

    # Looking

    def _sort(self) -> None:
        """Find the nodes that are not where they usually are."""
        self._usual = [plugin.usual(state) for plugin, state in self._topology]
        self._shelf = self._nodewise.shelf(self._usual)
        self._followed = len(self._nodewise.changed)
        self._known: set[str] = set()
        self._apart: dict[str, Apart] = {}
        self._buckets: dict[Spots, Bucket] = {}
        self._absent: Counter[Spots] = Counter()
        for name in dict.fromkeys(chain(*(plugin.unusual(state) for plugin, state in self._topology))):
            self._look(name)

    def _look(self, name: str) -> None:
        self._known.add(name)
        before = self._apart.pop(name, None)
        if before is not None:
            self._absent[before.group] -= 1
            bucket = self._buckets[before.spots]
            bucket.names.discard(name)
            if not bucket.names:
                del self._buckets[before.spots]
        place = self._nodewise.places.get(name)
        if place is None:
            return
        minus, spots = place
        group = self._shelf.group(name, spots)
        node = self._cluster.nodes[name]
        spots = (*spots, *[plugin.spot(state, node) for plugin, state in self._topology])
        if spots == group:
            return
        self._apart[name] = Apart(minus, spots, group)
        self._absent[group] += 1
        bucket = self._buckets.setdefault(spots, Bucket())
        bucket.names.add(name)
        heapq.heappush(bucket.queue, (minus, name))

    def follow(self, steps: Sequence[Step]) -> None:
        """Take into account what was placed, or taken away again, since it was last asked."""
        self._nodewise.follow(steps)
        if self._seen == len(steps):
            return
        changed = self._nodewise.changed
        touched = dict.fromkeys(name for name in changed[self._followed :] if name in self._known)
        for step in steps[self._seen :]:
            touched.update(dict.fromkeys(self._tell(step)))
        self._seen, self._followed = len(steps), len(changed)
        if any(
            plugin.usual(state) is not old for (plugin, state), old in zip(self._topology, self._usual, strict=True)
        ):
            self._sort()
            return
        for name in touched:
            self._look(name)

    def _tell(self, step: Step) -> Iterator[str]:
        is_added, pod, node = step
        self._refused.clear()
        for plugin, state in self._topology:
            yield from (plugin.placed if is_added else plugin.removed)(state, self._pod, pod, node)

    def tell(self, step: Step) -> Iterable[str]:
        """Have the plugins count one step for a trial, which its opposite has to follow; return what they name."""
        return tuple(chain(self._nodewise.tell(step), self._tell(step)))

    # Answering

    def why_not(self, name: str) -> Misfit | None:
        """Return what a node has against the Pod as it stands, also in the middle of a trial."""
        misfit = self._nodewise.why_not(name)
        for plugin, state in self._topology:
            if misfit is not None:
                return misfit
            misfit = self._ask(plugin, state, name)
        return misfit

    def _ask(self, plugin: TopologyPlugin[Any], state: Any, name: str) -> Misfit | None:
        misfit = plugin.why_not(state, self._pod, self._cluster.nodes[name])
        if misfit is not None:
            self._refusers.add(plugin.name)
        return misfit

    @property
    def refusers(self) -> frozenset[str]:
        """The plugins that refused the Pods any node so far."""
        return frozenset(self._refusers | self._nodewise.refusers)

    def misfit(self, name: str) -> Misfit | None:
        """Return what was found against a node; None: it fits."""
        nodewise = self._nodewise
        if nodewise.everywhere is not None:
            return nodewise.everywhere
        if nodewise.only is not None and name not in nodewise.only:
            return nodewise.elsewhere
        place = nodewise.places.get(name)
        if place is None:
            return nodewise.misfits[name]
        apart = self._apart.get(name)
        return self._against(apart.spots if apart is not None else self._shelf.group(name, place[1]), name)

    def reasons(self) -> Counter[str]:
        """Return how many nodes have what against the Pod."""
        found, only, nodes = +self._nodewise.reasons, self._nodewise.only, self._cluster.nodes
        away = 0 if only is None else len(nodes) - len(only & nodes.keys())
        if away:
            found.update(dict.fromkeys(self._nodewise.elsewhere.reasons, away))
        for cell in self._cells():
            misfit = self._against(cell.spots, cell.name)
            if misfit is not None:
                found.update(dict.fromkeys(misfit.reasons, cell.size))
        return found

    def chosen(self) -> Chosen:
        """Return the best node that fits, or an empty name; of equals the first by name."""
        cells = self._fitting()
        bonuses = self._bonuses(cells)
        best = min(cells, key=lambda cell: (cell.minus - bonuses[cell.spots], cell.name), default=None)
        return Chosen(best.name if best is not None else "", sum(cell.size for cell in cells))

    def totals(self) -> dict[str, int]:
        """Return the nodes that fit with their weighted scores."""
        bonuses = self._bonuses(self._fitting())
        found = {}
        for name, (minus, spots) in sorted(self._nodewise.places.items()):
            apart = self._apart.get(name)
            spots = apart.spots if apart is not None else self._shelf.group(name, spots)
            if spots in bonuses:
                found[name] = bonuses[spots] - minus
        return found

    def _fitting(self) -> list[Cell]:
        return [cell for cell in self._cells() if self._against(cell.spots, cell.name) is None]

    def _cells(self) -> Iterator[Cell]:
        for spots, group in self._shelf.groups.items():
            size = len(group) - self._absent[spots]
            if size:
                minus, name = next(one for one in group if one[1] not in self._apart)
                yield Cell(spots, size, minus, name)
        for spots, bucket in self._buckets.items():
            queue = bucket.queue
            while (place := self._apart.get(queue[0][1])) is None or (place.minus, place.spots) != (queue[0][0], spots):
                heapq.heappop(queue)
            yield Cell(spots, len(bucket.names), *queue[0])

    def _against(self, spots: Spots, name: str) -> Misfit | None:
        """Return what nodes of these spots, of which one is named, have against the Pod."""
        first = len(spots) - len(self._topology)
        for number, (plugin, state) in enumerate(self._topology):
            key = (number, spots[first + number])
            if key not in self._refused:
                self._refused[key] = self._ask(plugin, state, name)
            if (misfit := self._refused[key]) is not None:
                return misfit
        return None

    def _bonuses(self, cells: Sequence[Cell]) -> dict[Spots, int]:
        """Return what spot plugins add to the scores of the nodes of each cell."""
        bonuses = dict.fromkeys((cell.spots for cell in cells), 0)
        for number, (plugin, state) in enumerate(self._spotters):
            counts: Counter[Hashable] = Counter()
            for cell in cells:
                counts[cell.spots[number]] += cell.size
            scores = plugin.spot_scores(state, self._pod, counts)
            if scores:
                for spots in bonuses:
                    bonuses[spots] += plugin.weight * scores[spots[number]]
        return bonuses
