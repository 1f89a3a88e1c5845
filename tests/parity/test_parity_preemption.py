"""Room is made for Pods of higher priority as kube-scheduler's plugin DefaultPreemption does."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest

from reconciler.model.kinds import Node, NodeStatus, ObjectMeta, Pod, PodSpec
from reconciler.model.plan import Reason
from reconciler.planner.scheduling.bind import place_pods
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate, candidate_of
from reconciler.planner.scheduling.framework import Plugin
from reconciler.planner.scheduling.plugins import PLUGINS
from reconciler.planner.scheduling.preempt import Victims, find_room, why_not_eligible
from reconciler.planner.scheduling.words import no_room_made
from tests.parity.placing import REFUSED, Objects
from tests.parity.rows import Judge, NotTranslated, compare
from tests.parity.spelling import spelled_candidates, spelled_pod
from tests.parity.volumes import stored, view_of

PACKAGE = "pkg_scheduler_framework_plugins_defaultpreemption"


def choice_of(nodes: list[Candidate], refused_for_good: set[str]) -> Choice:
    """Return the choice among a row's nodes; which of them are refused for good is given."""
    return Choice({one.name: one for one in nodes}, Objects(), refused_for_good)


def room(case: dict[str, Any]) -> bool:
    """Judge a row about the node on which room is made, or why it is not."""
    wanted = case["wantStatus"]
    if case.get("features") or case.get("extender"):
        raise NotTranslated
    nodes, pod = spelled_candidates(case["nodes"], case["pods"]), spelled_pod(case["pod"])
    codes = {name: one.get("code") for name, one in case["filteredNodesStatuses"]["nodeToStatus"].items()}
    names = [one.name for one in nodes if codes.get(one.name) == REFUSED]
    if "err" in wanted:
        return fails(nodes, names, pod)
    choice = choice_of(nodes, set())
    found = find_room(choice, choice.alike(pod), pod, (), names)
    if isinstance(found, Victims):
        return found.node == case["wantResult"]["NominatingInfo"].get("NominatedNodeName")
    return [no_room_made(found.values(), len(nodes))] == wanted.get("reasons")


class _Fault(Exception):
    """What the plugin of upstream's tests answers on some nodes when a Pod is taken from them."""


class _Faulty(Plugin[bool]):
    name = "test-plugin"

    def prepare(self, pod: Pod) -> bool:
        """Have something to say about every Pod."""
        return True

    def removed(self, state: bool, pod: Pod, other: Pod, node: str) -> Collection[str]:
        """Fail on the nodes that are marked."""
        if self.cluster.nodes[node].node.metadata.labels.get("error"):
            raise _Fault
        return ()


def fails(nodes: Iterable[Candidate], names: Collection[str], pod: Pod) -> bool:
    """Whether no room is made when a plugin fails on the way, which is told."""
    choice = Choice({one.name: one for one in nodes}, Objects(), (), (*PLUGINS, _Faulty))
    with pytest.raises(_Fault):
        find_room(choice, choice.alike(pod), pod, (), names)
    return True


def not_held_up(case: dict[str, Any]) -> bool:
    """Judge a row about a Pod that is looked at while room is made for another; the rows do not show the node."""
    node = Node(metadata=ObjectMeta(name="node"), status=NodeStatus(allocatable={"pods": "1"}))
    victim = Pod(metadata=ObjectMeta(name="victim", namespace="default"), spec=PodSpec(containers=(), node_name="node"))
    first, other = (spelled_pod(case[name]) for name in ("podToTriggerPreemption", "podToCheck"))
    view = view_of(node, victim, first, other)
    place_pods(view)
    told = {one.object.name: one.reason for one in view.blocked}
    is_room_made = stored(view, first).status.nominated_node_name == "node"
    return is_room_made == case["expectPreemption"] and told[other.metadata.name] is Reason.UNSCHEDULABLE


def eligible(case: dict[str, Any]) -> bool:
    """Judge a row about whether a Pod may have others end for it."""
    pods, pod = [spelled_pod(one) for one in case["pods"]], spelled_pod(case["pod"])
    nodes = [
        candidate_of(Node(metadata=ObjectMeta(name=name)), [one for one in pods if one.spec.node_name == name])
        for name in case["nodes"]
    ]
    is_final = (case.get("nominatedNodeStatus") or {}).get("code", REFUSED) != REFUSED
    choice = choice_of(nodes, {pod.status.nominated_node_name} if is_final else set())
    return why_not_eligible(choice, choice.alike(pod), pod) != bool(case.get("expected"))


JUDGES: dict[str, Judge] = {
    "TestPostFilter": room,
    "TestPodEligibleToPreemptOthers": eligible,
    "TestPreEnqueue": not_held_up,
}


def test_preemption() -> None:
    """Who may have others end, on which node, and what is said when nobody does."""
    compare(PACKAGE, JUDGES)
