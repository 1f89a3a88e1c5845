"""Which Jobs are a CronJob's, in which order they are forgotten, and how many are kept, as upstream has it."""

from typing import Any

import msgspec

from reconciler.model.kinds import CronJob, Job, ref_of
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.planner.view import View
from reconciler.planner.workloads.cronjob import begun_at, forget_history, jobs_of
from tests.parity.rows import compare
from tests.parity.test_parity_cronjobs import TEMPLATE

Case = dict[str, Any]


def job_of(document: Case, ending: str = "") -> Job:
    """Read a Job as the rows write it: owners are told by name alone."""
    metadata = {"namespace": "default", **document["metadata"]}
    metadata["ownerReferences"] = [
        {**one, "uid": one["name"]} for one in document["metadata"].get("ownerReferences", ())
    ]
    status = {key: one for key, one in document["status"].items() if one is not None}
    if ending:
        status["conditions"] = [{"type": ending, "status": "True"}]
    document = {"kind": "Job", "metadata": metadata, "spec": {"template": TEMPLATE}, "status": status}
    found: Job = msgspec.convert(document, Job)
    return found


def cron_job_of(document: Case) -> CronJob:
    """Read a CronJob as the rows write it."""
    spec = {"schedule": "* * * * *", **{key: one for key, one in document["spec"].items() if one}}
    metadata = {**document["metadata"], "uid": document["metadata"]["name"]}
    given = {"kind": "CronJob", "metadata": metadata, "spec": {**spec, "jobTemplate": {"spec": {"template": TEMPLATE}}}}
    found: CronJob = msgspec.convert(given, CronJob)
    return found


def view_of(*objects: Any) -> View:
    """Return a view of a cluster with these objects."""
    stored = {ref_of(one): StoredObject(ref=ref_of(one), object=one, manager="api") for one in objects}
    return View(ObservedState(cluster=ClusterInfo(id="test"), objects=stored), Policy(), 0.0)


def owns(case: Case) -> bool:
    """Judge a row with Jobs, some of them the CronJob's."""
    cron_job, jobs = cron_job_of(case["cronJob"]), [job_of(one) for one in case["jobs"]]
    found = jobs_of(view_of(cron_job, *jobs), cron_job)
    return sorted(one.ref.name for one in found) == sorted(one["metadata"]["name"] for one in case["expected"])


def forgets(case: Case) -> bool:
    """Judge a row with Jobs that have ended well."""
    cron_job, jobs = cron_job_of(case["cronJob"]), [job_of(one, "Complete") for one in case["finishedJobs"]]
    view = view_of(cron_job, *jobs)
    forget_history(view, view.of_kind("CronJob")[0], cron_job)
    gone = {job.metadata.name for job in jobs} - {one.ref.name for one in view.of_kind("Job")}
    return gone == set(case["expectedDeletedJobs"])


def sorts(case: Case) -> bool:
    """Judge a row with Jobs in disorder."""
    jobs = [StoredObject(ref=ref_of(one), object=one, manager="api") for one in map(job_of, case["input"])]
    found = [one.ref.name for one in sorted(jobs, key=begun_at)]
    return found == [one["metadata"]["name"] for one in case["expected"]]


def test_jobs_of_cron_jobs_are_kept_as_upstream_keeps_them() -> None:
    """Every row about whose Jobs they are, and which of them go, agrees."""
    tables = {
        "TestControllerV2GetJobsToBeReconciled": owns,
        "TestControllerV2CleanupFinishedJobs": forgets,
        "TestByJobStartTime": sorts,
    }
    compare("pkg_controller_cronjob", tables)
