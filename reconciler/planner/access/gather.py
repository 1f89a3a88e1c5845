"""ClusterRoles that gather others hold the gathered rules, so that whoever reads or watches one sees them. Pure."""

from functools import partial
from typing import cast

from reconciler.model.kinds import ClusterRole
from reconciler.model.plan import Reason
from reconciler.planner.access.aggregate import effective_rules
from reconciler.planner.access.rules import Rules
from reconciler.planner.view import View, replace


def gather_rules(view: View) -> None:
    """Write the gathered rules into every aggregating ClusterRole; it is no change that a person approves."""
    marks = view.memo.picture.marks
    if view.memo.known("rules are gathered", (marks[ClusterRole.kind],)):
        view.memo.keep("rules are gathered", (marks[ClusterRole.kind],), True)
        return
    present = view.of_kind("ClusterRole")
    objects = tuple(stored.object for stored in present)
    gathered = view.memo.get("gathered-rules", objects, partial(_gathered, cast(tuple[ClusterRole, ...], objects)))
    for stored in present:
        role = cast(ClusterRole, stored.object)
        rules = gathered.get(role.metadata.name, role.rules)
        if rules != role.rules:
            view.update(stored, replace(role, rules=rules), reason=Reason.STATUS, judged=False)
    view.memo.keep("rules are gathered", (marks[ClusterRole.kind],), True)


def _gathered(roles: tuple[ClusterRole, ...]) -> dict[str, Rules]:
    by_name = {role.metadata.name: role for role in roles}
    return {name: effective_rules(role, by_name) for name, role in by_name.items() if role.aggregation_rule}
