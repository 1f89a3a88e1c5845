"""ReplicaSets and ReplicationControllers: keep a number of equal Pods. Pure; semantics of Kubernetes' controllers."""

from collections import Counter
from functools import cache
from typing import TypeAlias, cast

from reconciler.model.kinds import (
    LabelSelector,
    Pod,
    ReplicaSet,
    ReplicaSetStatus,
    ReplicationController,
    ReplicationControllerStatus,
)
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.health import condition
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.adoption import adopt_fitting, release_strangers
from reconciler.planner.workloads.create import create_pod, tell_created, tell_deleted
from reconciler.planner.workloads.podview import (
    deletion_rank,
    is_active,
    is_available,
    is_ready,
    look_again_when_available,
    pod_cost,
)

Replicated: TypeAlias = ReplicaSet | ReplicationController
ReplicatedStatus: TypeAlias = ReplicaSetStatus | ReplicationControllerStatus
_KINDS = ("ReplicaSet", "ReplicationController")


def sync_replica_sets(view: View) -> None:
    """Create and delete Pods so that each ReplicaSet has as many as it wants, and write its status."""
    free = [one for one in view.unmanaged("Pod") if is_active(cast(Pod, one.object))]
    for stored in view.due_of(_KINDS):
        if stored.object.metadata.deletion_timestamp is None:
            sync_replica_set(view, stored, free)


def refresh_statuses(view: View) -> None:
    """Bring the statuses up to date with the Pods before Deployments decide from them."""
    for stored in view.due_of(_KINDS):
        view.set_status(stored, _status(view, stored, cast(Replicated, stored.object).status.pods_created))


def sync_replica_set(view: View, stored: StoredObject, free: list[StoredObject]) -> None:
    """Bring one ReplicaSet's Pods to the wanted number; it takes in those of `free` that it finds."""
    replica_set = cast(Replicated, stored.object)
    selector = selector_of(replica_set)
    release_strangers(view, stored, "Pod", selector)
    adopt_fitting(view, stored, "Pod", free, selector)
    pods = [cast(Pod, one.object) for one in view.owned_by(replica_set.metadata.uid, "Pod")]
    active = [pod for pod in pods if is_active(pod)]
    missing = replica_set.spec.replicas - len(active)
    counter = replica_set.status.pods_created
    if missing > 0:
        made = []
        for _ in range(missing):
            pod, counter = create_pod(view, stored, replica_set.spec.template, counter, _why_created(view, stored))
            made.append(pod)
        tell_created(view, stored, *made)
    elif missing < 0:
        _delete_surplus(view, stored, active, -missing)
    view.set_status(stored, _status(view, stored, counter))


def selector_of(owner: Replicated) -> LabelSelector:
    """Return which Pods it counts; a ReplicationController's selector has labels alone."""
    if isinstance(owner, ReplicaSet):
        return owner.spec.selector
    return _of_labels(tuple(sorted(owner.spec.selector.items())))


@cache
def _of_labels(labels: tuple[tuple[str, str], ...]) -> LabelSelector:
    return LabelSelector(match_labels=dict(labels))


def _why_created(view: View, stored: StoredObject) -> Reason:
    """Say why Pods are missing: a new revision, a scale-up, or a Pod that went by itself."""
    before = view.was_observed(stored.ref)
    if before is None:
        return Reason.ROLLOUT
    wanted_before = cast(Replicated, before.object).spec.replicas
    wanted = cast(Replicated, stored.object).spec.replicas
    was_held_back = condition(cast(Replicated, before.object).status.conditions, "ReplicaFailure") is not None
    return Reason.SCALE_UP if wanted > wanted_before or was_held_back else Reason.POD_DELETED


