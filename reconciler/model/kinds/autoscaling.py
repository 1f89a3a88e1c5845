"""HorizontalPodAutoscalers, in the form of `autoscaling/v2`."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta, field

from reconciler.model.base import Value
from reconciler.model.kinds.container import ResourceName
from reconciler.model.kinds.meta import Condition, LabelSelector, Object
from reconciler.model.kinds.scalars import Label, PathSegment, Positive, Quantity

MetricType: TypeAlias = Literal["Resource", "ContainerResource", "Pods", "Object", "External"]
_Window: TypeAlias = Annotated[int, Meta(ge=0, le=3600)]


class CrossVersionObjectReference(Value):
    """Names an object of the same namespace, whatever its version."""

    kind: PathSegment
    name: PathSegment
    api_version: str = ""


class MetricIdentifier(Value):
    """Names a metric; the selector narrows it."""

    name: PathSegment
    selector: LabelSelector | None = None


class MetricTarget(Value):
    """The value to hold: a share of the request, a total, or an average per Pod."""

    type: Literal["Utilization", "Value", "AverageValue"]
    value: Quantity | None = None
    average_value: Quantity | None = None
    average_utilization: Positive | None = None


class ResourceMetricSource(Value):
    """Use of a resource by the Pods."""

    name: ResourceName
    target: MetricTarget


class ContainerResourceMetricSource(Value):
    """Use of a resource by one container of the Pods."""

    name: ResourceName
    container: Label
    target: MetricTarget


class PodsMetricSource(Value):
    """A metric that every Pod has."""

    metric: MetricIdentifier
    target: MetricTarget


class ObjectMetricSource(Value):
    """A metric of one other object."""

    described_object: CrossVersionObjectReference
    metric: MetricIdentifier
    target: MetricTarget


class ExternalMetricSource(Value):
    """A metric from outside the cluster."""

    metric: MetricIdentifier
    target: MetricTarget


class MetricSpec(Value):
    """One metric to follow; the field that `type` names says which."""

    type: MetricType
    resource: ResourceMetricSource | None = None
    container_resource: ContainerResourceMetricSource | None = None
    pods: PodsMetricSource | None = None
    object: ObjectMetricSource | None = None
    external: ExternalMetricSource | None = None


class HPAScalingPolicy(Value):
    """How much the number may change within a time."""

    type: Literal["Pods", "Percent"]
    value: Positive
    period_seconds: Annotated[int, Meta(ge=1, le=1800)]


class HPAScalingRules(Value):
    """How fast one direction may go."""

    stabilization_window_seconds: _Window | None = None
    select_policy: Literal["Max", "Min", "Disabled"] = "Max"
    policies: tuple[HPAScalingPolicy, ...] = ()
    tolerance: Quantity | None = None


class HorizontalPodAutoscalerBehavior(Value):
    """How fast the number of Pods may grow and shrink."""

    scale_up: HPAScalingRules | None = None
    scale_down: HPAScalingRules | None = None


class HorizontalPodAutoscalerSpec(Value):
    """What to scale, between which bounds, by which metrics. Without metrics: 80 % of the requested processor."""

    scale_target_ref: CrossVersionObjectReference
    max_replicas: Positive
    min_replicas: Positive = 1
    metrics: tuple[MetricSpec, ...] = ()
    behavior: HorizontalPodAutoscalerBehavior | None = None


class MetricValueStatus(Value):
    """What a metric was when last looked at."""

    value: Quantity | None = None
    average_value: Quantity | None = None
    average_utilization: int | None = None


class ResourceMetricStatus(Value):
    """What the Pods used of a resource."""

    name: str
    current: MetricValueStatus = MetricValueStatus()


class ContainerResourceMetricStatus(Value):
    """What one container of the Pods used of a resource."""

    name: str
    container: str
    current: MetricValueStatus = MetricValueStatus()


class PodsMetricStatus(Value):
    """What a metric of the Pods was."""

    metric: MetricIdentifier
    current: MetricValueStatus = MetricValueStatus()


class ObjectMetricStatus(Value):
    """What a metric of another object was."""

    described_object: CrossVersionObjectReference
    metric: MetricIdentifier
    current: MetricValueStatus = MetricValueStatus()


class MetricStatus(Value):
    """One metric that was looked at."""

    type: MetricType
    resource: ResourceMetricStatus | None = None
    container_resource: ContainerResourceMetricStatus | None = None
    pods: PodsMetricStatus | None = None
    object: ObjectMetricStatus | None = None
    external: PodsMetricStatus | None = None


class ReplicaRecommendation(Value):
    """How many Pods the metrics asked for, and when they did last (Unix seconds); None: they still do."""

    replicas: int
    last_at: float | None = None


class ReplicaScaleEvent(Value):
    """By how many Pods the number was changed, and when (Unix seconds)."""

    change: int
    at: float


class HorizontalPodAutoscalerStatus(Value):
    """What was decided last, and from what.

    Recommendations and scale events cannot be observed again: they live only here.
    """

    observed_generation: int | None = None
    last_scale_time: str | None = None
    current_replicas: int = 0
    desired_replicas: int = 0
    current_metrics: tuple[MetricStatus, ...] = ()
    conditions: tuple[Condition, ...] = ()
    recommendations: tuple[ReplicaRecommendation, ...] = ()
    scale_events: tuple[ReplicaScaleEvent, ...] = ()


class HorizontalPodAutoscaler(Object):
    """Changes the number of a workload's Pods with what they use."""

    kind: ClassVar[str] = "HorizontalPodAutoscaler"
    api_version: str = field(default_factory=lambda: "autoscaling/v2")
    spec: HorizontalPodAutoscalerSpec
    status: HorizontalPodAutoscalerStatus = HorizontalPodAutoscalerStatus()
