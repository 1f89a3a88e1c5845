"""ReplicationControllers: what ReplicaSets were before they had selectors with conditions."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import field

from reconciler.model.base import Value
from reconciler.model.kinds.meta import Condition, Object
from reconciler.model.kinds.pod import PodTemplateSpec
from reconciler.model.kinds.scalars import Count, LabelKey, LabelValue


class ReplicationControllerSpec(Value):
    """How many copies of which Pod. Without a selector the template's labels are it."""

    template: PodTemplateSpec
    replicas: Count = 1
    selector: Mapping[LabelKey, LabelValue] = field(default_factory=dict)
    min_ready_seconds: Count = 0


class ReplicationControllerStatus(Value):
    """How many copies there are."""

    replicas: int = 0
    fully_labeled_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    # Ours: counts the Pods ever made, so that each gets a name of its own.
    pods_created: int = 0


class ReplicationController(Object):
    """Keeps a number of equal Pods running."""

    kind: ClassVar[str] = "ReplicationController"
    api_version: str = field(default_factory=lambda: "v1")
    spec: ReplicationControllerSpec
    status: ReplicationControllerStatus = ReplicationControllerStatus()
