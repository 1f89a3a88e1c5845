"""What would be used of a quota once everything runs as it is declared: told before it fails. Pure."""

from functools import partial
from typing import Any, cast

from reconciler.model.kinds import Deployment, ObjectMeta, Pod, PodTemplateSpec
from reconciler.model.observed import StoredObject
from reconciler.model.podresources import Amounts, plus
from reconciler.model.refs import ObjectRef
from reconciler.planner.admission.admit import given_defaults
from reconciler.planner.admission.ledger import Ledger, inhabitants, inputs_of
from reconciler.planner.admission.quota import hard_of, ledger_of
from reconciler.planner.admission.usage import shown
from reconciler.planner.view import View
from reconciler.planner.workloads.rolling import limits_of

_REPLICATED = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")


def warn_of_demand(view: View) -> None:
    """Warn of every quota that what is declared does not fit into, and of rollouts that find no room in it."""
    quotas = view.of_kind("ResourceQuota")
    if not quotas:
        return
    ledger, objects = ledger_of(view), inhabitants(view, {one.ref.namespace for one in quotas})
    for quota in quotas:
        inside = objects[quota.ref.namespace]
        inputs = inputs_of(view, quota, inside)
        view.warnings += view.memo.get(("demand", quota.ref), inputs, partial(_warnings, view, ledger, quota, inside))


def _warnings(view: View, ledger: Ledger, quota: StoredObject, objects: list[StoredObject]) -> tuple[str, ...]:
    total: Amounts = {}
    rolling: list[tuple[StoredObject, Amounts]] = []
    for stored in objects:
        wanted = _wanted_pods(view, stored)
        if wanted is None:
            total = plus(total, {} if _is_of_workload(stored) else ledger.counts_for(quota, stored))
            continue
        one = ledger.counts_for(quota, _pod_of(view, stored))
        total = plus(plus(total, ledger.counts_for(quota, stored)), {name: n * wanted for name, n in one.items()})
        if wanted and _needs_room_to_roll(stored):
            rolling.append((stored, one))
    over = _over(quota, total)
    if over:
        return (f"{quota.ref} will be exceeded: {over}",)
    return tuple(
        f"{stored.ref} cannot roll within {quota.ref} without maxUnavailable: {over}"
        for stored, one in sorted(rolling, key=lambda pair: pair[0].ref)
        if (over := _over(quota, plus(total, one)))
    )


def _over(quota: StoredObject, total: Amounts) -> str:
    hard = hard_of(quota)
    return ", ".join(
        f"{name} {shown(name, total[name])} wanted of {shown(name, hard[name])}, "
        f"{shown(name, total[name] - hard[name])} too much"
        for name in sorted(total)
        if total[name] > hard[name]
    )


def _wanted_pods(view: View, stored: StoredObject) -> int | None:
    """Return how many Pods a workload wants that nothing else stands for; None for all else."""
    object: Any = stored.object
    if stored.ref.kind in _REPLICATED:
        owned = any(owner.controller for owner in object.metadata.owner_references)
        return None if owned else int(object.spec.replicas)
    if stored.ref.kind == "DaemonSet":
        return int(object.status.desired_number_scheduled)
    if stored.ref.kind == "Job":
        over = any(one.type in ("Complete", "Failed") and one.status == "True" for one in object.status.conditions)
        missing = (object.spec.completions or object.spec.parallelism) - object.status.succeeded
        return 0 if over or object.spec.suspend else max(min(object.spec.parallelism, missing), 0)
    return None


def _is_of_workload(stored: StoredObject) -> bool:
    """Whether an object is one of the Pods that its workload stands for."""
    owners = stored.object.metadata.owner_references
    return stored.ref.kind == "Pod" and any(one.controller for one in owners)


def _pod_of(view: View, stored: StoredObject) -> StoredObject:
    template: PodTemplateSpec = cast(Any, stored.object).spec.template
    metadata = ObjectMeta(name=stored.ref.name, namespace=stored.ref.namespace)
    pod = given_defaults(view, Pod(metadata=metadata, spec=template.spec))
    name = f"{stored.ref.kind} {stored.ref.name}"
    return StoredObject(ref=ObjectRef(kind="Pod", namespace=stored.ref.namespace, name=name), object=pod, manager="")


def _needs_room_to_roll(stored: StoredObject) -> bool:
    """Whether a rollout begins with one Pod more."""
    if stored.ref.kind == "Deployment" and cast(Deployment, stored.object).spec.strategy.type == "Recreate":
        return False
    return stored.ref.kind == "Deployment" and limits_of(cast(Deployment, stored.object))[1] == 0
