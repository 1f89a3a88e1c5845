"""What is told of agents whose clock is off, or that are two."""

import pytest

from reconciler.controller.oddities import Oddities

NOW = 10_000.0


@pytest.mark.parametrize(
    ("skew_s", "said"),
    [
        (0.0, ""),
        (2.0, ""),
        (-2.0, ""),
        (2.1, "the clock of this node is 2.1 s ahead of the daemon's: keep both right, as with chrony"),
        (-90.0, "the clock of this node is 90.0 s behind the daemon's: keep both right, as with chrony"),
    ],
)
def test_a_clock_that_is_more_than_two_seconds_off_is_told(skew_s: float, said: str) -> None:
    """In which direction, and what to do; as an event of the Node."""
    told = Oddities().clock("node-2", skew_s, NOW)
    assert (told.message if told is not None else "") == said
    if told is not None:
        assert (told.object.kind, told.object.name, told.type, told.reason) == (
            "Node",
            "node-2",
            "Warning",
            "ClockSkew",
        )


def test_it_is_told_once_an_hour_and_when_it_is_over() -> None:
    """One that is just at the edge is not told in and out."""
    oddities = Oddities()
    assert oddities.clock("a", 5.0, NOW) is not None
    assert oddities.clock("a", 5.0, NOW + 3599) is None
    assert oddities.clock("a", 1.1, NOW + 3599) is None
    assert oddities.clock("b", 5.0, NOW + 3599) is not None
    assert oddities.clock("a", 5.0, NOW + 3600) is not None
    over = oddities.clock("a", 1.0, NOW + 3601)
    assert over is not None
    assert (over.type, over.reason) == ("Normal", "ClockInSync")
    assert oddities.clock("a", 0.0, NOW + 3602) is None
    assert oddities.clock("a", 5.0, NOW + 3603) is not None
    # The daemon's own clock was set back.
    assert oddities.clock("a", 5.0, NOW) is not None


def test_a_second_host_of_one_name_is_told() -> None:
    """With what to do."""
    oddities = Oddities()
    told = oddities.duplicate("a", "two hosts report as node a", NOW)
    assert told is not None
    assert (told.type, told.reason, told.message) == ("Warning", "DuplicateNode", "two hosts report as node a")
    assert oddities.duplicate("a", "two hosts report as node a", NOW + 10) is None
