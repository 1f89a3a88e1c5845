"""Actions of the node itself: handed out once, tried again with back-off.

Pure. An action that was done although the host still does not show it counts as failed, so that two parts that
disagree about what is there never turn into a busy loop.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from reconciler.model.base import Part
from reconciler.model.plan import Action, Blocked, Reason
from reconciler.planner.node.actions import tag_of
from reconciler.planner.node.backoff import effect_failed, is_waiting
from reconciler.planner.node.look import Look
from reconciler.planner.node.memory import Emitted, Failure, NodeMemory
from reconciler.planner.node.repairs import repaired


class Task(Part, frozen=True):
    """An action of the node that is due, and what distinguishes it from others of its kind."""

    action: Action
    target: str = ""

    @property
    def name(self) -> str:
        """The name under which its failures are remembered."""
        return f"{self.type}/{self.target}"

    @property
    def type(self) -> str:
        """What it does."""
        return tag_of(self.action.detail) if self.action.detail is not None else ""


class TasksStep(Part, frozen=True):
    """Which tasks go out now, and which wait."""

    memory: NodeMemory
    actions: tuple[Action, ...] = ()
    blocked: tuple[Blocked, ...] = ()


def hand_out(look: Look, memory: NodeMemory, tasks: Iterable[Task]) -> TasksStep:
    """Hand out every task that is not backed off from; those in flight are named again, else they were dropped."""
    tasks = tuple(tasks)
    ended = {one.key for one in memory.emitted if one.key not in look.in_flight}
    failures = {name: memory.failures[name] for name in memory.failures if any(t.name == name for t in tasks)}
    emitted = [one for one in memory.emitted if one.key in look.in_flight]
    actions: list[Action] = []
    blocked: list[Blocked] = []
    for task in tasks:
        if task.action.key in look.in_flight:
            actions.append(task.action)
            continue
        failure = failures.get(task.name, Failure())
        if task.action.key in ended and not is_waiting(failure, look.now):
            failure = effect_failed(failure, look.now, "NotSeen", "done, but the host does not show it", stale=True)
            failures[task.name] = failure
        if is_waiting(failure, look.now):
            blocked.append(_backed_off(task.action, failure))
        else:
            actions.append(task.action)
            repairs = repaired(task.type, task.action.reason, 0)
            emitted.append(Emitted(key=task.action.key, type=task.type, target=task.target, repairs=repairs))
    changed = (tuple(emitted), failures) != (memory.emitted, memory.failures)
    if changed:
        memory = replace(memory, emitted=tuple(emitted), failures=failures)
    return TasksStep(memory, _without_blocked(actions, blocked), tuple(blocked))


def _backed_off(action: Action, failure: Failure) -> Blocked:
    return Blocked(
        executor=action.executor,
        verb=action.verb,
        object=action.object,
        node=action.node,
        reason=Reason.BACK_OFF,
        message=f"{failure.reason}: {failure.message}",
        until=failure.until,
    )


def _without_blocked(actions: list[Action], blocked: list[Blocked]) -> tuple[Action, ...]:
    """Keep only needs that this plan contains: what is backed off from must not hold up the others for ever."""
    if not blocked:
        return tuple(actions)
    keys = {action.key for action in actions}
    return tuple(replace(one, needs=tuple(need for need in one.needs if need in keys)) for one in actions)
