"""Jobs: run Pods until enough have ended well. Pure; semantics of Kubernetes' Job controller."""

from typing import cast

from reconciler.model.indexes import as_ranges
from reconciler.model.kinds import Condition, Job, JobStatus, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.times import unix
from reconciler.planner.health import condition
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.job_claims import claim_pods
from reconciler.planner.workloads.job_pods import end_uncounted, manage_pods, release
from reconciler.planner.workloads.job_policy import judge_failure, why_enough
from reconciler.planner.workloads.job_tally import (
    Tally,
    has_failed,
    index_of,
    is_terminating,
    is_tracked,
    restarts_exceed,
    tally_of,
)
from reconciler.planner.workloads.podview import is_active, is_ready
from reconciler.planner.workloads.replicaset import delete_pod

# What is decided comes first; the Job is over once none of its Pods is ending any more.
_FINAL = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}


def sync_jobs(view: View) -> None:
    """Advance every Job by what may be done now."""
    free = view.unmanaged("Pod")
    for stored in view.of_kind("Job"):
        if stored.object.metadata.deletion_timestamp is None:
            _sync(view, stored, free)


def _sync(view: View, stored: StoredObject, free: list[StoredObject]) -> None:
    job = cast(Job, stored.object)
    if stored.ref not in view.verdicts:
        why = Reason.SUSPENDED if job.spec.suspend and not is_finished(job) else Reason.IN_SYNC
        view.judge(stored.ref, Decision.UNCHANGED, why, stored=stored)
    if job.spec.is_managed_elsewhere:
        _collect_after_ttl(view, stored, job)
        return
    if is_finished(job):
        for pod in view.owned_by(job.metadata.uid, "Pod"):
            release(view, pod)
        _collect_after_ttl(view, stored, job)
        return
    claim_pods(view, stored, free)
    status = job.status
    if status.start_time is None and not job.spec.suspend:
        status = replace(status, start_time=view.timestamp)
    tally = tally_of(view, job)
    decided = _decided(view, job, status, tally)
    if decided is not None:
        for one in tally.active:
            delete_pod(view, one, Reason.JOB_FINISHED, decided.message)
    elif job.spec.suspend:
        for one in tally.active:
            end_uncounted(view, one, Reason.SUSPENDED)
    else:
        status = manage_pods(view, stored, job, status, tally)
    if decided is None:
        decided = _completed(view, job, tally)
    if decided is None:
        status = _with_suspension(view, stored, job, status)
    status = count_ended(view, job, status, tally, decided)
    view.set_status(stored, _finished(view, stored, status, decided))


def is_finished(job: Job) -> bool:
    """Whether the Job has completed or failed for good."""
    return _ending(job) is not None


def _ending(job: Job) -> Condition | None:
    return next(
        (one for one in job.status.conditions if one.type in ("Complete", "Failed") and one.status == "True"), None
    )


def _collect_after_ttl(view: View, stored: StoredObject, job: Job) -> None:
    """Remove a finished Job after its time to live. One of Git keeps its name, so that it is not run again."""
    at, ending = expires_at(job), _ending(job)
    if at is None or ending is None:
        return
    if view.now < at:
        view.look_again(at)
        return
    message = f"kept for {job.spec.ttl_seconds_after_finished} s after the end"
    for pod in view.owned_by(job.metadata.uid, "Pod"):
        delete_pod(view, pod, Reason.JOB_FINISHED, message)
    if not stored.manager.startswith("source/"):
        view.remove(stored, Reason.JOB_FINISHED, message)


def expires_at(job: Job) -> float | None:
    """Return when a finished Job may go; None when it has not ended, or has no time to live."""
    ending, ttl = _ending(job), job.spec.ttl_seconds_after_finished
    ended = unix(ending.last_transition_time) if ending is not None else None
    return None if ttl is None or ended is None else ended + ttl


# Deciding


def _decided(view: View, job: Job, status: JobStatus, tally: Tally) -> Condition | None:
    """Return the condition that decides how the Job ends, or None while it goes on."""
    for type_ in _FINAL:
        earlier = condition(status.conditions, type_)
        if earlier is not None and earlier.status == "True":
            return cast(Condition, earlier)
    found = _failure_by_policy(job, tally) or _failure_by_limit(view, job, status, tally)
    if found is None and job.spec.is_indexed:
        found = _decided_by_indexes(job, tally)
    return found


def _failure_by_policy(job: Job, tally: Tally) -> Condition | None:
    for one in tally.pods:
        pod = cast(Pod, one.object)
        if has_failed(job.spec, pod):
            judgement = judge_failure(job.spec, pod)
            if judgement.action == "FailJob":
                return _failure("PodFailurePolicy", judgement.message)
    return None


def _failure_by_limit(view: View, job: Job, status: JobStatus, tally: Tally) -> Condition | None:
    limit, deadline = job.spec.failures_max, job.spec.active_deadline_seconds
    if tally.failed > limit or restarts_exceed(job.spec, tuple(cast(Pod, one.object) for one in tally.pods)):
        return _failure("BackoffLimitExceeded", f"more than {limit} failures")
    started = unix(status.start_time)
    if deadline is None or started is None or job.spec.suspend:
        return None
    if _resumes(job):
        started = view.now
    if view.now >= started + deadline:
        return _failure("DeadlineExceeded", f"was active longer than {deadline} s")
    view.look_again(started + deadline)
    return None


