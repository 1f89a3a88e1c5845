"""What is counted of Jobs' Pods for ever: those that have ended, and what failure policies said of them. Pure.

The names are those of Kubernetes' metrics. What a pass writes is compared with what was there before it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeAlias, cast

from reconciler.model.kinds import Job, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Change
from reconciler.model.refs import ObjectRef
from reconciler.planner.workloads.job_policy import judge_failure
from reconciler.planner.workloads.job_tally import is_tracked

TRACKED_PODS = "job_controller_terminated_pods_tracking_finalizer_total"
POLICY_ACTIONS = "job_controller_pod_failures_handled_by_failure_policy_total"
ADD, DELETE = "add", "delete"
# Metric and what it tells apart → how often.
Counts: TypeAlias = Counter[tuple[str, str]]


def job_counts(before: Mapping[ObjectRef, StoredObject], changes: Iterable[Change]) -> Counts:
    """Return what the writes of a pass add to the counts."""
    found: Counts = Counter()
    for change in changes:
        if not isinstance(change.object, Pod):
            continue
        old = before.get(change.ref)
        was = cast(Pod, old.object) if old is not None else None
        events = tracking_events(was, None if change.verb == "delete" else change.object)
        found.update((TRACKED_PODS, event) for event in events)
        if DELETE in events and (action := _action(before, change.object)):
            found[POLICY_ACTIONS, action] += 1
    return found


def tracking_events(before: Pod | None, after: Pod | None) -> tuple[str, ...]:
    """Return whether a Pod has begun to wait for being counted, has been counted, or both in one write."""
    if before is None or not is_tracked(before):
        return ()
    waited = _has_ended(before)
    if after is not None and is_tracked(after):
        return (ADD,) if _has_ended(after) and not waited else ()
    if not waited and after is not None and not _has_ended(after):
        return ()  # its Job has let it go: it is never counted
    return (DELETE,) if waited else (ADD, DELETE)


def _has_ended(pod: Pod) -> bool:
    return pod.status.phase in ("Succeeded", "Failed")


def _action(before: Mapping[ObjectRef, StoredObject], pod: Pod) -> str:
    """Return what the failure policy of its Job says of a Pod that was counted; empty: nothing."""
    owner = next((one for one in pod.metadata.owner_references if one.controller and one.kind == Job.kind), None)
    if owner is None or pod.status.phase != "Failed":
        return ""
    job = before.get(ObjectRef(kind=Job.kind, namespace=pod.metadata.namespace, name=owner.name))
    if job is None or job.object.metadata.uid != owner.uid:
        return ""
    return judge_failure(cast(Job, job.object).spec, pod).action
