"""References that stay sorted while some come and go."""

import pytest

from reconciler.model.refs import ObjectRef
from reconciler.planner.order import reordered


def refs(*numbers: int) -> list[ObjectRef]:
    """References in the order of numbers."""
    return [ObjectRef(kind="Pod", namespace="default", name=f"p{number:04}") for number in numbers]


@pytest.mark.parametrize("count", [3, 60, 64, 65, 200])
def test_few_and_many_come_and_go_alike(count: int) -> None:
    """What is gone is not there, what is new is in its place, whatever stays stays."""
    before = refs(*range(0, 1_000, 2))
    gone, new = refs(*range(0, count, 2)), refs(*range(901, 901 + 2 * (count // 2), 2))
    after = refs(*sorted({*range(0, 1_000, 2)} - {*range(0, count, 2)} | {*range(901, 901 + 2 * (count // 2), 2)}))
    assert reordered(before, gone, new[::-1]) == after
    assert before == refs(*range(0, 1_000, 2))
