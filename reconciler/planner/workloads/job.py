"""Jobs: run Pods until enough have ended well. Pure; semantics of Kubernetes' Job controller."""

from typing import cast

from reconciler.model.base import Value
from reconciler.model.indexes import as_ranges, from_ranges
from reconciler.model.kinds import Condition, Job, JobStatus, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.times import rfc3339, unix
from reconciler.planner.health import condition
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.create import create_pod
from reconciler.planner.workloads.podview import is_active, is_ready
from reconciler.planner.workloads.replicaset import delete_pod

INDEX = "batch.kubernetes.io/job-completion-index"
BACK_OFF_FIRST_S = 10.0
BACK_OFF_MAX_S = 600.0


class Tally(Value):
    """How a Job's Pods stand."""

    active: tuple[StoredObject, ...] = ()
    terminating: int = 0
    succeeded: tuple[Pod, ...] = ()
    failed: tuple[Pod, ...] = ()
    restarts: int = 0

    @property
    def indexes_done(self) -> frozenset[int]:
        """The completion indexes of which a Pod has succeeded."""
        return frozenset(index_of(pod) for pod in self.succeeded)


def sync_jobs(view: View) -> None:
    """Advance every Job by what may be done now."""
    for stored in view.of_kind("Job"):
        if stored.object.metadata.deletion_timestamp is None:
            _sync(view, stored)


def _sync(view: View, stored: StoredObject) -> None:
    job = cast(Job, stored.object)
    if stored.ref not in view.verdicts:
        view.judge(stored.ref, Decision.UNCHANGED, Reason.IN_SYNC, stored=stored)
    if is_finished(job):
        _collect_after_ttl(view, stored, job)
        return
    status = job.status
    tally = _tally(view, job)
    if status.start_time is None and not job.spec.suspend:
        status = replace(status, start_time=view.timestamp)
    finish = _finish(view, job, status, tally)
    if finish is not None or job.spec.suspend:
        why = Reason.JOB_FINISHED if finish else Reason.SUSPENDED
        for one in tally.active:
            delete_pod(view, one, why)
        if job.spec.suspend and not finish:
            status = replace(status, start_time=None)
    else:
        status = _start_missing(view, stored, job, status, tally)
    view.set_status(stored, _status(view, stored, status, finish))


def is_finished(job: Job) -> bool:
    """Whether the Job has completed or failed for good."""
    return any(one.type in ("Complete", "Failed") and one.status == "True" for one in job.status.conditions)


def _collect_after_ttl(view: View, stored: StoredObject, job: Job) -> None:
    """Remove a finished Job after its time to live. One of Git keeps its name, so that it is not run again."""
    ttl = job.spec.ttl_seconds_after_finished
    ended = next((one for one in job.status.conditions if one.type in ("Complete", "Failed")), None)
    at = unix(ended.last_transition_time) if ended else None
    if ttl is None or at is None:
        return
    if view.now < at + ttl:
        view.look_again(at + ttl)
        return
    for pod in view.owned_by(job.metadata.uid, "Pod"):
        delete_pod(view, pod, Reason.JOB_FINISHED, f"kept for {ttl} s after the end")
    if not stored.manager.startswith("source/"):
        view.remove(stored, Reason.JOB_FINISHED, f"kept for {ttl} s after the end")


def _tally(view: View, job: Job) -> Tally:
    pods = view.owned_by(job.metadata.uid, "Pod")
    typed = [cast(Pod, one.object) for one in pods]
    # A Pod counts once it has ended, also while it is being removed.
    succeeded = tuple(pod for pod in typed if pod.status.phase == "Succeeded")
    failed = tuple(pod for pod in typed if pod.status.phase == "Failed" or _was_deleted(pod))
    restarts = sum(
        status.restart_count
        for pod in typed
        if pod.spec.restart_policy == "OnFailure" and is_active(pod)
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses)
    )
    return Tally(
        active=tuple(one for one, pod in zip(pods, typed, strict=True) if is_active(pod)),
        terminating=sum(1 for pod in typed if pod.metadata.deletion_timestamp and pod.status.phase == "Running"),
        succeeded=succeeded,
        failed=failed,
        restarts=restarts,
    )


def _was_deleted(pod: Pod) -> bool:
    return pod.metadata.deletion_timestamp is not None and pod.status.phase not in ("Succeeded", "Failed")


