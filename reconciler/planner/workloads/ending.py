"""The end of a Pod that has ended for good. Pure."""

from typing import cast

from reconciler.model.kinds import Job, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.view import View, replace


def let_go(view: View, stored: StoredObject, reason: Reason, message: str, *, phase: str = "") -> None:
    """Remove a Pod that has ended for good; one that its Job has not counted yet goes once it has.

    `phase` is how it ended; where nobody knows, it has failed.
    """
    pod = cast(Pod, stored.object)
    owner = next((one for one in pod.metadata.owner_references if one.controller), None)
    job = view.typed(Job, stored.ref.namespace, owner.name) if owner is not None and owner.kind == "Job" else None
    if job is None or owner is None or job.metadata.uid != owner.uid or not pod.metadata.finalizers:
        view.remove(stored, reason, message)
        return
    view.ended.add(stored.ref)
    if pod.status.phase not in ("Succeeded", "Failed"):
        view.set_status(stored, replace(pod.status, phase="Succeeded" if phase == "Succeeded" else "Failed"))
