"""Moving Pods from full nodes to emptier ones, where an operator has switched that on. Pure.

Nothing that runs is ended for a wish: only a Pod that a PodDisruptionBudget covers and lets go, whose owner makes
another one at once, whose data is not on its node, and for which the scheduler itself chooses a node on which less is
asked for by a margin. A move that would be taken back is therefore never begun. One goes at a time, and the next only
after nothing has come or gone for a while.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from reconciler.model.kinds import Condition, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.times import unix
from reconciler.planner.budgets import budgets_of, may_disrupt
from reconciler.planner.references import claims_of
from reconciler.planner.scheduling.bind import candidates_of, choice_of
from reconciler.planner.scheduling.fit import Candidate, with_pod, without
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.conditions import with_condition
from reconciler.planner.workloads.pods import is_silent
from reconciler.planner.workloads.podview import is_active, is_ready

EVICTED = "EvictionByEvictionAPI"
# As cluster autoscalers and deschedulers read it: "false" keeps a Pod where it is.
KEEP = "cluster-autoscaler.kubernetes.io/safe-to-evict"
_OWNERS = frozenset({"ReplicaSet", "ReplicationController"})
# Of each node that is full, so many are tried at most: a trial asks the scheduler about every node.
_TRIALS = 20


class _Move(NamedTuple):
    """A Pod with where it is and where it would go, and how full (0 to 1) the one is and the other would be."""

    stored: StoredObject
    source: str
    target: str
    before: float
    after: float


def rebalance(view: View) -> None:
    """End one Pod that runs elsewhere on a node with more room, when that is due."""
    rules = view.policy.rebalancing
    if not rules.enabled:
        return
    pods = [cast(Pod, one.object) for one in view.of_kind("Pod")]
    movable = [pod for pod in pods if _is_replaced(pod) and not _is_over(pod)]
    if any(_is_on_its_way(view, pod) for pod in movable):
        return
    youngest = max(map(_made_at, movable), default=0.0)
    if view.now < youngest + rules.settled_s:
        view.look_again(youngest + rules.settled_s)
        return
    candidates = candidates_of(view)
    move = next(_moves(view, candidates, rules.margin_percent / 100), None)
    if move is not None:
        _carry_out(view, move)


def fullness(candidate: Candidate) -> float:
    """Return which share of a node's processors or memory is asked for, whichever is more (0 to 1 and above)."""
    used, has = candidate.used, candidate.has
    shares = [getattr(used, name) / whole for name in ("cpu_millis", "memory_bytes") if (whole := getattr(has, name))]
    return max(shares, default=1.0)


def _moves(view: View, candidates: Mapping[str, Candidate], margin: float) -> Iterator[_Move]:
    """Yield the moves that are worth it, from the fullest node first."""
    known = {name: fullness(one) for name, one in candidates.items() if not _is_away(view, name)}
    emptiest = min(known.values(), default=0.0)
    for name in sorted(known, key=lambda name: (-known[name], name)):
        if known[name] - emptiest < margin:
            return
        trials = [one for one in view.on_node(name) if _may_leave(view, cast(Pod, one.object))]
        for stored in sorted(trials, key=lambda one: one.ref)[:_TRIALS]:
            pod = cast(Pod, stored.object)
            left = without(candidates[name], (pod,))
            target = _where_to(view, {**candidates, name: left}, pod)
            after = fullness(with_pod(candidates[target], pod)) if target and target != name else known[name]
            if fullness(left) < known[name] and known[name] - after >= margin:
                yield _Move(stored, name, target, known[name], after)


def _where_to(view: View, without_it: Mapping[str, Candidate], pod: Pod) -> str:
    """Return the node that the scheduler gives the Pod when it comes anew."""
    status = replace(pod.status, nominated_node_name="")
    return choice_of(view, without_it).best(replace(pod, spec=replace(pod.spec, node_name=""), status=status))


def _may_leave(view: View, pod: Pod) -> bool:
    if not (_is_replaced(pod) and is_active(pod) and is_ready(pod)) or pod.metadata.annotations.get(KEEP) == "false":
        return False
    is_at_home = any(one.empty_dir is not None or one.host_path is not None for one in pod.spec.volumes)
    if is_at_home or claims_of(pod.spec):
        return False
    return bool(budgets_of(view, pod)) and may_disrupt(view, pod).allowed


def _carry_out(view: View, move: _Move) -> None:
    stored, pod = move.stored, cast(Pod, move.stored.object)
    why = f"{move.source} is {move.before:.0%} full, {move.target} will be {move.after:.0%} with it"
    target = Condition(type="DisruptionTarget", status="True", reason=EVICTED, message=f"Rebalancing: {why}")
    conditions = with_condition(view, pod.status.conditions, target)
    view.happened(stored, "Rebalanced", f"ends here to run elsewhere: {why}")
    stored = view.set_status(stored, replace(pod.status, conditions=conditions))
    view.terminate(stored, Reason.REBALANCED, why, grace_s=pod.spec.termination_grace_period_seconds)


def _is_replaced(pod: Pod) -> bool:
    """Whether another Pod is made at once when this one ends."""
    return any(one.controller and one.kind in _OWNERS for one in pod.metadata.owner_references)


def _is_over(pod: Pod) -> bool:
    """Whether a Pod has ended."""
    return pod.status.phase in ("Succeeded", "Failed")


def _is_on_its_way(view: View, pod: Pod) -> bool:
    """Whether a Pod waits for a node, has yet to run where it was placed, or has yet to end."""
    node, is_ending = pod.spec.node_name, pod.metadata.deletion_timestamp is not None
    return not node or ((is_ending or pod.status.phase == "Pending") and not _is_away(view, node))


def _is_away(view: View, node: str) -> bool:
    return is_silent(view, view.observed.nodes.get(node))


def _made_at(pod: Pod) -> float:
    return unix(pod.metadata.creation_timestamp) or 0.0
