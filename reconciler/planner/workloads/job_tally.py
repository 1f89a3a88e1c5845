"""How a Job's Pods stand: who runs, who has ended and was not counted yet, which indexes are done. Pure.

A Pod of a Job bears the mark TRACKED until it is counted. Mark and count change in the same write, so that every Pod
counts once, whatever becomes of it afterwards.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from reconciler.model.base import Value
from reconciler.model.indexes import from_ranges
from reconciler.model.kinds import Job, JobSpec, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.times import seconds, unix
from reconciler.planner.health import condition
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.annotations import count_in
from reconciler.planner.workloads.job_policy import judge_failure
from reconciler.planner.workloads.podview import is_active

TRACKED = "batch.kubernetes.io/job-tracking"
CONTROLLER_UID = "batch.kubernetes.io/controller-uid"
INDEX = "batch.kubernetes.io/job-completion-index"
FAILURES = "batch.kubernetes.io/job-index-failure-count"
IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count"
BACK_OFF_FIRST_S = 10.0
BACK_OFF_MAX_S = 600.0
_ENDED = ("Succeeded", "Failed")


class Tally(Value):
    """How a Job's Pods stand.

    `succeeded` and `failed` include what is counted already; `last_failed` is the Pod of each index that its next one
    follows, and is counted with that one.
    """

    pods: tuple[StoredObject, ...] = ()
    active: tuple[StoredObject, ...] = ()
    terminating: int = 0
    new_succeeded: tuple[Pod, ...] = ()
    new_failed: tuple[Pod, ...] = ()
    succeeded: int = 0
    failed: int = 0
    succeeded_indexes: frozenset[int] = frozenset()
    failed_indexes: frozenset[int] = frozenset()
    last_failed: Mapping[int, Pod] = {}

    @property
    def active_pods(self) -> tuple[Pod, ...]:
        """The Pods that run or are to run."""
        return tuple(cast(Pod, one.object) for one in self.active)


def tally_of(view: View, job: Job) -> Tally:
    """Return how the Job's Pods stand now."""
    spec, status = job.spec, job.status
    stored = tuple(view.owned_by(job.metadata.uid, "Pod"))
    pods = [cast(Pod, one.object) for one in stored]
    active = tuple(one for one in stored if is_active(cast(Pod, one.object)))
    succeeded = tuple(pod for pod in pods if is_tracked(pod) and pod.status.phase == "Succeeded")
    failed = tuple(pod for pod in pods if is_tracked(pod) and has_failed(spec, pod))
    tally = Tally(
        pods=stored,
        active=active,
        terminating=sum(1 for pod in pods if is_terminating(pod)),
        new_succeeded=succeeded,
        new_failed=failed,
        succeeded=status.succeeded + len(succeeded),
        failed=status.failed + sum(1 for pod in failed if judge_failure(spec, pod).counts),
    )
    return _with_indexes(job, tally) if spec.is_indexed else tally


def _with_indexes(job: Job, tally: Tally) -> Tally:
    spec, status = job.spec, job.status
    done = from_ranges(status.completed_indexes, spec.completions) | _indexes(spec, tally.new_succeeded)
    broken: frozenset[int] = frozenset()
    last: dict[int, Pod] = {}
    if spec.backoff_limit_per_index is not None:
        failing = tuple(pod for pod in tally.new_failed if has_spent_its_index(spec, pod))
        broken = from_ranges(status.failed_indexes or "", spec.completions) | _indexes(spec, failing)
        over = done | broken | {index_of(pod) for pod in tally.active_pods}
        for pod in sorted(tally.new_failed, key=_failures_then_end):
            if 0 <= index_of(pod) < (spec.completions or 0) and index_of(pod) not in over:
                last[index_of(pod)] = pod
    return replace(tally, succeeded=len(done), succeeded_indexes=done, failed_indexes=broken, last_failed=last)


def _indexes(spec: JobSpec, pods: tuple[Pod, ...]) -> frozenset[int]:
    return frozenset(index for pod in pods if 0 <= (index := index_of(pod)) < (spec.completions or 0))


def _failures_then_end(pod: Pod) -> tuple[int, float]:
    return (failures_of(pod) + ignored_failures_of(pod), ended_at(pod))


def is_tracked(pod: Pod) -> bool:
    """Whether the Pod was not counted yet."""
    return TRACKED in pod.metadata.finalizers


