"""Jobs count, start, end and wait for Pods as upstream's controller does.

The rows are upstream's test tables. Some describe clusters with features switched off that are always on by now: there
a Job is over as soon as that is decided; here, as with the features, once none of its Pods is ending any more.
"""

from datetime import datetime
from typing import Any

import msgspec
import pytest

from reconciler.model.indexes import as_ranges, fault_of, from_ranges
from reconciler.model.kinds import ContainerStatus, Job, JobSpec, JobStatus, ObjectMeta, OwnerReference, Pod
from reconciler.model.kinds import PodTemplateSpec as Template
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import View
from reconciler.planner.workloads.job import expires_at, sync_jobs
from reconciler.planner.workloads.job_pods import counts_after, pending_indexes
from reconciler.planner.workloads.job_policy import judge_failure, why_enough
from reconciler.planner.workloads.job_tally import (
    CONTROLLER_UID,
    INDEX,
    TRACKED,
    Tally,
    back_off_of_index_until,
    delay_after,
    ended_at,
    failures_of,
    has_spent_its_index,
    since_failures,
    tally_of,
)
from tests.parity.rows import NotTranslated, compare

NOW = 1_800_000_000.0
LONG_AGO = "2020-01-01T00:00:00Z"
TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}}
replace = msgspec.structs.replace


def unix(text: str) -> float:
    """Return Unix seconds of a time with a fraction or without."""
    return datetime.fromisoformat(text).timestamp()


def make_job(spec: dict[str, Any], status: dict[str, Any] | None = None) -> Job:
    """Return a Job of a row's spec; upstream's unset completions are -1."""
    spec = {key: value for key, value in spec.items() if key not in ("template", "selector") and value is not None}
    policy = spec.get("podFailurePolicy")
    if policy is not None and not policy.get("rules"):
        spec["podFailurePolicy"] = {"rules": []}
    return msgspec.convert(
        {
            "kind": "Job",
            "metadata": {"name": "job", "namespace": "default", "uid": "job-uid", "generation": 1},
            "spec": {**spec, "template": TEMPLATE},
            "status": status or {},
        },
        Job,
    )


def make_pod(number: int, row: dict[str, Any], *, tracked: bool = True) -> Pod:
    """Return a Pod of a row's metadata and status; Pods without times ended long ago."""
    metadata, status = dict(row.get("metadata") or {}), dict(row.get("status") or {})
    statuses = [one | {"image": "", "imageID": ""} for one in status.pop("containerStatuses", None) or ()]
    init = status.pop("initContainerStatuses", None) or ()
    conditions = status.pop("conditions", None) or ()
    spec = {"containers": [{"name": "a", "image": "b"}], "nodeName": "n"} | {
        k: v for k, v in (row.get("spec") or {}).items() if v
    }
    for container in spec.get("initContainers", ()):
        container.setdefault("image", "x")
    pod: Pod = msgspec.convert({"kind": "Pod", "spec": spec, "status": status}, Pod)
    finalizers = metadata.get("finalizers") or ((TRACKED,) if tracked else ())
    return replace(
        pod,
        metadata=ObjectMeta(
            name=f"pod-{number}",
            namespace="default",
            uid=f"pod-{number}",
            creation_timestamp=metadata.get("creationTimestamp") or LONG_AGO,
            deletion_timestamp=metadata.get("deletionTimestamp"),
            labels={CONTROLLER_UID: "job-uid"},
            annotations=metadata.get("annotations") or {},
            finalizers=tuple(finalizers),
            owner_references=(
                OwnerReference(api_version="batch/v1", kind="Job", name="job", uid="job-uid", controller=True),
            ),
        ),
        status=replace(
            pod.status,
            container_statuses=msgspec.convert(statuses, tuple[ContainerStatus, ...]),
            init_container_statuses=msgspec.convert(init, tuple[ContainerStatus, ...]),
            conditions=msgspec.convert(conditions, type(pod.status).__annotations__["conditions"]),
        ),
    )


