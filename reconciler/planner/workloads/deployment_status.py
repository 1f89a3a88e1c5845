"""The status of a Deployment, from its ReplicaSets. Pure."""

from typing import cast

from reconciler.model.kinds import Condition, Deployment, DeploymentStatus, ReplicaSet
from reconciler.model.observed import StoredObject
from reconciler.model.times import unix
from reconciler.planner.health import condition
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.rolling import limits_of


def deployment_status(view: View, stored: StoredObject) -> DeploymentStatus:
    """Return counts and conditions (Available, Progressing) as Kubernetes defines them."""
    deployment = cast(Deployment, stored.object)
    sets = [cast(ReplicaSet, one.object) for one in view.owned_by(deployment.metadata.uid, "ReplicaSet")]
    new = max(sets, key=_revision, default=None)
    available = sum(one.status.available_replicas for one in sets)
    counts = replace(
        deployment.status,
        replicas=sum(one.status.replicas for one in sets),
        updated_replicas=new.status.replicas if new else 0,
        ready_replicas=sum(one.status.ready_replicas for one in sets),
        available_replicas=available,
        unavailable_replicas=max(sum(one.spec.replicas for one in sets) - available, 0),
        terminating_replicas=sum(one.status.terminating_replicas for one in sets),
        observed_generation=deployment.metadata.generation,
    )
    return replace(counts, conditions=_conditions(view, stored, deployment, counts))


def _revision(replica_set: ReplicaSet) -> tuple[int, str]:
    text = replica_set.metadata.annotations.get("deployment.kubernetes.io/revision", "0")
    return (int(text) if text.isdigit() else 0, replica_set.metadata.name)


def _conditions(
    view: View, stored: StoredObject, deployment: Deployment, counts: DeploymentStatus
) -> tuple[Condition, ...]:
    minimum = deployment.spec.replicas - limits_of(deployment)[1]
    enough = counts.available_replicas >= minimum
    available = Condition(
        type="Available",
        status="True" if enough else "False",
        reason="MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        message=f"{counts.available_replicas} of at least {minimum} replicas available",
    )
    progressing = _progressing(view, deployment, counts)
    old = deployment.status.conditions
    if progressing.reason == "ProgressDeadlineExceeded" and not _is_same(old, progressing):
        view.happened(stored, progressing.reason, progressing.message, warning=True)
    return tuple(with_times(view, old, new) for new in (available, progressing))


def _is_same(old: tuple[Condition, ...], new: Condition) -> bool:
    before = condition(old, new.type)
    return before is not None and before.reason == new.reason


def _progressing(view: View, deployment: Deployment, counts: DeploymentStatus) -> Condition:
    old = condition(deployment.status.conditions, "Progressing")
    if is_complete(deployment, counts):
        return Condition(type="Progressing", status="True", reason="NewReplicaSetAvailable", message="rollout complete")
    if deployment.spec.paused:
        return Condition(type="Progressing", status="Unknown", reason="DeploymentPaused", message="rollout is paused")
    if old is None or old.status != "True" or _has_progressed(deployment.status, counts):
        moved = old is None or old.reason != "ProgressDeadlineExceeded" or _has_progressed(deployment.status, counts)
        if moved:
            _look_at_deadline(view, deployment, view.now)
            return Condition(
                type="Progressing",
                status="True",
                reason="ReplicaSetUpdated",
                message="replicas are being replaced",
                last_update_time=view.timestamp,
            )
        assert old is not None
        return cast(Condition, old)
    since = unix(old.last_update_time) or view.now
    if old.reason == "NewReplicaSetAvailable":
        since = view.now
    if view.now >= since + deployment.spec.progress_deadline_seconds:
        message = f"no progress for {deployment.spec.progress_deadline_seconds} s"
        return Condition(type="Progressing", status="False", reason="ProgressDeadlineExceeded", message=message)
    _look_at_deadline(view, deployment, since)
    return Condition(
        type="Progressing",
        status="True",
        reason="ReplicaSetUpdated",
        message="replicas are being replaced",
        last_update_time=old.last_update_time if old.reason != "NewReplicaSetAvailable" else view.timestamp,
    )


def _look_at_deadline(view: View, deployment: Deployment, since: float) -> None:
    view.look_again(since + deployment.spec.progress_deadline_seconds)


def is_complete(deployment: Deployment, counts: DeploymentStatus) -> bool:
    """Whether the rollout is over: all replicas are new and available, and no old one is left."""
    wanted = deployment.spec.replicas
    return counts.updated_replicas == wanted and counts.replicas == wanted and counts.available_replicas == wanted


def _has_progressed(old: DeploymentStatus, new: DeploymentStatus) -> bool:
    old_rest = old.replicas - old.updated_replicas
    new_rest = new.replicas - new.updated_replicas
    return (
        new.updated_replicas > old.updated_replicas
        or new_rest < old_rest
        or new.ready_replicas > old.ready_replicas
        or new.available_replicas > old.available_replicas
        or new.observed_generation > old.observed_generation
    )


def with_times(view: View, old: tuple[Condition, ...], new: Condition) -> Condition:
    """Return a condition with its times: the transition time changes only with the status."""
    before = condition(old, new.type)
    if before is not None and before.status == new.status:
        same = before.reason == new.reason and before.message == new.message
        updated = new.last_update_time or (before.last_update_time if same else view.timestamp)
        return replace(new, last_transition_time=before.last_transition_time, last_update_time=updated)
    return replace(new, last_transition_time=view.timestamp, last_update_time=new.last_update_time or view.timestamp)
