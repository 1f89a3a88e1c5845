"""The seam between choosing a node and the rules for it: one plugin per rule, as in kube-scheduler. Pure.

A plugin is made anew for each pass and each `Cluster`. For a Pod it is asked in this order:

1. `likeness(pod)`: everything of the Pod that the plugin looks at. Pods that are alike to every plugin share their
   states and what was found about each node. Give as little as is true: None when the plugin has no use for the Pod.
2. `prepare(pod)`: a state for all Pods alike; None when the plugin has nothing to say about them and is not asked
   further; a `Misfit` when the Pod can be placed nowhere, whatever the nodes are (a claim that does not exist).
3. `only(state)`: the only nodes that can do at all, where the plugin knows them without a look at each.
4. `why_not(state, pod, node)`: what a node has against the Pod; None when it fits. Nodes that an earlier plugin
   refuses are not asked about.
5. `score(state, pod, node)`: how good a node is that fits, from 0 to 100. The sum over all plugins, each times its
   `weight`, decides; the name decides between equals.
6. `placed(state, pod, other, node)` and `removed(...)`: another Pod was counted to a node or taken from it, which
   `Cluster.nodes` shows already. The state is brought up to date in place, and the nodes are named (beside that one,
   which is always asked about anew) about which `why_not` may have changed its answer. Both are also used to try what
   would be without some Pods, and taken back by their opposite: after the two the state says what it said before.
7. `hints`, by the kind of what has changed: asked of those plugins that refused a Pod at any node, in whatever pass
   comes later: whether a change may have them answer otherwise. A Pod that no change since may help is not looked at
   again. Changes of kinds for which no plugin has a hint are not listened to.

The score of a plain plugin depends on the node and the Pods on it alone. A `SpotPlugin` answers alike for many nodes:
those of one *spot*, such as a zone. One node of each spot is asked about, and scores are given per spot and normalised
over all that fit, so that a placement costs what the spots are many, not the nodes.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from reconciler.model.kinds import Object, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.placing import PlacingPolicy
from reconciler.model.refs import ObjectRef
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.hints import Change

T = TypeVar("T", bound=Object)
S = TypeVar("S")
# Asked of a plugin, about a Pod that it refused, and a change of an object of one kind: whether that may help the Pod.
Hints: TypeAlias = Mapping[str, Callable[[Any, Pod, Change], bool]]


class World(Protocol):
    """What plugins may ask besides nodes and the Pods on them; a view is one."""

    def get(self, ref: ObjectRef) -> StoredObject | None:
        """Return an object, or None."""
        ...

    def typed(self, type_: type[T], namespace: str, name: str) -> T | None:
        """Return an object by its Python type."""
        ...

    def of_kind(self, kind: str) -> Sequence[StoredObject]:
        """Return all objects of a kind in the order of their names."""
        ...


@dataclass(slots=True)
class Cluster:
    """What all plugins of a pass share. `nodes` is always up to date; `placements` grows as Pods are placed."""

    nodes: dict[str, Candidate]
    world: World
    placements: list[tuple[Pod, str]] = field(default_factory=list)
    settings: PlacingPolicy = field(default_factory=PlacingPolicy)
    # What plugins keep from one pass to the next; it may only be used while the very same values come in again.
    kept: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a node (or every node) does not do, in kube-scheduler's words.

    `is_final`: no other Pod's end would change it (kube-scheduler's UnschedulableAndUnresolvable).
    """

    reasons: tuple[str, ...]
    is_final: bool = False


class Plugin(ABC, Generic[S]):
    """One rule. The defaults are those of a plugin that neither refuses nor prefers anything."""

    name: ClassVar[str]
    weight: ClassVar[int] = 0
    # A plugin that refuses nobody needs none.
    hints: ClassVar[Hints] = {}

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def likeness(self, pod: Pod) -> Hashable:
        """Return everything of a Pod that the plugin looks at."""
        return None

    @abstractmethod
    def prepare(self, pod: Pod) -> S | Misfit | None:
        """Return the state for Pods like this one, None to be left out, or why it can be placed nowhere."""

    def only(self, state: S) -> Collection[str] | None:
        """Return the names of the only nodes that can do; None when any may."""
        return None

    def why_not(self, state: S, pod: Pod, node: Candidate) -> Misfit | None:
        """Return what a node has against the Pod."""
        return None

    def lets_in(self, pod: Pod, node: Candidate) -> bool:
        """Whether the plugin has nothing against a Pod on a node, asked about that node alone."""
        state = self.prepare(pod)
        if state is None or isinstance(state, Misfit):
            return state is None
        only = self.only(state)
        return (only is None or node.name in only) and self.why_not(state, pod, node) is None

    def score(self, state: S, pod: Pod, node: Candidate) -> int:
        """Return how good a node is, from 0 to 100; not asked of a plugin without weight."""
        return self.scores(state, pod, {node.name: node}).get(node.name, 0)

    def scores(self, state: S, pod: Pod, feasible: Mapping[str, Candidate]) -> Mapping[str, int]:
        """Return the scores of several nodes that fit. Who scores gives this or `score`."""
        return {name: self.score(state, pod, node) for name, node in feasible.items()}

    def placed(self, state: S, pod: Pod, other: Pod, node: str) -> Collection[str]:
        """Count another Pod to a node; return the other nodes about which `why_not` may answer otherwise now."""
        return ()

    def removed(self, state: S, pod: Pod, other: Pod, node: str) -> Collection[str]:
        """Take another Pod from a node; the opposite of `placed`."""
        return ()

    def may_help(self, pod: Pod, change: Change) -> bool:
        """Whether this plugin, having refused a Pod, may let it pass after a change."""
        hint = self.hints.get(change.kind)
        return hint is not None and hint(self, pod, change)


class SpotPlugin(Plugin[S]):
    """A rule that answers alike for all nodes of one spot.

    `placed` and `removed` name the nodes (beside that one) whose spot may be another; besides, whatever was found about
    any spot may be otherwise after them.
    """

    @abstractmethod
    def spot(self, state: S, node: Candidate) -> Hashable:
        """Return everything of a node that answers depend on besides the state."""

    @abstractmethod
    def spot_scores(self, state: S, pod: Pod, spots: Mapping[Hashable, int]) -> Mapping[Hashable, int]:
        """Return how good the spots are, from 0 to 100, given how many nodes that fit are of each."""

    def scores(self, state: S, pod: Pod, feasible: Mapping[str, Candidate]) -> Mapping[str, int]:
        """Return the scores of the nodes' spots."""
        spots = {name: self.spot(state, node) for name, node in feasible.items()}
        scores = self.spot_scores(state, pod, Counter(spots.values()))
        return {name: scores.get(spot, 0) for name, spot in spots.items()}


class TopologyPlugin(SpotPlugin[S]):
    """A rule about other Pods, wherever they are. Most nodes are at their usual spot: those on which nothing counts.

    `placed` and `removed` name every node whose spot may be another, that one too.
    """

    @abstractmethod
    def usual(self, state: S) -> Mapping[str, Hashable]:
        """Return the spot of every node while nothing counts: the same mapping for as many states as possible."""

    @abstractmethod
    def unusual(self, state: S) -> Collection[str]:
        """Return the nodes whose spot may be another than the usual one."""


AnyPlugin = Plugin[Any]
