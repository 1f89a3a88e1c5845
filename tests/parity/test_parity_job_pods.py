"""A Job's Pods as upstream's controller sees them: who is counted, who is too many, who may start, what is noted."""

from typing import Any

from reconciler.model.indexes import from_ranges
from reconciler.model.kinds import Condition, OwnerReference, Pod
from reconciler.planner.view import View
from reconciler.planner.workloads.job import count_ended, sync_jobs
from reconciler.planner.workloads.job_pods import rested_indexes, surplus_of
from reconciler.planner.workloads.job_tally import CONTROLLER_UID, INDEX, TRACKED, is_tracked, tally_of
from tests.parity.rows import NotTranslated, compare
from tests.parity.test_parity_jobs import LONG_AGO, Synced, make_job, make_pod, make_view, replace, unix

# With us what decides how a Job ends is noted before its end.
_DECIDING = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}
Case = dict[str, Any]


def pods_of(case: Case) -> list[Pod]:
    """Return the Pods that a row spells out; a deletion has lost its time there."""
    for row in case.get("pods", ()):
        metadata = row.setdefault("metadata", {})
        if "deletionTimestamp" in metadata:
            metadata["deletionTimestamp"] = metadata["deletionTimestamp"] or LONG_AGO
    return [make_pod(number, row, tracked=False) for number, row in enumerate(case.get("pods", ()))]


def counts_new(case: Case) -> bool:
    """Judge a row about Pods that have ended since the last look."""
    job = make_job(case["job"]["spec"], case["job"]["status"])
    tally = tally_of(make_view(job, pods_of(case)), job)
    return (tally.succeeded, tally.failed) == (case.get("wantSucceeded", 0), case.get("wantFailed", 0))


def counts_and_marks(case: Case) -> bool:
    """Judge a row about the status after all that has ended is counted, and about the marks that are taken off."""
    document = case.get("job", {"spec": {}, "status": {}})
    if "deletionTimestamp" in document.get("metadata", {}):
        raise NotTranslated  # a Job that is deleted is gone at once with us
    document = {**document, "status": _whole(case, document["status"])}
    decided = case.get("finishedCond")
    if decided is not None:
        decided = Condition(type=_DECIDING.get(decided["type"], decided["type"]), status="True")
    job = make_job(document["spec"], document["status"])
    view = make_view(job, pods_of(case))
    found = count_ended(view, job, job.status, tally_of(view, job), decided)
    wanted = case["wantStatusUpdates"][-1] if case.get("wantStatusUpdates") else document["status"]
    if _has_finished(wanted) and _any_ending(case):
        raise NotTranslated  # a cluster without features that are always on: ours wait until every Pod has ended
    return (
        (found.succeeded, found.failed) == (wanted.get("succeeded", 0), wanted.get("failed", 0))
        and found.completed_indexes == wanted.get("completedIndexes", "")
        and (found.failed_indexes or "") == wanted.get("failedIndexes", "")
        and _marks(case) - _left(view) == case.get("wantRmFinalizers", 0)
        and (_has_finished(wanted) or not any(one.type in _DECIDING for one in found.conditions))
    )


def _has_finished(status: Case) -> bool:
    return any(one["type"] in _DECIDING for one in status.get("conditions", ()))


def _any_ending(case: Case) -> bool:
    return any("deletionTimestamp" in row["metadata"] for row in case.get("pods", ()))


def _whole(case: Case, status: Case) -> Case:
    """Return a status with those counted that have lost their mark: our counts and marks change together.

    Refuses rows about writes that fail or come in other parts.
    """
    tracked = {row["metadata"]["uid"]: row["status"]["phase"] for row in case.get("pods", ()) if _is_marked(row)}
    if len(tracked) > 500 or "statusUpdateErr" in case or "podControlErr" in case:
        raise NotTranslated
    counted = dict(status)
    for outcome, uids in status.get("uncountedTerminatedPods", {}).items():
        if any(tracked.get(uid, outcome).lower() != outcome for uid in uids or ()):
            raise NotTranslated
        counted[outcome] = counted.get(outcome, 0) + sum(uid not in tracked for uid in uids or ())
    return counted


def _is_marked(row: Case) -> bool:
    return TRACKED in row["metadata"].get("finalizers", ())


def _marks(case: Case) -> int:
    return sum(_is_marked(row) for row in case.get("pods", ()))


def _left(view: View) -> int:
    return sum(TRACKED in one.object.metadata.finalizers for one in view.of_kind("Pod"))


def has_index(case: Case) -> bool:
    """Judge a row about an index and ranges of them."""
    text = ",".join(f"{one['First']}-{one['Last']}" for one in case.get("intervals", ()))
    return (case["index"] in from_ranges(text)) == case.get("wantHas", False)


