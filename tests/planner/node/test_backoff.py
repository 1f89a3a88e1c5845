"""How long is waited before the same is tried again, number by number."""

from __future__ import annotations

import pytest

from reconciler.planner.node.backoff import (
    effect_failed,
    is_trusted,
    is_waiting,
    next_restart_s,
    pull_failed,
    restart_s_of,
)
from reconciler.planner.node.memory import Failure

NOW = 1000.0


def test_a_container_waits_ten_seconds_doubling_up_to_five_minutes() -> None:
    """Also when only the number of its starts is still known."""
    waits = [0.0]
    for _ in range(7):
        waits.append(next_restart_s(waits[-1]))
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]
    assert [restart_s_of(attempt) for attempt in range(-1, 8)] == [0, *waits]
    assert restart_s_of(10_000) == 300


@pytest.mark.parametrize(
    ("started", "finished", "trusted"),
    [(1000.0, 1600.0, True), (1000.0, 1599.9, False), (0.5, 600.5, True), (0.0, 5000.0, False)],
)
def test_ten_minutes_of_running_end_a_crash_loop(started: float, finished: float, trusted: bool) -> None:
    """A container that never started has not run at all."""
    assert is_trusted(started, finished) == trusted


def test_pulls_wait_ten_seconds_doubling_up_to_five_minutes() -> None:
    """Counted in a row, each with its own reason."""
    failure, waits = Failure(), []
    for count in range(1, 9):
        failure = pull_failed(failure, NOW, "ErrImagePull", f"try {count}")
        assert (failure.count, failure.reason, failure.message) == (count, "ErrImagePull", f"try {count}")
        waits.append(failure.until - NOW)
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]
    assert pull_failed(Failure(count=10_000), NOW, "", "").until == NOW + 300


def test_effects_wait_one_second_doubling_up_to_thirty() -> None:
    """Counted in a row."""
    failure, waits = Failure(), []
    for count in range(1, 8):
        failure = effect_failed(failure, NOW, "Failed", "why")
        assert (failure.count, failure.reason, failure.message) == (count, "Failed", "why")
        waits.append(failure.until - NOW)
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert effect_failed(Failure(count=10_000), NOW, "", "").until == NOW + 30


def test_a_first_stale_answer_is_no_reason_to_wait_but_a_second_is() -> None:
    """What was expected has changed meanwhile; when it does so again, something else is wrong."""
    first = effect_failed(Failure(), NOW, "Stale", "", stale=True)
    assert (first.count, first.until) == (1, NOW)
    assert effect_failed(first, NOW, "Stale", "", stale=True).until == NOW + 2


@pytest.mark.parametrize(
    ("until", "waits"), [(0.0, False), (NOW, False), (NOW + 0.1, True), (NOW + 300, True), (NOW + 300.1, False)]
)
def test_a_wait_that_began_while_the_clock_was_ahead_is_over(until: float, waits: bool) -> None:
    """No wait is longer than five minutes; without this one would last as long as the clock was wrong."""
    assert is_waiting(Failure(count=1, until=until), NOW) == waits
