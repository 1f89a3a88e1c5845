"""ReplicaSets: keep a number of equal Pods. Pure; semantics of Kubernetes' ReplicaSet controller."""

from typing import cast

from reconciler.model.kinds import Pod, ReplicaSet, ReplicaSetStatus
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.create import create_pod
from reconciler.planner.workloads.podview import (
    available_at,
    deletion_rank,
    is_active,
    is_available,
    is_ready,
    pod_cost,
)


def sync_replica_sets(view: View) -> None:
    """Create and delete Pods so that each ReplicaSet has as many as it wants, and write its status."""
    for stored in view.of_kind("ReplicaSet"):
        if stored.object.metadata.deletion_timestamp is None:
            sync_replica_set(view, stored)


def refresh_statuses(view: View) -> None:
    """Bring the statuses up to date with the Pods before Deployments decide from them."""
    for stored in view.of_kind("ReplicaSet"):
        view.set_status(stored, _status(view, stored, cast(ReplicaSet, stored.object).status.pods_created))


def sync_replica_set(view: View, stored: StoredObject) -> None:
    """Bring one ReplicaSet's Pods to the wanted number."""
    replica_set = cast(ReplicaSet, stored.object)
    pods = [cast(Pod, one.object) for one in view.owned_by(replica_set.metadata.uid, "Pod")]
    active = [pod for pod in pods if is_active(pod)]
    missing = replica_set.spec.replicas - len(active)
    counter = replica_set.status.pods_created
    if missing > 0:
        for _ in range(missing):
            _, counter = create_pod(view, stored, replica_set.spec.template, counter, _why_created(view, stored))
    elif missing < 0:
        _delete_surplus(view, active, -missing)
    view.set_status(stored, _status(view, stored, counter))
    if stored.ref not in view.verdicts:
        view.judge(stored.ref, Decision.UNCHANGED, Reason.IN_SYNC, stored=stored)


def _why_created(view: View, stored: StoredObject) -> Reason:
    """Say why Pods are missing: a new revision, a scale-up, or a Pod that went by itself."""
    before = view.was_observed(stored.ref)
    if before is None:
        return Reason.ROLLOUT
    wanted_before = cast(ReplicaSet, before.object).spec.replicas
    wanted = cast(ReplicaSet, stored.object).spec.replicas
    return Reason.SCALE_UP if wanted > wanted_before else Reason.POD_DELETED


def _delete_surplus(view: View, active: list[Pod], surplus: int) -> None:
    first_out = sorted(active, key=lambda pod: (bool(pod.spec.node_name), pod_cost(pod), deletion_rank(pod)))
    for pod in first_out[:surplus]:
        stored = view.owned_by(pod.metadata.owner_references[0].uid, "Pod")
        match = next(one for one in stored if one.ref.name == pod.metadata.name)
        delete_pod(view, match, Reason.SCALE_DOWN)


def delete_pod(view: View, stored: StoredObject, reason: Reason, message: str = "") -> None:
    """End a Pod: at once when no node has it yet, else gracefully."""
    pod = cast(Pod, stored.object)
    if not pod.spec.node_name:
        view.remove(stored, reason, message)
    else:
        view.terminate(stored, reason, message, grace_s=pod.spec.termination_grace_period_seconds)


def _status(view: View, stored: StoredObject, counter: int) -> ReplicaSetStatus:
    replica_set = cast(ReplicaSet, stored.object)
    owned = view.owned_by(replica_set.metadata.uid, "Pod")
    if replica_set.spec.min_ready_seconds:
        return _counted(view, replica_set, owned, counter)
    # Without a time to wait for, the counts follow from the Pods alone.
    key = ("replica set status", stored.ref, counter)
    return view.memo.get(key, (stored, *owned), lambda: _counted(view, replica_set, owned, counter))


def _counted(view: View, replica_set: ReplicaSet, owned: list[StoredObject], counter: int) -> ReplicaSetStatus:
    pods = [cast(Pod, one.object) for one in owned]
    active = [pod for pod in pods if is_active(pod)]
    min_ready_s = replica_set.spec.min_ready_seconds
    for pod in active:
        at = available_at(pod, min_ready_s)
        if at is not None and min_ready_s:
            view.look_again(at)
    wanted_labels = replica_set.spec.template.metadata.labels.items()
    return replace(
        replica_set.status,
        replicas=len(active),
        fully_labeled_replicas=sum(1 for pod in active if wanted_labels <= pod.metadata.labels.items()),
        ready_replicas=sum(1 for pod in active if is_ready(pod)),
        available_replicas=sum(1 for pod in active if is_available(pod, min_ready_s, view.now)),
        terminating_replicas=sum(1 for pod in pods if pod.metadata.deletion_timestamp),
        observed_generation=replica_set.metadata.generation,
        pods_created=counter,
    )