def ends_doubles(case: Case) -> bool:
    """Judge a row with Pods of an indexed Job, of which some have no index of their own."""
    job = make_job({"completionMode": "Indexed", "completions": case["completions"]})
    rows = [
        {
            "metadata": {"annotations": {INDEX: one["Index"]} if one["Index"] != "-" else {}},
            "status": {"phase": one["Phase"]},
        }
        for one in case["pods"]
    ]
    tally = tally_of(make_view(job, [make_pod(number, row) for number, row in enumerate(rows)]), job)
    gone = [one.object.metadata.annotations.get(INDEX, "-") for one in surplus_of(job, tally, 0)]
    return sorted(gone) == sorted(one["Index"] for one in case["wantRm"])


def starts_indexes(case: Case) -> bool:
    """Judge a row with indexes that may wait; it is seen when the last of their Pods was deleted."""
    last = {
        int(index): make_pod(number, row)
        for number, (index, row) in enumerate(case.get("podsWithDelayedDeletionPerIndex", {}).items())
    }
    now = max((unix(pod.metadata.deletion_timestamp or LONG_AGO) for pod in last.values()), default=0.0)
    view = make_view(make_job({}), [], now)
    if rested_indexes(view, case["indexesToAdd"], last) != case.get("wantIndexesToAdd", []):
        return False
    wanted = case.get("wantRemainingTime")
    return wanted is None or view.look_again_at == now + wanted / 1e9


def notes_suspension(case: Case) -> bool:
    """Judge a row with conditions and one that is to hold."""
    have = [{"type": one["type"], "status": one["status"]} for one in case["haveList"]]
    found = Synced(make_job({"suspend": case["wantStatus"] == "True", "completions": 1}, {"conditions": have}), [])
    told = [(one.type, one.status) for one in found.status.conditions]
    return told == [(one["type"], one["status"]) for one in case["expectList"]]


def is_managed(case: Case) -> bool:
    """Judge a row about who manages a Job."""
    wanted = case["wantStatus"]
    spec = dict(case["job"]["spec"])
    if "managedBy" in spec:
        spec["managedBy"] = f"example.com/{spec['managedBy']}"  # the API lets no name without a domain in
    found = Synced(make_job(spec, case["job"]["status"]), []).status
    told = (found.active, found.ready, found.terminating)
    return told == tuple(wanted.get(name, 0) for name in ("active", "ready", "terminating"))


def creates(case: Case) -> bool:
    """Judge a row about the number of Pods that are made; groups of them are no kind of ours."""
    spec = dict(case["job"]["spec"])
    if "existingPodGroup" in case or "wantSchedulingGroupName" in case:
        raise NotTranslated
    return len(Synced(make_job(spec), []).created) == case.get("wantCreations", 0)


def claims(case: Case) -> bool:
    """Judge a row with Pods, the Job's by owner or by label; our Jobs know theirs by the label of their own uid."""
    uids = {"test_job": "job-uid"}
    pods = []
    for number, row in enumerate(case["pods"]):
        references = [
            OwnerReference(
                api_version="batch/v1", kind="Job", name="x", uid=uids.get(one["name"], "x"), controller=True
            )
            for one in row["metadata"].get("ownerReferences", ())
        ]
        labels = {CONTROLLER_UID: "job-uid"} if row["metadata"].get("labels") == {"foo": "bar"} else {}
        made = make_pod(number, {}, tracked=False)
        metadata = replace(
            made.metadata, name=row["metadata"]["name"], labels=labels, owner_references=tuple(references)
        )
        pods.append(replace(made, metadata=metadata))
    job = make_job({})
    if case.get("jobDeleted"):
        job = replace(job, metadata=replace(job.metadata, deletion_timestamp=LONG_AGO))
    view = make_view(job, pods)
    before = {one.ref.name: one.object for one in view.of_kind("Pod")}
    sync_jobs(view)
    mine = view.owned_by("job-uid", "Pod")
    marked = [one.ref.name for one in mine if one.ref.name in before and is_tracked(one.object)]  # type: ignore[arg-type]
    return [one.ref.name for one in mine if one.ref.name in before] == case["wantPods"] and marked == case.get(
        "wantPodsFinalizer", []
    )


def _on_purpose(row: Case) -> str:
    return "a cluster without a feature that is always on" if "feature disabled" in row["name"] else ""


def test_pods_of_jobs_are_seen_as_upstream_sees_them() -> None:
    """Every row about counting, marks, indexes and conditions agrees."""
    tables = {
        "TestGetNewFinshedPods": counts_new,
        "TestTrackJobStatusAndRemoveFinalizers": counts_and_marks,
        "TestIntervalsHaveIndex": has_index,
        "TestAppendDuplicatedIndexPodsForRemoval": ends_doubles,
        "TestGetPodCreationInfoForIndependentIndexes": starts_indexes,
        "TestEnsureJobConditions": notes_suspension,
        "TestSyncJobWhenManagedBy": is_managed,
        "TestSyncJobPodSchedulingGroup": creates,
        "TestGetPodsForJob": claims,
    }
    compare("pkg_controller_job", tables, _on_purpose)
