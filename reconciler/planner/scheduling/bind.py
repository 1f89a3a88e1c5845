"""Placing Pods on nodes: deterministic, ties by name, and every Pod that is not placed says why. Pure."""

from collections.abc import Mapping
from functools import partial
from operator import is_
from typing import cast

from reconciler.model.canonical import digest
from reconciler.model.details import Bind
from reconciler.model.kinds import Condition, Node, PersistentVolume, PersistentVolumeClaim, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Action, Blocked, Decision, Executor, Reason, Verb
from reconciler.planner.health import condition
from reconciler.planner.priority import missing_class
from reconciler.planner.references import claims_of
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.choice import with_pod as with_pod
from reconciler.planner.scheduling.fit import Candidate, repels, why_not
from reconciler.planner.scheduling.room import Room, allocatable, requested
from reconciler.planner.storage.claims import node_of
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.deployment_status import with_times
from reconciler.planner.workloads.pods import is_silent
from reconciler.planner.workloads.podview import is_active

_GATED = "Scheduling is blocked due to non-empty scheduling gates"


def place_pods(view: View) -> tuple[Action, ...]:
    """Bind every Pod that has no node yet, highest priority first; return the actions that do it."""
    waiting = [one for one in view.due("Pod") if _waits(cast(Pod, one.object))]
    if not waiting:
        return ()
    choice = Choice(candidates_of(view), partial(_why_not_here, view))
    actions = []
    for stored in sorted(waiting, key=_turn):
        pod = cast(Pod, stored.object)
        if pod.spec.scheduling_gates:
            _say_why(view, stored, _GATED, Reason.SCHEDULING_GATED)
            continue
        chosen, why = _choose(view, pod, choice)
        if chosen:
            actions.append(_bind(view, stored, chosen, len(choice.candidates)))
            choice.place(pod, chosen)
        else:
            _say_why(view, stored, why)
    return tuple(actions)


def _waits(pod: Pod) -> bool:
    return not pod.spec.node_name and is_active(pod)


def _turn(stored: StoredObject) -> tuple[int, str, object]:
    pod = cast(Pod, stored.object)
    return (-(pod.spec.priority or 0), pod.metadata.creation_timestamp or "", stored.ref)


def candidates_of(view: View) -> dict[str, Candidate]:
    """Return every node by name, with the Pods that are placed on it: as before where neither has changed."""
    known: dict[str, tuple[tuple[StoredObject, ...], Candidate]] = view.memo.kept("candidates", dict)
    found: dict[str, Candidate] = {}
    for node in view.of_kind("Node"):
        name = node.ref.name
        inputs = (node, *view.on_node(name))
        before = known.get(name)
        if before is None or len(before[0]) != len(inputs) or not all(map(is_, before[0], inputs)):
            known[name] = (inputs, _candidate(*inputs))
        found[name] = known[name][1]
    for name in known.keys() - found.keys():
        del known[name]
    return found


def _candidate(node: StoredObject, *placed: StoredObject) -> Candidate:
    pods = tuple(cast(Pod, one.object) for one in placed)
    pods = tuple(pod for pod in pods if pod.status.phase not in ("Succeeded", "Failed"))
    used = Room()
    for pod in pods:
        used = used.plus(requested(pod.spec))
    object = cast(Node, node.object)
    repelling = tuple(pod for pod in pods if repels(pod))
    return Candidate(node=object, has=allocatable(object), used=used, pods=pods, repelling=repelling)


def _choose(view: View, pod: Pod, choice: Choice) -> tuple[str, str]:
    """Return the best node, or an empty name and kube-scheduler's sentence."""
    nodes = len(choice.candidates)
    if missing := _missing_problem(view, pod):
        return "", f"0/{nodes} nodes are available: {missing}."
    chosen, reasons = choice.best(pod, pinned_to(view, pod))
    listed = ", ".join(f"{count} {why}" for why, count in sorted(reasons.items()))
    return chosen, f"0/{nodes} nodes are available: {listed or 'no nodes are known'}."


