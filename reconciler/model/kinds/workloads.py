"""Workloads that keep copies of a Pod running: ReplicaSet and Deployment."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from reconciler.model.base import Value
from reconciler.model.kinds.meta import Condition, LabelSelector, Object
from reconciler.model.kinds.pod import PodTemplateSpec
from reconciler.model.kinds.scalars import Count, CountOrPercent


class ReplicaSetSpec(Value):
    """How many copies of which Pod."""

    selector: LabelSelector
    template: PodTemplateSpec
    replicas: Count = 1
    min_ready_seconds: Count = 0


class ReplicaSetStatus(Value):
    """How many copies there are."""

    replicas: int = 0
    fully_labeled_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    terminating_replicas: int = 0
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    # Ours: counts the Pods ever made, so that each gets a name of its own.
    pods_created: int = 0


class ReplicaSet(Object):
    """Keeps a number of equal Pods running."""

    kind: ClassVar[str] = "ReplicaSet"
    api_version: str = field(default_factory=lambda: "apps/v1")
    spec: ReplicaSetSpec
    status: ReplicaSetStatus = ReplicaSetStatus()


class RollingUpdateDeployment(Value):
    """How far a rolling update may go below and above the wanted number of Pods."""

    max_unavailable: CountOrPercent = "25%"
    max_surge: CountOrPercent = "25%"


class DeploymentStrategy(Value):
    """How old Pods give way to new ones. `rollingUpdate` counts only for `RollingUpdate`."""

    type: Literal["RollingUpdate", "Recreate"] = "RollingUpdate"
    rolling_update: RollingUpdateDeployment = RollingUpdateDeployment()


class DeploymentSpec(Value):
    """Which Pod, how many, and how to change it."""

    selector: LabelSelector
    template: PodTemplateSpec
    replicas: Count = 1
    strategy: DeploymentStrategy = DeploymentStrategy()
    min_ready_seconds: Count = 0
    revision_history_limit: Count = 10
    progress_deadline_seconds: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 600
    paused: bool = False


class DeploymentStatus(Value):
    """How far the rollout has come."""

    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    terminating_replicas: int = 0
    observed_generation: int = 0
    collision_count: int | None = None
    conditions: tuple[Condition, ...] = ()


class Deployment(Object):
    """Keeps a number of equal Pods running and replaces them gradually when they change."""

    kind: ClassVar[str] = "Deployment"
    api_version: str = field(default_factory=lambda: "apps/v1")
    spec: DeploymentSpec
    status: DeploymentStatus = DeploymentStatus()
