"""What all metrics of an autoscaler together ask for: the one that asks for the most Pods decides. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from reconciler.model.kinds import (
    ContainerResourceMetricStatus,
    HorizontalPodAutoscalerSpec,
    MetricSpec,
    MetricStatus,
    MetricTarget,
    MetricValueStatus,
    Pod,
    ResourceMetricSource,
    ResourceMetricStatus,
)
from reconciler.model.metrics import PodUsage
from reconciler.model.quantity import format_quantity, parse_quantity
from reconciler.planner.workloads.autoscaler_metrics import (
    Answer,
    NotMeasurable,
    by_average,
    by_utilization,
    group_pods,
    readings_of,
    requests_of,
)
from reconciler.planner.workloads.autoscaler_rules import Rules

_DEFAULT = MetricSpec(
    type="Resource",
    resource=ResourceMetricSource(name="cpu", target=MetricTarget(type="Utilization", average_utilization=80)),
)
# An average that differs by less is not written anew.
_NOTICEABLE = Fraction(1, 50)


@dataclass(frozen=True, slots=True)
class Proposal:
    """How many Pods are asked for, by which metric, and what every metric was."""

    replicas: int
    name: str
    metrics: tuple[MetricStatus, ...]


def propose(
    spec: HorizontalPodAutoscalerSpec,
    pods: Sequence[Pod],
    usage: Mapping[str, PodUsage],
    current: int,
    rules: Rules,
    now: float,
) -> Proposal:
    """Return what the metrics ask for. Raises NotMeasurable, with reason and message, where that cannot be known.

    A metric that cannot be had does not keep the others from growing the workload, only from shrinking it.
    """
    listed = spec.metrics or (_DEFAULT,)
    best: tuple[int, str] | None = None
    statuses, failures = [], []
    for metric in listed:
        try:
            answer, name, status = _measured(metric, pods, usage, current, rules, now)
        except NotMeasurable as failure:
            failures.append((f"FailedGet{metric.type}Metric", f"{_name(metric)}: {failure.args[0]}"))
            continue
        statuses.append(status)
        if best is None or answer.replicas > best[0]:
            best = answer.replicas, name
    if best is None or (failures and best[0] < current):
        raise NotMeasurable(*failures[0])
    return Proposal(*best, tuple(statuses))


def _measured(
    metric: MetricSpec, pods: Sequence[Pod], usage: Mapping[str, PodUsage], current: int, rules: Rules, now: float
) -> tuple[Answer, str, MetricStatus]:
    source = metric.resource or metric.container_resource
    if source is None:
        raise NotMeasurable("there is no adapter that serves metrics of this type here")
    container = metric.container_resource.container if metric.container_resource is not None else ""
    readings = readings_of(usage, pods, source.name, container)
    groups = group_pods(pods, readings, source.name, now)
    target = source.target
    if target.average_value is not None:
        wanted = max(int(parse_quantity(target.average_value) * 1000), 1)
        answer = by_average(pods, readings, wanted, current, groups, rules)
        name = _name(metric)
    else:
        assert target.average_utilization is not None, "validation lets no other target through"
        requests = requests_of(pods, source.name, container)
        answer = by_utilization(pods, readings, requests, target.average_utilization, current, groups, rules)
        name = f"{_name(metric)} utilization (percentage of request)"
    return answer, name, _status(metric, answer)


def _name(metric: MetricSpec) -> str:
    if metric.resource is not None:
        return f"{metric.resource.name} resource"
    if metric.container_resource is not None:
        return f"{metric.container_resource.name} container resource"
    source = metric.pods or metric.object or metric.external
    return f"{metric.type.lower()} metric {source.metric.name if source is not None else ''}"


def _status(metric: MetricSpec, answer: Answer) -> MetricStatus:
    current = MetricValueStatus(
        average_utilization=answer.utilization, average_value=format_quantity(f"{answer.average}m")
    )
    if metric.container_resource is not None:
        source = metric.container_resource
        found = ContainerResourceMetricStatus(name=source.name, container=source.container, current=current)
        return MetricStatus(type=metric.type, container_resource=found)
    assert metric.resource is not None
    return MetricStatus(type=metric.type, resource=ResourceMetricStatus(name=metric.resource.name, current=current))


def is_much_the_same(shown: Sequence[MetricStatus], found: Sequence[MetricStatus]) -> bool:
    """Whether figures tell the same as those that are shown already, but for what nobody would notice."""
    return len(shown) == len(found) and all(map(_is_close, shown, found))


def _is_close(shown: MetricStatus, found: MetricStatus) -> bool:
    old, new = _current(shown), _current(found)
    if old is None or new is None or _what(shown) != _what(found):
        return shown == found
    if old.average_utilization is not None or new.average_utilization is not None:
        return old.average_utilization == new.average_utilization
    before, after = parse_quantity(old.average_value or 0), parse_quantity(new.average_value or 0)
    return abs(before - after) <= _NOTICEABLE * max(before, after)


def _current(status: MetricStatus) -> MetricValueStatus | None:
    source = status.resource or status.container_resource
    return source.current if source is not None else None


def _what(status: MetricStatus) -> tuple[str, str]:
    source = status.resource or status.container_resource
    assert source is not None
    return source.name, source.container if isinstance(source, ContainerResourceMetricStatus) else ""
