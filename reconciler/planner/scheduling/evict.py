"""Having Pods of lower priority end for one that finds no node. Pure: it writes into the view."""

from collections.abc import Sequence
from typing import cast

from reconciler.model.kinds import Condition, Pod, PodDisruptionBudget
from reconciler.model.labels import matches
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.budgets import counted
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import priority_of
from reconciler.planner.scheduling.preempt import (
    PREEMPTED,
    Budget,
    Victims,
    find_room,
    why_not_eligible,
    worth_trying,
)
from reconciler.planner.scheduling.words import no_room_made
from reconciler.planner.view import View, ref_for, replace
from reconciler.planner.workloads.conditions import with_condition


def make_room(view: View, choice: Choice, stored: StoredObject, others: Sequence[StoredObject]) -> tuple[str, str]:
    """Have Pods end for one that fits nowhere; return the node that it is to have, or an empty name and why not.

    `others` are all Pods that wait for a node.
    """
    pod = cast(Pod, stored.object)
    alike, priority, nodes = choice.alike(pod), priority_of(pod), len(choice.candidates)
    if why := why_not_eligible(choice, alike, pod):
        return pod.status.nominated_node_name, f"preemption: {why}"
    known = alike.in_vain.get(priority)
    if known is not None and known[0] == len(choice.steps):
        return "", known[1]
    found = find_room(choice, alike, pod, budgets_now(view), worth_trying(choice, alike))
    if isinstance(found, Victims):
        _end(view, choice, stored, found)
        for other in others:
            _forget_nomination(view, other.ref, found.node, priority)
        return found.node, ""
    why = no_room_made(found.values(), nodes)
    alike.in_vain[priority] = (len(choice.steps), why)
    return "", why


def _end(view: View, choice: Choice, stored: StoredObject, victims: Victims) -> None:
    budgets = budgets_now(view)
    for pod in victims.pods:
        known = view.get(ref_for(pod))
        if known is None or known.object.metadata.deletion_timestamp is not None:
            continue
        _end_one(view, known, stored, victims.node)
        choice.displace(pod, victims.node)
        choice.place(cast(Pod, view.objects[known.ref].object), victims.node)
        for budget in budgets:
            budget.allowed -= budget.covers(pod)


def _end_one(view: View, victim: StoredObject, stored: StoredObject, node: str) -> None:
    pod = cast(Pod, victim.object)
    message = f"{pod.spec.scheduler_name}: preempting to accommodate a higher priority pod"
    target = Condition(type="DisruptionTarget", status="True", reason=PREEMPTED, message=message)
    conditions = with_condition(view, pod.status.conditions, target)
    victim = view.set_status(victim, replace(pod.status, conditions=conditions))
    view.happened(victim, "Preempted", f"Preempted by pod {stored.object.metadata.uid} on node {node}")
    why = f"makes room on {node} for {stored.ref}, whose priority is higher"
    view.terminate(victim, Reason.PREEMPTED, why, grace_s=pod.spec.termination_grace_period_seconds)


def _forget_nomination(view: View, ref: ObjectRef, node: str, priority: int) -> None:
    """A Pod of lower priority that room was made for on this node looks for another one."""
    stored = view.objects[ref]
    pod = cast(Pod, stored.object)
    if pod.status.nominated_node_name == node and priority_of(pod) < priority:
        view.set_status(stored, replace(pod.status, nominated_node_name=""))


def budgets_now(view: View) -> Sequence[Budget]:
    """Return what the budgets allow, counted once in a pass and brought down by every victim."""
    found: list[Budget] = view.kept_for_pass("preemption budgets", lambda: _counted(view))
    return found


def _counted(view: View) -> list[Budget]:
    budgets = [cast(PodDisruptionBudget, one.object) for one in view.of_kind("PodDisruptionBudget")]
    pods: dict[str, list[Pod]] = {}
    for one in view.of_kind("Pod") if budgets else ():
        pods.setdefault(one.ref.namespace, []).append(cast(Pod, one.object))
    return [
        Budget(
            namespace=budget.metadata.namespace,
            selector=budget.spec.selector,
            allowed=counted(view, budget, _chosen(budget, pods.get(budget.metadata.namespace, []))).allowed,
        )
        for budget in budgets
    ]


def _chosen(budget: PodDisruptionBudget, pods: list[Pod]) -> list[Pod]:
    return [pod for pod in pods if matches(budget.spec.selector, pod.metadata.labels)]