def make_view(job: Job, pods: list[Pod], now: float = NOW) -> View:
    """Return a view of a cluster with one Job and its Pods."""
    objects = {}
    for one in (job, *pods):
        ref = ObjectRef(kind=one.kind, namespace=one.metadata.namespace, name=one.metadata.name)
        objects[ref] = StoredObject(ref=ref, object=one, manager="api")
    return View(ObservedState(cluster=ClusterInfo(id="test"), objects=objects), Policy(digest_key="00" * 16), now)


class Synced:
    """What one pass makes of a Job."""

    def __init__(self, job: Job, pods: list[Pod], now: float = NOW) -> None:
        view = make_view(job, pods, now)
        sync_jobs(view)
        after = view.of_kind("Job")[0].object
        assert isinstance(after, Job)
        self.status: JobStatus = after.status
        uids = {pod.metadata.uid for pod in pods}
        current = [one.object for one in view.of_kind("Pod")]
        self.created = [pod for pod in current if pod.metadata.uid not in uids]
        before = {pod.metadata.uid for pod in pods if pod.metadata.deletion_timestamp is None}
        alive = {pod.metadata.uid for pod in current if pod.metadata.deletion_timestamp is None}
        self.deleted = before - alive
        self.conditions = [(one.type, one.reason) for one in after.status.conditions if one.status == "True"]

    def agrees(self, wanted: list[dict[str, Any]], *, exact: bool) -> bool:
        """Whether the conditions are those of a row; where features are off, the interim ones are not listed."""
        expected = [(one["type"], one.get("reason", "")) for one in wanted if one["status"] == "True"]
        if exact:
            return self.conditions == expected
        interim = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}
        decided = {(interim.get(type_, type_), reason) for type_, reason in expected}
        ours = {(interim.get(type_, type_), reason) for type_, reason in self.conditions}
        return {(type_, reason) for type_, reason in ours if any(type_ == one for one, _ in decided)} == ours and all(
            any(type_ == one and reason in ("", other) for one, other in ours) for type_, reason in decided
        )


def simple_pods(case: dict[str, Any]) -> list[Pod]:
    """Return the Pods that a row only counts."""
    indexed = [
        {"metadata": {"annotations": {INDEX: one["Index"]}}, "status": {"phase": one["Phase"]}}
        for one in case.get("podsWithIndexes", ())
    ]
    phases = ["Pending"] * case.get("pendingPods", 0) + ["Running"] * case.get("activePods", 0)
    phases += ["Succeeded"] * case.get("succeededPods", 0) + ["Failed"] * case.get("failedPods", 0)
    rows = [{"status": {"phase": phase}} for phase in phases]
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    running = [row for row in rows if row["status"]["phase"] == "Running"]
    for row in running[: case.get("readyPods", 0)]:
        row["status"].update(ready)  # type: ignore[arg-type]
    gone = {"metadata": {"deletionTimestamp": LONG_AGO}, "status": {"phase": "Running"}}
    rows += [gone] * case.get("terminatingPods", 0)  # type: ignore[list-item]
    return [make_pod(number, row) for number, row in enumerate([*rows, *indexed])]


def simple_job(case: dict[str, Any]) -> Job:
    """Return the Job of a row that gives numbers."""
    spec = {
        "parallelism": case["parallelism"],
        "completions": None if case["completions"] == -1 else case["completions"],
        "backoffLimit": case.get("backoffLimit", 0),
        "suspend": case.get("suspend", False),
        "completionMode": case.get("completionMode"),
        "podFailurePolicy": case.get("podFailurePolicy"),
        "podReplacementPolicy": case.get("podReplacementPolicy"),
        "activeDeadlineSeconds": case.get("activeDeadlineSeconds"),
    }
    status = {key: value for key, value in case.get("initialStatus", {}).items() if value is not None}
    if "startTime" in case:
        status["startTime"] = datetime.fromtimestamp(NOW - case["startTime"]).astimezone().isoformat()
    return make_job(spec, status)


