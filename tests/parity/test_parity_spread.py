"""Pods are spread over topology domains as kube-scheduler's plugin PodTopologySpread does."""

from collections import Counter
from itertools import chain
from math import isclose
from typing import Any, cast

from reconciler.model.kinds import Pod, ReplicaSet, Service, TopologySpreadConstraint
from reconciler.model.labels import Operator as Op
from reconciler.model.labels import make_requirement, requirements_of
from reconciler.model.placing import PlacingPolicy
from reconciler.planner.scheduling.spread import Spot, Spread, Tally
from reconciler.planner.scheduling.spread_plugin import PodTopologySpread
from tests.parity.loosely import loosely
from tests.parity.placing import SKIPPED, cluster_of, is_code, pod_of
from tests.parity.rows import Judge, compare

_NO_DOMAIN = 2**31 - 1


def plugin_for(case: dict[str, Any]) -> PodTopologySpread:
    """Return the plugin for a row's nodes, Pods and other objects."""
    nodes = [*(case.get("nodes") or ()), *(case.get("failedNodes") or ())]
    objects = [object_of(one) for one in case.get("objs") or ()]
    listed = case.get("defaultConstraints") or (case.get("config") or {}).get("DefaultConstraints")
    constraints = tuple(loosely(TopologySpreadConstraint, one) for one in listed) if listed else None
    settings = PlacingPolicy(default_constraints=constraints)
    return PodTopologySpread(cluster_of(nodes, case.get("existingPods"), objects, settings))


def object_of(row: dict[str, Any]) -> Any:
    """Return a row's Service or ReplicaSet, which are told apart by their selectors."""
    selector = row["spec"]["selector"]
    is_set = not selector.keys().isdisjoint(("matchLabels", "matchExpressions"))
    return loosely(ReplicaSet if is_set else Service, row)


def counts(case: dict[str, Any]) -> bool:
    """Judge a row about what is counted for the constraints that forbid."""
    state = plugin_for(case).prepare(pod_of(case["pod"]))
    if (case.get("wantPrefilterStatus") or {}).get("code") == SKIPPED:
        return state is None or not state.hard
    return is_counted(state, case["want"])


def is_counted(state: Spread | None, wanted: dict[str, Any]) -> bool:
    """Whether constraints, Pods per domain and the emptiest domain are those of a row."""
    if state is None:
        return False
    least = [_NO_DOMAIN if (one := tally.least()) is None else one for tally in state.hard]
    return (
        [constraint_of(one) for one in state.hard] == [wanted_constraint(one) for one in wanted["Constraints"]]
        and [tally.domains for tally in state.hard] == wanted["TpValueToMatchNum"]
        and least == [paths[0].get("MatchNum", 0) for paths in wanted["CriticalPaths"]]
    )


def constraint_of(tally: Tally) -> tuple[object, ...]:
    """Return one of our constraints in a form that can be compared."""
    one = tally.constraint
    selector = None if one.selector is None else sorted(requirements_of(one.selector), key=lambda part: part.key)
    parts = None if selector is None else [(part.key, _plain(part.operator), part.values) for part in selector]
    return one.max_skew, one.min_domains, one.heeds_affinity, one.heeds_taints, one.topology_key, parts


def wanted_constraint(row: dict[str, Any]) -> tuple[object, ...]:
    """Return a row's constraint in the same form."""
    parts = None
    if row.get("Selector"):
        read = [
            make_requirement(one["key"], Op(one["operator"]), tuple(one.get("strValues") or ()))
            for one in row["Selector"]
        ]
        parts = [(part.key, _plain(part.operator), part.values) for part in sorted(read, key=lambda part: part.key)]
    honours = (row["NodeAffinityPolicy"] == "Honor", row["NodeTaintsPolicy"] == "Honor")
    return row["MaxSkew"], row["MinDomains"], *honours, row["TopologyKey"], parts


def _plain(operator: Op) -> Op:
    """Return one of the three operators that say the same of a single value."""
    return Op.IN if operator in (Op.EQUALS, Op.DOUBLE_EQUALS) else operator


def added(case: dict[str, Any]) -> bool:
    """Judge a row about one Pod more."""
    return changed(case, pod_of(case["addedPod"]), is_added=True)


