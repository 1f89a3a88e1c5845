"""Placing Pods on nodes: deterministic, ties by name, and every Pod that is not placed says why. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

from reconciler.model.canonical import digest
from reconciler.model.details import Bind
from reconciler.model.kinds import Condition, Node, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Action, Blocked, Decision, Executor, Reason, Verb
from reconciler.model.refs import ObjectRef
from reconciler.planner.health import condition
from reconciler.planner.priority import missing_class
from reconciler.planner.scheduling.alike import Chosen
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.evict import make_room
from reconciler.planner.scheduling.fit import Candidate, candidate_of, priority_of
from reconciler.planner.scheduling.volumes import reserve
from reconciler.planner.scheduling.waiting import Turn, Waiting
from reconciler.planner.scheduling.words import none_available, texts_of, why_unplaced
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.conditions import with_condition
from reconciler.planner.workloads.pods import is_silent

_GATED = "Scheduling is blocked due to non-empty scheduling gates"


def place_pods(view: View) -> tuple[Action, ...]:
    """Bind every Pod that has no node yet, highest priority first; return the actions that do it."""
    memory: Waiting = view.memo.kept("waiting", Waiting)
    view.waiting = memory
    memory.begin(view)
    due = list(_due(view))
    if not due and not memory.has_news:
        view.blocked += memory.told()
        _look_again(view, memory)
        return ()
    placing = _Placing(view, memory, due)
    known = {one.ref for one in due}
    turns = sorted([*(_turn(one) for one in due), *(one for one in memory.turns() if one[-1] not in known)])
    actions: list[Action] = []
    for _, group in groupby(turns, key=itemgetter(0)):
        actions += placing.place_equals(list(group))
    _look_again(view, memory)
    return tuple(actions)


def _due(view: View) -> Iterator[StoredObject]:
    """Yield the Pods that are to be placed. One that is asked to end before it was says that it will not be."""
    for stored in view.due("Pod"):
        pod = cast(Pod, stored.object)
        if pod.spec.node_name or pod.status.phase in ("Succeeded", "Failed"):
            continue
        if pod.metadata.deletion_timestamp is None:
            yield stored
        else:
            why = f"skip schedule deleting pod: {stored.ref.namespace}/{stored.ref.name}"
            view.happened(stored, "FailedScheduling", why, warning=True)


def _look_again(view: View, memory: Waiting) -> None:
    if memory.look_at < math.inf:
        view.look_again(memory.look_at)


class _Placing:
    """The Pods that wait, of which some are due, and the choice among nodes; it is made when it is first needed."""

    def __init__(self, view: View, memory: Waiting, due: Sequence[StoredObject]) -> None:
        self._view = view
        self._memory = memory
        self._due = {one.ref: one for one in due}

    @cached_property
    def _choice(self) -> Choice:
        return choice_of(self._view, candidates_of(self._view), self._view.memo.kept("scheduling", dict))

    def place_equals(self, turns: Sequence[Turn]) -> Iterator[Action]:
        """Place Pods of one priority. What room is made for is held free for it, from its equals and those below."""
        held = dict(self._nominated(turns))
        for pod in held.values():
            self._choice.place(pod, pod.status.nominated_node_name)
        for turn in turns:
            ref = turn[-1]
            if ref in held:
                self._choice.displace(held[ref], held[ref].status.nominated_node_name)
            told = self._memory.blocked(ref, lambda: self._choice)
            if told is None:
                yield from self._place(turn)
            elif ref in self._due:
                self._memory.retell(ref, _say_again(self._view, self._view.objects[ref], told))
            else:
                self._view.blocked.append(told)

    def _nominated(self, turns: Sequence[Turn]) -> Iterator[tuple[ObjectRef, Pod]]:
        for *_, ref in turns:
            if ref in self._due:
                pod = cast(Pod, self._view.objects[ref].object)
                node = pod.status.nominated_node_name
                if node and not pod.spec.scheduling_gates and node in self._choice.candidates:
                    yield ref, pod

    def _place(self, turn: Turn) -> Iterator[Action]:
        view, ref = self._view, turn[-1]
        if ref not in self._due:
            view.come_to(ref)
        stored = view.objects[ref]
        pod = cast(Pod, stored.object)
        if pod.spec.scheduling_gates:
            _say_why(view, stored, _GATED, Reason.SCHEDULING_GATED)
            return
        missing, choice = missing_class(view, pod.spec), self._choice
        found = Chosen("", 0) if missing else choice.chosen(pod)
        node = found.node
        if node:
            reserve(view, pod, node)
            yield _bind(view, stored, found, len(choice.candidates))
        elif missing:
            against = f"no PriorityClass with name {missing} was found"
            _say_why(view, stored, none_available(len(choice.candidates), against))
        else:
            node = self._stay(stored, turn)
        if node:
            choice.place(pod, node)

    def _stay(self, stored: StoredObject, turn: Turn) -> str:
        """Have a Pod wait and say why; return the node on which room is made for it."""
        view, choice, pod = self._view, self._choice, cast(Pod, stored.object)
        nodes = len(choice.candidates)
        why, node = why_unplaced(choice.alike(pod), nodes), ""
        if nodes:
            node, after = make_room(view, choice, stored, tuple(self._due.values()))
            why = f"{why} {after}" if after else why
        told = _say_why(view, stored, why, nominated=node)
        if not node and not pod.status.nominated_node_name:
            self._memory.hold(view, cast(Pod, view.objects[stored.ref].object), turn, choice, told)
        return node


def _turn(stored: StoredObject) -> Turn:
    pod = cast(Pod, stored.object)
    return (-priority_of(pod), pod.metadata.creation_timestamp or "", stored.ref)


def candidates_of(view: View) -> dict[str, Candidate]:
    """Return every node by name, with the Pods that are placed on it: as before where neither has changed."""
    known: dict[str, tuple[StoredObject, object, Candidate]] = view.memo.kept("candidates", dict)
    marks, found = view.memo.picture.node_marks, {}
    for node in view.of_kind("Node"):
        name, mark = node.ref.name, marks[node.ref.name]
        before = known.get(name)
        if before is None or before[0] is not node or before[1] is not mark:
            before = known[name] = (node, mark, _candidate(view, node))
        found[name] = before[2]
    for name in known.keys() - found.keys():
        del known[name]
    return found


def _candidate(view: View, node: StoredObject) -> Candidate:
    placed = view.on_node(node.ref.name)
    return candidate_of(cast(Node, node.object), (cast(Pod, one.object) for one in placed))


def choice_of(view: View, candidates: Mapping[str, Candidate], kept: dict[str, Any] | None = None) -> Choice:
    """Return the choice among these nodes; those that are silent take no new Pods. `kept` makes it quicker."""
    nodes = view.observed.nodes
    silent = [name for name in candidates if is_silent(view, nodes.get(name))]
    return Choice(candidates, view, silent, kept=kept, settings=view.policy.placing)


def refusals(view: View, pod: Pod, candidates: Mapping[str, Candidate]) -> dict[str, str]:
    """Return what each node has against a Pod, in the order of their names; an empty text: it fits."""
    return texts_of(choice_of(view, candidates).misfits(pod))


def _why(fitting: int, nodes: int) -> str:
    """Return why a node was taken, of so many that take the Pod, and so many that there are."""
    if nodes == 1:
        return ""
    if fitting == 0:
        return ", where room was made for it"
    if fitting == 1:
        return ", the only fit"
    return f", the best of {nodes}" if fitting == nodes else f", the best of {fitting} that fit"


def _bind(view: View, stored: StoredObject, found: Chosen, nodes: int) -> Action:
    pod, node = cast(Pod, stored.object), found.node
    bound = replace(pod, spec=replace(pod.spec, node_name=node))
    conditions = with_condition(view, pod.status.conditions, Condition(type="PodScheduled", status="True"))
    bound = replace(bound, status=replace(pod.status, conditions=conditions, nominated_node_name=""))
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
        message=f"→ {node}{_why(found.of, nodes)}",
        detail=Bind(pod_uid=uid, node=node),
    )


def _say_why(
    view: View, stored: StoredObject, why: str, reason: Reason = Reason.UNSCHEDULABLE, nominated: str = ""
) -> Blocked:
    pod = cast(Pod, stored.object)
    old = condition(pod.status.conditions, "PodScheduled")
    is_gated = reason is Reason.SCHEDULING_GATED
    told = "SchedulingGated" if is_gated else "Unschedulable"
    waiting = Condition(type="PodScheduled", status="False", reason=told, message=why)
    if not is_gated and (old is None or old.message != why):
        view.happened(stored, "FailedScheduling", why, warning=True)
    conditions = with_condition(view, pod.status.conditions, waiting)
    status = replace(pod.status, phase="Pending", conditions=conditions, nominated_node_name=nominated)
    stored = view.set_status(stored, status)
    if stored.ref not in view.verdicts or view.verdicts[stored.ref].decision is Decision.UNCHANGED:
        view.judge(stored.ref, Decision.BLOCKED, reason, why, stored=stored)
    blocked = Blocked(executor=Executor.SCHEDULING, verb=Verb.BIND, object=stored.ref, reason=reason, message=why)
    view.blocked.append(blocked)
    return blocked


def _say_again(view: View, stored: StoredObject, told: Blocked) -> Blocked:
    """Say of a Pod that is not looked at what it says already."""
    before = condition(cast(Pod, stored.object).status.conditions, "PodScheduled")
    is_said = before is not None and before.reason == "Unschedulable"
    return _say_why(view, stored, before.message if before is not None and is_said else told.message)
