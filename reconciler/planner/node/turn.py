"""A Pod's turn: the chain of actions that fits its stage, handed out as one unit.

Pure. At most one chain of a Pod is in flight. A chain that ended and is needed again unchanged did not work, or the
host does not show it yet: it is tried again with back-off.
"""

from msgspec.structs import replace

from reconciler.model.base import Part
from reconciler.model.node_report import NodeEvent
from reconciler.model.plan import Action, Blocked, Executor, Reason, Verb
from reconciler.planner.node.actions import pod_ref
from reconciler.planner.node.backoff import effect_failed, is_waiting
from reconciler.planner.node.chain import Chain, Shared
from reconciler.planner.node.happenings import killing_events
from reconciler.planner.node.look import Look
from reconciler.planner.node.memory import Failure, PodMemory
from reconciler.planner.node.pods import PodJudgement, Stage
from reconciler.planner.node.running import run_chain
from reconciler.planner.node.survey import Survey
from reconciler.planner.node.termination import recreate_chain, terminate_chain, wind_down_chain


class Turn(Part, frozen=True):
    """What comes of one Pod's turn. `is_settled`: nothing is to be done for it until something changes."""

    survey: Survey
    memory: PodMemory
    actions: tuple[Action, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    events: tuple[NodeEvent, ...] = ()
    is_settled: bool = False


def take_turn(look: Look, survey: Survey, shared: Shared) -> Turn:
    """Decide which actions of a Pod go out now."""
    judged = survey.judged
    if judged is None:
        return Turn(survey, survey.memory)
    chain = _chain(look, judged, shared)
    if judged.busy:
        in_flight = tuple(action for action in chain.actions if action.key in look.in_flight)
        return Turn(survey, survey.memory, in_flight, tuple(chain.blocked), survey.events)
    if not chain.actions:
        memory = _quiet(survey.memory, look.now)
        settled = memory is survey.memory and not chain.blocked
        return Turn(survey, memory, (), tuple(chain.blocked), survey.events, is_settled=settled)
    return _hand_out(look, survey, judged, chain)


def _chain(look: Look, judged: PodJudgement, shared: Shared) -> Chain:
    match judged.stage:
        case Stage.TERMINATE:
            return terminate_chain(look, judged, shared)
        case Stage.WIND_DOWN:
            return wind_down_chain(look, judged)
        case Stage.RECREATE:
            return recreate_chain(look, judged)
        case Stage.RUN:
            assert judged.pod is not None
            return run_chain(look, judged, judged.pod, shared)


def _quiet(memory: PodMemory, now: float) -> PodMemory:
    """Nothing is to be done: what failed before is over, unless it is what nothing is done for."""
    if memory.emitted:
        memory = replace(memory, emitted=())
    if memory.failure.count and not is_waiting(memory.failure, now):
        memory = replace(memory, failure=Failure())
    return memory


def _hand_out(look: Look, survey: Survey, judged: PodJudgement, chain: Chain) -> Turn:
    memory = survey.memory
    again = {one.key for one in chain.emitted} == {one.key for one in memory.emitted}
    if again and not is_waiting(memory.failure, look.now):
        failure = effect_failed(memory.failure, look.now, "NotSeen", "done, but the host does not show it", stale=True)
        memory = replace(memory, failure=failure)
    if is_waiting(memory.failure, look.now):
        blocked = Blocked(
            executor=Executor.CONTAINER,
            verb=Verb.UPDATE,
            object=pod_ref(memory.namespace, memory.name),
            node=look.node,
            reason=Reason.BACK_OFF,
            message=f"{memory.failure.reason}: {memory.failure.message}",
            until=memory.failure.until,
        )
        return Turn(survey, replace(memory, emitted=()), (), (*chain.blocked, blocked), survey.events)
    events = (*survey.events, *killing_events(look, judged))
    return Turn(
        survey,
        replace(memory, emitted=tuple(chain.emitted)),
        tuple(chain.actions),
        tuple(chain.blocked),
        events,
    )
