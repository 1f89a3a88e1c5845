"""How healthy an object is, judged from its observed status alone. Pure; used by waves, dependencies and `status`."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from reconciler.model.kinds import (
    ContainerStatus,
    CronJob,
    DaemonSet,
    Deployment,
    Ingress,
    Job,
    Node,
    PersistentVolumeClaim,
    Pod,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
)
from reconciler.model.observed import StoredObject
from reconciler.model.status import Health, ObjectHealth
from reconciler.planner.node_faults import troubles


def health_of(stored: StoredObject) -> ObjectHealth:
    """Return the health of one object; kinds without a status of their own are healthy once they exist."""
    object: Any = stored.object
    judge = _JUDGES.get(stored.ref.kind)
    health, reason, message, ready = judge(object) if judge else (Health.HEALTHY, "", "", "")
    if object.metadata.deletion_timestamp and health is Health.HEALTHY:
        health, reason = Health.PROGRESSING, "Terminating"
    return ObjectHealth(object=str(stored.ref), health=health, reason=reason, message=message, ready=ready)


def node_health(stored: StoredObject) -> ObjectHealth:
    """Return the health of a node by its conditions, for people to read: no wave or dependency goes by it."""
    conditions = cast(Node, stored.object).status.conditions
    ready = condition(conditions, "Ready")
    if ready is None or ready.status == "True":
        found = next(iter(troubles(conditions)), None)
        if found is None:
            return health_of(stored)
        return ObjectHealth(object=str(stored.ref), health=Health.DEGRADED, reason=found.reason, message=found.message)
    health = Health.UNKNOWN if ready.status == "Unknown" else Health.DEGRADED
    return ObjectHealth(object=str(stored.ref), health=health, reason=ready.reason, message=ready.message)


Judged = tuple[Health, str, str, str]


def _deployment(deployment: Deployment) -> Judged:
    status, spec = deployment.status, deployment.spec
    ready = f"{status.available_replicas}/{spec.replicas}"
    failed = condition(status.conditions, "Progressing")
    if failed and failed.status == "False" and failed.reason == "ProgressDeadlineExceeded":
        return Health.DEGRADED, failed.reason, failed.message, ready
    if status.observed_generation < deployment.metadata.generation:
        return Health.PROGRESSING, "NotObserved", "waits for the next look", ready
    if spec.paused and status.updated_replicas < spec.replicas:
        return Health.SUSPENDED, "Paused", "the rollout is paused", ready
    if status.updated_replicas < spec.replicas:
        return (
            Health.PROGRESSING,
            "Updating",
            f"{status.updated_replicas} of {spec.replicas} replicas are new",
            ready,
        )
    if status.replicas > status.updated_replicas:
        return (
            Health.PROGRESSING,
            "Updating",
            f"{status.replicas - status.updated_replicas} old replicas remain",
            ready,
        )
    if status.available_replicas < spec.replicas:
        return Health.PROGRESSING, "Starting", f"{ready} replicas available", ready
    return Health.HEALTHY, "", "", ready


def _stateful_set(stateful_set: StatefulSet) -> Judged:
    status, spec = stateful_set.status, stateful_set.spec
    ready = f"{status.available_replicas}/{spec.replicas}"
    if status.observed_generation < stateful_set.metadata.generation:
        return Health.PROGRESSING, "NotObserved", "waits for the next look", ready
    if status.replicas > spec.replicas:
        return Health.PROGRESSING, "Scaling", f"{status.replicas - spec.replicas} replicas too many", ready
    is_rolling = spec.update_strategy.type == "RollingUpdate"
    reached = max(spec.replicas - spec.update_strategy.rolling_update.partition, 0) if is_rolling else 0
    if status.updated_replicas < reached:
        return Health.PROGRESSING, "Updating", f"{status.updated_replicas} of {reached} replicas are new", ready
    if status.available_replicas < spec.replicas:
        return Health.PROGRESSING, "Starting", f"{ready} replicas available", ready
    return Health.HEALTHY, "", "", ready


def _replica_set(replica_set: ReplicaSet | ReplicationController) -> Judged:
    status, wanted = replica_set.status, replica_set.spec.replicas
    ready = f"{status.available_replicas}/{wanted}"
    settled = status.replicas == wanted and status.available_replicas == wanted
    return (Health.HEALTHY, "", "", ready) if settled else (Health.PROGRESSING, "Scaling", f"{ready} available", ready)


def _pod(pod: Pod) -> Judged:
    status = pod.status
    statuses = status.container_statuses
    ready = f"{sum(one.ready for one in statuses)}/{len(pod.spec.containers)}"
    if status.phase == "Succeeded":
        return Health.HEALTHY, "Completed", "", ready
    if status.phase == "Failed":
        return Health.DEGRADED, status.reason or "Failed", status.message, ready
    is_ready = condition(status.conditions, "Ready")
    if is_ready and is_ready.reason == "NodeNotReady":
        return Health.PROGRESSING, is_ready.reason, is_ready.message, ready
    for one in (*status.init_container_statuses, *statuses):
        waiting = one.state.waiting
        if waiting and waiting.reason in _FAULTS:
            return Health.DEGRADED, waiting.reason, f"{waiting.message}{_last_end(one)}", ready
    if is_ready and is_ready.status == "True":
        return Health.HEALTHY, "", "", ready
    scheduled = condition(status.conditions, "PodScheduled")
    if scheduled and scheduled.status == "False":
        return Health.PROGRESSING, scheduled.reason, scheduled.message, ready
    runs = any(one.state.running and not one.ready for one in statuses)
    if runs and is_ready:
        return Health.PROGRESSING, "Starting", is_ready.message, ready
    waits = (one.state.waiting for one in (*status.init_container_statuses, *statuses))
    return Health.PROGRESSING, "Starting", next((one.message for one in waits if one and one.message), ""), ready


def _last_end(status: ContainerStatus) -> str:
    """Return how a container that is started again and again ended last, in the words that follow why it waits."""
    ended = status.last_state.terminated
    if ended is None:
        return ""
    because = f", {ended.reason}" if ended.reason not in ("", "Error") else ""
    said = ended.message.strip().partition("\n")[0][:_SAID_MAX]
    return f"; it ended with exit code {ended.exit_code}{because}{f': {said}' if said else ''}"


_SAID_MAX = 200
_FAULTS = frozenset(
    {
        "CrashLoopBackOff",
        "ImagePullBackOff",
        "ErrImagePull",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)


def _job(job: Job) -> Judged:
    wanted = job.spec.completions if job.spec.completions is not None else job.spec.parallelism
    ready = f"{job.status.succeeded}/{wanted}"
    failed = condition(job.status.conditions, "Failed")
    if failed and failed.status == "True":
        return Health.DEGRADED, failed.reason, failed.message, ready
    done = condition(job.status.conditions, "Complete")
    if done and done.status == "True":
        return Health.HEALTHY, "Complete", "", ready
    if job.spec.suspend:
        return Health.SUSPENDED, "Suspended", "", ready
    return Health.PROGRESSING, "Running", f"{job.status.active} active", ready


def _daemon_set(daemon_set: DaemonSet) -> Judged:
    status = daemon_set.status
    wanted = status.desired_number_scheduled
    ready = f"{status.number_available}/{wanted}"
    if status.observed_generation < daemon_set.metadata.generation:
        return Health.PROGRESSING, "NotObserved", "waits for the next look", ready
    if daemon_set.spec.update_strategy.type == "RollingUpdate" and status.updated_number_scheduled < wanted:
        return Health.PROGRESSING, "Updating", f"{status.updated_number_scheduled} of {wanted} nodes are new", ready
    if status.number_available < wanted:
        return Health.PROGRESSING, "Starting", f"available on {status.number_available} of {wanted} nodes", ready
    return Health.HEALTHY, "", "", ready


def _cron_job(cron_job: CronJob) -> Judged:
    """A CronJob is healthy while it can start Jobs; how they end is their own health."""
    status = cron_job.status
    running = f"{len(status.active)} running" if status.active else ""
    if cron_job.spec.suspend:
        return Health.SUSPENDED, "Suspended", "", running
    reason, _, message = (status.noted or "").partition(": ")
    if reason == "InvalidSchedule":
        return Health.DEGRADED, reason, message, running
    return Health.HEALTHY, "", "", running


def _claim(claim: PersistentVolumeClaim) -> Judged:
    bound = claim.status.phase == "Bound"
    return (Health.HEALTHY, "", "", "") if bound else (Health.PROGRESSING, claim.status.phase, "waits for a volume", "")


def _ingress(ingress: Ingress) -> Judged:
    """An Ingress is healthy once its nodes serve it as it is; one that others serve is none of ours to judge."""
    status = ingress.status
    notes = [line.partition(": ")[::2] for line in (status.noted or "").split("\n")]
    if status.observed_generation >= ingress.metadata.generation:
        return Health.HEALTHY, *notes[0], ""
    why = next((message for reason, message in notes if reason == "NotServed"), "no node serves it yet")
    return Health.PROGRESSING, "NotServed", why, ""


_JUDGES: Mapping[str, Callable[[Any], Judged]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "ReplicaSet": _replica_set,
    "ReplicationController": _replica_set,
    "Pod": _pod,
    "Ingress": _ingress,
    "Job": _job,
    "DaemonSet": _daemon_set,
    "CronJob": _cron_job,
    "PersistentVolumeClaim": _claim,
}


def condition(conditions: tuple[Any, ...], type_: str) -> Any:
    """Return the condition of that type, or None."""
    for one in conditions:
        if one.type == type_:
            return one
    return None