def _finish(view: View, job: Job, status: JobStatus, tally: Tally) -> Condition | None:
    """Return the condition that ends the Job now, or None while it goes on."""
    deadline = job.spec.active_deadline_seconds
    started = unix(status.start_time)
    if deadline is not None and started is not None and not job.spec.suspend:
        if view.now >= started + deadline:
            return _failed("DeadlineExceeded", f"was active longer than {deadline} s")
        view.look_again(started + deadline)
    if rule := _policy_failure(job, tally):
        return _failed("PodFailurePolicy", rule)
    failures = len(_counted(job, tally)) + tally.restarts
    if job.spec.backoff_limit_per_index is None and failures > job.spec.failures_max:
        return _failed("BackoffLimitExceeded", f"more than {job.spec.failures_max} failures")
    if _is_complete(job, tally):
        return Condition(type="Complete", status="True", reason="CompletionsReached", message="reached its completions")
    if job.spec.completion_mode == "Indexed" and job.spec.backoff_limit_per_index is not None:
        return _indexed_failure(job, tally)
    return None


def _failed(reason: str, message: str) -> Condition:
    return Condition(type="Failed", status="True", reason=reason, message=message)


def _is_complete(job: Job, tally: Tally) -> bool:
    if job.spec.completion_mode == "Indexed":
        return len(tally.indexes_done) >= (job.spec.completions or 0)
    if job.spec.completions is None:
        return bool(tally.succeeded) and not tally.active
    return len(tally.succeeded) >= job.spec.completions


def _indexed_failure(job: Job, tally: Tally) -> Condition | None:
    broken = failed_indexes(job, tally.failed)
    limit = job.spec.max_failed_indexes
    if limit is not None and len(broken) > limit:
        return _failed("MaxFailedIndexesExceeded", f"more than {limit} indexes have failed")
    decided = len(tally.indexes_done | broken) >= (job.spec.completions or 0)
    return _failed("FailedIndexes", f"indexes {as_ranges(broken)} have failed") if decided and broken else None


def failed_indexes(job: Job, failed: tuple[Pod, ...]) -> frozenset[int]:
    """Return the indexes that have failed more often than `backoffLimitPerIndex` allows."""
    counts: dict[int, int] = {}
    for pod in failed:
        counts[index_of(pod)] = counts.get(index_of(pod), 0) + 1
    limit = job.spec.backoff_limit_per_index or 0
    return frozenset(index for index, count in counts.items() if count > limit)


def _policy_failure(job: Job, tally: Tally) -> str:
    for pod in tally.failed:
        if _policy_action(job, pod) == "FailJob":
            return f"pod {pod.metadata.name} failed in a way that its failure policy does not forgive"
    return ""


def _counted(job: Job, tally: Tally) -> list[Pod]:
    return [pod for pod in tally.failed if _policy_action(job, pod) != "Ignore"]


def _policy_action(job: Job, pod: Pod) -> str:
    """Return what the first fitting rule of the failure policy says of a failed Pod."""
    if job.spec.pod_failure_policy is None:
        return "Count"
    for rule in job.spec.pod_failure_policy.rules:
        if rule.on_exit_codes is not None:
            wanted = rule.on_exit_codes
            for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
                ended = status.state.terminated
                named = wanted.container_name in (None, status.name)
                if ended is None or ended.exit_code == 0 or not named:
                    continue
                if (ended.exit_code in wanted.values) == (wanted.operator == "In"):
                    return rule.action
        for one in rule.on_pod_conditions:
            found = condition(pod.status.conditions, one.type)
            if found is not None and found.status == one.status:
                return rule.action
    return "Count"


def _start_missing(view: View, stored: StoredObject, job: Job, status: JobStatus, tally: Tally) -> JobStatus:
    """Start as many Pods as parallelism and remaining completions ask for, after the back-off of failures."""
    spec = job.spec
    if spec.completions is None:
        wanted = len(tally.active) if tally.succeeded else spec.parallelism
    elif spec.completion_mode == "Indexed":
        wanted = spec.parallelism
    else:
        wanted = min(spec.parallelism, spec.completions - len(tally.succeeded))
    surplus = len(tally.active) - wanted
    for one in tally.active[: max(surplus, 0)]:
        delete_pod(view, one, Reason.SCALE_DOWN)
    missing = wanted - len(tally.active)
    if missing <= 0:
        return status
    until = _back_off_until(job, tally)
    if until > view.now:
        view.look_again(until)
        return status
    counter = status.pods_created
    indexes = _free_indexes(job, tally)[:missing] if spec.completion_mode == "Indexed" else [None] * missing
    for index in indexes:
        counter = _start(view, stored, job, counter, index)
    return replace(status, pods_created=counter)