def _decided_by_indexes(job: Job, tally: Tally) -> Condition | None:
    spec, broken = job.spec, tally.failed_indexes
    if spec.max_failed_indexes is not None and len(broken) > spec.max_failed_indexes:
        return _failure("MaxFailedIndexesExceeded", f"more than {spec.max_failed_indexes} indexes have failed")
    if broken and len(broken) + len(tally.succeeded_indexes) >= (spec.completions or 0):
        return _failure("FailedIndexes", f"indexes {as_ranges(broken)} have failed")
    if why := why_enough(spec, tally.succeeded_indexes):
        return Condition(type="SuccessCriteriaMet", status="True", reason="SuccessPolicy", message=why)
    return None


def _failure(reason: str, message: str) -> Condition:
    return Condition(type="FailureTarget", status="True", reason=reason, message=message)


def _completed(view: View, job: Job, tally: Tally) -> Condition | None:
    """Return the condition of a Job that has reached its completions while nothing of it runs any more."""
    if any(is_active(cast(Pod, one.object)) for one in view.owned_by(job.metadata.uid, "Pod")):
        return None
    wanted = job.spec.completions
    if (tally.succeeded == 0) if wanted is None else (tally.succeeded < wanted):
        return None
    message = "as many Pods as wanted have succeeded"
    return Condition(type="SuccessCriteriaMet", status="True", reason="CompletionsReached", message=message)


# Counting


def count_ended(view: View, job: Job, status: JobStatus, tally: Tally, decided: Condition | None) -> JobStatus:
    """Count what has ended since the last write, and take the mark off; the status is as the Pods stand then."""
    succeeded, failed = status.succeeded, status.failed
    lost = decided is not None and decided.type == "FailureTarget"
    # A failed Pod that the next one of its index follows keeps its mark until that one is there.
    kept = frozenset(pod.metadata.uid for pod in tally.last_failed.values()) if decided is None else frozenset()
    for one in tally.pods:
        pod = cast(Pod, one.object)
        is_over = pod.status.phase == "Succeeded" or has_failed(job.spec, pod) or decided is not None
        if not is_tracked(pod) or not is_over or pod.metadata.uid in kept:
            continue
        if pod.status.phase == "Succeeded":
            succeeded += 1
        elif (has_failed(job.spec, pod) or lost) and _counts(job, pod):
            failed += 1
        if (current := view.get(one.ref)) is not None:
            release(view, current)
    pods = [cast(Pod, one.object) for one in view.owned_by(job.metadata.uid, "Pod")]
    active = [pod for pod in pods if is_active(pod)]
    indexed, limited = job.spec.is_indexed, job.spec.backoff_limit_per_index is not None
    return replace(
        status,
        active=len(active),
        ready=sum(1 for pod in active if is_ready(pod)),
        terminating=sum(1 for pod in pods if is_terminating(pod)),
        succeeded=len(tally.succeeded_indexes) if indexed else succeeded,
        failed=failed,
        completed_indexes=as_ranges(tally.succeeded_indexes) if indexed else "",
        failed_indexes=as_ranges(tally.failed_indexes) if indexed and limited else None,
        observed_generation=job.metadata.generation,
    )


def _counts(job: Job, pod: Pod) -> bool:
    known = not job.spec.is_indexed or 0 <= index_of(pod) < (job.spec.completions or 0)
    return known and judge_failure(job.spec, pod).counts


# Conditions


def _with_suspension(view: View, stored: StoredObject, job: Job, status: JobStatus) -> JobStatus:
    """Note that the Job is suspended, or goes on; then its time counts from now."""
    old = condition(status.conditions, "Suspended")
    was = old is not None and old.status == "True"
    if job.spec.suspend == was:
        return status
    state, reason = ("True", "JobSuspended") if job.spec.suspend else ("False", "JobResumed")
    view.happened(
        stored, "Suspended" if job.spec.suspend else "Resumed", "suspended" if job.spec.suspend else "goes on"
    )
    if not job.spec.suspend:
        status = replace(status, start_time=view.timestamp)
    new = Condition(type="Suspended", status=state, reason=reason, last_transition_time=view.timestamp)  # type: ignore[arg-type]
    return replace(status, conditions=_with(status.conditions, new))


def _resumes(job: Job) -> bool:
    old = condition(job.status.conditions, "Suspended")
    return not job.spec.suspend and old is not None and old.status == "True"


def _finished(view: View, stored: StoredObject, status: JobStatus, decided: Condition | None) -> JobStatus:
    """Write down what is decided, and that the Job is over once nothing of it is ending any more."""
    if decided is None:
        return status
    timed = replace(decided, last_transition_time=decided.last_transition_time or view.timestamp)
    conditions = _with(status.conditions, timed)
    if status.terminating:
        return replace(status, conditions=conditions)
    final = replace(timed, type=_FINAL[timed.type], last_transition_time=view.timestamp)
    failed = final.type == "Failed"
    view.happened(stored, final.reason if failed else "Completed", final.message, warning=failed)
    completed = None if failed else view.timestamp
    return replace(status, conditions=_with(conditions, final), completion_time=completed)


def _with(conditions: tuple[Condition, ...], new: Condition) -> tuple[Condition, ...]:
    return (*(one for one in conditions if one.type != new.type), new)
