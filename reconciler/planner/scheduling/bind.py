"""Placing Pods on nodes: deterministic, ties by name, and every Pod that is not placed says why. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import is_
from typing import Any, cast

from reconciler.model.canonical import digest
from reconciler.model.details import Bind
from reconciler.model.kinds import Condition, Node, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Action, Blocked, Decision, Executor, Reason, Verb
from reconciler.model.refs import ObjectRef
from reconciler.planner.health import condition
from reconciler.planner.priority import missing_class
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.evict import make_room
from reconciler.planner.scheduling.fit import Candidate, candidate_of, priority_of
from reconciler.planner.scheduling.volumes import reserve
from reconciler.planner.scheduling.words import none_available, texts_of, why_unplaced
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
    choice = choice_of(view, candidates_of(view), view.memo.kept("scheduling", dict))
    turns = sorted(waiting, key=_turn)
    actions: list[Action] = []
    for _, group in groupby(turns, key=lambda one: priority_of(cast(Pod, one.object))):
        actions += _place_equals(view, choice, [one.ref for one in group], turns)
    return tuple(actions)


def _place_equals(
    view: View, choice: Choice, refs: Sequence[ObjectRef], turns: Sequence[StoredObject]
) -> Iterator[Action]:
    """Place Pods of one priority. What room is made for is held free for it, from its equals and those below."""
    held = {ref: pod for ref in refs if (pod := _pod(view, ref)).status.nominated_node_name in choice.candidates}
    held = {ref: pod for ref, pod in held.items() if not pod.spec.scheduling_gates}
    for pod in held.values():
        choice.place(pod, pod.status.nominated_node_name)
    for ref in refs:
        if ref in held:
            choice.displace(held[ref], held[ref].status.nominated_node_name)
        stored = view.objects[ref]
        pod = cast(Pod, stored.object)
        if pod.spec.scheduling_gates:
            _say_why(view, stored, _GATED, Reason.SCHEDULING_GATED)
            continue
        missing = missing_class(view, pod.spec)
        node = "" if missing else choice.best(pod)
        if node:
            reserve(view, pod, node)
            yield _bind(view, stored, node, len(choice.candidates))
        else:
            node = _stay(view, choice, stored, missing, turns)
        if node:
            choice.place(pod, node)


def _stay(view: View, choice: Choice, stored: StoredObject, missing: str, turns: Sequence[StoredObject]) -> str:
    """Have a Pod wait and say why; return the node on which room is made for it."""
    pod, nodes = cast(Pod, stored.object), len(choice.candidates)
    if missing:
        against = f"no PriorityClass with name {missing} was found"
        _say_why(view, stored, none_available(nodes, against))
        return ""
    why = why_unplaced(choice.alike(pod), nodes)
    node = ""
    if nodes:
        node, after = make_room(view, choice, stored, turns)
        why = f"{why} {after}" if after else why
    _say_why(view, stored, why, nominated=node)
    return node


def _pod(view: View, ref: ObjectRef) -> Pod:
    return cast(Pod, view.objects[ref].object)


def _waits(pod: Pod) -> bool:
    return not pod.spec.node_name and is_active(pod)


def _turn(stored: StoredObject) -> tuple[int, str, object]:
    pod = cast(Pod, stored.object)
    return (-priority_of(pod), pod.metadata.creation_timestamp or "", stored.ref)


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
    return candidate_of(cast(Node, node.object), (cast(Pod, one.object) for one in placed))


def choice_of(view: View, candidates: Mapping[str, Candidate], kept: dict[str, Any] | None = None) -> Choice:
    """Return the choice among these nodes; those that are silent take no new Pods. `kept` makes it quicker."""
    nodes = view.observed.nodes
    silent = [name for name in candidates if is_silent(view, nodes.get(name))]
    return Choice(candidates, view, silent, kept=kept)


def refusals(view: View, pod: Pod, candidates: Mapping[str, Candidate]) -> dict[str, str]:
    """Return what each node has against a Pod, in the order of their names; an empty text: it fits."""
    return texts_of(choice_of(view, candidates).misfits(pod))


def _bind(view: View, stored: StoredObject, node: str, nodes: int) -> Action:
    pod = cast(Pod, stored.object)
    bound = replace(pod, spec=replace(pod.spec, node_name=node))
    scheduled = with_times(view, pod.status.conditions, Condition(type="PodScheduled", status="True"))
    others = tuple(one for one in pod.status.conditions if one.type != "PodScheduled")
    bound = replace(bound, status=replace(pod.status, conditions=(*others, scheduled), nominated_node_name=""))
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


def _say_why(
    view: View, stored: StoredObject, why: str, reason: Reason = Reason.UNSCHEDULABLE, nominated: str = ""
) -> None:
    pod = cast(Pod, stored.object)
    old = condition(pod.status.conditions, "PodScheduled")
    is_gated = reason is Reason.SCHEDULING_GATED
    told = "SchedulingGated" if is_gated else "Unschedulable"
    waiting = Condition(type="PodScheduled", status="False", reason=told, message=why)
    if not is_gated and (old is None or old.message != why):
        view.happened(stored, "FailedScheduling", why, warning=True)
    others = tuple(one for one in pod.status.conditions if one.type != "PodScheduled")
    conditions = (*others, with_times(view, pod.status.conditions, waiting))
    status = replace(pod.status, phase="Pending", conditions=conditions, nominated_node_name=nominated)
    stored = view.set_status(stored, status)
    if stored.ref not in view.verdicts or view.verdicts[stored.ref].decision is Decision.UNCHANGED:
        view.judge(stored.ref, Decision.BLOCKED, reason, why, stored=stored)
    view.blocked.append(
        Blocked(executor=Executor.SCHEDULING, verb=Verb.BIND, object=stored.ref, reason=reason, message=why)
    )
