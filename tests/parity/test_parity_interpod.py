"""Pods are kept near to each other and apart as kube-scheduler's plugin InterPodAffinity does."""

from typing import Any

from reconciler.model.kinds import Namespace, ObjectMeta
from reconciler.model.placing import PlacingPolicy
from reconciler.planner.scheduling.interpod import Neighbours
from reconciler.planner.scheduling.interpod_plugin import InterPodAffinity
from tests.parity.door import is_refused_at_the_door
from tests.parity.placing import SKIPPED, cluster_of, is_status, pod_of
from tests.parity.rows import Judge, compare

# The rows tell of these namespaces by name alone.
NAMESPACES = [
    Namespace(metadata=ObjectMeta(name=f"subteam{number}.{team}", labels={"team": team}))
    for number in (1, 2)
    for team in ("team1", "team2")
]


def plugin_for(nodes: Any, pods: Any, settings: PlacingPolicy | None = None) -> InterPodAffinity:
    """Return the plugin for a row's nodes and Pods."""
    return InterPodAffinity(cluster_of(nodes, pods, NAMESPACES, settings))


def single(case: dict[str, Any]) -> bool:
    """Judge a row about one node."""
    wanted = case.get("wantPreFilterStatus") or {}
    if _is_malformed(wanted):
        return is_refused_at_the_door(case["pod"])
    if wanted.get("code") == SKIPPED:
        return fits(case, [case["node"]], [None])
    return not wanted and fits(case, [case["node"]], [case.get("wantFilterStatus")])


def several(case: dict[str, Any]) -> bool:
    """Judge a row about several nodes."""
    return fits(case, case["nodes"], case["wantFilterStatuses"])


def fits(case: dict[str, Any], nodes: list[Any], wanted: list[Any]) -> bool:
    """Whether each node answers as it is wanted."""
    plugin, pod = plugin_for(nodes, case.get("pods")), pod_of(case.get("pod"))
    state = plugin.prepare(pod)
    found = [plugin.why_not(state, pod, one) if state else None for one in plugin.cluster.nodes.values()]
    return all(is_status(one, status) for one, status in zip(found, wanted, strict=True))


def counted(state: Neighbours | None) -> tuple[dict[str, int], dict[str, int]]:
    """Return the Pods of the domains that count for the Pod's terms, as rows spell them."""
    if state is None:
        return {}, {}
    near, apart = ({f"{{{key} {value}}}": n for (key, value), n in one.items()} for one in (state.near, state.apart))
    return near, apart


def one_more(case: dict[str, Any]) -> bool:
    """Judge a row about a Pod that comes and goes."""
    added, pending = pod_of(case["addedPod"]), pod_of(case["pendingPod"])
    plugin = plugin_for(case["nodes"], case["existingPods"])
    state, before = plugin.prepare(pending), plugin.prepare(pending)
    after = plugin_for(case["nodes"], [*case["existingPods"], case["addedPod"]]).prepare(pending)
    assert state is not None and before is not None and after is not None
    plugin.placed(state, pending, added, added.spec.node_name)
    is_wanted = counted(state) == (case["expectedAffinity"] or {}, case["expectedAntiAffinity"] or {})
    is_like_new = counts_of(state) == counts_of(after)
    plugin.removed(state, pending, added, added.spec.node_name)
    return is_wanted and is_like_new and counts_of(state) == counts_of(before)


def counts_of(state: Neighbours) -> tuple[object, ...]:
    """Return all that is counted."""
    return state.near, state.apart, state.repelled, state.wishes


def domains(case: dict[str, Any]) -> bool:
    """Judge a row about the domains in which the Pod's own terms are met."""
    state = plugin_for(case["nodes"], case.get("existingPods")).prepare(pod_of(case["pod"]))
    return counted(state) == (case["wantAffinityPodsMap"] or {}, case["wantAntiAffinityPodsMap"] or {})


def scores(case: dict[str, Any], weight: int = 1) -> bool:
    """Judge a row about wishes; upstream skips the plugin where nothing is wished for."""
    status = (case.get("wantStatus") or {}).get("code", 0)
    if _is_malformed(case.get("wantStatus") or {}):
        return is_refused_at_the_door(case["pod"])
    if status not in (0, SKIPPED):
        return False
    settings = PlacingPolicy(
        hard_pod_affinity_weight=case.get("hardPodAffinityWeight", weight),
        ignore_preferred_terms_of_existing_pods=case.get("ignorePreferredTermsOfExistingPods", False),
    )
    plugin, pod = plugin_for(case.get("nodes"), case.get("pods"), settings), pod_of(case["pod"])
    state, nodes = plugin.prepare(pod), plugin.cluster.nodes
    found = plugin.scores(state, pod, nodes) if state else {}
    if status == SKIPPED:
        return not any(found.values())
    return {name: found.get(name, 0) for name in nodes} == {
        one["Name"]: one.get("Score", 0) for one in case["expectedList"]
    }


def _is_malformed(status: dict[str, Any]) -> bool:
    return any("Invalid value" in reason for reason in status.get("reasons") or ())


def indifferent(case: dict[str, Any]) -> bool:
    """Judge a row about whether Pods like this one are like any other Pod where no Pod has terms."""
    ignores = (case.get("config") or {}).get("IgnorePreferredTermsOfExistingPods", False)
    plugin = plugin_for((), (), PlacingPolicy(ignore_preferred_terms_of_existing_pods=ignores))
    return (plugin.likeness(pod_of(case["pod"])) is None) == case.get("schedulable", False)


JUDGES: dict[str, Judge] = {
    "TestRequiredAffinitySingleNode": single,
    "TestRequiredAffinityMultipleNodes": several,
    "TestPreFilterStateAddRemovePod": one_more,
    "TestGetTPMapMatchingIncomingAffinityAntiAffinity": domains,
    "TestPodAffinitySignature": indifferent,
    "TestPreferredAffinity": scores,
    # Where these rows say no weight they have none.
    "TestPreferredAffinityWithHardPodAffinitySymmetricWeight": lambda case: scores(case, 0),
}


def test_inter_pod_affinity() -> None:
    """Which nodes are refused, for which Pods, and which are better than others."""
    compare("pkg_scheduler_framework_plugins_interpodaffinity", JUDGES)
