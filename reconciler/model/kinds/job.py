"""Jobs: Pods that run to their end."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta, field

from reconciler.model.base import Value
from reconciler.model.kinds.meta import Condition, LabelSelector, Object
from reconciler.model.kinds.pod import PodTemplateSpec
from reconciler.model.kinds.scalars import ConditionName, ControllerName, Count, PositiveSeconds, Seconds

# Kubernetes' own: for Jobs that say nothing, and where every index has a limit of its own.
_BACKOFF_LIMIT = 6
_BACKOFF_LIMIT_WITH_INDEXES = 2**31 - 1

# The name that this cluster's own controller of Jobs goes by in `managedBy`.
JOB_CONTROLLER = "kubernetes.io/job-controller"

FailureAction: TypeAlias = Literal["FailJob", "FailIndex", "Ignore", "Count"]


class PodFailurePolicyOnExitCodes(Value):
    """Chooses a failed Pod by the exit status of its containers."""

    operator: Literal["In", "NotIn"]
    values: Annotated[tuple[int, ...], Meta(min_length=1, max_length=255)]
    container_name: str | None = None


class PodFailurePolicyOnPodConditions(Value):
    """Chooses a failed Pod by one of its conditions."""

    type: ConditionName
    status: Literal["True", "False", "Unknown"] = "True"


class PodFailurePolicyRule(Value):
    """What a failed Pod of one sort means for the Job."""

    exactly_one: ClassVar[tuple[str, ...]] = ("on_exit_codes", "on_pod_conditions")

    action: FailureAction
    on_exit_codes: PodFailurePolicyOnExitCodes | None = None
    on_pod_conditions: Annotated[tuple[PodFailurePolicyOnPodConditions, ...], Meta(max_length=20)] = ()


class PodFailurePolicy(Value):
    """Rules for failed Pods; the first that fits decides."""

    rules: Annotated[tuple[PodFailurePolicyRule, ...], Meta(max_length=20)]


class SuccessPolicyRule(Value):
    """Which completion indexes are enough: all those named, or so many (of those named)."""

    succeeded_indexes: Annotated[str, Meta(max_length=65_536)] | None = None
    succeeded_count: Count | None = None


class SuccessPolicy(Value):
    """When an Indexed Job has succeeded before all its indexes have; one rule is enough."""

    rules: Annotated[tuple[SuccessPolicyRule, ...], Meta(min_length=1, max_length=20)]


class JobSpec(Value):
    """Which Pod, how often to success, and when to give up."""

    template: PodTemplateSpec
    parallelism: Count = 1
    completions: Count | None = None
    completion_mode: Literal["NonIndexed", "Indexed"] = "NonIndexed"
    backoff_limit: Count | None = None
    backoff_limit_per_index: Count | None = None
    max_failed_indexes: Count | None = None
    active_deadline_seconds: PositiveSeconds | None = None
    ttl_seconds_after_finished: Seconds | None = None
    suspend: bool = False
    selector: LabelSelector | None = None
    manual_selector: bool = False
    pod_failure_policy: PodFailurePolicy | None = None
    success_policy: SuccessPolicy | None = None
    pod_replacement_policy: Literal["TerminatingOrFailed", "Failed"] | None = None
    managed_by: ControllerName | None = None

    @property
    def is_managed_elsewhere(self) -> bool:
        """Whether another controller than the cluster's runs the Job."""
        return self.managed_by not in (None, JOB_CONTROLLER)

    @property
    def failures_max(self) -> int:
        """How many failures the Job bears in all."""
        if self.backoff_limit is not None:
            return self.backoff_limit
        return _BACKOFF_LIMIT if self.backoff_limit_per_index is None else _BACKOFF_LIMIT_WITH_INDEXES

    @property
    def is_indexed(self) -> bool:
        """Whether each completion has an index of its own."""
        return self.completion_mode == "Indexed"

    @property
    def waits_for_the_end(self) -> bool:
        """Whether a Pod is replaced only once it has ended, not as soon as it is ending."""
        return self.pod_replacement_policy == "Failed" or self.pod_failure_policy is not None


class UncountedTerminatedPods(Value):
    """Ended Pods whose count is not written yet, by uid."""

    succeeded: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class JobStatus(Value):
    """How far the Job has come. The counts cannot be observed again and live only here."""

    conditions: tuple[Condition, ...] = ()
    start_time: str | None = None
    completion_time: str | None = None
    active: int = 0
    ready: int = 0
    terminating: int = 0
    succeeded: int = 0
    failed: int = 0
    completed_indexes: str = ""
    failed_indexes: str | None = None
    uncounted_terminated_pods: UncountedTerminatedPods = UncountedTerminatedPods()
    observed_generation: int = 0
    # Ours: counts the Pods ever made, so that each gets a name of its own.
    pods_created: int = 0


class Job(Object):
    """Runs Pods until enough of them have ended well."""

    kind: ClassVar[str] = "Job"
    api_version: str = field(default_factory=lambda: "batch/v1")
    spec: JobSpec
    status: JobStatus = JobStatus()
