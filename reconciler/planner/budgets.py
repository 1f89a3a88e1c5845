"""PodDisruptionBudgets: how many Pods may be taken away on purpose, and whether this one may be. Pure.

Semantics of Kubernetes' disruption controller and of its evictions. What counts is what is seen now: a Pod that ends,
or whose deletion was asked for, is no longer healthy, so that two that come at once are not both let through.
"""

from collections.abc import Iterable
from typing import cast

from reconciler.model.base import Value
from reconciler.model.kinds import (
    KINDS,
    Condition,
    Deployment,
    OwnerReference,
    Pod,
    PodDisruptionBudget,
    PodDisruptionBudgetStatus,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
)
from reconciler.model.labels import matches
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.health import condition
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.deployment_status import with_times
from reconciler.planner.workloads.podview import is_ready

DISRUPTION_ALLOWED = "DisruptionAllowed"
SYNC_FAILED = "SyncFailed"
VIOLATED = "Cannot evict pod as it would violate the pod's disruption budget."
TOO_MANY_BUDGETS = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."


class Counts(Value):
    """How many Pods of a budget there are to be, are needed, and are healthy; `problem` is why that is unknown."""

    expected: int = 0
    desired: int = 0
    healthy: int = 0
    unmanaged: int = 0
    problem: str = ""

    @property
    def allowed(self) -> int:
        """How many may be taken away now."""
        return max(self.healthy - self.desired, 0) if self.expected > 0 and not self.problem else 0


class Disruption(Value):
    """Whether a Pod may be taken away on purpose, and why not.

    `budget` is the one that forbids it, `detail` what it needs and has. `is_ambiguous`: the Pod has more than one.
    """

    allowed: bool
    reason: str = ""
    budget: str = ""
    detail: str = ""
    is_ambiguous: bool = False


def may_disrupt(view: View, pod: Pod) -> Disruption:
    """Return whether a Pod may be taken away on purpose now: for whatever evicts, drains, moves or preempts.

    Once it ends (or its deletion is asked for), the next question sees one healthy Pod less.
    """
    if pod.status.phase in ("Pending", "Succeeded", "Failed") or pod.metadata.deletion_timestamp is not None:
        return Disruption(allowed=True)
    budgets = budgets_of(view, pod)
    if not budgets:
        return Disruption(allowed=True)
    if len(budgets) > 1:
        return Disruption(allowed=False, reason=TOO_MANY_BUDGETS, budget=budgets[0].metadata.name, is_ambiguous=True)
    budget = budgets[0]
    counts = counts_of(view, budget)
    if not is_ready(pod) and _may_go_unready(budget, counts):
        return Disruption(allowed=True)
    if counts.allowed > 0:
        return Disruption(allowed=True)
    detail = (
        f"The disruption budget {budget.metadata.name} needs {counts.desired} healthy pods and has "
        f"{counts.healthy} currently"
    )
    return Disruption(allowed=False, reason=VIOLATED, budget=budget.metadata.name, detail=counts.problem or detail)


def _may_go_unready(budget: PodDisruptionBudget, counts: Counts) -> bool:
    """A Pod that does not serve may go: always where the budget says so, else while enough others serve."""
    if budget.spec.unhealthy_pod_eviction_policy == "AlwaysAllow":
        return True
    return not counts.problem and counts.healthy >= counts.desired > 0


def budgets_of(view: View, pod: Pod) -> list[PodDisruptionBudget]:
    """Return the budgets that a Pod falls under."""
    return [
        cast(PodDisruptionBudget, one.object)
        for one in view.of_kind("PodDisruptionBudget")
        if one.ref.namespace == pod.metadata.namespace and _selects(one, pod)
    ]


def _selects(stored: StoredObject, pod: Pod) -> bool:
    return matches(cast(PodDisruptionBudget, stored.object).spec.selector, pod.metadata.labels)


def counts_of(view: View, budget: PodDisruptionBudget) -> Counts:
    """Count the Pods of a budget as they are now."""
    return counted(view, budget, _selected(view, budget))


def _selected(view: View, budget: PodDisruptionBudget) -> list[Pod]:
    return [cast(Pod, one.object) for one in view.selected(budget.metadata.namespace, budget.spec.selector)]


def counted(view: View, budget: PodDisruptionBudget, pods: list[Pod]) -> Counts:
    """Return what follows for a budget from the Pods that it selects."""
    spec = budget.spec
    healthy = sum(1 for pod in pods if _is_healthy(view, pod))
    if spec.max_unavailable is None and spec.min_available is None:
        return Counts(healthy=healthy)
    if isinstance(spec.min_available, int) and spec.max_unavailable is None:
        return Counts(expected=len(pods), desired=spec.min_available, healthy=healthy)
    scale = _scale(view, pods)
    if scale.problem:
        return replace(scale, healthy=healthy)
    return replace(scale, desired=spec.stay_of(scale.expected), healthy=healthy)


