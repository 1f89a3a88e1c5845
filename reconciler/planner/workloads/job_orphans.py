"""Pods with the mark of a Job that counts none any more: it is taken off, so that nothing waits for a count. Pure.

The rule is that of Kubernetes' Job controller: a Pod that something else controls is left alone.
"""

from typing import cast

from reconciler.model.kinds import Job, Pod
from reconciler.planner.view import View
from reconciler.planner.workloads.job import is_finished
from reconciler.planner.workloads.job_pods import release
from reconciler.planner.workloads.job_tally import is_tracked


def untrack_orphans(view: View) -> None:
    """Take the mark off Pods whose Job is gone, goes or is over, and off those that have no owner."""
    for stored in view.due("Pod"):
        if is_tracked(cast(Pod, stored.object)) and is_orphan(view, cast(Pod, stored.object)):
            release(view, stored)


def is_orphan(view: View, pod: Pod) -> bool:
    """Whether no Job that goes on counts a Pod."""
    owner = next((one for one in pod.metadata.owner_references if one.controller), None)
    if owner is None:
        return True
    if (owner.api_version, owner.kind) != ("batch/v1", Job.kind):
        return False
    job = view.typed(Job, pod.metadata.namespace, owner.name)
    if job is None or job.metadata.uid != owner.uid:
        return True
    return job.metadata.deletion_timestamp is not None or is_finished(job)
