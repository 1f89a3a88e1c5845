"""Plugins that look at what nodes have and Pods ask for. Pure."""

from collections.abc import Hashable
from functools import lru_cache
from typing import ClassVar

import msgspec

from reconciler.model.kinds import Node, Pod
from reconciler.model.placing import CPU_AND_MEMORY, ResourceWeight
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.framework import Cluster, Hints, Misfit, Plugin
from reconciler.planner.scheduling.hints import Change
from reconciler.planner.scheduling.resizing import counted_spec
from reconciler.planner.scheduling.room import Room, allocatable, requested, supposed
from reconciler.planner.scheduling.strategies import Weighed, balanced, strategy_of

# Resources by name, with their weights.
Weights = tuple[tuple[str, int], ...]
DEFAULT_RESOURCES: Weights = (("cpu", 1), ("memory", 1))
# Kubernetes' own resources that are counted like those of third parties.
_FULL = ("Too many pods",)


class Asked(msgspec.Struct, frozen=True):
    """What a Pod asks for, and what scores suppose it does; `known` are scores by what nodes have and what is used."""

    room: Room
    supposed: Room
    known: dict[Hashable, int]


class NodeResourcesFit(Plugin[Asked]):
    """A node takes as many Pods as it has room for, and rather those that leave it free."""

    name = "NodeResourcesFit"
    weight = 1

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        settings = cluster.settings.scoring_strategy
        self._strategy, self._resources = strategy_of(settings), weights_of(settings.resources)

    def likeness(self, pod: Pod) -> Hashable:
        """Return what the Pod asks for."""
        return requested(pod.spec), supposed(pod.spec)

    def prepare(self, pod: Pod) -> Asked:
        """Every Pod takes room, be it one of the number of Pods."""
        return Asked(requested(pod.spec), supposed(pod.spec), {})

    def why_not(self, state: Asked, pod: Pod, node: Candidate) -> Misfit | None:
        """Refuse nodes without room."""
        return lack_of_room(state.room, node.has, node.used)

    def after_pod(self, pod: Pod, change: Change) -> bool:
        """A Pod goes, or asks for less."""
        asked = requested(pod.spec)
        if (itself := change.of_itself(pod)) is not None:
            return _is_less(asked, requested(itself[0].spec), requested(itself[1].spec))
        old, new = change.of_counted()
        return old is not None and (new is None or _is_less(asked, _taken(old), _taken(new)))

    def after_node(self, pod: Pod, change: Change) -> bool:
        """One comes on which the Pod fits, or has more of what it asks for."""
        asked, (old, new) = requested(pod.spec), change.of(Node)
        if new is None:
            return False
        has = allocatable(new)
        if lack_of_room(asked, has, Room()) is not None:
            return False
        return old is None or has_more(asked, allocatable(old), has)

    hints: ClassVar[Hints] = {"Node": after_node, "Pod": after_pod}

    def score(self, state: Asked, pod: Pod, node: Candidate) -> int:
        """Score by the strategy."""
        key = _key(node.supposed, node.has)
        found = state.known.get(key)
        if found is None:
            found = self._strategy(weighed(self._resources, state.supposed, node.supposed, node.has))
            state.known[key] = found
        return found


def _taken(pod: Pod) -> Room:
    return requested(counted_spec(pod))


def _is_less(asked: Room, old: Room, new: Room) -> bool:
    """Whether anything becomes less of which something is asked for."""
    return any(new.of(name) < old.of(name) for name in _names(asked))


def has_more(asked: Room, old: Room, new: Room) -> bool:
    """Whether a node has more of anything that is asked for, be it of Pods."""
    return new.pods > old.pods or any(new.of(name) > old.of(name) for name in _names(asked))


def _names(asked: Room) -> list[str]:
    return [name for name in (*_OWN_NAMES, *(name for name, _ in asked.others)) if asked.of(name) > 0]


def _key(used: Room, has: Room) -> Hashable:
    return (
        used.cpu_millis,
        used.memory_bytes,
        has.cpu_millis,
        has.memory_bytes,
        used.ephemeral_bytes,
        has.ephemeral_bytes,
        used.others,
        has.others,
    )


def lack_of_room(asked: Room, has: Room, used: Room) -> Misfit | None:
    """Return what a node has too little of; final where even the empty node would."""
    fits = used.pods < has.pods and (
        used.cpu_millis + asked.cpu_millis <= has.cpu_millis
        and used.memory_bytes + asked.memory_bytes <= has.memory_bytes
        and not asked.ephemeral_bytes
        and not asked.others
    )
    return None if fits else _lacking(asked, has, used)


def _lacking(asked: Room, has: Room, used: Room) -> Misfit | None:
    reasons = _FULL if used.pods >= has.pods else ()
    is_final = False
    wanted = (
        ("cpu", asked.cpu_millis),
        ("memory", asked.memory_bytes),
        ("ephemeral-storage", asked.ephemeral_bytes),
        *asked.others,
    )
    for name, amount in wanted:
        whole = has.of(name)
        if amount > 0 and amount > whole - used.of(name):
            reasons = (*reasons, f"Insufficient {name}")
            is_final = is_final or amount > whole
    return _misfit(reasons, is_final) if reasons else None


@lru_cache(maxsize=1024)
def _misfit(reasons: tuple[str, ...], is_final: bool) -> Misfit:
    return Misfit(reasons, is_final=is_final)


def weights_of(resources: tuple[ResourceWeight, ...]) -> Weights:
    """Return resources with their weights; the default is that very value, which is quickly told."""
    return DEFAULT_RESOURCES if resources == CPU_AND_MEMORY else tuple((one.name, one.weight) for one in resources)


def weighed(resources: Weights, asked: Room, used: Room, has: Room) -> list[Weighed]:
    """Return resources once the Pod is there; one of a third party counts only for Pods that ask for it."""
    if resources is DEFAULT_RESOURCES:
        return [
            Weighed(used.cpu_millis + asked.cpu_millis, has.cpu_millis),
            Weighed(used.memory_bytes + asked.memory_bytes, has.memory_bytes),
        ]
    return [
        Weighed(used.of(name) + asked.of(name), has.of(name) if asked.of(name) or name in _OWN else 0, weight)
        for name, weight in resources
    ]


_OWN_NAMES = ("cpu", "memory", "ephemeral-storage")
_OWN = frozenset(_OWN_NAMES)


class NodeResourcesBalancedAllocation(Plugin[Asked]):
    """Rather nodes whose resources are then taken to the same share."""

    name = "NodeResourcesBalancedAllocation"
    weight = 1

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._resources = weights_of(cluster.settings.balanced_resources)

    def likeness(self, pod: Pod) -> Hashable:
        """Return what the Pod asks for."""
        return requested(pod.spec)

    def prepare(self, pod: Pod) -> Asked | None:
        """Leave Pods alone that ask for nothing: they change no balance."""
        asked = requested(pod.spec)
        return Asked(asked, asked, {}) if any(asked.of(name) for name, _ in self._resources) else None

    def score(self, state: Asked, pod: Pod, node: Candidate) -> int:
        """Compare the balance with the Pod to that without."""
        key = _key(node.used, node.has)
        found = state.known.get(key)
        if found is None:
            found = state.known[key] = balance_with(self._resources, state.room, node)
        return found


def balance_with(resources: Weights, asked: Room, node: Candidate) -> int:
    """Return how much better balanced a node is with what a Pod asks for."""
    after = weighed(resources, asked, node.used, node.has)
    before = [Weighed(one.asked - asked.of(name), one.has) for one, (name, _) in zip(after, resources, strict=True)]
    return balanced(before, after)
