"""Autoscalers limit, steady and measure as upstream's controller does."""

from datetime import datetime
from fractions import Fraction
from typing import Any

import msgspec

from reconciler.model.kinds import (
    HorizontalPodAutoscalerBehavior,
    Pod,
    ReplicaRecommendation,
    ReplicaScaleEvent,
)
from reconciler.model.quantity import cpu_millis, format_quantity
from reconciler.planner.workloads.autoscaler_metrics import (
    Groups,
    NotMeasurable,
    Reading,
    by_utilization,
    group_pods,
    requests_of,
)
from reconciler.planner.workloads.autoscaler_rules import (
    Direction,
    Rules,
    bounded,
    change_within,
    rules_of,
    stabilized,
    with_event,
)
from tests.parity.rows import NotTranslated, compare

replace = msgspec.structs.replace
NONE: frozenset[str] = frozenset()


def unix(text: str | None) -> float:
    """Return Unix seconds of a time with nanoseconds."""
    return datetime.fromisoformat(text).timestamp() if text else 0.0


# When the rows were written, a moment after their newest times.
NOW, NOW_OF_PODS = unix("2026-11-21T01:23:29.21Z"), unix("2026-11-21T01:23:39.03Z")


def behavior(case: dict[str, Any]) -> HorizontalPodAutoscalerBehavior:
    """Return the behaviour of a row."""
    given = {"scaleUp": case.get("scaleUpRules"), "scaleDown": case.get("scaleDownRules")}
    found: HorizontalPodAutoscalerBehavior = msgspec.convert(given, HorizontalPodAutoscalerBehavior)
    return found


def events(case: dict[str, Any]) -> tuple[ReplicaScaleEvent, ...]:
    """Return what was changed lately."""
    signs = ((1, "scaleUpEvents"), (-1, "scaleDownEvents"))
    return tuple(
        ReplicaScaleEvent(change=sign * one["replicaChange"], at=unix(one["timestamp"]))
        for sign, name in signs
        for one in case.get(name) or ()
    )


def recommendations(case: dict[str, Any]) -> tuple[ReplicaRecommendation, ...]:
    """Return what was asked for lately."""
    return tuple(
        ReplicaRecommendation(replicas=one["recommendation"], last_at=unix(one["timestamp"]))
        for one in case.get("recommendations") or ()
    )


def scaling(case: dict[str, Any]) -> bool:
    """Judge a row of policies and bounds."""
    bounds = case.get("specMinReplicas", 0), case["specMaxReplicas"]
    wanted = case.get("prenormalizedDesiredReplicas", 0)
    found = bounded(events(case), case["currentReplicas"], wanted, rules_of(behavior(case)), bounds, NOW)
    return (found.replicas, found.reason) == (case.get("expectedReplicas", 0), case["expectedCondition"])


def unasked(case: dict[str, Any]) -> bool:
    """Judge a row of the limits without any behaviour."""
    bounds = case.get("hpaMinReplicas", 0), case["hpaMaxReplicas"]
    wanted = case.get("expectedDesiredReplicas", 0)
    found = bounded((), case["currentReplicas"], wanted, rules_of(None), bounds, NOW)
    return (found.replicas, found.reason) == (
        case.get("expectedConvertedDesiredReplicas", 0),
        case["expectedCondition"],
    )


def steady(case: dict[str, Any]) -> bool:
    """Judge a row of the window of recommendations without any behaviour: five minutes, down only."""
    wanted = case["prenormalizedDesiredReplicas"]
    found = stabilized(recommendations(case), max(wanted, 100), wanted, rules_of(None), NOW)
    return found.replicas == case["expectedStabilizedReplicas"]


def steady_both_ways(case: dict[str, Any]) -> bool:
    """Judge a row with windows of both directions."""
    rules = rules_of(None)
    rules = Rules(
        up=Direction(case.get("scaleUpStabilizationWindowSeconds", 0), "Max", rules.up.policies),
        down=Direction(case.get("scaleDownStabilizationWindowSeconds", 0), "Max", rules.down.policies),
    )
    wanted = case["prenormalizedDesiredReplicas"]
    found = stabilized(recommendations(case), case["currentReplicas"], wanted, rules, NOW)
    return found.replicas == case["expectedStabilizedReplicas"]


def pods(case: dict[str, Any]) -> list[Pod]:
    """Return the Pods of a row."""
    found = []
    for one in case["pods"]:
        containers = [{"image": "a", **container} for container in one["spec"]["containers"] or [{"name": "a"}]]
        document = {**one, "kind": "Pod", "spec": {**one["spec"], "containers": containers}}
        found.append(msgspec.convert(document, Pod))
    return found


def grouping(case: dict[str, Any]) -> bool:
    """Judge a row of which Pods count how."""
    readings = {
        name: Reading(one["Value"], unix(one.get("Timestamp")), one.get("Window", 0) / 1e9)
        for name, one in case["metrics"].items()
    }
    groups = group_pods(pods(case), readings, case["resource"], NOW_OF_PODS)
    found = (len(groups.ready), set(groups.unready), set(groups.missing), set(groups.ignored))
    names = (set(case[f"expect{group}Pods"]) for group in ("Unready", "Missing", "Ignored"))
    return found == (case.get("expectReadyPodCount", 0), *names)


