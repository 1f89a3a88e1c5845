"""Jobs over several looks, and whose a Pod is, as upstream's controller has it."""

from typing import Any

import msgspec

from reconciler.model.kinds import LabelSelector, ObjectMeta
from reconciler.planner.workloads.job import sync_jobs
from tests.parity.rows import compare
from tests.parity.test_parity_jobs import NOW, Synced, make_job, make_pod, make_view, replace, unix

Case = dict[str, Any]
_DEADLINE_S = 10


def ends_at_its_deadline(case: Case) -> bool:
    """Judge a row with a Job that has a deadline, and began now or begins with the first look: later it has failed."""
    started = {"startTime": "2027-01-15T08:00:00Z"} if case.get("setStartTime") else {}
    assert unix("2027-01-15T08:00:00Z") == NOW
    job = make_job({"activeDeadlineSeconds": _DEADLINE_S}, started)
    first = Synced(job, [], NOW)
    second = Synced(replace(job, status=first.status), first.created, NOW + _DEADLINE_S)
    return not first.conditions and ("FailureTarget", "DeadlineExceeded") in second.conditions


def is_found_by_its_labels(case: Case) -> bool:
    """Judge a row with a Job, which may bring a selector, and a Pod of nobody."""
    selector = case["job"]["spec"].get("selector")
    job = make_job({"manualSelector": selector is not None, "parallelism": 0})
    if selector is not None:
        job = replace(job, spec=replace(job.spec, selector=msgspec.convert(selector, LabelSelector)))
    row = case["pod"]["metadata"]
    metadata = ObjectMeta(
        name=row["name"], namespace=row.get("namespace", "default"), uid=row["name"], labels=row.get("labels", {})
    )
    view = make_view(job, [replace(make_pod(0, {}), metadata=metadata)])
    sync_jobs(view)
    return bool(view.owned_by("job-uid", "Pod")) == bool(case.get("outJobName"))


def test_jobs_go_on_from_look_to_look_as_upstreams_do() -> None:
    """Deadlines pass, and Pods are found by labels within the namespace."""
    tables = {"TestPastDeadlineJobFinished": ends_at_its_deadline, "TestJobPodLookup": is_found_by_its_labels}
    compare("pkg_controller_job", tables)