def _is_healthy(view: View, pod: Pod) -> bool:
    if pod.metadata.deletion_timestamp is not None or not is_ready(pod):
        return False
    override = view.overrides.get(ObjectRef(kind="Pod", namespace=pod.metadata.namespace, name=pod.metadata.name))
    return override is None or override.uid != pod.metadata.uid or override.delete_at is None


# How many Pods there are to be: what the workloads behind them want


def _scale(view: View, pods: Iterable[Pod]) -> Counts:
    scales: dict[str, int] = {}
    unmanaged = 0
    for pod in pods:
        owner = _controller(pod.metadata.owner_references)
        if owner is None:
            unmanaged += 1
        elif owner.uid not in scales:
            found = scale_of(view, pod.metadata.namespace, owner)
            if isinstance(found, str):
                return Counts(problem=found or f'found no controllers for pod "{pod.metadata.name}"')
            scales[found[0]] = found[1]
    return Counts(expected=sum(scales.values()), unmanaged=unmanaged)


def scale_of(view: View, namespace: str, owner: OwnerReference) -> tuple[str, int] | str:
    """Return uid and wanted number of the workload behind an owner, that of a ReplicaSet's Deployment; else why not."""
    if owner.kind not in ("ReplicaSet", "StatefulSet", "ReplicationController"):
        spec = KINDS.get(owner.kind)
        qualified = f"{spec.plural}.{spec.group}" if spec is not None else owner.kind
        return f"{qualified} does not implement the scale subresource"
    stored = view.get(ObjectRef(kind=owner.kind, namespace=namespace, name=owner.name))
    if stored is None or stored.object.metadata.uid != owner.uid or stored.object.api_version != owner.api_version:
        return ""
    above = _controller(stored.object.metadata.owner_references)
    if above is not None and above.kind == "Deployment":
        deployment = view.typed(Deployment, namespace, above.name)
        is_same = deployment is not None and deployment.metadata.uid == above.uid
        return (above.uid, deployment.spec.replicas) if is_same and deployment is not None else ""
    workload = cast(ReplicaSet | StatefulSet | ReplicationController, stored.object)
    return owner.uid, workload.spec.replicas


def _controller(owners: Iterable[OwnerReference]) -> OwnerReference | None:
    return next((one for one in owners if one.controller), None)


# Status


def sync_budgets(view: View) -> None:
    """Write for every budget how many Pods may be taken away now."""
    for stored in view.of_kind("PodDisruptionBudget"):
        budget = cast(PodDisruptionBudget, stored.object)
        mine = _selected(view, budget)
        _sync(view, stored, budget, counted(view, budget, mine), has_pods=bool(mine))


def _sync(view: View, stored: StoredObject, budget: PodDisruptionBudget, counts: Counts, *, has_pods: bool) -> None:
    old = budget.status
    if counts.problem:
        # As upstream, the numbers stay as they were, and nothing may go.
        counted_as = replace(old, disruptions_allowed=0)
        allowed = Condition(type=DISRUPTION_ALLOWED, status="False", reason=SYNC_FAILED, message=counts.problem)
    else:
        counted_as = PodDisruptionBudgetStatus(
            disruptions_allowed=counts.allowed,
            current_healthy=counts.healthy,
            desired_healthy=counts.desired,
            expected_pods=counts.expected,
            conditions=old.conditions,
        )
        is_allowed = counts.allowed > 0
        allowed = Condition(
            type=DISRUPTION_ALLOWED,
            status="True" if is_allowed else "False",
            reason="SufficientPods" if is_allowed else "InsufficientPods",
            message=f"{counts.healthy} of {counts.expected} pods are healthy, {counts.desired} are needed",
        )
    before = condition(old.conditions, DISRUPTION_ALLOWED)
    if counts.problem and (before is None or before.message != allowed.message):
        message = f"Failed to calculate the number of expected pods: {counts.problem}"
        view.happened(stored, "CalculateExpectedPodCountFailed", message, warning=True)
    if not has_pods and (before is None or old.expected_pods > 0):
        view.happened(stored, "NoPods", "No matching pods found")
    generation = budget.metadata.generation
    allowed = replace(with_times(view, old.conditions, allowed), observed_generation=generation, last_update_time=None)
    view.set_status(stored, replace(counted_as, observed_generation=generation, conditions=(allowed,)))