def refusals(view: View, pod: Pod, candidates: Mapping[str, Candidate]) -> dict[str, str]:
    """Return what each node has against a Pod, in the order of their names; an empty text: it fits."""
    pinned = pinned_to(view, pod)
    return {name: _why_not_here(view, pod, name, candidates[name], pinned) for name in sorted(candidates)}


def _why_not_here(view: View, pod: Pod, name: str, candidate: Candidate, pinned: tuple[str, ...]) -> str:
    return _silence(view, name) or why_not(pod, candidate, pinned)


def _silence(view: View, name: str) -> str:
    silent = is_silent(view, view.observed.nodes.get(name))
    return "node(s) had untolerated taint {node.kubernetes.io/unreachable: }" if silent else ""


def _missing_problem(view: View, pod: Pod) -> str:
    if name := missing_class(view, pod.spec):
        return f"no PriorityClass with name {name} was found"
    for name in claims_of(pod.spec):
        if view.typed(PersistentVolumeClaim, pod.metadata.namespace, name) is None:
            return f'persistentvolumeclaim "{name}" not found'
    return ""


def pinned_to(view: View, pod: Pod) -> tuple[str, ...]:
    """Return the nodes on which the local volumes of a Pod are."""
    nodes = []
    for name in claims_of(pod.spec):
        claim = view.typed(PersistentVolumeClaim, pod.metadata.namespace, name)
        volume = view.typed(PersistentVolume, "", claim.spec.volume_name) if claim else None
        if volume is not None and node_of(volume):
            nodes.append(node_of(volume))
    return tuple(nodes)


def _bind(view: View, stored: StoredObject, node: str, nodes: int) -> Action:
    pod = cast(Pod, stored.object)
    bound = replace(pod, spec=replace(pod.spec, node_name=node))
    scheduled = with_times(view, pod.status.conditions, Condition(type="PodScheduled", status="True"))
    others = tuple(one for one in pod.status.conditions if one.type != "PodScheduled")
    bound = replace(bound, status=replace(pod.status, conditions=(*others, scheduled)))
    stored = view.place(stored, bound)
    view.happened(stored, "Scheduled", f"placed on {node}")
    uid = pod.metadata.uid
    return Action(
        key=digest("bind", node, uid)[:16],
        executor=Executor.SCHEDULING,
        verb=Verb.BIND,
        object=stored.ref,
        uid=uid,
        node=node,
        reason=Reason.PLACED,
        message=f"→ {node}" if nodes == 1 else f"→ {node}, the best of {nodes}",
        detail=Bind(pod_uid=uid, node=node),
    )


def _say_why(view: View, stored: StoredObject, why: str, reason: Reason = Reason.UNSCHEDULABLE) -> None:
    pod = cast(Pod, stored.object)
    old = condition(pod.status.conditions, "PodScheduled")
    is_gated = reason is Reason.SCHEDULING_GATED
    told = "SchedulingGated" if is_gated else "Unschedulable"
    waiting = Condition(type="PodScheduled", status="False", reason=told, message=why)
    if not is_gated and (old is None or old.message != why):
        view.happened(stored, "FailedScheduling", why, warning=True)
    others = tuple(one for one in pod.status.conditions if one.type != "PodScheduled")
    conditions = (*others, with_times(view, pod.status.conditions, waiting))
    stored = view.set_status(stored, replace(pod.status, phase="Pending", conditions=conditions))
    if stored.ref not in view.verdicts or view.verdicts[stored.ref].decision is Decision.UNCHANGED:
        view.judge(stored.ref, Decision.BLOCKED, reason, why, stored=stored)
    view.blocked.append(
        Blocked(executor=Executor.SCHEDULING, verb=Verb.BIND, object=stored.ref, reason=reason, message=why)
    )
