"""How fast the number of Pods may change, and how the metrics of an autoscaler come together."""

from fractions import Fraction
from typing import Any

import msgspec
import pytest

from reconciler.model.kinds import HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec
from reconciler.model.kinds import MetricStatus as Status
from reconciler.model.kinds import ReplicaRecommendation as Recommended
from reconciler.model.kinds import ReplicaScaleEvent as Changed
from reconciler.model.metrics import ContainerUsage, PodUsage
from reconciler.planner.workloads.autoscaler_metrics import NotMeasurable
from reconciler.planner.workloads.autoscaler_proposal import Proposal, is_much_the_same, propose
from reconciler.planner.workloads.autoscaler_rules import (
    Rules,
    bounded,
    change_within,
    remembered,
    rules_of,
    stabilized,
    with_event,
)
from tests.planner.test_autoscaler_metrics import NOW, pod

USUAL = rules_of(None)


def rules(up: Any = None, down: Any = None) -> Rules:
    """Return the rules of a behaviour."""
    behavior = {name: one for name, one in (("scaleUp", up), ("scaleDown", down)) if one is not None}
    return rules_of(msgspec.convert(behavior, HorizontalPodAutoscalerBehavior))


def policy(type_: str, value: int, period_s: int = 60) -> dict[str, Any]:
    """Return a policy."""
    return {"type": type_, "value": value, "periodSeconds": period_s}


def test_what_is_left_out_is_as_in_kubernetes() -> None:
    """Up at once by four Pods or twofold in 15 s; down after five minutes; a tenth is tolerated."""
    for asked in (rules(), rules(up={}, down={})):
        assert [(one.type, one.value, one.period_seconds) for one in asked.up.policies] == [
            ("Pods", 4, 15),
            ("Percent", 100, 15),
        ]
        assert [(one.type, one.value, one.period_seconds) for one in asked.down.policies] == [("Percent", 100, 15)]
        assert (asked.up.window_s, asked.down.window_s) == (0, 300)
        assert (asked.up.select, asked.down.select) == ("Max", "Max")
        assert (asked.up.tolerance, asked.down.tolerance) == (Fraction(1, 10), Fraction(1, 10))
        assert (asked.memory_s, asked.periods_s, asked.is_asked) == (300, 15, True)
    assert (USUAL.up, USUAL.down, USUAL.is_asked) == (rules().up, rules().down, False)
    longer = rules(up={"policies": [policy("Pods", 1, 600)], "stabilizationWindowSeconds": 400, "tolerance": "0.2"})
    assert (longer.memory_s, longer.periods_s, longer.up.tolerance) == (400, 600, Fraction(1, 5))


