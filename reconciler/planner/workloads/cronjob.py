"""CronJobs: a Job whenever the schedule falls due. Pure; semantics of Kubernetes' CronJob controller."""

from functools import partial
from typing import cast
from zoneinfo import ZoneInfo

from reconciler.model.base import Value
from reconciler.model.kinds import CronJob, CronJobStatus, Job, ObjectMeta, ObjectReference
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from reconciler.model.schedule import Schedule, ScheduleError, parse_schedule, zone_named
from reconciler.model.times import rfc3339, seconds
from reconciler.planner.admission.admit import refuse, why_not_admitted
from reconciler.planner.health import condition
from reconciler.planner.view import View, owner_of, replace
from reconciler.planner.workloads.due import Missed, most_recent, next_run, scheduled_timestamp

SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"


class Clockwork(Value):
    """A CronJob's schedule with its time zone; `fault` says why nothing can be made of them."""

    schedule: Schedule = Schedule()
    zone: ZoneInfo | None = None
    fault: str = ""

    def after(self, at: float) -> int | None:
        """Return the next run after a time."""
        return next_run(self.schedule, self.zone, at)


def sync_cron_jobs(view: View) -> None:
    """Start what is due, and remove Jobs beyond the limits of the history."""
    for stored in view.of_kind("CronJob"):
        if stored.object.metadata.deletion_timestamp is None:
            _sync(view, stored)


def _sync(view: View, stored: StoredObject) -> None:
    cron_job = cast(CronJob, stored.object)
    if stored.ref not in view.verdicts:
        why = Reason.SUSPENDED if cron_job.spec.suspend else Reason.IN_SYNC
        view.judge(stored.ref, Decision.UNCHANGED, why, stored=stored)
    status = _observed(view, stored, cron_job)
    if not cron_job.spec.suspend:
        status = _run(view, stored, replace(cron_job, status=status))
    forget_history(view, stored, cron_job)
    view.set_status(stored, replace(status, active=_active(view, cron_job)))


def clockwork_of(cron_job: CronJob) -> Clockwork:
    """Return the schedule of a CronJob, readable or not; without a time zone it is in UTC."""
    name = cron_job.spec.time_zone
    zone = zone_named(name) if name is not None else None
    if name is not None and zone is None:
        return Clockwork(fault=f"there is no time zone {name}")
    try:
        return Clockwork(schedule=parse_schedule(cron_job.spec.schedule), zone=zone)
    except ScheduleError as fault:
        return Clockwork(fault=str(fault))


# Observing


def _observed(view: View, stored: StoredObject, cron_job: CronJob) -> CronJobStatus:
    """Take over what became of the Jobs that were running."""
    jobs = {one.object.metadata.uid: cast(Job, one.object) for one in jobs_of(view, cron_job)}
    for reference in cron_job.status.active:
        job = jobs.get(reference.uid)
        if job is None:
            view.happened(stored, "MissingJob", f"job {reference.name} is gone, and was not ended here")
        elif ending := ending_of(job):
            view.happened(stored, "SawCompletedJob", f"job {reference.name} has ended: {ending}")
    times = [job.status.completion_time for job in jobs.values() if job.status.completion_time]
    last = max((*times, cron_job.status.last_successful_time or ""), key=seconds)
    return replace(cron_job.status, last_successful_time=last or None)


def jobs_of(view: View, cron_job: CronJob) -> list[StoredObject]:
    """Return the Jobs that a CronJob controls, whatever their labels."""
    return view.owned_by(cron_job.metadata.uid, "Job")


def ending_of(job: Job) -> str:
    """Return how a Job has ended, `Complete` or `Failed`; an empty text while it goes on."""
    for type_ in ("Complete", "Failed"):
        found = condition(job.status.conditions, type_)
        if found is not None and found.status == "True":
            return type_
    return ""


def _running(view: View, cron_job: CronJob) -> list[StoredObject]:
    return [one for one in jobs_of(view, cron_job) if not ending_of(cast(Job, one.object))]


def _active(view: View, cron_job: CronJob) -> tuple[ObjectReference, ...]:
    return tuple(
        ObjectReference(
            api_version=one.object.api_version,
            kind="Job",
            namespace=one.ref.namespace,
            name=one.ref.name,
            uid=one.object.metadata.uid,
        )
        for one in _running(view, cron_job)
    )


# Starting


def _run(view: View, stored: StoredObject, cron_job: CronJob) -> CronJobStatus:
    """Start the Job of the most recent run that is due, where nothing speaks against it."""
    spec, status = cron_job.spec, cron_job.status
    clockwork = view.memo.get(("clockwork", stored.ref), (spec,), partial(clockwork_of, cron_job))
    if clockwork.fault:
        return _note(view, stored, status, "InvalidSchedule", clockwork.fault)
    since = _since(cron_job)
    upcoming = view.memo.get(("next run", stored.ref, since), (clockwork,), partial(clockwork.after, since))
    if upcoming is None:
        return _note(view, stored, status, "InvalidSchedule", "no time of the next five years matches the schedule")
    if view.now < upcoming:
        view.look_again(upcoming)
        return status
    recent = most_recent(clockwork.after, since, view.now)
    ahead = clockwork.after(view.now if recent.at is None else recent.at)
    if ahead is not None:
        view.look_again(ahead)
    in_time = _in_time(view, cron_job, clockwork, since, recent)
    if in_time.at is not None:
        return _start_or_say_why_not(view, stored, cron_job, clockwork, in_time)
    if recent.at is None:
        return status
    message = f"the run of {rfc3339(recent.at)} is left out: its startingDeadlineSeconds have passed"
    return _note(view, stored, status, "MissSchedule", message)


