"""Which Pods are a Job's: by the label that bears its uid, which every Pod of a Job gets, or by its own selector where
`manualSelector` says so. Pure.

As in Kubernetes, a Pod that loses the label is let go, and counted no more; one that stands alone with it is taken in,
and bears the mark of those that are still to be counted.
"""

from typing import cast

from reconciler.model.kinds import Job, LabelSelector, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.adoption import adopt_fitting, release, strangers_of
from reconciler.planner.workloads.job_pods import release as take_mark_off
from reconciler.planner.workloads.job_tally import CONTROLLER_UID, TRACKED, is_tracked


def claim_pods(view: View, owner: StoredObject, free: list[StoredObject]) -> None:
    """Let go the Pods that are no longer the Job's, and take in those of `free` that are."""
    uid = owner.object.metadata.uid
    key = (uid, cast(Job, owner.object).spec.selector)
    selector = view.memo.get(("job selector", owner.ref), key, lambda: selector_of(cast(Job, owner.object)))
    for stranger in strangers_of(view, owner, "Pod", selector):
        release(view, owner, take_mark_off(view, stranger))
    if not free:
        return
    before = {one.ref for one in view.owned_by(uid, "Pod")}
    adopt_fitting(view, owner, "Pod", free, selector)
    for one in view.owned_by(uid, "Pod"):
        if one.ref not in before and not is_tracked(cast(Pod, one.object)):
            metadata = one.object.metadata
            marked = replace(metadata, finalizers=(*metadata.finalizers, TRACKED))
            pod = replace(cast(Pod, one.object), metadata=marked)
            view.update(one, pod, reason=Reason.ADOPTED, message=f"is taken in by {owner.ref}", manager=uid)


def selector_of(job: Job) -> LabelSelector:
    """Return which Pods are a Job's."""
    if job.spec.manual_selector and job.spec.selector is not None:
        return job.spec.selector
    return LabelSelector(match_labels={CONTROLLER_UID: job.metadata.uid})