def requests(case: dict[str, Any]) -> bool:
    """Judge a row of what Pods ask for."""
    try:
        found = requests_of(pods(case), case["resource"], case.get("container", ""))
    except NotMeasurable as failure:
        return bool(case.get("expectedError", {}).get("error") == failure.args[0])
    return "expectedError" not in case and found == case["expectedRequests"]


def tolerance(case: dict[str, Any]) -> bool:
    """Judge a row of tolerances: the middle of three Pods uses what it asks for."""
    row = case["replicaCalcTestCase"]
    resource, given = row["resource"], row["tolerances"]
    plain = rules_of(None)
    up, down = (Fraction(str(given.get(name, 0))) for name in ("scaleUp", "scaleDown"))
    rules = Rules(Direction(0, "Max", plain.up.policies, up), Direction(0, "Max", plain.down.policies, down))
    names = [f"pod-{number}" for number in range(len(resource["levels"]))]
    readings = {name: Reading(sum(level), NOW, 15) for name, level in zip(names, resource["levels"], strict=True)}
    asked = {
        name: cpu_millis(request) * len(level)
        for name, request, level in zip(names, resource["requests"], resource["levels"], strict=True)
    }
    members = pods({"pods": [{"metadata": {"name": names[0]}, "spec": {"containers": None}}]})
    groups = Groups(ready=frozenset(names), unready=NONE, missing=NONE, ignored=NONE)
    found = by_utilization(
        members, readings, asked, resource["targetUtilization"], row["currentReplicas"], groups, rules
    )
    wanted = (row["expectedReplicas"], resource["expectedUtilization"], resource["expectedValue"])
    return (found.replicas, found.utilization, found.average) == wanted


def configured_tolerance(case: dict[str, Any]) -> bool:
    """Judge a row of an autoscaler with a tolerance of its own: upstream aims at all of what Pods ask for."""
    given = {"scaleUp": case["scaleUpRules"]} if "scaleUpRules" in case else {}
    rules = rules_of(msgspec.convert(given, HorizontalPodAutoscalerBehavior))
    names = [f"pod-{number}" for number in range(case["replicas"])]
    readings = {name: Reading(level, NOW, 15) for name, level in zip(names, case["reportedLevels"], strict=True)}
    asked = dict(zip(names, map(cpu_millis, case["reportedCPURequests"]), strict=True))
    members = pods({"pods": [{"metadata": {"name": name}, "spec": {"containers": None}} for name in names]})
    groups = Groups(ready=frozenset(names), unready=NONE, missing=NONE, ignored=NONE)
    found = by_utilization(members, readings, asked, 100, case["replicas"], groups, rules)
    return found.replicas == case["expectedDesiredReplicas"]


def scale_events(case: dict[str, Any]) -> bool:
    """Judge a row of what is remembered of changes; those that are too old are left out with us, not replaced."""
    if "scalingRules" not in case:
        raise NotTranslated  # without behaviour upstream remembers none: it looks at fixed times
    rules = rules_of(behavior({"scaleUpRules": case["scalingRules"]}))
    rules = replace_down(rules)
    before = scaled(case["prevScaleEvents"])
    known = change_within(before, rules.periods_s, NOW)
    after = with_event(before, case["replicaChange"], rules, NOW)
    wanted = [one["replicaChange"] for one in case["newScaleEvents"] if not one.get("outdated")]
    return known == case.get("expectedReplicasChange", 0) and sorted(one.change for one in after) == sorted(wanted)


def scaled(given: list[dict[str, Any]]) -> tuple[ReplicaScaleEvent, ...]:
    """Return the changes of a row."""
    return tuple(ReplicaScaleEvent(change=one["replicaChange"], at=unix(one["timestamp"])) for one in given)


def replace_down(rules: Rules) -> Rules:
    """Return rules that go by the periods of growing alone."""
    return Rules(rules.up, rules.up, rules.is_asked)


def quantity(case: dict[str, Any]) -> bool:
    """Judge a row of how an average is written."""
    return format_quantity(f"{case['rawProposal']}m") == case["expected"]


def _on_purpose(row: dict[str, Any]) -> str:
    case = row["case"]
    if row["test"] == "TestConfigurableTolerance" and "configurableToleranceGate" not in case:
        return "a cluster without a feature that is always on"
    # Twice as much in a period is the default, and five minutes to start; those tests run with eight times and two.
    starts = (
        NOW_OF_PODS - unix(one["status"].get("startTime") or "1970-01-01T00:00:00Z") for one in case.get("pods", ())
    )
    if case.get("expectedCondition") == "ScaleUpLimit" or any(120 < ago <= 300 for ago in starts):
        return "upstream's tests run with other settings than its defaults"
    return ""


def test_autoscalers_decide_as_upstream() -> None:
    """Rows of upstream's tables about numbers; those that drive a whole fake cluster do not translate."""
    judges = {
        "TestScalingWithRules": scaling,
        "TestConvertDesiredReplicasWithRules": unasked,
        "TestNormalizeDesiredReplicas": steady,
        "TestNormalizeDesiredReplicasWithBehavior": steady_both_ways,
        "TestGroupPods": grouping,
        "TestCalculateRequests": requests,
        "TestReplicaCalcConfigurableTolerance": tolerance,
        "TestBuildQuantity": quantity,
        "TestConfigurableTolerance": configured_tolerance,
        "TestStoreScaleEvents": scale_events,
    }
    compare("pkg_controller_podautoscaler", judges, _on_purpose)
