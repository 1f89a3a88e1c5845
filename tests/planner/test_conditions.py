"""Conditions of a status: one of each type, in its place."""

from reconciler.model.kinds import Condition
from reconciler.model.observed import ClusterInfo, ObservedState
from reconciler.model.policy import Policy
from reconciler.planner.view import View
from reconciler.planner.workloads.conditions import with_condition, without_condition

LONG_AGO = "2020-01-01T00:00:00Z"
VIEW = View(ObservedState(cluster=ClusterInfo(id="test")), Policy(), 1_800_000_000.0)


def condition(type_: str, status: str = "True", message: str = "") -> Condition:
    """Return a condition of long ago."""
    return Condition(
        type=type_,
        status=status,  # type: ignore[arg-type]
        message=message,
        last_transition_time=LONG_AGO,
        last_update_time=LONG_AGO,
    )


BEFORE = (condition("A"), condition("B"), condition("C"))


def test_a_changed_condition_keeps_its_place() -> None:
    """Who looks at a status by hand finds each where it was."""
    found = with_condition(VIEW, BEFORE, Condition(type="B", status="False"))
    assert [(one.type, one.status) for one in found] == [("A", "True"), ("B", "False"), ("C", "True")]
    assert (found[0], found[2]) == (BEFORE[0], BEFORE[2])


def test_a_new_one_comes_last() -> None:
    """It is from now on."""
    found = with_condition(VIEW, BEFORE, Condition(type="D", status="True"))
    assert found[:3] == BEFORE
    assert (found[3].type, found[3].last_transition_time) == ("D", VIEW.timestamp)


def test_the_time_is_that_of_the_status() -> None:
    """Other words are no transition; another status is."""
    reworded = with_condition(VIEW, BEFORE, Condition(type="B", status="True", message="new"))[1]
    assert (reworded.last_transition_time, reworded.last_update_time) == (LONG_AGO, VIEW.timestamp)
    turned = with_condition(VIEW, BEFORE, Condition(type="B", status="Unknown"))[1]
    assert turned.last_transition_time == VIEW.timestamp


def test_what_says_the_same_changes_nothing() -> None:
    """Nothing is written."""
    assert with_condition(VIEW, BEFORE, Condition(type="B", status="True")) == BEFORE


def test_one_is_taken_away() -> None:
    """The others stay as they are."""
    assert without_condition(BEFORE, "B") == (BEFORE[0], BEFORE[2])
    assert without_condition(BEFORE, "D") == BEFORE
    assert without_condition((), "A") == ()
