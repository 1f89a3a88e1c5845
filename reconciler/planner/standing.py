"""Whether the last answer stands: nothing that a step reads is otherwise, and no time has come. Pure.

Most reports of a node say something that only the node and its daemon are about: which documents it has, how far its
kernel's tables are. The plan that is made after one of these is the last one.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter, is_

from msgspec.structs import replace

from reconciler.model.base import Part, Value
from reconciler.model.desired import DesiredState
from reconciler.model.node_report import NodeFacts, Observation
from reconciler.model.observed import NodeState, ObservedState
from reconciler.model.plan import Plan
from reconciler.model.policy import Policy
from reconciler.planner.memo import Memo
from reconciler.planner.view import View


def _all_but(type_: type[Value], *names: str) -> Callable[[Value], tuple[object, ...]]:
    return attrgetter(*(name for name in type_.__struct_fields__ if name not in names))


# Only autoscalers ask what is used.
_apart_from_nodes = _all_but(ObservedState, "nodes", "usage")
# What steps may read of a report: all but what only the agent, its daemon and the documents are about.
_of_report = _all_but(
    Observation, "sequence", "observed_at", "generation", "view_generation", "memory", "events", "facts"
)
_of_facts = _all_but(NodeFacts, "observed_at", "containers", "images", "volumes", "network")


class Answered(Part, frozen=True):
    """What an answer was made from, until when it holds by itself, and the answer."""

    desired: tuple[DesiredState, ...]
    observed: ObservedState
    policy: Policy
    now: float
    until: float | None
    answer: Plan


def standing_answer(
    memo: Memo, desired: Mapping[str, DesiredState], observed: ObservedState, policy: Policy, now: float
) -> Plan | None:
    """Return the last answer as that of this moment; None where it has to be found anew."""
    last: Answered | None = memo.answered
    if last is None or now < last.now or (last.until is not None and now >= last.until):
        return None
    before = last.observed
    if policy is not last.policy or not all(map(is_, _apart_from_nodes(before), _apart_from_nodes(observed))):
        return None
    states = tuple(desired[name] for name in sorted(desired))
    if len(states) != len(last.desired) or not all(map(is_, states, last.desired)):
        return None
    if observed.nodes.keys() != before.nodes.keys():
        return None
    for name, state in observed.nodes.items():
        if not _says_the_same(before.nodes[name], state, last.now, now, policy.node_lease_s):
            return None
    return replace(last.answer, observed_at=now, look_again_at=look_again_at(last.until, observed, policy, now))


def note_answer(view: View, desired: Mapping[str, DesiredState], answer: Plan) -> None:
    """Keep an answer that nothing follows from. Those of autoscalers follow from the time, and from what is used."""
    follows = answer.changes or answer.actions or answer.allocations or answer.happenings
    if follows or answer.overrides or answer.endings or answer.holds or view.of_kind("HorizontalPodAutoscaler"):
        view.memo.answered = None
        return
    view.memo.answered = Answered(
        desired=tuple(desired[name] for name in sorted(desired)),
        observed=view.observed,
        policy=view.policy,
        now=view.now,
        until=view.look_again_at,
        answer=answer,
    )


def look_again_at(until: float | None, observed: ObservedState, policy: Policy, now: float) -> float | None:
    """Return when the answer may differ by itself: at a time that a step noted, or when a node's lease ends."""
    times = [] if until is None else [until]
    for state in observed.nodes.values():
        heard_at = state.heard_at
        if heard_at is not None and heard_at + policy.node_lease_s + 0.001 > now:
            times.append(heard_at + policy.node_lease_s + 0.001)
    return min(times, default=None)


def _says_the_same(old: NodeState, new: NodeState, then: float, now: float, lease_s: float) -> bool:
    """Whether a node was silent then and now, or in neither, and reports what it reported, as far as steps read it."""
    if old.is_silent(then, lease_s) != new.is_silent(now, lease_s):
        return False
    one, other = old.observation, new.observation
    if one is None or other is None:
        return one is other
    return _of_report(one) == _of_report(other) and _of_facts(one.facts) == _of_facts(other.facts)
