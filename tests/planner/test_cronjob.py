"""CronJobs: Jobs on a schedule."""

from datetime import datetime

import pytest

from reconciler.model import kinds as k
from reconciler.model.plan import Decision, Plan
from reconciler.planner.health import health_of
from tests.planner.world import Cluster

CRON_JOB = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: report}
spec:
  schedule: "SCHEDULE"
  SPEC
  jobTemplate:
    metadata: {labels: {app: report}, annotations: {note: kept}}
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: m, image: "m:1"}]}
"""


def cron_job(spec: str = "suspend: false", schedule: str = "*/5 * * * *") -> str:
    """Return a CronJob's manifest."""
    return CRON_JOB.replace("SCHEDULE", schedule).replace("SPEC", spec)


def at(text: str) -> float:
    """Return Unix seconds."""
    return datetime.fromisoformat(text).timestamp()


def started(manifest: str, now: str = "2027-01-15T08:02:00+00:00") -> Cluster:
    """Return a cluster with a CronJob that was just made; its Pods run."""
    cluster = Cluster()
    cluster.now = at(now)
    cluster.push(manifest)
    cluster.report()
    cluster.settle()
    return cluster


def look(cluster: Cluster, now: str) -> Plan:
    """Come to a time, and let everything settle there; return the first plan."""
    cluster.now = at(now)
    cluster.report()
    return cluster.settle(step_s=0.01)[0]


def status(cluster: Cluster) -> k.CronJobStatus:
    """Return the CronJob's status."""
    found = cluster.of("CronJob")["report"]
    assert isinstance(found, k.CronJob)
    return found.status


def test_a_run_starts_when_it_is_due_and_not_before() -> None:
    """The plan says when to look again; the Job has upstream's name, marks, owner and reason."""
    cluster = started(cron_job(schedule="0 * * * *"))
    assert not cluster.of("Job")
    # Nodes are looked at in between; nothing else happens until the run.
    cluster.policy = cluster.policy.__class__(digest_key="00" * 16, node_lease_s=1e6)
    assert cluster.plan().look_again_at == at("2027-01-15T09:00:00+00:00")
    answer = look(cluster, "2027-01-15T09:00:00+00:00")
    verdict = next(one for one in answer.verdicts if one.object.kind == "Job")
    assert (verdict.decision, verdict.reason) == ("create", "schedule-due")
    name = f"report-{int(at('2027-01-15T09:00:00+00:00')) // 60}"
    job = cluster.of("Job")[name]
    assert isinstance(job, k.Job)
    assert job.metadata.labels == {"app": "report"}
    assert job.metadata.annotations == {
        "note": "kept",
        "batch.kubernetes.io/cronjob-scheduled-timestamp": "2027-01-15T09:00:00Z",
    }
    assert [one.name for one in job.metadata.owner_references] == ["report"]
    assert len(cluster.of("Pod")) == 1
    assert [one.name for one in status(cluster).active] == [name]
    assert status(cluster).last_schedule_time == "2027-01-15T09:00:00Z"
    assert cluster.plan().is_empty


def test_a_run_in_another_time_zone_carries_its_offset() -> None:
    """09:00 in Berlin is 08:00 in UTC in winter."""
    cluster = started(cron_job("timeZone: Europe/Berlin", "0 9 * * *"), "2027-01-15T07:59:00+00:00")
    look(cluster, "2027-01-15T08:00:01+00:00")
    (job,) = cluster.of("Job").values()
    mark = job.metadata.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"]
    assert mark == "2027-01-15T09:00:00+01:00"


def test_after_a_downtime_only_the_latest_run_is_made_up_for() -> None:
    """Two days away: one Job, and word that more were missed than are counted."""
    cluster = started(cron_job())
    answer = look(cluster, "2027-01-17T08:02:00+00:00")
    assert [one.reason for one in answer.happenings if one.type == "Warning"] == ["TooManyMissedTimes"]
    assert len(cluster.of("Job")) == 1
    assert status(cluster).last_schedule_time == "2027-01-17T08:00:00Z"


def test_a_run_that_is_too_late_is_left_out_and_told_of_once() -> None:
    """startingDeadlineSeconds: nothing starts, one event, and planning again is empty."""
    cluster = started(cron_job("startingDeadlineSeconds: 60"))
    answer = look(cluster, "2027-01-15T08:07:00+00:00")
    assert not cluster.of("Job")
    assert [one.reason for one in answer.happenings] == ["MissSchedule"]
    assert not look(cluster, "2027-01-15T08:07:30+00:00").happenings
    look(cluster, "2027-01-15T08:10:30+00:00")
    assert len(cluster.of("Job")) == 1


def test_every_keeps_its_beat_whatever_the_deadline() -> None:
    """A run of @every starts within its deadline, and the next is counted from it."""
    cluster = started(cron_job("startingDeadlineSeconds: 3", "@every 1h"))
    look(cluster, "2027-01-15T09:02:02+00:00")
    assert status(cluster).last_schedule_time == "2027-01-15T09:02:00Z"
    look(cluster, "2027-01-15T10:02:05+00:00")
    assert len(cluster.of("Job")) == 1


