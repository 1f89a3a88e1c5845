"""The rules of ClusterRoles that gather those of others by label. Pure."""

from collections.abc import Iterable, Mapping

from reconciler.model.kinds import ClusterRole, PolicyRule
from reconciler.model.labels import matches
from reconciler.planner.access.rules import Rules


def effective_rules(role: ClusterRole, roles: Mapping[str, ClusterRole]) -> Rules:
    """Return what a ClusterRole grants: its own rules, or those of every role that it gathers, also at one remove.

    An aggregating role's own rules count for nothing, as with Kubernetes, which overwrites them. Roles that gather
    each other grant the same.
    """
    if role.aggregation_rule is None:
        return role.rules
    gathered: dict[PolicyRule, None] = {}
    for name in sorted(_reached(role, roles)):
        if roles[name].aggregation_rule is None:
            gathered |= dict.fromkeys(roles[name].rules)
    return tuple(gathered)


def _reached(role: ClusterRole, roles: Mapping[str, ClusterRole]) -> set[str]:
    """Return the names of the roles that a role gathers, directly or through others."""
    reached: set[str] = set()
    waiting = [role]
    while waiting:
        for name in _selected(waiting.pop(), roles.values()):
            if name not in reached:
                reached.add(name)
                waiting.append(roles[name])
    return reached


def _selected(role: ClusterRole, roles: Iterable[ClusterRole]) -> list[str]:
    if role.aggregation_rule is None:
        return []
    selectors = role.aggregation_rule.cluster_role_selectors
    return [one.metadata.name for one in roles if any(matches(selector, one.metadata.labels) for selector in selectors)]