def _back_off_until(job: Job, tally: Tally) -> float:
    """Return when the next Pod may start: 10 s after the last failure, doubled with each, at most ten minutes."""
    failed = [pod for pod in tally.failed if pod.status.phase == "Failed"]
    if not failed:
        return 0.0
    last = max(_ended_at(pod) for pod in failed)
    return last + float(min(BACK_OFF_FIRST_S * 2 ** (len(failed) - 1), BACK_OFF_MAX_S))


def _ended_at(pod: Pod) -> float:
    ends = [unix(one.state.terminated.finished_at) for one in pod.status.container_statuses if one.state.terminated]
    return max((end for end in ends if end is not None), default=unix(pod.metadata.creation_timestamp) or 0.0)


def _free_indexes(job: Job, tally: Tally) -> list[int]:
    busy = {index_of(cast(Pod, one.object)) for one in tally.active} | tally.indexes_done
    if job.spec.backoff_limit_per_index is not None:
        busy |= failed_indexes(job, tally.failed)
    return [index for index in range(job.spec.completions or 0) if index not in busy]


def _start(view: View, stored: StoredObject, job: Job, counter: int, index: int | None) -> int:
    labels = {
        "batch.kubernetes.io/job-name": stored.ref.name,
        "batch.kubernetes.io/controller-uid": job.metadata.uid,
        "job-name": stored.ref.name,
        "controller-uid": job.metadata.uid,
    }
    if index is None:
        _, counter = create_pod(view, stored, job.spec.template, counter, Reason.JOB_RUNS, labels=labels)
        return counter
    annotations = {INDEX: str(index)}
    labels[INDEX] = str(index)
    hostname = f"{stored.ref.name}-{index}"
    _, counter = create_pod(
        view,
        stored,
        job.spec.template,
        counter,
        Reason.JOB_RUNS,
        labels=labels,
        annotations=annotations,
        hostname=hostname[:63],
    )
    return counter


def index_of(pod: Pod) -> int:
    """Return a Pod's completion index; -1 when it has none."""
    text = pod.metadata.annotations.get(INDEX, "")
    return int(text) if text.isdigit() else -1


def _status(view: View, stored: StoredObject, status: JobStatus, finish: Condition | None) -> JobStatus:
    job = cast(Job, stored.object)
    tally = _tally(view, job)
    indexed = job.spec.completion_mode == "Indexed"
    done = tally.indexes_done | from_ranges(status.completed_indexes) if indexed else frozenset()
    status = replace(
        status,
        active=len(tally.active),
        ready=sum(1 for one in tally.active if is_ready(cast(Pod, one.object))),
        terminating=tally.terminating,
        succeeded=len(done) if indexed else max(len(tally.succeeded), status.succeeded),
        failed=max(len(tally.failed), status.failed),
        completed_indexes=as_ranges(done) if indexed else "",
        observed_generation=job.metadata.generation,
    )
    if finish is None:
        return replace(status, conditions=_suspended(view, job, status))
    timed = replace(finish, last_transition_time=rfc3339(view.now))
    view.happened(stored, finish.reason, finish.message, warning=finish.type == "Failed")
    completed = view.timestamp if finish.type == "Complete" else None
    return replace(status, conditions=(timed,), completion_time=completed, active=0, ready=0)


def _suspended(view: View, job: Job, status: JobStatus) -> tuple[Condition, ...]:
    old = condition(status.conditions, "Suspended")
    if job.spec.suspend and (old is None or old.status != "True"):
        return (Condition(type="Suspended", status="True", reason="JobSuspended", last_transition_time=view.timestamp),)
    if not job.spec.suspend and old is not None and old.status == "True":
        return (Condition(type="Suspended", status="False", reason="JobResumed", last_transition_time=view.timestamp),)
    return status.conditions
