"""Choosing a node for one Pod after the other. Pure: it gives what a look at every node for every Pod would.

Pods that are alike to the filters share what each node has against them and how good it is; after a Pod was placed
only its node is looked at again.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Hashable, Mapping

import msgspec

from reconciler.model.kinds import Pod
from reconciler.planner.scheduling.fit import Candidate, repels, score
from reconciler.planner.scheduling.room import host_ports, requested
from reconciler.planner.view import replace

# What a node has against a Pod; an empty text: it fits.
WhyNot = Callable[[Pod, str, Candidate, tuple[str, ...]], str]
_Turn = tuple[float, int, int]


class Choice:
    """The nodes with what is placed on them so far."""

    def __init__(self, candidates: Mapping[str, Candidate], why_not: WhyNot) -> None:
        self.candidates = dict(candidates)
        self._why_not = why_not
        self._rank = {name: rank for rank, name in enumerate(sorted(candidates, key=_reversed, reverse=True))}
        self._changed: list[str] = []
        self._alike: dict[Hashable, _Alike] = {}
        self._repelling = any(one.repelling for one in candidates.values())

    def best(self, pod: Pod, pinned: tuple[str, ...]) -> tuple[str, Mapping[str, int]]:
        """Return the best node, or an empty name and how many nodes have what against the Pod."""
        alike = self._alike.setdefault(self._likeness(pod, pinned), _Alike())
        news = self.candidates if alike.seen is None else dict.fromkeys(self._changed[alike.seen :])
        alike.seen = len(self._changed)
        for name in news:
            candidate = self.candidates[name]
            why = self._why_not(pod, name, candidate, pinned)
            alike.note(name, why, None if why else self._turn(pod, name, candidate))
        found = alike.best()
        return (found, {}) if found else ("", alike.reasons)

    def place(self, pod: Pod, node: str) -> None:
        """Count a Pod to a node."""
        self.candidates[node] = with_pod(self.candidates[node], pod)
        self._changed.append(node)
        self._repelling = self._repelling or repels(pod)

    def _turn(self, pod: Pod, name: str, candidate: Candidate) -> _Turn:
        free, wishes = score(pod, candidate)
        return (-free, -wishes, self._rank[name])

    def _likeness(self, pod: Pod, pinned: tuple[str, ...]) -> Hashable:
        """Return everything that filters and scores look at."""
        spec = pod.spec
        shape = msgspec.json.encode((spec.node_selector, spec.affinity, spec.tolerations))
        near = spec.affinity.pod_affinity.required_during_scheduling_ignored_during_execution
        meets_others = self._repelling or repels(pod) or bool(near)
        named = (pod.metadata.namespace, *sorted(pod.metadata.labels.items())) if meets_others else ()
        return requested(spec), host_ports(pod), shape, pinned, named


class _Alike:
    """What the nodes are for Pods that are alike; `seen` counts the placements that are taken into account."""

    def __init__(self) -> None:
        self.seen: int | None = None
        self.reasons: Counter[str] = Counter()
        self._why: dict[str, str] = {}
        self._turns: dict[str, _Turn] = {}
        # Entries that are no longer true stay until they come up.
        self._queue: list[tuple[_Turn, str]] = []

    def note(self, name: str, why: str, turn: _Turn | None) -> None:
        """Take over what a node is by now."""
        if old := self._why.pop(name, ""):
            self.reasons[old] -= 1
            if not self.reasons[old]:
                del self.reasons[old]
        self._turns.pop(name, None)
        if turn is None:
            self._why[name] = why
            self.reasons[why] += 1
        else:
            self._turns[name] = turn
            heapq.heappush(self._queue, (turn, name))

    def best(self) -> str:
        """Return the best node that fits, or an empty name."""
        while self._queue:
            turn, name = self._queue[0]
            if self._turns.get(name) == turn:
                return name
            heapq.heappop(self._queue)
        return ""


def with_pod(candidate: Candidate, pod: Pod) -> Candidate:
    """Return a node once a Pod is placed on it."""
    return replace(
        candidate,
        used=candidate.used.plus(requested(pod.spec)),
        pods=(*candidate.pods, pod),
        repelling=(*candidate.repelling, pod) if repels(pod) else candidate.repelling,
    )


def _reversed(name: str) -> tuple[int, ...]:
    """Order names backwards, so that the greatest is the first."""
    return tuple(-ord(letter) for letter in name)
