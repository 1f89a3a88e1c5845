"""The status of a Deployment, from its ReplicaSets. Pure."""

from typing import cast

from reconciler.model.kinds import Condition, Deployment, DeploymentStatus, ReplicaSet
from reconciler.model.observed import StoredObject
from reconciler.model.times import unix
from reconciler.planner.health import condition
from reconciler.planner.view import View, ref_for, replace
from reconciler.planner.workloads.deployment_sets import REVISION, revision_of
from reconciler.planner.workloads.rolling import limits_of

AVAILABLE = "NewReplicaSetAvailable"
DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
# A deadline of this many seconds is none.
_NO_DEADLINE_S = 2**31 - 1


def deployment_status(view: View, stored: StoredObject) -> DeploymentStatus:
    """Return counts and conditions (Available, Progressing, ReplicaFailure) as Kubernetes defines them."""
    deployment = cast(Deployment, stored.object)
    owned = view.owned_by(deployment.metadata.uid, "ReplicaSet")
    new_ref = view.current_sets.get(stored.ref)
    new = next((one for one in owned if one.ref == new_ref), None)
    counts = counted(deployment, [_set(one) for one in owned], _set(new) if new is not None else None)
    conditions = (
        _available(deployment, counts),
        progressing(view, deployment, counts, new),
        _failure([one for one in owned if one is not new], new),
    )
    _tell_deadline(view, stored, conditions[1])
    known = deployment.status.conditions
    return replace(counts, conditions=tuple(with_times(view, known, one) for one in conditions if one is not None))


def _set(stored: StoredObject) -> ReplicaSet:
    return cast(ReplicaSet, stored.object)


def counted(deployment: Deployment, sets: list[ReplicaSet], new: ReplicaSet | None) -> DeploymentStatus:
    """Return how many Pods there are of each sort."""
    available = sum(one.status.available_replicas for one in sets)
    return replace(
        deployment.status,
        replicas=sum(one.status.replicas for one in sets),
        updated_replicas=new.status.replicas if new else 0,
        ready_replicas=sum(one.status.ready_replicas for one in sets),
        available_replicas=available,
        unavailable_replicas=max(sum(one.spec.replicas for one in sets) - available, 0),
        terminating_replicas=sum(one.status.terminating_replicas for one in sets),
        observed_generation=deployment.metadata.generation,
    )


def _available(deployment: Deployment, counts: DeploymentStatus) -> Condition:
    minimum = deployment.spec.replicas - limits_of(deployment)[1]
    enough = counts.available_replicas >= minimum
    return Condition(
        type="Available",
        status="True" if enough else "False",
        reason="MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        message=f"{counts.available_replicas} of at least {minimum} replicas available",
    )


def _failure(old: list[StoredObject], new: StoredObject | None) -> Condition | None:
    """Return that Pods could not be made, of the current ReplicaSet before the others."""
    sets = [new, *old] if new is not None else old
    found = (condition(_set(one).status.conditions, "ReplicaFailure") for one in sets)
    failed = next((one for one in found if one is not None and one.status == "True"), None)
    return failed and Condition(type="ReplicaFailure", status="True", reason=failed.reason, message=failed.message)


def progressing(
    view: View, deployment: Deployment, counts: DeploymentStatus, new: StoredObject | None
) -> Condition | None:
    """Return how the rollout goes: the first of these that holds.

    Once it is over it stays so until there is something to roll out again; how many Pods are available is then the
    business of the other condition.
    """
    old: Condition | None = condition(deployment.status.conditions, "Progressing")
    why = old.reason if old is not None else ""
    if deployment.spec.progress_deadline_seconds == _NO_DEADLINE_S:
        return None
    if deployment.spec.paused:
        return old if why == DEADLINE_EXCEEDED else _is("Unknown", "DeploymentPaused", "the rollout is paused")
    begun = _begun(view, deployment, new)
    if why == AVAILABLE and counts.replicas == counts.updated_replicas and begun is None:
        return old
    if is_complete(deployment, counts):
        return _is("True", AVAILABLE, f"{_name(new)} has all its replicas available")
    fresh = begun or _moved(deployment, counts, new, old)
    if fresh is None and why in (DEADLINE_EXCEEDED, AVAILABLE):
        return old
    deadline_s = deployment.spec.progress_deadline_seconds
    since = view.now if old is None or fresh is not None else unix(old.last_update_time) or view.now
    if view.now >= since + deadline_s:
        return _is("False", DEADLINE_EXCEEDED, f"{_name(new)}: no progress for {deadline_s} s")
    view.look_again(since + deadline_s)
    return old if fresh is None else replace(fresh, last_update_time=view.timestamp)


