"""How well volumes fit what is asked for: kube-scheduler's storage capacity scoring. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple


class Point(NamedTuple):
    """At this utilization, in percent, a node is this good, from 0 to 100."""

    utilization: int
    score: int


# The fuller the better: what is hardly larger than asked for is used first.
FULLEST = (Point(0, 0), Point(100, 100))
# The emptier the better: what is made shall have room to grow.
EMPTIEST = (Point(0, 100), Point(100, 0))


@dataclass(slots=True)
class Share:
    """How many bytes of a class are asked for, and how many the volumes hold."""

    asked: Fraction = Fraction(0)
    capacity: Fraction = Fraction(0)


def score_of(shares: Mapping[str, Share], shape: Sequence[Point] = FULLEST) -> int:
    """Return how good a node is: the mean over the classes, each between two points of the shape."""
    if not shares:
        return 0
    whole = sum(_between(shape, _utilization(one)) for one in shares.values())
    return int(Fraction(whole, len(shares)) + Fraction(1, 2))


def _utilization(share: Share) -> int:
    if not share.capacity or share.asked > share.capacity:
        return 100
    return int(share.asked * 100 / share.capacity)


def _between(shape: Sequence[Point], at: int) -> int:
    """Return the score of a utilization on the line through the points; flat before the first and after the last."""
    before: Point | None = None
    for point in shape:
        if at <= point.utilization:
            if before is None:
                return point.score
            rise = (point.score - before.score) * (at - before.utilization)
            return before.score + int(Fraction(rise, point.utilization - before.utilization))
        before = point
    return before.score if before is not None else 0
