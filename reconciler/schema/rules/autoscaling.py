"""Rules on HorizontalPodAutoscalers."""

from collections.abc import Iterator

from reconciler.model.kinds import (
    CrossVersionObjectReference,
    HorizontalPodAutoscaler,
    HPAScalingRules,
    MetricSpec,
    MetricTarget,
)
from reconciler.model.quantity import QuantityText, parse_quantity
from reconciler.schema.rules.finding import Finding, error, warning
from reconciler.schema.rules.selectors import selector_findings

# What each type of metric is described by.
_FIELDS = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


def autoscaler_findings(autoscaler: HorizontalPodAutoscaler) -> Iterator[Finding]:
    """Yield what is wrong with a HorizontalPodAutoscaler."""
    spec = autoscaler.spec
    if spec.min_replicas > spec.max_replicas:
        yield error("/spec/maxReplicas", f"maxReplicas is less than minReplicas ({spec.min_replicas})")
    yield from _scaled_findings(spec.scale_target_ref)
    for number, metric in enumerate(spec.metrics):
        yield from _metric_findings(f"/spec/metrics/{number}", metric)
    behavior = spec.behavior
    for name, rules in (("scaleUp", behavior and behavior.scale_up), ("scaleDown", behavior and behavior.scale_down)):
        if rules:
            yield from _rules_findings(f"/spec/behavior/{name}", rules)


def _scaled_findings(target: CrossVersionObjectReference) -> Iterator[Finding]:
    if "/" not in target.api_version and target.kind != "ReplicationController":
        hint = "write apiVersion: apps/v1 for a Deployment or StatefulSet"
        yield error("/spec/scaleTargetRef", f"apiVersion does not name the API group of kind {target.kind}", hint)


def _metric_findings(at: str, metric: MetricSpec) -> Iterator[Finding]:
    given = {
        "resource": metric.resource,
        "containerResource": metric.container_resource,
        "pods": metric.pods,
        "object": metric.object,
        "external": metric.external,
    }
    field = _FIELDS[metric.type]
    for name, value in given.items():
        if value is not None and name != field:
            yield error(f"{at}/{name}", f"{name} does not belong to a metric of type {metric.type}")
    if given[field] is None:
        yield error(at, f"a metric of type {metric.type} needs {field}", code="missing-field")
        return
    place = f"{at}/{field}/target"
    if metric.type in ("Resource", "ContainerResource"):
        yield from _resource_findings(place, (metric.resource or metric.container_resource).target)  # type: ignore[union-attr]
        return
    source = metric.pods or metric.object or metric.external
    assert source is not None
    message = f"nothing here measures metrics of type {metric.type}: this one is reported as failed"
    yield warning(f"{at}/{field}", message, "use Resource or ContainerResource", "not-measured")
    yield from selector_findings(f"{at}/{field}/metric/selector", source.metric.selector)
    yield from _amount_findings(place, source.target)
    if metric.type == "Pods" and source.target.average_value is None:
        yield error(place, "a metric of type Pods needs averageValue", code="missing-field")
    elif source.target.value is None and source.target.average_value is None:
        yield error(place, "needs value or averageValue", code="missing-field")
    elif metric.type == "External" and source.target.value is not None and source.target.average_value is not None:
        yield error(place, "value and averageValue exclude each other")


def _resource_findings(at: str, target: MetricTarget) -> Iterator[Finding]:
    yield from _amount_findings(at, target)
    if target.average_utilization is None and target.average_value is None:
        yield error(at, "needs averageUtilization or averageValue", code="missing-field")
    elif target.average_utilization is not None and target.average_value is not None:
        yield error(at, "averageUtilization and averageValue exclude each other")


def _amount_findings(at: str, target: MetricTarget) -> Iterator[Finding]:
    amounts: tuple[tuple[str, QuantityText | None], ...] = (
        ("value", target.value),
        ("averageValue", target.average_value),
    )
    for name, amount in amounts:
        if amount is not None and parse_quantity(amount) <= 0:
            yield error(f"{at}/{name}", f"{name}: must be greater than 0")


def _rules_findings(at: str, rules: HPAScalingRules) -> Iterator[Finding]:
    if rules.tolerance is not None and parse_quantity(rules.tolerance) < 0:
        yield error(f"{at}/tolerance", "tolerance: must be at least 0")