def _since(cron_job: CronJob) -> float:
    """Return the time after which runs count: the last one, or the CronJob's creation."""
    begun = cron_job.status.last_schedule_time or cron_job.metadata.creation_timestamp
    return seconds(begun)


def _in_time(view: View, cron_job: CronJob, clockwork: Clockwork, since: float, recent: Missed) -> Missed:
    """Return the most recent run that may still start. `@every` keeps its beat, whatever the deadline."""
    deadline = cron_job.spec.starting_deadline_seconds
    if deadline is None:
        return recent
    if clockwork.schedule.every_s is not None:
        return Missed() if recent.at is None or recent.at + deadline < view.now else Missed(at=recent.at)
    return most_recent(clockwork.after, max(since, view.now - deadline), view.now)


def _start_or_say_why_not(
    view: View, stored: StoredObject, cron_job: CronJob, clockwork: Clockwork, missed: Missed
) -> CronJobStatus:
    assert missed.at is not None
    status, at = cron_job.status, rfc3339(missed.at)
    running = _running(view, cron_job)
    if cron_job.spec.concurrency_policy == "Forbid" and running:
        message = f"the run of {at} waits for job {running[0].ref.name}: concurrencyPolicy is Forbid"
        _wait(view, stored, message)
        return _note(view, stored, status, "JobAlreadyActive", message)
    if missed.many:
        message = "more than 100 runs were missed and one is made up for; startingDeadlineSeconds leaves old ones out"
        view.happened(stored, "TooManyMissedTimes", message, warning=True)
    if cron_job.spec.concurrency_policy == "Replace":
        for one in running:
            view.remove(one, Reason.REPLACED_BY_NEXT_RUN, f"the run of {at} begins")
            view.happened(stored, "SuccessfulDelete", f"deleted job {one.ref.name}")
    return _start(view, stored, cron_job, clockwork, replace(status, last_schedule_time=at), missed.at)


def _wait(view: View, stored: StoredObject, message: str) -> None:
    earlier = view.verdicts.get(stored.ref)
    if earlier is None or earlier.decision is Decision.UNCHANGED:
        view.judge(stored.ref, Decision.BLOCKED, Reason.EARLIER_RUN_ACTIVE, message, stored=stored)


def _start(
    view: View, stored: StoredObject, cron_job: CronJob, clockwork: Clockwork, status: CronJobStatus, at: int
) -> CronJobStatus:
    template = cron_job.spec.job_template
    metadata = ObjectMeta(
        name=f"{stored.ref.name}-{at // 60}",
        namespace=stored.ref.namespace,
        labels=template.metadata.labels,
        annotations={**template.metadata.annotations, SCHEDULED_AT: scheduled_timestamp(at, clockwork.zone)},
        owner_references=(owner_of(stored),),
    )
    ref = ObjectRef(kind="Job", namespace=stored.ref.namespace, name=metadata.name)
    if view.get(ref) is not None:
        # Two runs within one minute share a name, and so does a Job that somebody made: it stands for this run.
        return status
    job = Job(metadata=metadata, spec=template.spec)
    if refusal := why_not_admitted(view, job):
        # The run stays due: it begins as soon as there is room, within its deadline.
        refuse(view, stored, refusal)
        before = replace(status, last_schedule_time=cron_job.status.last_schedule_time)
        return _note(view, stored, before, "FailedCreate", f"Error creating job: {refusal.message}")
    message = f"the run of {rfc3339(at)} is due"
    manager = cron_job.metadata.uid
    view.create(job, manager=manager, reason=Reason.SCHEDULE_DUE, message=message, provenance=stored.provenance)
    view.happened(stored, "SuccessfulCreate", f"created job {metadata.name}")
    return status


def _note(view: View, stored: StoredObject, status: CronJobStatus, reason: str, message: str) -> CronJobStatus:
    """Tell of something once, however often it is looked at."""
    note = f"{reason}: {message}"
    if status.noted == note:
        return status
    view.happened(stored, reason, message, warning=reason != "JobAlreadyActive")
    return replace(status, noted=note)


# History


def forget_history(view: View, stored: StoredObject, cron_job: CronJob) -> None:
    """Remove the oldest Jobs that have ended, beyond what is to be kept of each sort."""
    limits = {
        "Complete": cron_job.spec.successful_jobs_history_limit,
        "Failed": cron_job.spec.failed_jobs_history_limit,
    }
    for ending, limit in limits.items():
        ended = [one for one in jobs_of(view, cron_job) if ending_of(cast(Job, one.object)) == ending]
        ended.sort(key=begun_at)
        for one in ended[: max(len(ended) - limit, 0)]:
            view.remove(one, Reason.HISTORY_LIMIT, f"only {limit} Jobs that ended like this are kept")
            view.happened(stored, "SuccessfulDelete", f"deleted job {one.ref.name}")


def begun_at(stored: StoredObject) -> tuple[float, str]:
    """Sort Jobs by when they began, those of one time by name."""
    return seconds(cast(Job, stored.object).status.start_time), stored.ref.name
