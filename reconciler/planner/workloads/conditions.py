"""Conditions of a status: each type stands there once, and keeps its place when it says something else. Pure."""

from reconciler.model.kinds import Condition
from reconciler.planner.health import condition
from reconciler.planner.view import View
from reconciler.planner.workloads.deployment_status import with_times

Conditions = tuple[Condition, ...]


def with_condition(view: View, conditions: Conditions, new: Condition) -> Conditions:
    """Return conditions with a new one: in the place of the one of its type, or last; its times as they follow."""
    timed = with_times(view, conditions, new)
    if condition(conditions, new.type) is None:
        return (*conditions, timed)
    return tuple(timed if one.type == new.type else one for one in conditions)


def without_condition(conditions: Conditions, type_: str) -> Conditions:
    """Return the conditions of all other types."""
    return tuple(one for one in conditions if one.type != type_)
