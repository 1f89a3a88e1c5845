"""One look of the controller at a CronJob: what is due, what is told, and what is forgotten."""

from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from reconciler.model.kinds import CronJob, Job, decode_object, ref_of
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.model.schedule import parse_schedule
from reconciler.planner.view import View
from reconciler.planner.workloads.cronjob import SCHEDULED_AT, sync_cron_jobs
from reconciler.planner.workloads.due import Missed, most_recent, next_run, scheduled_timestamp

CRON = ObjectRef.of("CronJob", "d", "c")


def at(text: str) -> float:
    """Return Unix seconds of a time of the day."""
    return datetime.fromisoformat(f"2027-01-15T{text}+00:00").timestamp()


def stored(document: dict[str, Any], manager: str = "c") -> StoredObject:
    """Return an object as it is stored."""
    found = decode_object(document)
    return StoredObject(ref=ref_of(found), object=found, manager=manager)


def cron(status: dict[str, Any] | None = None, made: str = "08:02:00", **spec: Any) -> StoredObject:
    """Return the CronJob `c`, every five minutes unless its spec says otherwise."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "m", "image": "m:1"}]}}
    job = {"metadata": {"annotations": {"note": "kept"}}, "spec": {"template": template}}
    metadata = {"name": "c", "namespace": "d", "uid": "c", "creationTimestamp": f"2027-01-15T{made}Z"}
    whole = {"schedule": "*/5 * * * *", "jobTemplate": job, **spec}
    return stored(
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": whole, "status": status or {}},
        "source/main",
    )


def job(name: str, ending: str = "", word: str = "True", *, began: str = "08:00:00", done: str = "") -> StoredObject:
    """Return a Job of the CronJob, which may have ended so."""
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "c", "uid": "c", "controller": True}
    metadata = {"name": name, "namespace": "d", "uid": name, "ownerReferences": [owner]}
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "m", "image": "m:1"}]}}
    status: dict[str, Any] = {"startTime": f"2027-01-15T{began}Z"}
    if ending:
        status["conditions"] = [{"type": ending, "status": word}]
    if done:
        status["completionTime"] = f"2027-01-15T{done}Z"
    document = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}}
    return stored({**document, "status": status})


def running(*names: str) -> dict[str, Any]:
    """Return a status that names running Jobs."""
    return {"active": [{"kind": "Job", "namespace": "d", "name": name, "uid": name} for name in names]}


def looked(now: str, *objects: StoredObject) -> View:
    """Return the view after the controller looked."""
    observed = ObservedState(cluster=ClusterInfo(id="t"), objects={one.ref: one for one in objects})
    view = View(observed, Policy(), at(now))
    sync_cron_jobs(view)
    return view


def status(view: View) -> Any:
    """Return the CronJob's status."""
    return cast(CronJob, view.objects[CRON].object).status


def jobs(view: View) -> dict[str, Job]:
    """Return the Jobs that there are."""
    return {ref.name: cast(Job, one.object) for ref, one in sorted(view.objects.items()) if ref.kind == "Job"}


def told(view: View) -> list[tuple[str, str]]:
    """Return what is told, and how."""
    return [(one.type, one.reason) for one in view.happenings]


def test_a_run_starts_when_it_is_due_and_the_next_is_looked_at() -> None:
    """Just then; its Job is named by the minute and says for when it is."""
    early = looked("08:04:59", cron())
    assert (jobs(early), early.look_again_at) == ({}, at("08:05:00"))
    view = looked("08:05:00", cron())
    ((name, made),) = jobs(view).items()
    assert name == f"c-{int(at('08:05:00')) // 60}"
    assert made.metadata.annotations == {"note": "kept", SCHEDULED_AT: "2027-01-15T08:05:00Z"}
    assert told(view) == [("Normal", "SuccessfulCreate")]
    assert view.look_again_at == at("08:10:00")
    assert status(view).last_schedule_time == "2027-01-15T08:05:00Z"
    assert [one.name for one in status(view).active] == [name]
    assert view.verdicts[CRON].reason is Reason.IN_SYNC
    assert looked("08:05:00", cron(suspend=True)).verdicts[CRON].reason is Reason.SUSPENDED
    again = looked("08:06:00", cron({"lastScheduleTime": "2027-01-15T08:05:00Z"}))
    assert (jobs(again), again.look_again_at) == ({}, at("08:10:00"))


