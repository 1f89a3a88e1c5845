"""A whole plan for people: the cluster's part and, for every node, the steps that follow from it.

Composes the two planners; changes nothing.
"""

from collections.abc import Mapping

import msgspec

from reconciler.model.desired import DesiredState
from reconciler.model.observed import ObservedState
from reconciler.model.plan import Action, Blocked, Plan
from reconciler.model.policy import Policy
from reconciler.planner.apply import apply_plan
from reconciler.planner.identify import identified
from reconciler.planner.node.memory import memory_of
from reconciler.planner.node.step import step
from reconciler.planner.plan import plan
from reconciler.planner.project import project_assignment, project_view
from reconciler.render.plan_document import in_dependency_order

replace = msgspec.structs.replace


def whole_plan(desired: Mapping[str, DesiredState], observed: ObservedState, policy: Policy, now: float) -> Plan:
    """Return what would change in the cluster, and what every node would do next, in the order of their needs."""
    cluster = plan(desired, observed, policy, now)
    after = apply_plan(observed, cluster)
    bound = {action.uid: action.key for action in cluster.actions}
    actions: list[Action] = list(cluster.actions)
    blocked: list[Blocked] = list(cluster.blocked)
    look_again = [cluster.look_again_at] if cluster.look_again_at is not None else []
    complete = cluster.complete
    for name in sorted(after.nodes):
        node = _node_plan(after, policy, name, now)
        if node is None:
            complete = False
            continue
        actions += [_after_binding(action, bound) for action in node.actions]
        blocked += node.blocked
        if node.look_again_at is not None:
            look_again.append(node.look_again_at)
    merged = replace(
        cluster,
        actions=in_dependency_order(actions),
        blocked=tuple(blocked),
        complete=complete,
        look_again_at=min(look_again, default=None),
    )
    return identified(merged, observed)


def _node_plan(observed: ObservedState, policy: Policy, name: str, now: float) -> Plan | None:
    state = observed.nodes[name]
    if state.observation is None:
        return None
    memory = memory_of(state.observation)
    assignment, view = project_assignment(observed, policy, name), project_view(observed, policy, now)
    answer = step(
        memory,
        replace(assignment, term=memory.term, generation=memory.generation),
        replace(view, term=memory.view_term, generation=memory.view_generation),
        state.observation.facts,
        probes={},
        outcomes=(),
        in_flight=frozenset(),
        now=now,
    )
    return answer.plan


def _after_binding(action: Action, bound: Mapping[str, str]) -> Action:
    """A node's first steps for a Pod need its binding."""
    key = bound.get(action.uid)
    return replace(action, needs=(key, *action.needs)) if key and not action.needs else action
