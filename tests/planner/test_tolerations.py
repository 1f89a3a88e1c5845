"""Which taints a toleration bears."""

import pytest

from reconciler.model.integers import decimal_integer, whole_number
from reconciler.model.kinds import Taint, Toleration
from reconciler.planner.scheduling.fit import tolerates

MAX = str(2**63 - 1)


@pytest.mark.parametrize(
    ("operator", "bound", "value", "expected"),
    [
        ("Gt", "950", "951", True),
        ("Gt", "950", "950", False),
        ("Gt", "950", "949", False),
        ("Lt", "950", "949", True),
        ("Lt", "950", "950", False),
        ("Lt", "950", "951", False),
        ("Lt", "0", "-1", True),
        ("Gt", "9", "10", True),
        ("Gt", "950", "high", False),
        ("Lt", "950", "", False),
        ("Lt", "950", "0949", False),
        ("Gt", "x", "951", False),
        ("Equal", "950", "951", False),
        ("Equal", "950", "950", True),
        ("Exists", "", "951", True),
    ],
)
def test_numbers_are_compared(operator: str, bound: str, value: str, expected: bool) -> None:
    """A taint is borne whose value lies on the right side; what is no number on neither."""
    toleration = Toleration(key="sla", operator=operator, value=bound)  # type: ignore[arg-type]
    assert tolerates(toleration, Taint(key="sla", value=value, effect="NoSchedule")) == expected


def test_key_and_effect_count_for_comparisons_too() -> None:
    """Another key, or another effect, is not borne."""
    toleration = Toleration(key="sla", operator="Gt", value="1", effect="NoExecute")
    assert tolerates(toleration, Taint(key="sla", value="2", effect="NoExecute"))
    assert not tolerates(toleration, Taint(key="sla", value="2", effect="NoSchedule"))
    assert not tolerates(toleration, Taint(key="other", value="2", effect="NoExecute"))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-1", -1),
        (MAX, 2**63 - 1),
        (f"-{2**63}", -(2**63)),
        (str(2**63), None),
        (f"-{2**63 + 1}", None),
        ("-0", None),
        ("+1", None),
        ("01", None),
        ("1.0", None),
        ("-", None),
        ("", None),
        (" 1", None),
        ("1\n", None),
        ("9" * 5000, None),
    ],
)
def test_one_spelling_of_a_number(text: str, number: int | None) -> None:
    """No sign that says nothing, no zeros in front, no more than 64 bits."""
    assert decimal_integer(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-0", 0),
        ("+12", 12),
        ("-12", -12),
        ("7".zfill(5000), 7),
        (MAX, 2**63 - 1),
        (f"-{2**63}", -(2**63)),
        (str(2**63), None),
        ("9" * 5000, None),
        ("--4", None),
        ("+-4", None),
        ("\u00b2", None),
        ("\u0663", None),
        (" 1", None),
        ("", None),
    ],
)
def test_other_spellings_of_a_number(text: str, number: int | None) -> None:
    """One sign and any zeros in front, where the API takes them."""
    assert whole_number(text) == number
