"""What some faults tell of all of them."""

import random

from tests.mutation.estimate import bounds


def test_the_bounds_hold_about_nineteen_times_of_twenty() -> None:
    """Draws of a known crowd: the bounds are around its share."""
    chance, crowd, held = random.Random(1), [number < 920 for number in range(1_000)], 0
    for _ in range(1_000):
        low, high = bounds(sum(chance.sample(crowd, 200)), 200, len(crowd))
        held += low <= 0.92 <= high
    assert 920 <= held <= 980


def test_who_tried_all_knows() -> None:
    """Nothing is left to chance then."""
    assert bounds(9, 10, 10) == (0.9, 0.9)


def test_few_tries_tell_little_and_many_tell_more() -> None:
    """The bounds come closer with the number that is tried."""
    few, many = bounds(9, 10, 1_000), bounds(270, 300, 1_000)
    assert few[1] - few[0] > 3 * (many[1] - many[0])