def _delete_surplus(view: View, stored: StoredObject, active: list[Pod], surplus: int) -> None:
    by_name = {one.ref.name: one for one in view.owned_by(stored.object.metadata.uid, "Pod")}
    min_ready_s = cast(Replicated, stored.object).spec.min_ready_seconds
    names = [pod.metadata.name for pod in first_out(active, _crowds(view, stored), min_ready_s, view.now)[:surplus]]
    for name in names:
        delete_pod(view, by_name[name], Reason.SCALE_DOWN)
    tell_deleted(view, stored, names)


def first_out(active: list[Pod], crowds: Counter[str], min_ready_s: int = 0, now: float = 0.0) -> list[Pod]:
    """Sort Pods by who goes first: those that serve least, then the cheapest, then those that crowd on a node.

    Upstream's order, but that one which is not available yet goes before one that is: upstream ends as many Pods as
    are unavailable, and then takes available ones where they crowd.
    """

    def rank(pod: Pod) -> tuple[object, ...]:
        is_placed, runs, is_unknown, serves, *younger = deletion_rank(pod)
        counts = is_available(pod, min_ready_s, now)
        return (is_placed, runs, is_unknown, serves, pod_cost(pod), counts, -crowds[pod.spec.node_name], *younger)

    return sorted(active, key=rank)


def _crowds(view: View, stored: StoredObject) -> Counter[str]:
    """Return how many Pods each node has of this ReplicaSet and the others of its Deployment."""
    return Counter(pod.spec.node_name for pod in related_pods(view, stored) if is_active(pod))


def related_pods(view: View, stored: StoredObject) -> list[Pod]:
    """Return the Pods of this ReplicaSet and of its siblings."""
    sets = siblings_of(view, stored)
    return [cast(Pod, pod.object) for one in sets for pod in view.owned_by(one.object.metadata.uid, "Pod")]


def siblings_of(view: View, stored: StoredObject) -> list[StoredObject]:
    """Return the ReplicaSets with the same controller, this one among them; it is alone where nothing controls it."""
    owner = next((one for one in stored.object.metadata.owner_references if one.controller), None)
    return [stored] if owner is None else view.owned_by(owner.uid, "ReplicaSet")


def delete_pod(view: View, stored: StoredObject, reason: Reason, message: str = "") -> None:
    """End a Pod: at once when no node has it yet, else gracefully."""
    pod = cast(Pod, stored.object)
    if not pod.spec.node_name:
        view.remove(stored, reason, message)
    else:
        view.terminate(stored, reason, message, grace_s=pod.spec.termination_grace_period_seconds)


def _status(view: View, stored: StoredObject, counter: int) -> ReplicatedStatus:
    owner = cast(Replicated, stored.object)
    owned = view.owned_by(owner.metadata.uid, "Pod")
    if owner.spec.min_ready_seconds:
        return _counted(view, owner, owned, counter)
    # Without a time to wait for, the counts follow from the Pods alone.
    key = ("replica set status", stored.ref, counter)
    return view.memo.get(key, (stored, *owned), lambda: _counted(view, owner, owned, counter))


def _counted(view: View, owner: Replicated, owned: list[StoredObject], counter: int) -> ReplicatedStatus:
    pods = [cast(Pod, one.object) for one in owned]
    active = [pod for pod in pods if is_active(pod)]
    min_ready_s = owner.spec.min_ready_seconds
    look_again_when_available(view, active, min_ready_s)
    wanted_labels = owner.spec.template.metadata.labels.items()
    status: ReplicatedStatus = replace(
        owner.status,
        replicas=len(active),
        fully_labeled_replicas=sum(1 for pod in active if wanted_labels <= pod.metadata.labels.items()),
        ready_replicas=sum(1 for pod in active if is_ready(pod)),
        available_replicas=sum(1 for pod in active if is_available(pod, min_ready_s, view.now)),
        observed_generation=owner.metadata.generation,
        pods_created=counter,
    )
    if isinstance(status, ReplicaSetStatus):
        ending = sum(1 for pod in pods if pod.metadata.deletion_timestamp)
        return replace(status, terminating_replicas=ending)
    return status
