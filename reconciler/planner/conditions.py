"""What other controllers say of objects, beside what the cluster says of them. Pure.

Of Pods it comes with the reports of their nodes, see `workloads.pods`.
"""

from typing import Any, cast

from reconciler.model.kinds import Condition
from reconciler.model.observed import StoredObject
from reconciler.planner.updates.status import KEPT
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.deployment_status import with_times

_KINDS = tuple(kind for kind in KEPT if kind != "Pod")


def lay_conditions(view: View) -> None:
    """Put the conditions of other controllers into statuses, and take out those that were taken back."""
    for ref in view.each(sorted(ref for kind in _KINDS for ref in view.awake_of(kind))):
        stored = view.get(ref)
        if stored is None:
            continue
        status, given = cast(Any, stored.object).status, _given(view, stored)
        names = {one.type for one in given}
        own = tuple(one for one in status.conditions if one.type not in names and _is_own(ref.kind, one))
        if len(own) < len(status.conditions) or given:
            view.set_status(stored, replace(status, conditions=(*own, *given)))


def _is_own(kind: str, one: Condition) -> bool:
    """Whether a condition is the cluster's; those of nodes are told anew in every pass."""
    return kind == "Node" or one.type in KEPT[kind]


def _given(view: View, stored: StoredObject) -> tuple[Condition, ...]:
    """Return what was written on this very object, with its times."""
    override = view.overrides.get(stored.ref)
    if override is None or not override.conditions or override.uid != stored.object.metadata.uid:
        return ()
    # A step of this pass may have left them out: their times are those that are stored.
    before = view.was_observed(stored.ref)
    known = () if before is None else cast(Any, before.object).status.conditions
    return tuple(with_times(view, known, one) for one in override.conditions)