@pytest.mark.parametrize(
    ("current", "wanted", "rule", "events", "expected"),
    [
        (3, 5, USUAL, (), (5, "DesiredWithinRange")),
        (3, 6, USUAL, (), (6, "DesiredWithinRange")),
        (3, 7, USUAL, (), (6, "ScaleUpLimit")),
        (1, 9, USUAL, (), (4, "ScaleUpLimit")),
        (5, 9, USUAL, (), (9, "DesiredWithinRange")),
        (5, 11, USUAL, (), (10, "TooManyReplicas")),
        (6, 11, USUAL, (), (10, "TooManyReplicas")),
        (6, 9, USUAL, ((3, 14.0),), (6, "ScaleUpLimit")),
        (6, 9, USUAL, ((3, 15.0),), (9, "DesiredWithinRange")),
        (6, 6, USUAL, (), (6, "DesiredWithinRange")),
        (11, 11, USUAL, (), (10, "TooManyReplicas")),
        (1, 1, USUAL, (), (2, "TooFewReplicas")),
        (2, 2, USUAL, (), (2, "DesiredWithinRange")),
        (10, 10, USUAL, (), (10, "DesiredWithinRange")),
        (6, 1, USUAL, (), (2, "TooFewReplicas")),
        (6, 2, USUAL, (), (2, "DesiredWithinRange")),
        (6, 3, rules(down={"policies": [policy("Pods", 1)]}), (), (5, "ScaleDownLimit")),
        (6, 5, rules(down={"policies": [policy("Pods", 1)]}), (), (5, "DesiredWithinRange")),
        (6, 1, rules(down={"policies": [policy("Pods", 4)]}), (), (2, "TooFewReplicas")),
        (6, 3, rules(down={"policies": [policy("Pods", 1)]}), ((-1, 59.0),), (6, "ScaleDownLimit")),
        (6, 3, rules(down={"policies": [policy("Pods", 1)]}), ((-1, 60.0),), (5, "ScaleDownLimit")),
        (6, 3, rules(down={"policies": [policy("Percent", 25)]}), (), (4, "ScaleDownLimit")),
        (
            8,
            3,
            rules(down={"policies": [policy("Percent", 25), policy("Pods", 1)], "selectPolicy": "Min"}),
            (),
            (7, "ScaleDownLimit"),
        ),
        (8, 3, rules(down={"policies": [policy("Percent", 25), policy("Pods", 1)]}), (), (6, "ScaleDownLimit")),
        (6, 3, rules(down={"selectPolicy": "Disabled"}), (), (6, "ScaleDownLimit")),
        (3, 9, rules(up={"policies": [policy("Percent", 50)]}), (), (5, "ScaleUpLimit")),
        (4, 9, rules(up={"policies": [policy("Percent", 50)]}), (), (6, "ScaleUpLimit")),
        (4, 9, rules(up={"policies": [policy("Percent", 50), policy("Pods", 3)]}), (), (7, "ScaleUpLimit")),
        (
            4,
            9,
            rules(up={"policies": [policy("Percent", 50), policy("Pods", 3)], "selectPolicy": "Min"}),
            (),
            (6, "ScaleUpLimit"),
        ),
        (4, 9, rules(up={"selectPolicy": "Disabled"}), (), (4, "ScaleUpLimit")),
    ],
)
def test_the_pace_and_the_bounds(
    current: int, wanted: int, rule: Rules, events: Any, expected: tuple[int, str]
) -> None:
    """Between 2 and 10, no faster than the policies allow from where a period began."""
    changed = tuple(Changed(change=change, at=NOW - ago) for change, ago in events)
    found = bounded(changed, current, wanted, rule, (2, 10), NOW)
    assert (found.replicas, found.reason) == expected


def test_who_stands_out_of_bounds_is_brought_back() -> None:
    """The sentence tells the bounds; who asks for more than there may be hears of the bound alone."""
    assert bounded((), 11, 11, USUAL, (2, 10), NOW).message == "the bounds are 2 and 10"
    assert bounded((), 1, 1, USUAL, (2, 10), NOW).message == "the bounds are 2 and 10"
    assert bounded((), 6, 11, USUAL, (2, 10), NOW).message == "more than maxReplicas (10) would be needed"
    assert bounded((), 6, 1, USUAL, (2, 10), NOW).message == "fewer than minReplicas (2) would do"


def test_changes_count_for_the_longest_period() -> None:
    """What was changed just a period ago does not count any more, and is forgotten."""
    events = (Changed(change=1, at=NOW - 60), Changed(change=2, at=NOW - 59))
    asked = rules(up={"policies": [policy("Pods", 1, 60)]})
    assert change_within(events, 60, NOW) == 2
    assert with_event(events, 3, asked, NOW) == (events[1], Changed(change=3, at=NOW))


def test_recommendations_count_for_the_window() -> None:
    """The last one holds until another number is asked for; what ended a window ago is forgotten."""
    first = remembered((), 3, USUAL, NOW - 400)
    assert first == (Recommended(replicas=3),)
    assert remembered(first, 3, USUAL, NOW - 350) == first
    second = remembered(first, 5, USUAL, NOW - 300)
    assert second == (Recommended(replicas=3, last_at=NOW - 300), Recommended(replicas=5))
    assert remembered(second, 4, USUAL, NOW) == (Recommended(replicas=5, last_at=NOW), Recommended(replicas=4))
    assert remembered(second, 4, USUAL, NOW - 1)[0] == second[0]