def test_a_job_of_the_runs_name_stands_for_it() -> None:
    """Nothing is made, and the run is done."""
    name = f"c-{int(at('08:05:00')) // 60}"
    view = looked("08:05:00", cron(), job(name, "Complete"))
    assert list(jobs(view)) == [name]
    assert not told(view)
    assert status(view).last_schedule_time == "2027-01-15T08:05:00Z"


@pytest.mark.parametrize(
    ("deadline", "now", "starts"),
    [
        (30, "08:05:29", True),
        (30, "08:05:30", False),
        (30, "08:05:31", False),
        (200, "08:14:00", False),
        (300, "08:14:00", True),
    ],
)
def test_a_run_may_start_within_its_deadline(deadline: int, now: str, starts: bool) -> None:
    """Later it is left out, which is told once."""
    view = looked(now, cron(startingDeadlineSeconds=deadline))
    assert bool(jobs(view)) is starts
    assert told(view) == ([("Normal", "SuccessfulCreate")] if starts else [("Warning", "MissSchedule")])
    if not starts:
        again = cron({"noted": status(view).noted}, startingDeadlineSeconds=deadline)
        assert not told(looked(now, again))


@pytest.mark.parametrize(("now", "starts"), [("09:02:03", True), ("09:02:04", False)])
def test_a_run_of_a_beat_may_start_until_its_deadline(now: str, starts: bool) -> None:
    """The beat goes on from the run, whether it started or not."""
    view = looked(now, cron(schedule="@every 1h", startingDeadlineSeconds=3))
    assert bool(jobs(view)) is starts
    assert view.look_again_at == at("10:02:00")


@pytest.mark.parametrize(
    ("policy", "left", "decision", "events"),
    [
        ("Allow", 3, Decision.UNCHANGED, ["SuccessfulCreate"]),
        ("Forbid", 2, Decision.BLOCKED, ["JobAlreadyActive"]),
        ("Replace", 1, Decision.UNCHANGED, ["SuccessfulDelete", "SuccessfulDelete", "SuccessfulCreate"]),
    ],
)
def test_what_runs_meets_the_next_run(policy: str, left: int, decision: Decision, events: list[str]) -> None:
    """It runs on, is waited for, or is ended; none of that is a warning."""
    objects = (cron(running("a", "b"), concurrencyPolicy=policy), job("a"), job("b"))
    view = looked("08:05:00", *objects)
    assert len(jobs(view)) == len(status(view).active) == left
    assert view.verdicts[CRON].decision is decision
    assert told(view) == [("Normal", event) for event in events]
    assert len(jobs(looked("08:05:00", cron(concurrencyPolicy="Forbid"), job("a", "Failed")))) == 2


def test_what_became_of_running_jobs_is_told() -> None:
    """One that is gone, and one that has ended; the last success is remembered."""
    view = looked("08:03:00", cron(running("gone", "done", "goes-on")), job("done", "Failed"), job("goes-on"))
    assert told(view) == [("Normal", "MissingJob"), ("Normal", "SawCompletedJob")]
    assert [one.name for one in status(view).active] == ["goes-on"]
    assert status(view).last_successful_time is None
    ends = [job("a", "Complete", done="08:01:00"), job("b", "Complete", done="08:02:00")]
    assert status(looked("08:03:00", cron(), *ends)).last_successful_time == "2027-01-15T08:02:00Z"
    later = cron({"lastSuccessfulTime": "2027-01-15T08:02:30Z"})
    assert status(looked("08:03:00", later, *ends)).last_successful_time == "2027-01-15T08:02:30Z"
    assert [one.name for one in status(looked("08:03:00", cron(), job("a", "Complete", "False"))).active] == ["a"]