def sync(case: dict[str, Any]) -> bool:
    """Judge a row of one pass over a Job."""
    now = unix(case["controllerTime"]) if "controllerTime" in case else NOW
    found = Synced(simple_job(case), [*simple_pods(case), *remembered(case)], now)
    status = found.status
    modern = bool(case.get("jobPodReplacementPolicy") or case.get("jobManagedBy"))
    pairs = [
        (status.active, case.get("expectedActive", 0)),
        (status.ready, case.get("expectedReady", 0)),
        (status.succeeded, case.get("expectedSucceeded", 0)),
        (status.failed, case.get("expectedFailed", 0)),
        (status.completed_indexes, case.get("expectedCompletedIdxs", "")),
        (len(found.created), case.get("expectedCreations", 0)),
        (len(found.deleted), case.get("expectedDeletions", 0)),
    ]
    if "expectedTerminating" in case:
        pairs.append((status.terminating, case["expectedTerminating"]))
    if "expectedCreatedIndexes" in case:
        made = {pod.metadata.annotations[INDEX] for pod in found.created}
        pairs.append((made, set(case["expectedCreatedIndexes"])))
    same = found.agrees(case.get("expectedConditions", []), exact=modern)
    return same and all(ours == theirs for ours, theirs in pairs)


def remembered(case: dict[str, Any]) -> list[Pod]:
    """Return the failures that a controller has in mind: with us they are Pods that are counted and still there."""
    known = case.get("backoffRecord", {})
    row = {
        "metadata": {"finalizers": ["counted"]},
        "status": {
            "phase": "Failed",
            "containerStatuses": [
                {"name": "a", "state": {"terminated": {"exitCode": 1, "finishedAt": known.get("lastFailureTime")}}}
            ],
        },
    }
    return [make_pod(1000 + number, row) for number in range(known.get("failuresAfterLastSuccess", 0))]


def past_deadline(case: dict[str, Any]) -> bool:
    """Judge a row about a Job with a deadline."""
    found = Synced(simple_job(case), simple_pods(case))
    status = found.status
    modern = bool(case.get("enableJobPodReplacementPolicy") or case.get("enableJobManagedBy"))
    return (
        found.agrees(case.get("expectedConditions", []), exact=modern)
        and status.failed == case.get("expectedFailed", 0)
        and status.succeeded == case.get("expectedSucceeded", 0)
        and len(found.deleted) == case.get("expectedDeletions", 0)
    )


def on_failure(case: dict[str, Any]) -> bool:
    """Judge a row about containers that restart in place."""
    job = simple_job(case)
    template = msgspec.convert({"spec": {**TEMPLATE["spec"], "restartPolicy": "OnFailure"}}, Template)
    job = replace(job, spec=replace(job.spec, template=template))
    rows = [
        {"status": {"phase": case["podPhase"], "containerStatuses": [{"name": "a", "restartCount": count}]}}
        for count in case["restartCounts"]
    ]
    found = Synced(job, [make_pod(number, row) for number, row in enumerate(rows)])
    return (
        found.agrees(case.get("expectedConditions", []), exact=bool(case.get("enableJobPodReplacementPolicy")))
        and found.status.active == case.get("expectedActive", 0)
        and found.status.failed == case.get("expectedFailed", 0)
        and found.status.succeeded == case.get("expectedSucceeded", 0)
    )


def never(case: dict[str, Any]) -> bool:
    """Judge a row about Pods that fail for good."""
    found = Synced(simple_job(case), simple_pods(case))
    return (
        found.agrees(case.get("expectedConditions", []), exact=True)
        and found.status.active == case.get("expectedActive", 0)
        and found.status.failed == case.get("expectedFailed", 0)
    )


def row_pods(case: dict[str, Any], *, tracked: bool = False) -> list[Pod]:
    """Return the Pods that a row spells out; some tables leave it to their code to mark all of them."""
    return [make_pod(number, row, tracked=tracked) for number, row in enumerate(case.get("pods", ()))]


