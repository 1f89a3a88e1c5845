"""Pods that no Job counts any more lose their mark as upstream's controller takes it off."""

from typing import Any

import msgspec

from reconciler.model.kinds import Container, Job, ObjectMeta, OwnerReference, Pod, PodSpec, PodTemplateSpec
from reconciler.planner.workloads.job_orphans import untrack_orphans
from reconciler.planner.workloads.job_tally import TRACKED
from tests.parity.loosely import loosely
from tests.parity.rows import compare
from tests.parity.test_parity_deployment import stored, view_of

Case = dict[str, Any]
replace = msgspec.structs.replace
_SPEC = PodSpec(containers=(Container(name="a", image="b"),))


def job_of(row: Case) -> Job:
    """Return a row's Job, with a template of ours."""
    status = {"conditions": row["status"].get("conditions", [])}
    made = loosely(Job, {"metadata": row["metadata"], "spec": {"template": {}}, "status": status})
    return replace(made, spec=replace(made.spec, template=PodTemplateSpec(spec=_SPEC)))


def is_untracked(case: Case, owner: OwnerReference | None) -> bool:
    """Whether the mark is taken off a Pod of this owner; the Job is there where the row's cache has it."""
    metadata = ObjectMeta(
        name="a", namespace="default", finalizers=(TRACKED,), owner_references=(owner,) if owner is not None else ()
    )
    pod = stored(Pod(metadata=metadata, spec=_SPEC))
    view = view_of(pod, *([stored(job_of(case["job"]))] if case.get("inCache") else []))
    untrack_orphans(view)
    return TRACKED not in view.objects[pod.ref].object.metadata.finalizers


def synced(case: Case) -> bool:
    """Judge a row with a Pod of an owner, or of none."""
    owner = loosely(OwnerReference, case["owner"]) if "owner" in case else None
    return is_untracked(case, owner) == case.get("wantFinalizerRemoved", False)


def watched(case: Case) -> bool:
    """Judge a row with a Pod that goes; its mark is to be taken off in every one of them."""
    job = case.get("job")
    metadata = job["metadata"] if job is not None else {}
    owner = OwnerReference(
        api_version="batch/v1",
        kind="Job",
        name=metadata.get("name", "x"),
        uid=metadata.get("uid", "x"),
        controller=True,
    )
    return is_untracked(case, owner if job is not None else None)


def test_pods_that_nobody_counts_lose_their_mark() -> None:
    """A Job that is gone or over counts none."""
    compare("pkg_controller_job", {"TestSyncOrphanPod": synced, "TestWatchOrphanPods": watched})
