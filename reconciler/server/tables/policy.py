"""Disruption budgets, priorities and autoscalers in tables. Pure."""

from collections.abc import Iterator

from reconciler.model.kinds import HorizontalPodAutoscaler, PodDisruptionBudget, PriorityClass
from reconciler.model.kinds.autoscaling import MetricSpec, MetricStatus, MetricTarget, MetricValueStatus
from reconciler.server.tables.columns import AGE, NAME, NONE, UNKNOWN, Cells, Form, age, boolean, text, whole

_METRICS_SHOWN = 2


def _budget(one: PodDisruptionBudget) -> Cells:
    spec = one.spec
    return (
        one.metadata.name,
        "N/A" if spec.min_available is None else str(spec.min_available),
        "N/A" if spec.max_unavailable is None else str(spec.max_unavailable),
        one.status.disruptions_allowed,
        age(one.metadata),
    )


def _priority(one: PriorityClass) -> Cells:
    return one.metadata.name, one.value, one.global_default, age(one.metadata), one.preemption_policy


def _autoscaler(one: HorizontalPodAutoscaler) -> Cells:
    target = one.spec.scale_target_ref
    return (
        one.metadata.name,
        f"{target.kind}/{target.name}",
        _metrics(one),
        str(one.spec.min_replicas),
        one.spec.max_replicas,
        one.status.current_replicas,
        age(one.metadata),
    )


def _metrics(autoscaler: HorizontalPodAutoscaler) -> str:
    shares = list(_shares(autoscaler))
    more = len(shares) - _METRICS_SHOWN
    return ", ".join(shares[:_METRICS_SHOWN]) + (f" + {more} more..." if more > 0 else "") or NONE


def _shares(autoscaler: HorizontalPodAutoscaler) -> Iterator[str]:
    """Say of each metric what it is and what it should be; what was observed stands in the same order."""
    found = autoscaler.status.current_metrics
    for index, wanted in enumerate(autoscaler.spec.metrics):
        yield _share(wanted, found[index] if index < len(found) else None)


def _share(wanted: MetricSpec, found: MetricStatus | None) -> str:
    resource = wanted.resource or wanted.container_resource
    if resource is not None:
        status = found and (found.resource if wanted.resource else found.container_resource)
        return f"{resource.name}: {_use(resource.target, status.current if status else None)}"
    if wanted.pods is not None:
        current = found.pods.current if found and found.pods else MetricValueStatus()
        return f"{current.average_value or UNKNOWN}/{wanted.pods.target.average_value}"
    other = wanted.object or wanted.external
    if other is None:
        return UNKNOWN
    observed = found and (found.object if wanted.object else found.external)
    return _value(other.target, observed.current if observed else MetricValueStatus())


def _use(target: MetricTarget, current: MetricValueStatus | None) -> str:
    current = current or MetricValueStatus()
    if target.average_value is not None:
        return f"{current.average_value or UNKNOWN}/{target.average_value}"
    is_known = current.average_utilization is not None
    wanted = "<auto>" if target.average_utilization is None else f"{target.average_utilization}%"
    return f"{f'{current.average_utilization}%' if is_known else UNKNOWN}/{wanted}"


def _value(target: MetricTarget, current: MetricValueStatus) -> str:
    if target.average_value is not None:
        return f"{current.average_value or UNKNOWN}/{target.average_value} (avg)"
    return f"{current.value or UNKNOWN}/{target.value}"


POD_DISRUPTION_BUDGET = Form(
    (
        NAME,
        text("Min Available", "How many Pods must stay."),
        text("Max Unavailable", "How many Pods may be away."),
        whole("Allowed Disruptions", "How many Pods may be taken away now."),
        AGE,
    ),
    _budget,
)
PRIORITY_CLASS = Form(
    (
        NAME,
        whole("Value", "The priority of its Pods; more goes first."),
        boolean("Global-Default", "Whether Pods that name no class get this one."),
        AGE,
        text("PreemptionPolicy", "Whether its Pods may displace others."),
    ),
    _priority,
)
HORIZONTAL_POD_AUTOSCALER = Form(
    (
        NAME,
        text("Reference", "What it scales."),
        text("Targets", "Its metrics, and what they should be."),
        text("MinPods", "The least number of Pods."),
        text("MaxPods", "The greatest number of Pods."),
        text("Replicas", "How many Pods there are."),
        AGE,
    ),
    _autoscaler,
)
