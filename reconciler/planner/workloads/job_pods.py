"""A Job's Pods: which to start and which to end, and counting each once. Pure."""

from collections.abc import Mapping
from typing import cast

from reconciler.model.kinds import Container, EnvVar, EnvVarSource, Job, JobStatus, ObjectFieldSelector, Pod
from reconciler.model.kinds import PodTemplateSpec as Template
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.create import create_pod, tell_created
from reconciler.planner.workloads.job_policy import judge_failure
from reconciler.planner.workloads.job_tally import (
    CONTROLLER_UID,
    FAILURES,
    IGNORED_FAILURES,
    INDEX,
    TRACKED,
    Tally,
    back_off_of_index_until,
    back_off_until,
    failures_of,
    ignored_failures_of,
    index_of,
    is_terminating,
)
from reconciler.planner.workloads.podview import deletion_rank
from reconciler.planner.workloads.replicaset import delete_pod

_INDEX_VARIABLE = "JOB_COMPLETION_INDEX"


def manage_pods(view: View, stored: StoredObject, job: Job, status: JobStatus, tally: Tally) -> JobStatus:
    """End Pods that are too many, or start those that are missing: never both in one pass."""
    wanted = _wanted(job, tally)
    surplus = surplus_of(job, tally, len(tally.active) - wanted)
    for one in surplus:
        end_uncounted(view, one, Reason.SCALE_DOWN)
    if surplus:
        return status
    ending = tally.terminating if job.spec.waits_for_the_end else 0
    missing = wanted - ending - len(tally.active)
    return _start_missing(view, stored, job, status, tally, missing) if missing > 0 else status


def _wanted(job: Job, tally: Tally) -> int:
    """Return how many Pods are to run: no more than completions are missing."""
    spec = job.spec
    if spec.completions is None:
        # One success is the end of it: what runs may finish, and nothing new starts.
        return len(tally.active) if tally.succeeded else spec.parallelism
    return max(min(spec.parallelism, spec.completions - tally.succeeded), 0)


def surplus_of(job: Job, tally: Tally, at_least: int) -> list[StoredObject]:
    """Return the Pods to end: those without an index of their own first, then the usual order."""
    by_rank = sorted(tally.active, key=lambda one: deletion_rank(cast(Pod, one.object)))
    if not job.spec.is_indexed:
        return by_rank[: max(at_least, 0)]
    best: dict[int, StoredObject] = {}
    for one in by_rank:
        if 0 <= (index := index_of(cast(Pod, one.object))) < (job.spec.completions or 0):
            best[index] = one
    kept = frozenset(one.ref for one in best.values())
    wrong = [one for one in by_rank if one.ref not in kept]
    right = [one for one in by_rank if one.ref in kept]
    return wrong + right[: max(at_least - len(wrong), 0)]


def _start_missing(
    view: View, stored: StoredObject, job: Job, status: JobStatus, tally: Tally, missing: int
) -> JobStatus:
    counter = status.pods_created
    if job.spec.backoff_limit_per_index is None and (until := back_off_until(tally)) > view.now:
        view.look_again(until)
        return status
    if not job.spec.is_indexed:
        for _ in range(missing):
            counter = _start(view, stored, job, counter)
        return replace(status, pods_created=counter)
    indexes = pending_indexes(job, tally, missing)
    if job.spec.backoff_limit_per_index is not None:
        indexes = rested_indexes(view, indexes, tally.last_failed)
    for index in indexes:
        counter = _start_index(view, stored, job, counter, index, tally.last_failed.get(index))
    return replace(status, pods_created=counter)


def rested_indexes(view: View, indexes: list[int], last_failed: Mapping[int, Pod]) -> list[int]:
    """Return the indexes that have waited long enough since the failure of their last Pods."""
    until = {index: back_off_of_index_until(last_failed.get(index)) for index in indexes}
    for at in until.values():
        view.look_again(at)
    return [index for index in indexes if until[index] <= view.now]