def test_forbid_waits_for_the_run_before() -> None:
    """The CronJob is blocked and names the Job; once that has ended, the latest run starts."""
    cluster = started(cron_job("concurrencyPolicy: Forbid"))
    look(cluster, "2027-01-15T08:05:00+00:00")
    (first,) = cluster.of("Job")
    answer = look(cluster, "2027-01-15T08:10:00+00:00")
    verdict = next(one for one in answer.verdicts if one.object.kind == "CronJob")
    assert (verdict.decision, verdict.reason) == ("blocked", "earlier-run-active")
    assert first in verdict.message
    assert list(cluster.of("Job")) == [first]
    assert cluster.plan().is_empty
    cluster.phase = lambda pod: "Succeeded" if first in pod.metadata.name else "Running"
    look(cluster, "2027-01-15T08:11:00+00:00")
    assert len(cluster.of("Job")) == 2
    assert status(cluster).last_schedule_time == "2027-01-15T08:10:00Z"
    assert status(cluster).last_successful_time is not None


def test_replace_ends_the_run_before() -> None:
    """The Job goes with its Pods, with a reason."""
    cluster = started(cron_job("concurrencyPolicy: Replace"))
    look(cluster, "2027-01-15T08:05:00+00:00")
    (first,) = cluster.of("Job")
    answer = look(cluster, "2027-01-15T08:10:00+00:00")
    reasons = {(one.object.name, one.reason) for one in answer.verdicts if one.decision == "delete"}
    assert (first, "replaced-by-next-run") in reasons
    assert first not in cluster.of("Job")
    assert len(cluster.of("Job")) == len(cluster.of("Pod")) == len(status(cluster).active) == 1


def test_allow_lets_runs_overlap() -> None:
    """That is what Kubernetes does unless told otherwise."""
    cluster = started(cron_job())
    look(cluster, "2027-01-15T08:05:00+00:00")
    look(cluster, "2027-01-15T08:10:00+00:00")
    assert len(status(cluster).active) == 2


def test_a_suspended_cron_job_starts_nothing_and_ends_nothing() -> None:
    """What runs goes on."""
    cluster = started(cron_job())
    look(cluster, "2027-01-15T08:05:00+00:00")
    cluster.push(cron_job("suspend: true"), commit="c2")
    look(cluster, "2027-01-15T08:20:00+00:00")
    assert len(cluster.of("Job")) == len(cluster.of("Pod")) == 1
    assert health_of(cluster.observed.objects[next(r for r in cluster.observed.objects if r.kind == "CronJob")]).health


def test_only_so_many_ended_jobs_are_kept() -> None:
    """Three that ended well and one that failed, the newest of each."""
    cluster = started(cron_job())
    cluster.phase = lambda _: "Succeeded"
    for minute in (5, 10, 15, 20, 25):
        look(cluster, f"2027-01-15T08:{minute:02}:00+00:00")
    assert len(cluster.of("Job")) == 3
    assert cluster.plan().is_empty
    cluster.push(cron_job("successfulJobsHistoryLimit: 0"), commit="c2")
    first = look(cluster, "2027-01-15T08:26:00+00:00")
    # Each goes in one plan with its Pod (P04).
    gone = [one.object.kind for one in first.verdicts if one.decision is Decision.DELETE]
    assert sorted(gone) == ["Job"] * 3 + ["Pod"] * 3
    assert not cluster.of("Job")
    assert not cluster.of("Pod")


def test_a_changed_template_counts_from_the_next_run() -> None:
    """Nothing of a CronJob is fixed, and what runs is left alone."""
    cluster = started(cron_job())
    look(cluster, "2027-01-15T08:05:00+00:00")
    cluster.push(cron_job().replace("m:1", "m:2"), commit="c2")
    look(cluster, "2027-01-15T08:06:00+00:00")
    assert {pod.spec.containers[0].image for pod in cluster.of("Pod").values()} == {"m:1"}
    look(cluster, "2027-01-15T08:10:00+00:00")
    assert {pod.spec.containers[0].image for pod in cluster.of("Pod").values()} == {"m:1", "m:2"}


def test_a_removed_cron_job_takes_its_jobs_and_pods_along() -> None:
    """Every object that goes is listed (P04)."""
    cluster = started(cron_job())
    look(cluster, "2027-01-15T08:05:00+00:00")
    cluster.push("", commit="c2")
    answer = cluster.plan()
    cluster.acknowledge(answer)
    gone = {one.object.kind for one in cluster.plan().verdicts if one.decision == "delete"}
    assert gone == {"CronJob", "Job", "Pod"}
    cluster.settle()
    assert not cluster.of("Job")


@pytest.mark.parametrize("schedule", ["0 0 31 2 *", ", * * * *"])
def test_a_schedule_that_never_comes_is_told_of_once(schedule: str) -> None:
    """It is valid, starts nothing, and its health says so."""
    cluster = started(cron_job(schedule=schedule))
    stored = next(one for ref, one in cluster.observed.objects.items() if ref.kind == "CronJob")
    assert health_of(stored).reason == "InvalidSchedule"
    assert not cluster.plan().happenings
    assert cluster.plan().is_empty
