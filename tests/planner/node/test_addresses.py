"""Which address a Pod gets, number by number."""

from __future__ import annotations

import pytest

from reconciler.planner.node.addresses import next_address, next_free_at, still_resting

SMALL = "10.42.1.0/29"


@pytest.mark.parametrize(
    ("last", "used", "expected"),
    [
        ("", (), "10.42.1.2"),
        ("10.42.1.2", (), "10.42.1.3"),
        ("10.42.1.2", ("10.42.1.3",), "10.42.1.4"),
        ("10.42.1.6", (), "10.42.1.2"),
        ("10.42.1.5", ("10.42.1.6", "10.42.1.2"), "10.42.1.3"),
        ("10.42.1.4", ("10.42.1.2", "10.42.1.3", "10.42.1.5", "10.42.1.6"), "10.42.1.4"),
        ("", tuple(f"10.42.1.{one}" for one in range(2, 7)), ""),
    ],
)
def test_the_next_free_address_after_the_last_one_is_given(last: str, used: tuple[str, ...], expected: str) -> None:
    """Around the range, without its first two and its last address, and none when all are used."""
    assert next_address(SMALL, last, used, {}, 100.0) == expected


def test_every_range_is_given_in_turn() -> None:
    """Wherever it begins."""
    for number in range(0, 64, 8):
        last = f"10.42.1.{number + 3}"
        assert next_address(f"10.42.1.{number}/29", last, (), {}, 0.0) == f"10.42.1.{number + 4}"


@pytest.mark.parametrize(
    ("cidr", "given"), [("10.42.1.0/30", ["10.42.1.2"]), ("10.42.1.0/31", []), ("10.42.1.4/32", [])]
)
def test_a_range_without_room_gives_what_it_has(cidr: str, given: list[str]) -> None:
    """Too small a range is no error: Pods wait."""
    first = next_address(cidr, "", (), {}, 0.0)
    assert [first] == (given or [""])
    assert next_address(cidr, first, (first,), {}, 0.0) == ""


def test_an_address_rests_until_its_time_and_not_longer() -> None:
    """It is given again at that very moment."""
    released = {"10.42.1.2": 130.0}
    assert next_address(SMALL, "", (), released, 129.9) == "10.42.1.3"
    assert next_address(SMALL, "", (), released, 130.0) == "10.42.1.2"
    assert next_address(SMALL, "", (), {}, 0.0) == "10.42.1.2"


def test_an_address_rests_as_long_as_others_may_know_its_pod() -> None:
    """However long ago it was released; those that nobody had of late are given meanwhile."""
    released = {"10.42.1.2": 130.0, "10.42.1.3": 120.0}
    assert still_resting(released, 1_000.0, lingering=True) is released
    assert next_address(SMALL, "", (), released, 1_000.0, lingering=True) == "10.42.1.4"
    assert next_address(SMALL, "", (), released, 1_000.0) == "10.42.1.2"


def test_an_address_that_was_released_while_the_clock_was_ahead_is_free() -> None:
    """None rests for longer than half a minute."""
    released = {"10.42.1.2": 130.1, "10.42.1.3": 130.0}
    assert next_address(SMALL, "", (), released, 100.0) == "10.42.1.2"
    assert next_free_at(released, 100.0) == 130.0
    assert still_resting(released, 100.0) == {"10.42.1.3": 130.0}


def test_what_rests_is_forgotten_when_it_has_rested() -> None:
    """Each at its own time; the mapping is the same one while nothing is over."""
    released = {"10.42.1.2": 130.0, "10.42.1.3": 140.0}
    assert still_resting(released, 129.0) is released
    assert still_resting(released, 130.0) == {"10.42.1.3": 140.0}
    assert still_resting(released, 140.0) == {}


def test_the_first_address_to_have_rested_says_when_to_look_again() -> None:
    """Those whose time has come are no reason to wait."""
    released = {"10.42.1.2": 130.0, "10.42.1.3": 140.0, "10.42.1.4": 150.0}
    assert next_free_at(released, 120.0) == 130.0
    assert next_free_at(released, 130.0) == 140.0
    assert next_free_at(released, 150.0) is None