def failure_policy(case: dict[str, Any]) -> bool:
    """Judge a row about a failure policy; Pods of an Indexed Job are numbered as they come."""
    for number, row in enumerate(case["pods"]):
        row["metadata"].setdefault("annotations", {INDEX: str(number)})
    pods = row_pods(case, tracked=True)
    times = [unix(pod.metadata.deletion_timestamp) for pod in pods if pod.metadata.deletion_timestamp]
    found = Synced(make_job(case["job"]["spec"], case["job"]["status"]), pods, max(times, default=NOW))
    wanted = case.get("wantConditions", [])
    return (
        found.agrees(wanted, exact=bool(case.get("enableJobManagedBy")))
        and found.status.active == case.get("wantStatusActive", 0)
        and found.status.failed == case.get("wantStatusFailed", 0)
    )


def whole_status(case: dict[str, Any]) -> bool:
    """Judge a row that tells the whole status."""
    spec, wanted = case["job"]["spec"], case["wantStatus"]
    found = Synced(make_job(spec, case["job"]["status"]), row_pods(case))
    names = ("active", "succeeded", "failed", *(("terminating",) if "terminating" in wanted else ()))
    return (
        found.agrees(wanted.get("conditions", []), exact=bool(case.get("enableJobPodReplacementPolicy")))
        and all(getattr(found.status, name) == wanted.get(name, 0) for name in names)
        and found.status.completed_indexes == wanted.get("completedIndexes", "")
        and (found.status.failed_indexes or "") == wanted.get("failedIndexes", "")
    )


def succeeded_indexes(case: dict[str, Any]) -> bool:
    """Judge a row about the indexes that are done."""
    spec = {"completionMode": "Indexed", "completions": case["completions"]}
    job = make_job(spec, {"completedIndexes": case.get("prevSucceeded", "")})
    rows = case.get("pods", ())
    pods = simple_pods({"podsWithIndexes": rows})
    found = tally_of(make_view(job, pods), job).succeeded_indexes
    return found == intervals(case["wantIntervals"] or ())


def intervals(rows: Any) -> frozenset[int]:
    """Return the indexes of upstream's pairs of first and last."""
    return frozenset(i for one in rows for i in range(one.get("First", 0), one.get("Last", 0) + 1))


def pending(case: dict[str, Any]) -> bool:
    """Judge a row about the indexes that come next."""
    job = make_job({"completionMode": "Indexed", "completions": case["completions"]})
    pods = simple_pods({"podsWithIndexes": case.get("activePods", ())})
    active = tuple(make_view(job, pods).owned_by("job-uid", "Pod"))
    tally = Tally(
        pods=active,
        active=active,
        succeeded_indexes=intervals(case.get("succeededIndexes") or ()),
        failed_indexes=intervals(case.get("failedIndexes") or ()),
    )
    return pending_indexes(job, tally, case["cnt"]) == (case["want"] or [])


def index_failed(case: dict[str, Any]) -> bool:
    """Judge a row about whether an index has failed for good."""
    found = has_spent_its_index(make_job(case["job"]["spec"]).spec, make_pod(0, case["pod"]))
    return found == case.get("wantResult", False)


def failed_indexes(case: dict[str, Any]) -> bool:
    """Judge a row about the indexes that have failed."""
    job = make_job(case["job"]["spec"] | {"completionMode": "Indexed"}, case["job"]["status"])
    pods = row_pods(case)
    return tally_of(make_view(job, pods), job).failed_indexes == intervals(case["wantFailedIndexes"])


def delayed(case: dict[str, Any]) -> bool:
    """Judge a row about the Pod that the next one of its index follows."""
    job = make_job(case["job"]["spec"] | {"completionMode": "Indexed"}, case["job"]["status"])
    pods = row_pods(case)
    names = {pod.metadata.uid: row["metadata"]["uid"] for pod, row in zip(pods, case["pods"], strict=True)}
    found = tally_of(make_view(job, pods), job).last_failed
    return [names[found[index].metadata.uid] for index in sorted(found)] == case["wantPodsWithDelayedDeletionPerIndex"]


