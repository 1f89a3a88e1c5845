"""The steps of a forecast are what then happens."""

import pytest

from tests.simulation.forecast.pushes import Pushed, order_of

PUSHES = 20
AFTERWARDS_S = 60.0


@pytest.mark.parametrize("seed", range(2))
def test_what_is_forecast_happens(seed: int) -> None:
    """P13: of random pushes, order of steps of every object and lowest ready counts are as they were forecast."""
    pushed = Pushed(seed)
    pushed.push(pushed.repository.state())
    for number in range(PUSHES):
        words, state = pushed.edit()
        found = pushed.forecast(state)
        order, availability = pushed.push(state, found.took_s + AFTERWARDS_S)
        where = f"seed {seed}, push {number}: {words}"
        assert not found.cut, where
        expected = order_of(found)
        for name in sorted({*order, *expected}):
            assert expected.get(name) == order.get(name), f"{where}: {name}"
        lows = {str(one.object): (one.before, one.lowest, one.after) for one in found.availability}
        assert lows == {str(one.object): (one.before, one.lowest, one.after) for one in availability}, where