def test_the_oldest_ended_jobs_are_forgotten() -> None:
    """So many of each sort stay, by when they began and then by name; what runs is no history."""
    ended = [
        job("a", "Complete", began="07:50:00"),
        job("b", "Complete", began="07:50:00"),
        job("c", "Complete", began="07:40:00"),
        job("d", "Failed", began="07:10:00"),
        job("e", "Failed", began="07:20:00"),
        job("f", began="07:00:00"),
    ]
    view = looked("08:03:00", cron(successfulJobsHistoryLimit=1), *ended)
    assert list(jobs(view)) == ["b", "e", "f"]
    assert told(view) == [("Normal", "SuccessfulDelete")] * 3
    kept = looked("08:03:00", cron(successfulJobsHistoryLimit=3, failedJobsHistoryLimit=2), *ended)
    assert list(jobs(kept)) == list("abcdef")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"schedule": "nonsense"}, "InvalidSchedule: "),
        ({"timeZone": "Nowhere/Town"}, "InvalidSchedule: there is no time zone Nowhere/Town"),
        ({"schedule": "0 0 31 2 *"}, "InvalidSchedule: no time of the next five years matches the schedule"),
    ],
)
def test_what_can_never_be_due_is_told_as_a_warning(spec: Any, message: str) -> None:
    """And starts nothing."""
    view = looked("08:05:00", cron(**spec))
    assert told(view) == [("Warning", "InvalidSchedule")]
    assert status(view).noted.startswith(message)
    assert not jobs(view)


# When a schedule falls due


def every(seconds: int) -> Any:
    """Return a function from a time to the next multiple of so many seconds."""
    return lambda after: (int(after) // seconds + 1) * seconds


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (9, Missed()),
        (10, Missed(at=10)),
        (19, Missed(at=10)),
        (20, Missed(at=20)),
        (39, Missed(at=30)),
        (1009, Missed(at=1000)),
        (1010, Missed(at=1010, many=True)),
    ],
)
def test_the_most_recent_run_is_the_one_to_start(now: int, expected: Missed) -> None:
    """More than a hundred missed ones are many."""
    assert most_recent(every(10), 5, now) == expected


def test_a_schedule_that_ends_leaves_its_last_run() -> None:
    """Nothing comes after it."""
    assert most_recent(lambda after: 10 if after < 10 else None, 5, 99) == Missed(at=10)
    assert most_recent(lambda _: None, 5, 99) == Missed()


def test_a_leap_day_is_found_within_five_years() -> None:
    """Eight years away, around a century without one, it is not."""
    leap = parse_schedule("0 0 29 2 *")

    def after(year: int) -> int | None:
        return next_run(leap, None, datetime(year, 3, 1, tzinfo=UTC).timestamp())

    assert after(2028) == int(datetime(2032, 2, 29, tzinfo=UTC).timestamp())
    assert after(2096) is None
    assert after(2099) == int(datetime(2104, 2, 29, tzinfo=UTC).timestamp())
    assert after(2098) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 30 2 *", False),
        ("0 0 31 2,4,6 ?", False),
        ("0 0 31 2,5 *", True),
        ("0 0 30 2 1", True),
        ("0 0 29 2 *", True),
        ("* * * * *", True),
        ("@every 5m", True),
    ],
)
def test_a_schedule_without_a_day_is_known(text: str, expected: bool) -> None:
    """As the clockwork finds it: a day of the week is enough, and so is a leap day."""
    schedule = parse_schedule(text)
    assert schedule.can_fall_due is expected
    assert (next_run(schedule, None, 0.0) is not None) is expected


def test_a_beat_counts_whole_seconds() -> None:
    """From the time that it is asked for."""
    assert next_run(parse_schedule("@every 90s"), None, 100.9) == 190


def test_the_first_minute_after_a_change_of_the_clock_counts() -> None:
    """What is skipped in spring does not run; what comes twice in autumn runs twice."""
    berlin = ZoneInfo("Europe/Berlin")
    spring, autumn = (datetime(2027, *day, tzinfo=UTC).timestamp() for day in ((3, 27, 12), (10, 30, 12)))
    two = parse_schedule("30 2 * * *")

    def runs(since: float, count: int) -> list[str]:
        found = []
        for _ in range(count):
            since = cast(int, next_run(two, berlin, since))
            found.append(scheduled_timestamp(int(since), berlin))
        return found

    assert runs(spring, 1) == ["2027-03-29T02:30:00+02:00"]
    assert runs(autumn, 3) == [
        "2027-10-31T02:30:00+02:00",
        "2027-10-31T02:30:00+01:00",
        "2027-11-01T02:30:00+01:00",
    ]
    three = parse_schedule("0 3 * * *")
    assert scheduled_timestamp(cast(int, next_run(three, berlin, spring)), berlin) == "2027-03-28T03:00:00+02:00"