def new_counts(case: dict[str, Any]) -> bool:
    """Judge a row about what the next Pod of an index has behind it."""
    job = make_job(case["job"]["spec"] if "job" in case else {})
    pod = make_pod(0, case["pod"]) if "pod" in case else None
    wanted = (case.get("wantNewIndexFailureCount", 0), case.get("wantNewIndexIgnoredFailureCount", 0))
    return counts_after(job, pod) == wanted


def back_off(case: dict[str, Any]) -> bool:
    """Judge a row about the time to wait; upstream's delays are in nanoseconds."""
    record = case.get("backoffRecord") or {}
    found = delay_after(record.get("failuresAfterLastSuccess", 0), *_delays(case))
    if record:
        found = max(found + unix(record["lastFailureTime"]) - unix(case["currentTime"]), 0)
    return round(found * 1e9) == case.get("wantDuration", 0)


def back_off_of_index(case: dict[str, Any]) -> bool:
    """Judge a row about the time to wait for one index; ours begins with 10 s instead of the row's 5 s."""
    if "lastFailedPod" not in case:
        return back_off_of_index_until(None) == 0
    pod = make_pod(0, case["lastFailedPod"])
    pod = replace(pod, metadata=replace(pod.metadata, creation_timestamp=pod.metadata.deletion_timestamp))
    waits = back_off_of_index_until(pod) - unix(case["currentTime"])
    scale = case["defaultBackoff"] / 10e9
    return waits * scale * 1e9 == case.get("wantDuration", 0)


def record(case: dict[str, Any]) -> bool:
    """Judge a row about failures since the last success; what was there before the row is not data."""
    wanted = case["wantBackoffRecord"]
    failed = [unix(text) for text in case["newFailedPods"]]
    count, last = wanted.get("failuresAfterLastSuccess", 0), wanted.get("lastFailureTime")
    if count > len(failed):
        raise NotTranslated
    until = since_failures(failed, [unix(text) for text in case["newSucceededPods"]])
    return until == (unix(last) + delay_after(count) if last else 0)


def _delays(case: dict[str, Any]) -> tuple[float, float]:
    return case["defaultBackoff"] / 1e9, case["maxBackoff"] / 1e9


def finish_time(case: dict[str, Any]) -> bool:
    """Judge a row about when a Pod ended."""
    return ended_at(make_pod(0, case["pod"])) == unix(case["wantFinishTime"])


def policy_match(case: dict[str, Any]) -> bool:
    """Judge a row about the rule that fits a failed Pod."""
    if "Unk" in str([rule["action"] for rule in case["podFailurePolicy"]["rules"]]):
        return False
    spec = make_job({"podFailurePolicy": case["podFailurePolicy"]}).spec
    found = judge_failure(spec, make_pod(0, case["failedPod"]))
    wanted = case.get("wantAction")
    return found.action == (wanted or "") and found.counts == case.get("wantCountFailed", False)


def success_match(case: dict[str, Any]) -> bool:
    """Judge a row about a success policy."""
    spec = make_job({"completionMode": "Indexed", "completions": case["completions"]}).spec
    if "successPolicy" not in case:
        return not why_enough(spec, intervals(case["succeededIndexes"] or ()))
    if not case["successPolicy"]["rules"] or "invalid" in str(case["successPolicy"]):
        return False
    spec = msgspec.convert({**msgspec.to_builtins(spec), "successPolicy": case["successPolicy"]}, JobSpec)
    found = why_enough(spec, intervals(case["succeededIndexes"] or ()))
    return bool(found) == case.get("wantMetSuccessPolicy", False)


def pod_name(case: dict[str, Any]) -> bool:
    """Judge a row about the names of the Pods of indexes, before their five letters."""
    job = make_job({"completionMode": "Indexed", "completions": case["index"] + 1, "parallelism": case["index"] + 1})
    job = replace(job, metadata=replace(job.metadata, name=case["jobname"]))
    (pod,) = (one for one in Synced(job, []).created if one.metadata.annotations[INDEX] == str(case["index"]))
    return pod.metadata.name[:-5] == case["wantPodGenerateName"]