def removed(case: dict[str, Any]) -> bool:
    """Judge a row about one Pod less: one of those that are there, or one that is not."""
    there, index = case["existingPods"], case.get("deletedPodIdx", 0)
    return changed(case, pod_of(there[index] if 0 <= index < len(there) else case["deletedPod"]), is_added=False)


def changed(case: dict[str, Any], other: Pod, *, is_added: bool) -> bool:
    """Count another Pod up or down."""
    plugin, pod = plugin_for(case), pod_of(case["preemptor"])
    state = plugin.prepare(pod)
    node = case["nodes"][case.get("nodeIdx", 0)]["metadata"]["name"]
    if state is not None:
        (plugin.placed if is_added else plugin.removed)(state, pod, other, node)
    return is_counted(state, case["want"])


def refused(case: dict[str, Any]) -> bool:
    """Judge a row about the nodes that do not do."""
    plugin, pod = plugin_for(case), pod_of(case["pod"])
    state = plugin.prepare(pod)
    found = {name: plugin.why_not(state, pod, one) if state else None for name, one in plugin.cluster.nodes.items()}
    return all(is_code(found[name], code) for name, code in case["wantStatusCode"].items())


def skipped(case: dict[str, Any]) -> bool:
    """Judge a row about a Pod that prefers nothing."""
    state = plugin_for(case).prepare(pod_of(case["pod"]))
    return state is None or not state.soft


def weighed(case: dict[str, Any]) -> bool:
    """Judge a row about the constraints that prefer, and what their domains weigh."""
    plugin, wanted = plugin_for(case), case["want"]
    state = plugin.prepare(pod_of(case["pod"]))
    if state is None:
        return False
    nodes = plugin.cluster.nodes
    left_out = [name for name in nodes if None in chain(*state.spot(name)) and case["pod"]["spec"].get(_OWN)]
    spots = Counter(state.spot(name) for name in nodes if name not in left_out)
    weights = zip(state.weights(cast(dict[Spot, int], spots)), wanted["TopologyNormalizingWeight"], strict=True)
    return (
        [constraint_of(one) for one in state.soft] == [wanted_constraint(one) for one in wanted["Constraints"]]
        and all(isclose(ours, theirs) for ours, theirs in weights)
        and sorted(left_out) == sorted(wanted["IgnoredNodes"] or ())
        and all(
            tally.domains.get(value, 0) == number
            for tally, numbers in zip(state.soft, wanted["TopologyValueToPodCounts"], strict=True)
            for value, number in numbers.items()
        )
    )


_OWN = "topologySpreadConstraints"


def scores(case: dict[str, Any]) -> bool:
    """Judge a row about which nodes are better."""
    plugin, pod = plugin_for(case), pod_of(case["pod"])
    state = plugin.prepare(pod)
    feasible = {one["metadata"]["name"]: plugin.cluster.nodes[one["metadata"]["name"]] for one in case["nodes"]}
    found = plugin.scores(state, pod, feasible) if state else {}
    return {name: found.get(name, 0) for name in feasible} == {one["Name"]: one.get("Score", 0) for one in case["want"]}


def on_purpose(row: dict[str, Any]) -> str:
    """Name the reason for which a row differs, if there is one."""
    case = row["case"]
    own = case["pod"]["spec"].get(_OWN) or ()
    if any(one.get("matchLabelKeys") for one in own) and not case.get("enableMatchLabelKeys"):
        return "a cluster without a feature that is always on"
    return ""


JUDGES: dict[str, Judge] = {
    "TestPreFilterState": counts,
    "TestPreFilterStateAddPod": added,
    "TestPreFilterStateRemovePod": removed,
    "TestSingleConstraint": refused,
    "TestMultipleConstraints": refused,
    "TestPreScoreSkip": skipped,
    "TestPreScoreStateEmptyNodes": weighed,
    "TestPodTopologySpreadScore": scores,
}


def test_topology_spread() -> None:
    """Which nodes are refused, and which are better than others."""
    compare("pkg_scheduler_framework_plugins_podtopologyspread", JUDGES, on_purpose)
