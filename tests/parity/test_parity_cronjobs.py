"""CronJobs start, wait for and forget Jobs as upstream's controller does, and are admitted as its API admits them."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from reconciler.model.kinds import CronJob, Job, ObjectMeta, OwnerReference
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.model.schedule import ScheduleError, parse_schedule
from reconciler.planner.view import View
from reconciler.planner.workloads.cronjob import sync_cron_jobs
from reconciler.planner.workloads.due import most_recent, next_run
from tests.parity.rows import compare, parity_rows
from tests.parity.test_parity_validation import Judge, manifest, pod_manifest

TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}}
replace = msgspec.structs.replace
CREATED = "2016-05-19T09:00:00Z"
RAN = "2016-05-19T09:00:00Z"
NOT_SET = -12345


def unix(text: str) -> float:
    """Return Unix seconds."""
    return datetime.fromisoformat(text).timestamp()


def rfc3339(at: float) -> str:
    """Return a time in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def cron_job(case: dict[str, Any]) -> CronJob:
    """Return the CronJob of a row."""
    spec = {
        "schedule": case["schedule"],
        "jobTemplate": {"spec": {"template": TEMPLATE}},
        "concurrencyPolicy": case.get("concurrencyPolicy", "Allow"),
        "suspend": case.get("suspend", False),
        "timeZone": case.get("timeZone"),
    }
    if case.get("deadline", NOT_SET) != NOT_SET:
        spec["startingDeadlineSeconds"] = case["deadline"]
    made = case.get("cronjobCreationTime") or (CREATED if case.get("ranPreviously") else _hour_before(case))
    status: dict[str, Any] = {}
    if case.get("ranPreviously"):
        made, status = CREATED, {"lastScheduleTime": case.get("lastScheduleTime") or case["jobCreationTime"]}
    if case.get("cronjobCreationTime"):
        made = case["cronjobCreationTime"]
    if case.get("jobPresentInCJActiveStatus") and case.get("ranPreviously"):
        status["active"] = [{"kind": "Job", "name": "earlier", "uid": "job-uid"}]
    found: CronJob = msgspec.convert({"kind": "CronJob", "spec": spec, "status": status}, CronJob)
    metadata = ObjectMeta(name="c", namespace="default", uid="cj-uid", creation_timestamp=made, generation=1)
    return replace(found, metadata=metadata)


def _hour_before(case: dict[str, Any]) -> str:
    """Upstream makes a CronJob that never ran at half past the hour before its Jobs."""
    return rfc3339(unix(case["jobCreationTime"]) - 60) if "jobCreationTime" in case else CREATED


def earlier(case: dict[str, Any]) -> Job:
    """Return the Job of the run before; it has ended unless the row says that it goes on."""
    ended = {"type": "Complete", "status": "True", "lastTransitionTime": "2016-05-19T09:30:00Z"}
    conditions = [] if case.get("stillActive") else [ended]
    status = {"startTime": case["jobCreationTime"], "conditions": conditions}
    if conditions:
        status["completionTime"] = case["jobCreationTime"]
    found: Job = msgspec.convert({"kind": "Job", "spec": {"template": TEMPLATE}, "status": status}, Job)
    owner = OwnerReference(api_version="batch/v1", kind="CronJob", name="c", uid="cj-uid", controller=True)
    metadata = ObjectMeta(name="earlier", namespace="default", uid="job-uid", owner_references=(owner,))
    return replace(found, metadata=metadata)


def sync(row: dict[str, Any]) -> bool:
    """Judge a row of one pass over a CronJob; rows without times are about the last success."""
    case = row
    if "now" not in row:
        case = {**row, "now": "2016-05-19T09:59:00Z", "jobCreationTime": "2016-05-19T09:01:00Z"}
    ran = case.get("ranPreviously")
    held = {"c": cron_job(case), **({"earlier": earlier(case)} if ran else {})}
    objects = {}
    for name, one in held.items():
        ref = ObjectRef(kind=one.kind, namespace="default", name=name)
        objects[ref] = StoredObject(ref=ref, object=one, manager="api")
    now = unix(case["now"])
    view = View(ObservedState(cluster=ClusterInfo(id="t"), objects=objects), Policy(digest_key="00" * 16), now)
    sync_cron_jobs(view)
    after = view.of_kind("CronJob")[0].object
    assert isinstance(after, CronJob)
    made = [one for one in view.of_kind("Job") if one.ref.name != "earlier"]
    if "jobCreationTime" not in row:
        return after.status.last_successful_time is not None
    wanted = case.get("expectedRequeueDuration")
    # Upstream looks a tenth of a second late.
    looks = None if view.look_again_at is None else view.look_again_at - now
    return (
        len(made) == int(case.get("expectCreate", False))
        and len(after.status.active) == case.get("expectActive", 0)
        and (not case.get("expectDelete") or "earlier" not in {one.ref.name for one in view.of_kind("Job")})
        and (wanted is None or looks is None or abs(looks - wanted / 1e9) < 0.2)
        and (wanted is None) == (looks is None)
    )


