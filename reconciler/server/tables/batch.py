"""Jobs and CronJobs in tables. Pure."""

from typing import Any

from reconciler.model.kinds import Job
from reconciler.model.times import unix
from reconciler.server.tables.columns import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    NONE,
    SELECTOR,
    Cell,
    Cells,
    Form,
    Since,
    age,
    boolean,
    human_duration,
    selector_text,
    since,
    template_cells,
    text,
    whole,
)

_ENDED, _OTHER = ("Complete", "Failed"), ("Suspended", "FailureTarget", "SuccessCriteriaMet")


def _job(one: Job) -> Cells:
    return (
        one.metadata.name,
        _status(one),
        _completions(one),
        _duration(one),
        age(one.metadata),
        *template_cells(one.spec.template),
        selector_text(one.spec.selector),
    )


def _status(job: Job) -> str:
    true = {condition.type for condition in job.status.conditions if condition.status == "True"}
    ending = ("Terminating",) if job.metadata.deletion_timestamp else ()
    words = [word for word in _ENDED if word in true] + [*ending] + [word for word in _OTHER if word in true]
    return words[0] if words else "Running"


def _completions(job: Job) -> str:
    succeeded, spec = job.status.succeeded, job.spec
    if spec.completions is not None:
        return f"{succeeded}/{spec.completions}"
    return f"{succeeded}/1 of {spec.parallelism}" if spec.parallelism > 1 else f"{succeeded}/1"


def _duration(job: Job) -> Cell:
    began, ended = unix(job.status.start_time), unix(job.status.completion_time)
    if began is None:
        return ""
    return Since(began) if ended is None else human_duration(ended - began)


def _cron_job(one: Any) -> Cells:
    spec, status = one.spec, one.status
    job = spec.job_template.spec
    return (
        one.metadata.name,
        spec.schedule,
        spec.time_zone or NONE,
        str(bool(spec.suspend)),
        len(status.active),
        since(status.last_schedule_time) if status.last_schedule_time else NONE,
        age(one.metadata),
        *template_cells(job.template),
        selector_text(job.selector),
    )


JOB = Form(
    (
        NAME,
        text("Status", "How the Job is."),
        text("Completions", "How many Pods have ended well, of those wanted."),
        text("Duration", "How long the Job took, or takes by now."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    _job,
)
CRON_JOB = Form(
    (
        NAME,
        text("Schedule", "When Jobs are made, in the form of cron."),
        text("Timezone", "The time zone of the schedule."),
        boolean("Suspend", "Whether no Jobs are made for now."),
        whole("Active", "How many of its Jobs are running."),
        text("Last Schedule", "How long ago a Job was last made."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    _cron_job,
)
