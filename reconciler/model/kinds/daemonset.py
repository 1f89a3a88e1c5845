"""DaemonSets: one Pod on every node that fits."""

from typing import ClassVar, Literal

from msgspec import field

from reconciler.model.base import Value
from reconciler.model.kinds.meta import Condition, LabelSelector, Object
from reconciler.model.kinds.pod import PodTemplateSpec
from reconciler.model.kinds.scalars import Count, CountOrPercent


class RollingUpdateDaemonSet(Value):
    """On how many nodes the Pod may be away, or be there twice, during an update."""

    max_unavailable: CountOrPercent = 1
    max_surge: CountOrPercent = 0


class DaemonSetUpdateStrategy(Value):
    """How Pods of an old template give way. `rollingUpdate` counts only for `RollingUpdate`."""

    type: Literal["RollingUpdate", "OnDelete"] = "RollingUpdate"
    rolling_update: RollingUpdateDaemonSet = RollingUpdateDaemonSet()


class DaemonSetSpec(Value):
    """Which Pod, and how to change it."""

    selector: LabelSelector
    template: PodTemplateSpec
    update_strategy: DaemonSetUpdateStrategy = DaemonSetUpdateStrategy()
    min_ready_seconds: Count = 0
    revision_history_limit: Count = 10


class DaemonSetStatus(Value):
    """On how many nodes the Pod should be, and is."""

    current_number_scheduled: int = 0
    number_misscheduled: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    number_unavailable: int = 0
    observed_generation: int = 0
    collision_count: int | None = None
    conditions: tuple[Condition, ...] = ()
    # Ours: counts the Pods ever made, so that each gets a name of its own.
    pods_created: int = 0


class DaemonSet(Object):
    """Keeps one Pod running on every node that fits."""

    kind: ClassVar[str] = "DaemonSet"
    api_version: str = field(default_factory=lambda: "apps/v1")
    spec: DaemonSetSpec
    status: DaemonSetStatus = DaemonSetStatus()