def index_count(case: dict[str, Any]) -> bool:
    """Judge a row about the annotation that counts failures."""
    return failures_of(make_pod(0, case["pod"])) == case.get("wantResult", 0)


JUDGES = {
    "TestControllerSyncJob": sync,
    "TestSyncJobPastDeadline": past_deadline,
    "TestJobBackoffForOnFailure": on_failure,
    "TestJobBackoffOnRestartPolicyNever": never,
    "TestSyncJobWithJobPodFailurePolicy": failure_policy,
    "TestSyncJobWithJobSuccessPolicy": whole_status,
    "TestSyncJobWithJobBackoffLimitPerIndex": whole_status,
    "TestCalculateSucceededIndexes": succeeded_indexes,
    "TestFirstPendingIndexes": pending,
    "TestIsIndexFailed": index_failed,
    "TestCalculateFailedIndexes": failed_indexes,
    "TestGetPodsWithDelayedDeletionPerIndex": delayed,
    "TestGetNewIndexFailureCountValue": new_counts,
    "TestGetIndexFailureCount": index_count,
    "TestGetRemainingBackoffTime": back_off,
    "TestGetRemainingBackoffTimePerIndex": back_off_of_index,
    "TestNewBackoffRecord": record,
    "TestGetFinishedTime": finish_time,
    "TestMatchPodFailurePolicy": policy_match,
    "TestMatchSuccessPolicy": success_match,
    "TestPodGenerateNameWithIndex": pod_name,
}


def _on_purpose(row: dict[str, Any]) -> str:
    case = row["case"]
    if any(field in case for field in ("podControllerError", "fakeExpectationAtCreation", "backoffRecord")):
        return "a write that fails, or what a controller remembers in its memory"
    if "isabled" in row["name"]:
        return "a cluster without a feature that is always on"
    if "unknown action" in row["name"] or "invalid-form" in str(case.get("successPolicy")):
        return "a value that is refused at the door"
    if case.get("successPolicy") == {"rules": []}:
        return "an empty policy is refused at the door"
    if case.get("deleting"):
        return "a Job that is deleted is gone at once, with its Pods ending after it"
    return ""


def test_jobs_are_run_as_upstream_runs_them() -> None:
    """Counts, conditions, indexes, back-off and policies."""
    compare("pkg_controller_job", JUDGES, _on_purpose)


def test_finished_jobs_live_as_long_as_upstream_lets_them() -> None:
    """ttlSecondsAfterFinished."""

    def judge(case: dict[str, Any]) -> bool:
        status: dict[str, Any] = {}
        for field, type_ in (("completionTime", "Complete"), ("failedTime", "Failed")):
            if case.get(field):
                ended = {"type": type_, "status": "True", "lastTransitionTime": case[field]}
                status = {"conditions": [ended]}
        at = expires_at(make_job({"ttlSecondsAfterFinished": case.get("ttl")}, status))
        wanted = case.get("expectedExpireAt")
        if wanted is None:
            return at is None and "expectedTimeLeft" not in case
        # The rows have lost the fractions of some of their times.
        left_s = case["expectedTimeLeft"] / 1e9
        return at is not None and abs(at - unix(wanted)) < 1 and abs(at - unix(case["since"]) - left_s) < 1

    compare("pkg_controller_ttlafterfinished", {"TestTimeLeft": judge})


def test_indexes_are_read_as_upstream_reads_them() -> None:
    """`succeededIndexes` of a success policy."""

    def judge(case: dict[str, Any]) -> bool:
        text = case["indexesString"]
        if fault_of(text, case["completions"]):
            return "wantError" in case
        return "wantError" not in case and len(from_ranges(text)) == case["wantTotal"]

    compare("pkg_apis_batch_validation", {"TestValidateIndexesString": judge})


@pytest.mark.parametrize("text", ["", "0", "0-2,5", "1,3,4"])
def test_ranges_come_back_as_they_went(text: str) -> None:
    """Reading and writing agree."""
    assert as_ranges(from_ranges(text)) == text
