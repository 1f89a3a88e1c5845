"""The steps of a rollout as they are taken. Pure apart from its own state."""

from typing import Any

from msgspec.structs import replace

from reconciler.model.forecast import CLUSTER, ForecastStep
from reconciler.model.observed import ObservedState
from reconciler.model.plan import Action, Change, Outcome, Plan
from reconciler.planner.view import OBSERVED_KINDS

TERMINATE = "terminate"


class Steps:
    """Keeps every step. `started_at` is in Unix seconds."""

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._found: list[ForecastStep] = []

    @property
    def ends_at_s(self) -> float:
        """When the last step ends; 0 without any."""
        return max((one.at_s + one.took_s for one in self._found), default=0.0)

    def __len__(self) -> int:
        return len(self._found)

    def note_plan(self, before: ObservedState, plan: Plan, now: float) -> None:
        """Keep what a committed plan writes: objects, but no status; and where it places Pods."""
        at, messages = self._at(now), {}
        if plan.changes:
            messages = {one.object: one.message for one in plan.verdicts}
        for change in plan.changes:
            if change.verb != "status" and change.ref.kind not in OBSERVED_KINDS:
                self._found += _of_change(change, before, at, messages.get(change.ref, ""))
        for action in plan.actions:
            self._found.append(_of_action(action, at, 0.0, None))

    def note_action(self, begun: float, action: Action, outcome: Outcome, now: float) -> None:
        """Keep what a node has done."""
        self._found.append(_of_action(action, self._at(begun), round(now - begun, 3), outcome))

    def result(self) -> tuple[ForecastStep, ...]:
        """Return the steps in the order in which they begin; steps of one moment keep theirs."""
        return tuple(sorted(self._found, key=lambda one: one.at_s))

    def _at(self, now: float) -> float:
        return round(now - self._started_at, 3)


def _of_change(change: Change, before: ObservedState, at: float, message: str) -> tuple[ForecastStep, ...]:
    known = before.objects.get(change.ref)
    old: Any = known.object if known is not None else None
    verb = change.verb
    if verb == "update" and old is not None:
        ends = change.object.metadata.deletion_timestamp
        if ends and not old.metadata.deletion_timestamp:
            verb = TERMINATE
        elif _is_the_same(old, change.object):
            return ()
    replicas = _replicas(old, change.object) if verb in ("create", "update") else ""
    step = ForecastStep(
        at_s=at,
        executor=CLUSTER,
        verb=verb,
        object=change.ref,
        reason=change.reason,
        message=replicas or message,
    )
    return (step,)


def _is_the_same(old: Any, new: Any) -> bool:
    """Whether an update of what the planner made itself touches nothing but notes in its metadata."""
    is_derived = any(owner.controller for owner in old.metadata.owner_references)
    return is_derived and getattr(old, "spec", None) == getattr(new, "spec", None)


def _replicas(old: Any, new: Any) -> str:
    wanted = getattr(getattr(new, "spec", None), "replicas", None)
    had = getattr(getattr(old, "spec", None), "replicas", 0)
    return f"replicas {had} → {wanted}" if wanted is not None and wanted != had else ""


def _of_action(action: Action, at: float, took_s: float, outcome: Outcome | None) -> ForecastStep:
    step = ForecastStep(
        at_s=at,
        took_s=took_s,
        executor=action.executor.value,
        verb=action.verb.value,
        object=action.object,
        node=action.node,
        reason=action.reason,
        message=action.message,
        action=action,
    )
    if outcome is None:
        return step
    return replace(step, outcome=outcome.status, message=outcome.message or action.message)
