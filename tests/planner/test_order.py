"""Values that stay in the order of their references while some come, change and go."""

import pytest

from reconciler.model.refs import ObjectRef
from reconciler.planner.order import InOrder


def ref(number: int) -> ObjectRef:
    """A reference in the order of numbers."""
    return ObjectRef(kind="Pod", namespace="default", name=f"p{number:04}")


@pytest.mark.parametrize("count", [3, 20, 21, 22, 200])
def test_few_and_many_come_change_and_go_alike(count: int) -> None:
    """What is gone is not there, what is new is in its place, what changed has changed and whatever stays stays."""
    wanted = {number: f"{number}" for number in range(0, 1_000, 2)}
    found: InOrder[str] = InOrder()
    found.change({ref(number): value for number, value in wanted.items()})
    gone = range(0, 2 * count, 2)
    fresh = dict.fromkeys(range(901 + 2 * count, 901, -2), "new")
    changed = dict.fromkeys(range(500, 500 + 2 * count, 2), "other")
    found.change({ref(number): value for number, value in (fresh | changed).items()}, [ref(number) for number in gone])
    wanted = {number: value for number, value in wanted.items() if number not in gone} | fresh | changed
    assert found.values() == tuple(wanted[number] for number in sorted(wanted))


def test_what_was_never_there_may_go() -> None:
    """Nothing else changes."""
    found: InOrder[str] = InOrder()
    found.change({ref(1): "one", ref(3): "three"})
    found.change({}, [ref(2), ref(4)])
    assert found.values() == ("one", "three")