@pytest.mark.parametrize(
    ("known", "current", "wanted", "expected"),
    [
        ([(3, 299)], 3, 2, (3, "ScaleDownStabilized")),
        ([(3, 300)], 3, 2, (2, "ReadyForNewScale")),
        ([(5, 100)], 4, 2, (4, "ScaleDownStabilized")),
        ([(2, 9)], 2, 4, (2, "ScaleUpStabilized")),
        ([(3, 9)], 2, 4, (3, "ScaleUpStabilized")),
        ([(2, 10)], 2, 4, (4, "ReadyForNewScale")),
        ([], 2, 4, (4, "ReadyForNewScale")),
    ],
)
def test_the_windows_agree_on_the_least_change(
    known: list[tuple[int, int]], current: int, wanted: int, expected: tuple[int, str]
) -> None:
    """Fewest for growing, most for shrinking."""
    asked = rules(up={"stabilizationWindowSeconds": 10})
    recommended = [Recommended(replicas=replicas, last_at=NOW - ago) for replicas, ago in known]
    found = stabilized(recommended, current, wanted, asked, NOW)
    assert (found.replicas, found.reason) == expected


# All metrics together


def resource(name: str = "cpu", *, share: int | None = None, amount: str = "", container: str = "") -> dict[str, Any]:
    """Return a metric of a resource."""
    target = {"type": "Utilization", "averageUtilization": share} if share else {"type": "AverageValue"}
    source: dict[str, Any] = {"name": name, "target": {**target, **({"averageValue": amount} if amount else {})}}
    if container:
        return {"type": "ContainerResource", "containerResource": {**source, "container": container}}
    return {"type": "Resource", "resource": source}


NOBODYS = {"type": "Pods", "pods": {"metric": {"name": "hits"}, "target": {"type": "AverageValue", "averageValue": 1}}}


def proposed(*metrics: dict[str, Any], current: int = 2, count: int = 2, millis: int = 100) -> Proposal:
    """Return what these ask for of Pods, each of which uses 100m of 100m, and 2 Mi of 4 Mi of memory."""
    names = [f"p{number}" for number in range(count)]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 99, "metrics": list(metrics)}
    container = {"name": "app", "image": "a", "resources": {"requests": {"cpu": "100m", "memory": "4Mi"}}}
    pods = [pod(name, ready=("True", 900), started=900, containers=[container]) for name in names]
    used = ContainerUsage(name="app", cpu_nanos=millis * 1_000_000, memory_bytes=1 << 21)
    usage = {
        name: PodUsage(namespace="default", name=name, uid=name, at=NOW, window_s=15, containers=(used,))
        for name in names
    }
    return propose(msgspec.convert(spec, HorizontalPodAutoscalerSpec), pods, usage, current, USUAL, NOW)


@pytest.mark.parametrize(
    ("metrics", "replicas", "name"),
    [
        ([], 3, "cpu resource utilization (percentage of request)"),
        ([resource(share=50)], 4, "cpu resource utilization (percentage of request)"),
        ([resource(amount="40m")], 5, "cpu resource"),
        ([resource(amount="0.1m")], 200, "cpu resource"),
        ([resource("memory", amount="1Mi")], 4, "memory resource"),
        ([resource(share=50, container="app")], 4, "cpu container resource utilization (percentage of request)"),
        ([resource(share=50), resource("memory", share=10)], 10, "memory resource utilization (percentage of request)"),
        ([resource(share=50), resource("memory", amount="1Mi")], 4, "cpu resource utilization (percentage of request)"),
        ([NOBODYS, resource(share=50)], 4, "cpu resource utilization (percentage of request)"),
        ([NOBODYS, resource(share=100)], 2, "cpu resource utilization (percentage of request)"),
    ],
)
def test_the_metric_that_asks_for_most_decides(metrics: list[dict[str, Any]], replicas: int, name: str) -> None:
    """The first of equal ones; one that cannot be had does not keep the others from growing it."""
    found = proposed(*metrics)
    assert (found.replicas, found.name) == (replicas, name)
    assert [one.type for one in found.metrics] == ([one["type"] for one in metrics if one != NOBODYS] or ["Resource"])