def pending_indexes(job: Job, tally: Tally, count: int) -> list[int]:
    """Return the first indexes of which no Pod runs, has succeeded, or has failed for good."""
    busy = {index_of(pod) for pod in tally.active_pods} | tally.succeeded_indexes | tally.failed_indexes
    if job.spec.waits_for_the_end:
        pods = (cast(Pod, one.object) for one in tally.pods)
        busy |= {index_of(pod) for pod in pods if is_terminating(pod)}
    return [index for index in range(job.spec.completions or 0) if index not in busy][:count]


def _start(view: View, stored: StoredObject, job: Job, counter: int) -> int:
    template, reason, labels = job.spec.template, Reason.JOB_RUNS, _labels(stored, job)
    pod, counter = create_pod(view, stored, template, counter, reason, labels=labels, finalizers=(TRACKED,))
    tell_created(view, stored, pod)
    return counter


def _start_index(view: View, stored: StoredObject, job: Job, counter: int, index: int, last_failed: Pod | None) -> int:
    base = f"{stored.ref.name[: 56 - len(str(index))]}-{index}"
    pod, counter = create_pod(
        view,
        stored,
        indexed_template(job.spec.template, f"{stored.ref.name}-{index}"),
        counter,
        Reason.JOB_RUNS,
        labels={**_labels(stored, job), INDEX: str(index)},
        annotations={INDEX: str(index), **_failure_counts(job, last_failed)},
        finalizers=(TRACKED,),
        base=base,
    )
    tell_created(view, stored, pod)
    return counter


def _labels(stored: StoredObject, job: Job) -> dict[str, str]:
    """Return what a Pod is labelled with; where the Job brings a selector of its own, the template's labels do."""
    if job.spec.manual_selector:
        return {}
    return {
        "batch.kubernetes.io/job-name": stored.ref.name,
        CONTROLLER_UID: job.metadata.uid,
        "job-name": stored.ref.name,
        "controller-uid": job.metadata.uid,
    }


def _failure_counts(job: Job, last_failed: Pod | None) -> dict[str, str]:
    if job.spec.backoff_limit_per_index is None:
        return {}
    failures, ignored = counts_after(job, last_failed)
    return {FAILURES: str(failures)} | ({IGNORED_FAILURES: str(ignored)} if ignored else {})


def counts_after(job: Job, last_failed: Pod | None) -> tuple[int, int]:
    """Return how many failures of its index the Pod after `last_failed` has behind it: counted, and ignored."""
    if last_failed is None:
        return 0, 0
    counts = judge_failure(job.spec, last_failed).counts
    return failures_of(last_failed) + counts, ignored_failures_of(last_failed) + (not counts)


def indexed_template(template: Template, hostname: str) -> Template:
    """Return the template for one index: with its host name, and its number in the environment."""
    spec = template.spec
    spec = replace(
        spec,
        hostname=hostname,
        containers=tuple(map(_with_index, spec.containers)),
        init_containers=tuple(map(_with_index, spec.init_containers)),
    )
    return replace(template, spec=spec)


def _with_index(container: Container) -> Container:
    if any(one.name == _INDEX_VARIABLE for one in container.env):
        return container
    source = EnvVarSource(field_ref=ObjectFieldSelector(field_path=f"metadata.annotations['{INDEX}']"))
    return replace(container, env=(*container.env, EnvVar(name=_INDEX_VARIABLE, value_from=source)))


def end_uncounted(view: View, stored: StoredObject, reason: Reason) -> None:
    """End a Pod that the Job itself does not want any more: that is no failure."""
    delete_pod(view, release(view, stored), reason)


def release(view: View, stored: StoredObject) -> StoredObject:
    """Take the mark off a Pod that is counted; one that was only waited for goes."""
    stored = view.latest(stored)
    metadata = stored.object.metadata
    if TRACKED in metadata.finalizers:
        kept = tuple(one for one in metadata.finalizers if one != TRACKED)
        pod = replace(cast(Pod, stored.object), metadata=replace(metadata, finalizers=kept))
        stored = view.update(stored, pod, reason=Reason.STATUS, judged=False)
    if stored.ref in view.ended:
        view.remove(stored, Reason.POD_TERMINATING, "has ended")
    return stored