def _begun(view: View, deployment: Deployment, new: StoredObject | None) -> Condition | None:
    """Return the condition with which a rollout begins: to a ReplicaSet made just now, or to one of before."""
    if new is None:
        return None
    if view.was_observed(new.ref) is None:
        return _is("True", "NewReplicaSetCreated", f"{new.ref} is new")
    before = view.was_observed(ref_for(deployment))
    if before is not None and before.object.metadata.annotations.get(REVISION, "0") != str(revision_of(new)):
        return _is("True", "FoundNewReplicaSet", f"{new.ref} has this template")
    return None


def _moved(
    deployment: Deployment, counts: DeploymentStatus, new: StoredObject | None, old: Condition | None
) -> Condition | None:
    """Return the condition from which the deadline counts anew; None when nothing moves."""
    if old is not None and old.reason == "DeploymentPaused":
        return _is("Unknown", "DeploymentResumed", "the rollout goes on")
    if has_progressed(deployment.status, counts):
        return _is("True", "ReplicaSetUpdated", "replicas are being replaced")
    if old is None:
        return _is("True", "FoundNewReplicaSet", f"{_name(new)} has this template")
    return None


def _is(status: str, reason: str, message: str) -> Condition:
    return Condition(type="Progressing", status=status, reason=reason, message=message)  # type: ignore[arg-type]


def _name(new: StoredObject | None) -> str:
    return str(new.ref) if new is not None else "the Deployment"


def _tell_deadline(view: View, stored: StoredObject, new: Condition | None) -> None:
    before = condition(cast(Deployment, stored.object).status.conditions, "Progressing")
    is_known = before is not None and before.reason == DEADLINE_EXCEEDED
    if new is not None and new.reason == DEADLINE_EXCEEDED and not is_known:
        view.happened(stored, new.reason, new.message, warning=True)


def is_complete(deployment: Deployment, counts: DeploymentStatus) -> bool:
    """Whether the rollout is over: all replicas are new and available, and no old one is left."""
    wanted = deployment.spec.replicas
    is_seen = counts.observed_generation >= deployment.metadata.generation
    return is_seen and wanted == counts.updated_replicas == counts.replicas == counts.available_replicas


def has_progressed(old: DeploymentStatus, new: DeploymentStatus) -> bool:
    """Whether there are more new, ready or available Pods than before, or fewer old ones."""
    old_rest = old.replicas - old.updated_replicas
    new_rest = new.replicas - new.updated_replicas
    return (
        new.updated_replicas > old.updated_replicas
        or new_rest < old_rest
        or new.ready_replicas > old.ready_replicas
        or new.available_replicas > old.available_replicas
    )


def with_times(view: View, old: tuple[Condition, ...], new: Condition) -> Condition:
    """Return a condition with its times: the transition time changes only with the status."""
    before = condition(old, new.type)
    if before is not None and before.status == new.status:
        same = before.reason == new.reason and before.message == new.message
        updated = new.last_update_time or (before.last_update_time if same else view.timestamp)
        return replace(new, last_transition_time=before.last_transition_time, last_update_time=updated)
    return replace(new, last_transition_time=view.timestamp, last_update_time=new.last_update_time or view.timestamp)
