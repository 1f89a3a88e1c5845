"""Nodes are refused and preferred for what they are as by kube-scheduler's plugins about nodes."""

from typing import Any

from reconciler.model.kinds import Node
from reconciler.planner.scheduling.fit import Candidate, candidate_of
from reconciler.planner.scheduling.framework import AnyPlugin, Misfit
from reconciler.planner.scheduling.gates import SchedulingGates
from reconciler.planner.scheduling.images import ImageLocality
from reconciler.planner.scheduling.noderules import (
    NodeAffinity,
    NodeName,
    NodePorts,
    NodeUnschedulable,
    TaintToleration,
    ports_clash,
)
from reconciler.planner.scheduling.room import host_ports
from tests.parity.door import is_refused_at_the_door
from tests.parity.placing import SKIPPED, is_status
from tests.parity.rows import Judge, compare
from tests.parity.spelling import spelled_affinity, spelled_cluster, spelled_node, spelled_pod

PACKAGE = "pkg_scheduler_framework_plugins_"


def against(type_: type[AnyPlugin], pod_row: Any, node: Candidate, args: Any = None) -> tuple[Misfit | None, Any]:
    """Return what a plugin has against a node for a Pod, and its state."""
    plugin, pod = type_(spelled_cluster([node], spelled_affinity(args))), spelled_pod(pod_row)
    state = plugin.prepare(pod)
    if isinstance(state, Misfit) or state is None:
        return state, state
    return plugin.why_not(state, pod, node), state


def filters(type_: type[AnyPlugin]) -> Judge:
    """Return the judge of rows about one node and one Pod."""

    def judge(case: dict[str, Any]) -> bool:
        wanted = case.get("wantStatus") or case.get("wantFilterStatus")
        return is_status(against(type_, case["pod"], candidate_of(spelled_node(case["node"])))[0], wanted)

    return judge


def scores(type_: type[AnyPlugin]) -> Judge:
    """Return the judge of rows about the scores of several nodes."""

    def judge(case: dict[str, Any]) -> bool:
        code = (case.get("wantPreScoreStatus") or {}).get("code", 0)
        if code not in (0, SKIPPED):
            return is_refused_at_the_door(case["pod"])
        nodes = [candidate_of(spelled_node(one)) for one in case["nodes"]]
        plugin, pod = type_(spelled_cluster(nodes, spelled_affinity(case.get("args")))), spelled_pod(case["pod"])
        state = plugin.prepare(pod)
        if isinstance(state, Misfit):
            return False
        found = plugin.scores(state, pod, plugin.cluster.nodes) if state is not None else {}
        if code == SKIPPED:
            return not any(found.values())
        wanted = {one["Name"]: one.get("Score", 0) for one in case["expectedList"]}
        # Who has nothing to say about a Pod leaves all nodes equal.
        return len(set(wanted.values())) == 1 if state is None else {**dict.fromkeys(wanted, 0), **found} == wanted

    return judge


def chosen(case: dict[str, Any]) -> bool:
    """Judge a row about the labels and the name of a node."""
    node = candidate_of(
        spelled_node({"metadata": {"name": case.get("nodeName", ""), "labels": case.get("labels")}, "spec": {}})
    )
    misfit, state = against(NodeAffinity, case["pod"], node, case.get("args"))
    wanted = case.get("wantPreFilterStatus") or {}
    if wanted.get("code") == SKIPPED:
        return state is None
    only = (case.get("wantPreFilterResult") or {}).get("NodeNames")
    named = None if isinstance(state, Misfit) or not case.get("runPreFilter") else state.named
    return named == (frozenset(only) if only else None) and is_status(misfit, case.get("wantStatus") or wanted or None)


def ports(case: dict[str, Any]) -> bool:
    """Judge a row about the ports of the host."""
    node = candidate_of(Node(), [spelled_pod(one["Pod"]) for one in case["nodeInfo"].get("Pods") or ()])
    misfit, state = against(NodePorts, case["pod"], node)
    if (case.get("wantPreFilterStatus") or {}).get("code") == SKIPPED:
        return state is None
    return is_status(misfit, case.get("wantFilterStatus"))


def ports_fit(case: dict[str, Any]) -> bool:
    """Judge a row about whether ports are free."""
    node = candidate_of(Node(), [spelled_pod(one["Pod"]) for one in case["existing"].get("Pods") or ()])
    return ports_clash(host_ports(spelled_pod(case["pod"])), node.ports) != bool(case.get("expect"))


def gated(case: dict[str, Any]) -> bool:
    """Judge a row about gates."""
    found = SchedulingGates(spelled_cluster([])).prepare(spelled_pod(case["pod"]))
    return is_status(found, case.get("want"))


def on_purpose(row: dict[str, Any]) -> str:
    """Name the reason for which a row differs, if there is one."""
    if row["test"].endswith("WithFeatureGate"):
        return "a cluster without a feature that is always on"
    return ""


JUDGES: dict[str, dict[str, Judge]] = {
    "nodename": {"TestNodeName": filters(NodeName)},
    "nodeunschedulable": {"TestNodeUnschedulable": filters(NodeUnschedulable)},
    "tainttoleration": {
        "TestTaintTolerationFilter": filters(TaintToleration),
        "TestTaintTolerationFilterWithFeatureGate": filters(TaintToleration),
        "TestTaintTolerationScore": scores(TaintToleration),
    },
    "nodeaffinity": {"TestNodeAffinity": chosen, "TestNodeAffinityPriority": scores(NodeAffinity)},
    "nodeports": {"TestNodePorts": ports, "TestFits": ports_fit},
    "imagelocality": {"TestImageLocalityPriority": scores(ImageLocality)},
    "schedulinggates": {"TestPreEnqueue": gated},
}


def test_rules_about_nodes() -> None:
    """Which nodes are refused in which words, and which are better than others."""
    for plugin, judges in JUDGES.items():
        compare(PACKAGE + plugin, judges, on_purpose)
