"""How fast an autoscaler may change the number of Pods: windows, policies, bounds. Pure.

Semantics of Kubernetes' controller. What it keeps in its memory is an argument here: the recommendations of the last
minutes, and what was changed lately.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from reconciler.model.kinds import (
    HorizontalPodAutoscalerBehavior,
    HPAScalingPolicy,
    HPAScalingRules,
    ReplicaRecommendation,
    ReplicaScaleEvent,
)
from reconciler.model.quantity import parse_quantity

_PERIOD_S = 15
_DOUBLE = HPAScalingPolicy(type="Percent", value=100, period_seconds=_PERIOD_S)
_UP = (HPAScalingPolicy(type="Pods", value=4, period_seconds=_PERIOD_S), _DOUBLE)
_DOWN_WINDOW_S = 300
_TOLERANCE = Fraction(1, 10)
# Without any word on behaviour, a workload may double in one period, and always reach this number.
_UNASKED_MIN = 4


@dataclass(frozen=True, slots=True)
class Direction:
    """The rules of one direction, complete."""

    window_s: int
    select: str
    policies: tuple[HPAScalingPolicy, ...]
    tolerance: Fraction = _TOLERANCE


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of both directions. Not `is_asked`: nobody said anything about behaviour."""

    up: Direction
    down: Direction
    is_asked: bool = True

    @property
    def memory_s(self) -> int:
        """For how long recommendations count."""
        return max(self.up.window_s, self.down.window_s)

    @property
    def periods_s(self) -> int:
        """For how long changes count."""
        return max(policy.period_seconds for policy in (*self.up.policies, *self.down.policies))


@dataclass(frozen=True, slots=True)
class Limited:
    """A number, with the reason and the sentence of a condition."""

    replicas: int
    reason: str
    message: str


def rules_of(behavior: HorizontalPodAutoscalerBehavior | None) -> Rules:
    """Return the rules with everything that was left out filled in."""
    if behavior is None:
        return Rules(_direction(None, 0, _UP), _direction(None, _DOWN_WINDOW_S, (_DOUBLE,)), is_asked=False)
    return Rules(_direction(behavior.scale_up, 0, _UP), _direction(behavior.scale_down, _DOWN_WINDOW_S, (_DOUBLE,)))


def _direction(rules: HPAScalingRules | None, window_s: int, policies: tuple[HPAScalingPolicy, ...]) -> Direction:
    if rules is None:
        return Direction(window_s, "Max", policies)
    asked = rules.stabilization_window_seconds
    return Direction(
        window_s=window_s if asked is None else asked,
        select=rules.select_policy,
        policies=rules.policies or policies,
        tolerance=_TOLERANCE if rules.tolerance is None else parse_quantity(rules.tolerance),
    )


def remembered(
    recommendations: tuple[ReplicaRecommendation, ...], replicas: int, rules: Rules, now: float
) -> tuple[ReplicaRecommendation, ...]:
    """Return the recommendations with a new one; while the same number is asked for, they do not change."""
    *earlier, last = recommendations or (None,)
    if last is not None and last.last_at is None:
        if last.replicas == replicas:
            return recommendations
        last = ReplicaRecommendation(replicas=last.replicas, last_at=now)
    kept = (one for one in (*earlier, last) if one is not None and _is_after(one, now - rules.memory_s))
    return (*kept, ReplicaRecommendation(replicas=replicas))


def _is_after(one: ReplicaRecommendation, at: float) -> bool:
    return one.last_at is None or one.last_at > at


def stabilized(
    recommendations: Iterable[ReplicaRecommendation], current: int, wanted: int, rules: Rules, now: float
) -> Limited:
    """Return how many Pods the recommendations of the windows agree on: fewest for growing, most for shrinking."""
    known = tuple(recommendations)
    least = min((one.replicas for one in known if _is_after(one, now - rules.up.window_s)), default=wanted)
    most = max((one.replicas for one in known if _is_after(one, now - rules.down.window_s)), default=wanted)
    chosen = min(max(current, min(least, wanted)), max(most, wanted))
    if chosen == wanted:
        return Limited(chosen, "ReadyForNewScale", "recommended size matches current size")
    if wanted >= current:
        return Limited(chosen, "ScaleUpStabilized", "recent recommendations were lower: the lowest of them counts")
    return Limited(chosen, "ScaleDownStabilized", "recent recommendations were higher: the highest of them counts")


def bounded(
    events: tuple[ReplicaScaleEvent, ...],
    current: int,
    wanted: int,
    rules: Rules,
    bounds: tuple[int, int],
    now: float,
) -> Limited:
    """Return how many Pods there may be now: within the bounds, and no faster than the policies allow."""
    least, most = bounds
    if wanted > current:
        limit = max(_up_limit(events, current, rules, now), current)
        if wanted > min(most, limit):
            if limit < most:
                return Limited(limit, "ScaleUpLimit", "the number would grow faster than the policies allow")
            return Limited(most, "TooManyReplicas", f"more than maxReplicas ({most}) would be needed")
    if wanted < current:
        limit = min(_down_limit(events, current, rules, now), current)
        if wanted < max(least, limit):
            if limit > least:
                return Limited(limit, "ScaleDownLimit", "the number would shrink faster than the policies allow")
            return Limited(least, "TooFewReplicas", f"fewer than minReplicas ({least}) would do")
    if not least <= wanted <= most:
        reason, bound = ("TooFewReplicas", least) if wanted < least else ("TooManyReplicas", most)
        return Limited(bound, reason, f"the bounds are {least} and {most}")
    return Limited(wanted, "DesiredWithinRange", "the desired number is within the bounds")


def _up_limit(events: tuple[ReplicaScaleEvent, ...], current: int, rules: Rules, now: float) -> int:
    if not rules.is_asked:
        return max(2 * _at_start(events, current, _PERIOD_S, now), _UNASKED_MIN)
    limits = []
    for policy in rules.up.policies:
        start = _at_start(events, current, policy.period_seconds, now)
        more = policy.value if policy.type == "Pods" else Fraction(start * policy.value, 100)
        limits.append(ceil(start + more))
    return _selected(rules.up, limits, current, prefer_largest=rules.up.select == "Max")


def _down_limit(events: tuple[ReplicaScaleEvent, ...], current: int, rules: Rules, now: float) -> int:
    limits = []
    for policy in rules.down.policies:
        start = _at_start(events, current, policy.period_seconds, now)
        fewer = policy.value if policy.type == "Pods" else Fraction(start * policy.value, 100)
        limits.append(floor(start - fewer))
    # The policy that allows the largest change leaves the fewest Pods.
    return _selected(rules.down, limits, current, prefer_largest=rules.down.select == "Min")


def _selected(direction: Direction, limits: list[int], current: int, *, prefer_largest: bool) -> int:
    if direction.select == "Disabled":
        return current
    return max(limits) if prefer_largest else min(limits)


def _at_start(events: tuple[ReplicaScaleEvent, ...], current: int, period_s: int, now: float) -> int:
    """Return how many Pods were wanted when the period began that ends now."""
    return current - change_within(events, period_s, now)


def change_within(events: Iterable[ReplicaScaleEvent], period_s: int, now: float) -> int:
    """Return by how much the number of Pods was changed in the period that ends now."""
    return sum(event.change for event in events if event.at > now - period_s)


def with_event(
    events: tuple[ReplicaScaleEvent, ...], change: int, rules: Rules, now: float
) -> tuple[ReplicaScaleEvent, ...]:
    """Return the changes that still count, with a new one."""
    kept = (event for event in events if event.at > now - rules.periods_s)
    return (*kept, ReplicaScaleEvent(change=change, at=now))
