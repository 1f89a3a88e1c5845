"""What the scheduler counts as Pods come and go is what a count from nothing gives, in whatever order things come."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.kinds import Pod
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.framework import Cluster, SpotPlugin
from reconciler.planner.scheduling.interpod import Neighbours
from reconciler.planner.scheduling.interpod_plugin import InterPodAffinity
from reconciler.planner.scheduling.plugins import PLUGINS
from reconciler.planner.scheduling.spread import Spread
from reconciler.planner.scheduling.spread_plugin import PodTopologySpread
from tests.planner.scheduled import HOST, RACK, ZONE, Objects, affinity, even, near, node, pod

RULES: tuple[type[SpotPlugin[Any]], ...] = (PodTopologySpread, InterPodAffinity)
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "c", "namespace": "default"},
    "spec": {"selector": {"app": "c"}, "ports": [{"port": 80}]},
}
keys = st.sampled_from([HOST, ZONE, RACK])
apps = st.sampled_from(["a", "b", "c"])
terms = st.builds(near, apps, keys)
wishes = st.tuples(st.sampled_from([1, 30, 100]), terms)
some = st.lists(st.one_of(terms, wishes), max_size=2)
affinities = st.builds(lambda together, apart: affinity(podAffinity=together, podAntiAffinity=apart), some, some)
constraints = st.builds(
    lambda app, key, skew, hard, policy: even(app, key, skew, hard=hard, nodeAffinityPolicy=policy),
    apps,
    keys,
    st.integers(1, 2),
    st.booleans(),
    st.sampled_from(["Honor", "Ignore"]),
)
specs = st.fixed_dictionaries(
    {},
    optional={
        "affinity": affinities,
        "topologySpreadConstraints": st.lists(constraints, max_size=2),
        "nodeSelector": st.just({ZONE: "z1"}),
    },
)
shapes = st.lists(st.tuples(apps, specs), min_size=1, max_size=10)
zones = st.lists(
    st.tuples(st.sampled_from(["", "z1", "z2"]), st.sampled_from(["", "r1", "r2"])), min_size=1, max_size=5
)


def made(found: list[tuple[str, Any]], prefix: str) -> list[Pod]:
    """Return Pods of these shapes."""
    return [pod(f"{prefix}{number}", app, **spec) for number, (app, spec) in enumerate(found)]


def counts(state: Any) -> object:
    """Return all that a state counts; what counts nothing is like what is not there."""
    match state:
        case Neighbours():
            return state.near, state.apart, state.repelled, {key: n for key, n in state.wishes.items() if n}
        case Spread():
            hosts = [{name: n for name, n in one.items() if n} for one in state.hosts]
            return [(tally.domains, tally.least()) for tally in (*state.hard, *state.soft)], hosts
        case _:
            return None


def answers(plugin: SpotPlugin[Any], state: Any, waiting: Pod) -> object:
    """Return all that a plugin says."""
    nodes = plugin.cluster.nodes
    if state is None:
        return dict.fromkeys(nodes), {}
    misfits = {name: plugin.why_not(state, waiting, one) for name, one in nodes.items()}
    return misfits, {name: score for name, score in plugin.scores(state, waiting, nodes).items() if score}


def with_one(cluster: Cluster, name: str, other: Pod, *, is_added: bool) -> None:
    """Show another Pod on a node, or take it away."""
    was = cluster.nodes[name]
    pods = (*was.pods, other) if is_added else tuple(one for one in was.pods if one is not other)
    cluster.nodes[name] = Candidate(node=was.node, has=was.has, pods=pods)


@settings(max_examples=150, deadline=None)
@given(zones, shapes, shapes, st.data())
def test_counting_up_and_down_is_counting_anew(
    places: list[Any], there: list[Any], coming: list[Any], data: st.DataObject
) -> None:
    """After every step: the same numbers, the same answers. A node that is named, or none, has another spot."""
    nodes = [node(f"n{number}", zone, rack=rack) for number, (zone, rack) in enumerate(places)]
    names = st.sampled_from([one.node.metadata.name for one in nodes])
    world = Objects(SERVICE)
    cluster = Cluster({one.node.metadata.name: one for one in nodes}, world)
    for one in made(there, "p"):
        with_one(cluster, data.draw(names), one, is_added=True)
    waiting = made(data.draw(shapes), "w")[0]
    plugins = [rule(cluster) for rule in RULES]
    states = [plugin.prepare(waiting) for plugin in plugins]
    placed: list[tuple[Pod, str]] = []
    for one in made(coming, "q"):
        is_added = not placed or data.draw(st.booleans())
        other, name = (one, data.draw(names)) if is_added else placed.pop()
        if is_added:
            placed.append((other, name))
            cluster.placements.append((other, name))
        with_one(cluster, name, other, is_added=is_added)
        for plugin, state in zip(plugins, states, strict=True):
            fresh = type(plugin)(Cluster(dict(cluster.nodes), world))
            anew = fresh.prepare(waiting)
            if state is None:
                continue
            before = {each: plugin.spot(state, node) for each, node in cluster.nodes.items()}
            named = (plugin.placed if is_added else plugin.removed)(state, waiting, other, name)
            after = {each: plugin.spot(state, node) for each, node in cluster.nodes.items()}
            assert {each for each in after if after[each] != before[each]} <= {name, *named}
            assert anew is None or counts(state) == counts(anew)
            assert answers(plugin, state, waiting) == answers(fresh, anew, waiting)


def best_of_all(nodes: Mapping[str, Candidate], waiting: Pod) -> str:
    """Return the best node by a look at every node with plugins made for this one Pod."""
    cluster = Cluster(dict(nodes), Objects(SERVICE))
    active = [(plugin, state) for rule in PLUGINS if (state := (plugin := rule(cluster)).prepare(waiting)) is not None]
    feasible = {
        name: one
        for name, one in sorted(cluster.nodes.items())
        if all(plugin.why_not(state, waiting, one) is None for plugin, state in active)
    }
    totals = Counter(dict.fromkeys(feasible, 0))
    for plugin, state in active:
        if plugin.weight:
            for name, score in plugin.scores(state, waiting, feasible).items():
                totals[name] += plugin.weight * score
    return max(feasible, key=lambda name: totals[name], default="")


@settings(max_examples=150, deadline=None)
@given(zones, shapes, shapes, st.randoms(use_true_random=False))
def test_the_choice_is_that_of_a_count_from_nothing(
    places: list[Any], there: list[Any], coming: list[Any], shuffle: Any
) -> None:
    """For every Pod in turn the best of all nodes, also when nodes and placed Pods come in another order."""
    nodes = [node(f"n{number}", zone, rack=rack) for number, (zone, rack) in enumerate(places)]
    candidates = {}
    for number, one in enumerate(nodes):
        pods = tuple(made(there, "p")[number :: len(nodes)])
        candidates[one.node.metadata.name] = Candidate(node=one.node, has=one.has, pods=pods)
    choice = Choice(candidates, Objects(SERVICE))
    other = Choice(_shuffled(candidates, shuffle), Objects(SERVICE))
    for waiting in made(coming, "w"):
        chosen = choice.best(waiting)
        assert chosen == best_of_all(choice.candidates, waiting) == other.best(waiting)
        if chosen:
            choice.place(waiting, chosen)
            other.place(waiting, chosen)


def _shuffled(candidates: Mapping[str, Candidate], shuffle: Any) -> dict[str, Candidate]:
    names = list(candidates)
    shuffle.shuffle(names)
    found = {}
    for name in names:
        one = candidates[name]
        pods = list(one.pods)
        shuffle.shuffle(pods)
        found[name] = Candidate(node=one.node, has=one.has, pods=tuple(pods))
    return found
