"""What the nodes are for Pods that are alike to every plugin. Mutable, and private to one choice.

After a Pod was placed only its node is looked at again, and those that a plugin names. Nodes for which every spot
plugin answers alike are one bucket: the best of each bucket is known, and buckets are compared.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.model.kinds import Pod
from reconciler.planner.scheduling.framework import AnyPlugin, Cluster, Misfit, Plugin, SpotPlugin

Active = tuple[AnyPlugin, Any]
# A Pod that was counted to a node, or taken from it again.
Step = tuple[bool, Pod, str]
# The spots of a node, one per spot plugin.
Spots = tuple[Hashable, ...]


class Bucket:
    """The nodes of the same spots, best first."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        # Entries that are no longer true stay until they come up.
        self.queue: list[tuple[int, str]] = []


class Alike:
    """The states of the plugins, what each node has against the Pods, and how good those are that fit."""

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
        self.elsewhere = Misfit((), is_final=True)
        # For whom there was no room to be made: priority -> number of steps by then, and what was said.
        self.in_vain: dict[int, tuple[int, str]] = {}
        self._misfits: dict[str, Misfit] = {}
        self._reasons: Counter[str] = Counter()
        # The nodes that plain plugins have nothing against: how good they are, backwards, and their spots.
        self._places: dict[str, tuple[int, Spots]] = {}
        self._buckets: dict[Spots, Bucket] = {}
        # What spots have against the Pods, as long as nothing is placed.
        self._refused: dict[tuple[int, Hashable], Misfit | None] = {}
        self._take_up(self._prepared(plugins))
        if self.everywhere is None:
            for name in sorted(cluster.nodes if self.only is None else self.only & cluster.nodes.keys()):
                self._look(name)

    def _prepared(self, plugins: Sequence[AnyPlugin]) -> list[Active]:
        active, choosy = [], []
        for plugin in plugins:
            state = plugin.prepare(self._pod)
            if isinstance(state, Misfit):
                self.everywhere = state
                break
            if state is None:
                continue
            active.append((plugin, state))
            only = plugin.only(state)
            if only is not None:
                choosy.append(plugin.name)
                self.only = frozenset(only) if self.only is None else self.only.intersection(only)
        self.elsewhere = Misfit((f"node(s) didn't satisfy plugin(s) [{' '.join(sorted(choosy))}]",), is_final=True)
        return active

    def _take_up(self, active: list[Active]) -> None:
        self._spotters: list[tuple[SpotPlugin[Any], Any]] = [
            (one, state) for one, state in active if isinstance(one, SpotPlugin)
        ]
        refusing = [(one, state) for one, state in active if _has(one, "why_not")]
        self._filters = [(one, state) for one, state in refusing if not _refuses_spots(one)]
        self._spot_filters = [(one, state) for one, state in refusing if _refuses_spots(one)]
        self._followers = [(one, state) for one, state in active if _has(one, "placed")]
        self._scorers = [
            (one, state)
            for one, state in active
            if one.weight and _has(one, "scores") and not isinstance(one, SpotPlugin)
        ]

    # Looking

    def _look(self, name: str) -> None:
        node = self._cluster.nodes[name]
        misfit = self._barred.get(name)
        for plugin, state in self._filters:
            if misfit is not None:
                break
            misfit = plugin.why_not(state, self._pod, node)
        if misfit is not None:
            self._misfits[name] = misfit
            self._reasons.update(misfit.reasons)
            return
        total = 0
        for plugin, state in self._scorers:
            total += plugin.weight * plugin.scores(state, self._pod, {name: node}).get(name, 0)
        spots = tuple([plugin.spot(state, node) for plugin, state in self._spotters])
        self._places[name] = (-total, spots)
        bucket = self._buckets.get(spots)
        if bucket is None:
            bucket = self._buckets[spots] = Bucket()
        bucket.names.add(name)
        heapq.heappush(bucket.queue, (-total, name))

    def _forget(self, name: str) -> None:
        misfit = self._misfits.pop(name, None)
        if misfit is not None:
            for reason in misfit.reasons:
                self._reasons[reason] -= 1
            return
        place = self._places.pop(name, None)
        if place is not None:
            bucket = self._buckets[place[1]]
            bucket.names.discard(name)
            if not bucket.names:
                del self._buckets[place[1]]

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

    def tell(self, step: Step) -> Iterator[str]:
        """Have the plugins count one step; return the other nodes about which they may answer otherwise."""
        is_added, pod, node = step
        self._refused.clear()
        for plugin, state in self._followers:
            yield from (plugin.placed if is_added else plugin.removed)(state, self._pod, pod, node)

    # Answering

    def why_not(self, name: str) -> Misfit | None:
        """Return what a node has against the Pod as it stands, also in the middle of a trial."""
        if name in self._barred:
            return self._barred[name]
        node = self._cluster.nodes[name]
        for plugin, state in (*self._filters, *self._spot_filters):
            misfit = plugin.why_not(state, self._pod, node)
            if misfit is not None:
                return misfit
        return None

    def misfit(self, name: str) -> Misfit | None:
        """Return what was found against a node; None: it fits."""
        if self.everywhere is not None:
            return self.everywhere
        if self.only is not None and name not in self.only:
            return self.elsewhere
        place = self._places.get(name)
        return self._misfits[name] if place is None else self._against(place[1])

    def reasons(self) -> Counter[str]:
        """Return how many nodes have what against the Pod."""
        found = +self._reasons
        away = 0 if self.only is None else len(self._cluster.nodes) - len(self.only & self._cluster.nodes.keys())
        if away:
            found.update(dict.fromkeys(self.elsewhere.reasons, away))
        for spots, bucket in self._buckets.items():
            misfit = self._against(spots)
            if misfit is not None:
                found.update(dict.fromkeys(misfit.reasons, len(bucket.names)))
        return found

    def best(self) -> str:
        """Return the best node that fits, or an empty name; of equals the first by name."""
        found: tuple[int, str] | None = None
        fitting = [spots for spots in self._buckets if self._against(spots) is None]
        for spots, bonus in self._bonuses(fitting):
            minus, name = self._first(spots)
            if found is None or (minus - bonus, name) < found:
                found = (minus - bonus, name)
        return found[1] if found is not None else ""

    def totals(self) -> dict[str, int]:
        """Return the nodes that fit with their weighted scores."""
        fitting = [spots for spots in self._buckets if self._against(spots) is None]
        found = {
            name: bonus - self._places[name][0]
            for spots, bonus in self._bonuses(fitting)
            for name in self._buckets[spots].names
        }
        return dict(sorted(found.items()))

    def _against(self, spots: Spots) -> Misfit | None:
        """Return what nodes of these spots have against the Pod."""
        if not self._spot_filters:
            return None
        for number, (plugin, state) in enumerate(self._spotters):
            if not _refuses_spots(plugin):
                continue
            key = (number, spots[number])
            if key not in self._refused:
                node = self._cluster.nodes[self._first(spots)[1]]
                self._refused[key] = plugin.why_not(state, self._pod, node)
            if (misfit := self._refused[key]) is not None:
                return misfit
        return None

    def _bonuses(self, buckets: list[Spots]) -> Iterable[tuple[Spots, int]]:
        """Return what spot plugins add to the scores of the nodes of each bucket."""
        bonuses = dict.fromkeys(buckets, 0)
        for number, (plugin, state) in enumerate(self._spotters):
            counts: Counter[Hashable] = Counter()
            for spots in buckets:
                counts[spots[number]] += len(self._buckets[spots].names)
            scores = plugin.spot_scores(state, self._pod, counts)
            if scores:
                for spots in buckets:
                    bonuses[spots] += plugin.weight * scores.get(spots[number], 0)
        return bonuses.items()

    def _first(self, spots: Spots) -> tuple[int, str]:
        """Return the best node of a bucket, with its score backwards."""
        queue = self._buckets[spots].queue
        while True:
            minus, name = queue[0]
            if self._places.get(name) == (minus, spots):
                return minus, name
            heapq.heappop(queue)


def _has(plugin: AnyPlugin, method: str) -> bool:
    """Whether a plugin does something of its own at a point."""
    own: Callable[..., Any] = getattr(type(plugin), method)
    return own is not getattr(Plugin, method)


def _refuses_spots(plugin: AnyPlugin) -> bool:
    return isinstance(plugin, SpotPlugin) and plugin.refuses_spots
