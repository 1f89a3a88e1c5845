"""Room is made for Pods of higher priority as kube-scheduler's plugin DefaultPreemption does."""

from typing import Any

from reconciler.model.kinds import Node, ObjectMeta
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate, candidate_of
from reconciler.planner.scheduling.preempt import Victims, find_room, why_not_eligible
from reconciler.planner.scheduling.words import no_room_made
from tests.parity.placing import REFUSED, Objects
from tests.parity.rows import Judge, NotTranslated, compare
from tests.parity.spelling import spelled_candidates, spelled_pod

PACKAGE = "pkg_scheduler_framework_plugins_defaultpreemption"


def choice_of(nodes: list[Candidate], refused_for_good: set[str]) -> Choice:
    """Return the choice among a row's nodes; which of them are refused for good is given."""
    return Choice({one.name: one for one in nodes}, Objects(), refused_for_good)


def room(case: dict[str, Any]) -> bool:
    """Judge a row about the node on which room is made, or why it is not."""
    wanted = case["wantStatus"]
    if case.get("features") or case.get("extender") or "err" in wanted:
        raise NotTranslated
    nodes, pod = spelled_candidates(case["nodes"], case["pods"]), spelled_pod(case["pod"])
    codes = {name: one.get("code") for name, one in case["filteredNodesStatuses"]["nodeToStatus"].items()}
    choice = choice_of(nodes, set())
    names = [one.name for one in nodes if codes.get(one.name) == REFUSED]
    found = find_room(choice, choice.alike(pod), pod, (), names)
    if isinstance(found, Victims):
        return found.node == case["wantResult"]["NominatingInfo"].get("NominatedNodeName")
    return [no_room_made(found.values(), len(nodes))] == wanted.get("reasons")


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


JUDGES: dict[str, Judge] = {"TestPostFilter": room, "TestPodEligibleToPreemptOthers": eligible}


def test_preemption() -> None:
    """Who may have others end, on which node, and what is said when nobody does."""
    compare(PACKAGE, JUDGES)