def on_purpose(row: dict[str, Any]) -> str:
    """Return why a row may differ."""
    case = row["case"]
    if case.get("jobCreateError") or case.get("jobGetErr") or case.get("jobStillNotFoundInLister"):
        return "a write or a read that fails"
    if "prev ran but done, long overdue, past deadline" in row["name"] and "@every" in row["name"]:
        return "the row counts a Job as active that has ended"
    if "disabled" in row["name"] or "TZ is also set" in row["name"]:
        return "a schedule that is refused at the door, or a feature that is always on"
    return ""


def recent(case: dict[str, Any]) -> bool:
    """Judge a row about the run that was missed last."""
    spec, metadata, status = case["cj"]["spec"], case["cj"]["metadata"], case["cj"]["status"]
    schedule = parse_schedule(spec["schedule"])
    earliest = unix(status.get("lastScheduleTime") or metadata["creationTimestamp"])
    if "startingDeadlineSeconds" in spec and not spec["schedule"].startswith("@"):
        earliest = max(earliest, unix(case["now"]) - spec["startingDeadlineSeconds"])
    if case.get("wantErr"):
        return next_run(schedule, None, earliest) is None
    found = most_recent(lambda at: next_run(schedule, None, at), earliest, unix(case["now"]))
    wanted = case.get("expectedRecentTime")
    return found.at == (None if wanted is None else unix(wanted)) and found.many == (
        case.get("expectedTooManyMissed") == 2
    )


def ahead(case: dict[str, Any]) -> bool:
    """Judge a row about the next run."""
    found = next_run(parse_schedule(case["cj"]["spec"]["schedule"]), None, unix(case["now"]))
    assert found is not None
    return abs(found - unix(case["now"]) - case["expectedDuration"] / 1e9) < 0.2


def test_cron_jobs_start_jobs_when_upstream_does() -> None:
    """Runs that are due, too late, overlapping, missed; and when to look again."""
    judges = {
        "TestControllerV2SyncCronJob": sync,
        "TestMostRecentScheduleTime": recent,
        "TestNextScheduleTimeDuration": ahead,
    }
    compare("pkg_controller_cronjob", judges, on_purpose)


def test_cron_jobs_are_admitted_as_upstream_admits_them() -> None:
    """Names, schedules, time zones, limits and the Job inside."""
    judge = Judge()
    admitted = {"basic scheduled job", "hostnet job"}
    names: dict[int, str] = {}

    def document(row: dict[str, Any]) -> dict[str, Any]:
        found = {"apiVersion": "batch/v1", "kind": "CronJob", **manifest(row)}
        pod = row["Spec"]["JobTemplate"]["Spec"]["Template"]["Spec"]
        found["spec"]["jobTemplate"]["spec"]["template"]["spec"] = pod_manifest({"Spec": pod})["spec"]
        return found

    def whole(case: dict[str, Any]) -> bool:
        return judge.verdict(document(case), names[id(case)] in admitted)

    def spec(case: dict[str, Any]) -> bool:
        return judge.verdict(document({"Spec": case["new"]}), not case.get("expectErr"))

    def zone(case: dict[str, Any]) -> bool:
        return judge.verdict(document(case["cronJob"]), "createErr" not in case)

    def form(case: dict[str, Any]) -> bool:
        try:
            parse_schedule(case["schedule"])
        except ScheduleError:
            return "expected" in case or bool(case.get("expectError"))
        return "expected" not in case and not case.get("expectError")

    def why(row: dict[str, Any]) -> str:
        if row["case"].get("allowTZInSchedule"):
            return "a zone in a schedule of old is not carried on"
        return (
            "the fault is in a field that defaults fill before the API validates"
            if "concurrencyPolicy: Required" in row["name"]
            else ""
        )

    def named(case: dict[str, Any]) -> bool:
        names[id(case)] = next(row for row in rows if row["case"] == case)["name"]
        return whole(case)

    rows = [row for row in parity_rows("pkg_apis_batch_validation") if row["test"] == "TestValidateCronJob"]
    judges = {
        "TestValidateCronJob": named,
        "TestValidateCronJobSpec": spec,
        "TestValidateCronJobScheduleTZ": zone,
        "TestValidateScheduleFormatPanicRecovery": form,
        "TestValidateScheduleFormatNormalCases": form,
    }
    compare("pkg_apis_batch_validation", judges, why)
