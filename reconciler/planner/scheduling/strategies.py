"""How good it is to take so much of a node's resources, from 0 to 100: kube-scheduler's scoring strategies. Pure.

`Weighed` is one resource: what is asked for once the Pod is there, what there is, and its weight.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from reconciler.model.placing import ScoringStrategy

Shape = Sequence[tuple[int, int]]


class Weighed(NamedTuple):
    """One resource of a node; nothing of it there: it does not count."""

    asked: int
    has: int
    weight: int = 1


Strategy = Callable[[Iterable[Weighed]], int]


def least_allocated(resources: Iterable[Weighed]) -> int:
    """The more stays free, the better (the default)."""
    return _mean((100 * max(one.has - one.asked, 0) // one.has, one.weight) for one in resources if one.has)


def most_allocated(resources: Iterable[Weighed]) -> int:
    """The less stays free, the better: nodes are filled one after the other."""
    return _mean((100 * min(one.asked, one.has) // one.has, one.weight) for one in resources if one.has)


def _mean(scores: Iterable[tuple[int, int]]) -> int:
    total = weights = 0
    for score, weight in scores:
        total += score * weight
        weights += weight
    return total // weights if weights else 0


def requested_to_capacity_ratio(shape: Shape) -> Strategy:
    """Return the strategy whose scores lie on straight lines between points (percent taken, score from 0 to 10)."""
    points = [(percent, 10 * score) for percent, score in shape]

    def strategy(resources: Iterable[Weighed]) -> int:
        total = weights = 0
        for asked, has, weight in resources:
            score = on_lines(points, min(asked * 100 // has, 100)) if has else 0
            if score > 0:
                total += score * weight
                weights += weight
        return math.floor(total / weights + 0.5) if weights else 0

    return strategy


def strategy_of(settings: ScoringStrategy) -> Strategy:
    """Return the strategy that an operator has chosen."""
    match settings.type:
        case "LeastAllocated":
            return least_allocated
        case "MostAllocated":
            return most_allocated
    shape = settings.requested_to_capacity_ratio.shape
    return requested_to_capacity_ratio([(point.utilization, point.score) for point in shape])


def on_lines(points: Shape, at: int) -> int:
    """Return the value at a place of the lines between points; before the first and after the last it stays."""
    before = points[0]
    for place, value in points:
        if at <= place:
            if place == before[0]:
                return value
            rise = (value - before[1]) * (at - before[0])
            # Whole numbers are cut towards zero, as upstream's are.
            return before[1] + int(math.copysign(abs(rise) // (place - before[0]), rise))
        before = (place, value)
    return before[1]


def balanced(without: Sequence[Weighed], after: Sequence[Weighed]) -> int:
    """Return how much better balanced a node's resources are with the Pod than without it: 50 means much worse."""
    return 50 + int((50 + _balance(after) - _balance(without)) / 2)


def _balance(resources: Sequence[Weighed]) -> int:
    shares = [min(one.asked / one.has, 1.0) for one in resources if one.has]
    if len(shares) < 2:
        return 100
    if len(shares) == 2:
        return int((1 - abs((shares[0] - shares[1]) / 2)) * 100)
    mean = sum(shares) / len(shares)
    return int((1 - math.sqrt(sum((share - mean) ** 2 for share in shares) / len(shares))) * 100)
