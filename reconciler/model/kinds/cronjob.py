"""CronJobs: Jobs on a schedule."""

from typing import ClassVar, Literal

from msgspec import field

from reconciler.model.base import Value
from reconciler.model.kinds.job import JobSpec
from reconciler.model.kinds.meta import Object, ObjectMeta, ObjectReference
from reconciler.model.kinds.scalars import Count, NonEmpty, Seconds


class JobTemplateSpec(Value):
    """What each Job is made from."""

    spec: JobSpec
    metadata: ObjectMeta = ObjectMeta()


class CronJobSpec(Value):
    """Which Job, when, and what to do when one run meets the next."""

    schedule: NonEmpty
    job_template: JobTemplateSpec
    time_zone: NonEmpty | None = None
    starting_deadline_seconds: Seconds | None = None
    concurrency_policy: Literal["Allow", "Forbid", "Replace"] = "Allow"
    suspend: bool = False
    successful_jobs_history_limit: Count = 3
    failed_jobs_history_limit: Count = 1


class CronJobStatus(Value):
    """Which runs are going on, and when the last one began and ended well."""

    active: tuple[ObjectReference, ...] = ()
    last_schedule_time: str | None = None
    last_successful_time: str | None = None
    # Ours: what was told of last without anything being started, so that it is told of once.
    noted: str | None = None


class CronJob(Object):
    """Starts a Job whenever its schedule falls due."""

    kind: ClassVar[str] = "CronJob"
    api_version: str = field(default_factory=lambda: "batch/v1")
    spec: CronJobSpec
    status: CronJobStatus = CronJobStatus()