def is_terminating(pod: Pod) -> bool:
    """Whether the Pod is ending and has not ended."""
    return pod.metadata.deletion_timestamp is not None and pod.status.phase not in _ENDED


def has_failed(spec: JobSpec, pod: Pod) -> bool:
    """Whether a Pod is a failure: it failed, or it is being deleted and its Job does not wait for its end."""
    if pod.status.phase == "Failed":
        return True
    return not spec.waits_for_the_end and pod.metadata.deletion_timestamp is not None and pod.status.phase not in _ENDED


def has_spent_its_index(spec: JobSpec, pod: Pod) -> bool:
    """Whether with this failure its index has failed for good."""
    if not has_failed(spec, pod):
        return False
    judgement = judge_failure(spec, pod)
    if judgement.action == "FailIndex":
        return True
    return judgement.counts and failures_of(pod) >= (spec.backoff_limit_per_index or 0)


def restarts_exceed(spec: JobSpec, pods: tuple[Pod, ...]) -> bool:
    """Whether containers that restart in place have used the back-off limit up."""
    if spec.template.spec.restart_policy != "OnFailure":
        return False
    restarts = sum(
        status.restart_count
        for pod in pods
        if pod.status.phase in ("Running", "Pending")
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses)
    )
    return restarts >= max(spec.failures_max, 1)


def index_of(pod: Pod) -> int:
    """Return a Pod's completion index; -1 when it has none."""
    return _number(pod, INDEX, -1)


def failures_of(pod: Pod) -> int:
    """Return how often its index had failed before this Pod."""
    return _number(pod, FAILURES, 0)


def ignored_failures_of(pod: Pod) -> int:
    """Return how many failures of its index before this Pod were not counted."""
    return _number(pod, IGNORED_FAILURES, 0)


def _number(pod: Pod, annotation: str, otherwise: int) -> int:
    found = count_in(pod.metadata.annotations, annotation)
    return otherwise if found is None else found


# Back-off


def back_off_until(tally: Tally) -> float:
    """Return when the next Pod may start: 10 s after the last failure, doubled with each since the last success."""
    new = frozenset(pod.metadata.uid for pod in tally.new_failed)
    pods = [cast(Pod, one.object) for one in tally.pods]
    # Pods stay until the Job goes, so that those that are counted already tell of the time before. What the Job
    # itself has deleted is no failure.
    stay = [pod for pod in pods if pod.metadata.deletion_timestamp is None]
    failed = [ended_at(pod) for pod in pods if pod.metadata.uid in new]
    failed += [ended_at(pod) for pod in stay if pod.status.phase == "Failed" and pod.metadata.uid not in new]
    succeeded = [ended_at(pod) for pod in pods if pod.status.phase == "Succeeded"]
    return since_failures(failed, succeeded)


def since_failures(failed: Sequence[float], succeeded: Sequence[float]) -> float:
    """Return until when to wait, given when Pods failed and succeeded: only failures after the last success count."""
    last = max(succeeded, default=None)
    later = [at for at in failed if last is None or at > last]
    return max(later) + delay_after(len(later)) if later else 0.0


def back_off_of_index_until(last_failed: Pod | None) -> float:
    """Return when the next Pod of an index may start, given the one that failed last."""
    if last_failed is None:
        return 0.0
    failures = failures_of(last_failed) + ignored_failures_of(last_failed) + 1
    return ended_at(last_failed) + delay_after(failures)


def delay_after(failures: int, first_s: float = BACK_OFF_FIRST_S, most_s: float = BACK_OFF_MAX_S) -> float:
    """Return how long to wait after so many failures in a row."""
    return 0.0 if failures < 1 else float(min(first_s * 2 ** min(failures - 1, 32), most_s))


def ended_at(pod: Pod) -> float:
    """Return when a Pod ended: when its containers did, else when it ceased to be ready, was deleted, or was made."""
    sidecars = frozenset(one.name for one in pod.spec.init_containers if one.restart_policy == "Always")
    statuses = (
        *pod.status.container_statuses,
        *(one for one in pod.status.init_container_statuses if one.name in sidecars),
    )
    ends = [unix(one.state.terminated.finished_at) if one.state.terminated else None for one in statuses]
    known = [end for end in ends if end]
    if known and len(known) == len(ends):
        return max(known)
    ready = condition(pod.status.conditions, "Ready")
    if ready is not None and ready.status == "False" and (since := unix(ready.last_transition_time)):
        return since
    return seconds(pod.metadata.deletion_timestamp or pod.metadata.creation_timestamp)