def test_without_metrics_four_fifths_of_the_processor_are_wanted() -> None:
    """At nine tenths of that nothing changes yet, below it does."""
    assert proposed(count=10, millis=72, current=10).replicas == 10
    assert proposed(count=10, millis=71, current=10).replicas == 9


@pytest.mark.parametrize(("millis", "replicas"), [(900, 10), (899, 9), (1100, 10), (1101, 12)])
def test_an_average_may_be_a_tenth_away(millis: int, replicas: int) -> None:
    """To the thousandth of a processor."""
    assert proposed(resource(amount="1"), current=10, count=10, millis=millis).replicas == replicas


def test_a_metric_that_cannot_be_had_keeps_it_from_shrinking() -> None:
    """The first failure says why."""
    with pytest.raises(NotMeasurable) as failure:
        proposed(NOBODYS, {**NOBODYS, "type": "Pods"}, resource(share=200))
    message = "pods metric hits: there is no adapter that serves metrics of this type here"
    assert failure.value.args == ("FailedGetPodsMetric", message)
    assert proposed(resource(share=200)).replicas == 1
    with pytest.raises(NotMeasurable) as failure:
        proposed(resource(share=50, container="other"))
    assert failure.value.args[0] == "FailedGetContainerResourceMetric"
    assert failure.value.args[1].startswith("cpu container resource: ")


def shown(name: str, *, share: int | None = None, value: str | None = None, container: str = "") -> Status:
    """Return a figure of a status."""
    current = {"averageUtilization": share, "averageValue": value}
    source: dict[str, Any] = {"name": name, "current": current}
    if container:
        found = {"type": "ContainerResource", "containerResource": {**source, "container": container}}
    else:
        found = {"type": "Resource", "resource": source}
    return msgspec.convert(found, Status)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ([], [], True),
        ([shown("cpu", share=50, value="50m")], [shown("cpu", share=50, value="54m")], True),
        ([shown("cpu", share=50, value="50m")], [shown("cpu", share=51, value="50m")], False),
        ([shown("cpu", share=50)], [shown("cpu", value="50m")], False),
        ([shown("cpu", value="50m")], [shown("cpu", share=50)], False),
        ([shown("cpu", share=50, value="50m")], [shown("cpu", value="50m")], False),
        ([shown("cpu", value="98m")], [shown("cpu", value="100m")], True),
        ([shown("cpu", value="100m")], [shown("cpu", value="98m")], True),
        ([shown("cpu", value="97m")], [shown("cpu", value="100m")], False),
        ([shown("cpu", value="100m")], [shown("cpu", value="102m")], True),
        ([shown("cpu")], [shown("cpu", value="1m")], False),
        ([shown("cpu", value="1m")], [shown("cpu")], False),
        ([shown("cpu")], [shown("cpu")], True),
        ([shown("cpu", share=50)], [shown("memory", share=50)], False),
        ([shown("cpu", share=50, container="a")], [shown("cpu", share=50, container="b")], False),
        ([shown("cpu", share=50, container="a")], [shown("cpu", share=50, container="a")], True),
        ([shown("cpu", share=50), shown("cpu", share=1)], [shown("cpu", share=50), shown("cpu", share=2)], False),
        ([shown("cpu", share=50)], [shown("cpu", share=50), shown("cpu", share=50)], False),
        ([Status(type="Pods")], [Status(type="Pods")], True),
        ([Status(type="Pods")], [shown("cpu", share=50)], False),
        ([shown("cpu", share=50)], [Status(type="Pods")], False),
    ],
)
def test_figures_are_much_the_same_within_a_fiftieth(old: list[Status], new: list[Status], same: bool) -> None:
    """A share is shown exactly; an average may differ by two in a hundred of the larger one."""
    assert is_much_the_same(old, new) is same
