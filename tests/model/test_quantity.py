"""Quantities and label selectors by example; the parity tests have the rows."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.kinds import LabelSelector, LabelSelectorRequirement
from reconciler.model.labels import (
    SelectorError,
    matches,
    matches_all,
    parse_selector,
    query_text,
    requirements_of,
)
from reconciler.model.quantity import (
    QuantityError,
    bytes_of,
    canonical_quantity,
    cpu_millis,
    format_quantity,
    in_units,
    is_quantity,
    parse_quantity,
    round_up,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), (0.5, Fraction(1, 2)), ("100m", Fraction(1, 10)), ("1.5Gi", 3 * 2**29), ("1e3", 1000), ("-1k", -1000)],
)
def test_quantities_are_read_exactly(text: str | float, value: Fraction) -> None:
    """No quantity is rounded on reading."""
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1gi", "0x10", "1.2.3", "--1", "1e", True, None, "1" * 500])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    """Other texts and types are errors."""
    assert not is_quantity(text)  # type: ignore[arg-type]
    with pytest.raises(QuantityError):
        parse_quantity(text)  # type: ignore[arg-type]


def test_huge_exponents_cost_nothing() -> None:
    """An absurd exponent is capped, not computed."""
    assert parse_quantity("1e99999999") == 2**63 - 1
    assert parse_quantity("1e-99999999") == Fraction(1, 10**9)


@pytest.mark.parametrize(
    ("same", "form"), [(("1Gi", "1024Mi", 1073741824), "1Gi"), (("0.5", "500m", 0.5), "500m"), ((1024000,), "1024k")]
)
def test_each_value_has_one_canonical_form(same: tuple[str | int | float, ...], form: str) -> None:
    """Equal quantities are written equally, whatever their suffix was."""
    assert {canonical_quantity(value) for value in same} == {form}


@given(st.integers(-(2**62), 2**62))
def test_canonical_and_shown_forms_keep_the_value(number: int) -> None:
    """Writing a quantity and reading it back changes nothing."""
    assert parse_quantity(canonical_quantity(number)) == number
    assert parse_quantity(format_quantity(number)) == number


def test_units_round_up() -> None:
    """A promise is never rounded away."""
    assert (cpu_millis("0.0001"), cpu_millis("2"), bytes_of("1500m"), bytes_of("1Ki")) == (1, 2000, 2, 1024)


@pytest.mark.parametrize(
    ("amount", "power", "units"),
    [("9.01", -2, 901), ("9.01", -1, 91), ("9.01", 1, 1), ("-9.01", 0, -10), ("-9.01", 2, -1), ("0", 3, 0)],
)
def test_a_part_of_a_unit_counts_as_a_whole_one(amount: str, power: int, units: int) -> None:
    """Rounding goes away from zero, on either side of it."""
    value = parse_quantity(amount)
    assert in_units(value, power) == units
    assert round_up(value, power) == units * Fraction(10) ** power


def test_selectors_of_manifests() -> None:
    """All parts must hold; absent chooses nothing, empty everything."""
    selector = LabelSelector(
        match_labels={"app": "web"},
        match_expressions=(
            LabelSelectorRequirement(key="tier", operator="NotIn", values=("back",)),
            LabelSelectorRequirement(key="old", operator="DoesNotExist"),
        ),
    )
    assert matches(selector, {"app": "web"})
    assert not matches(selector, {"app": "web", "tier": "back"})
    assert not matches(selector, {"app": "web", "old": ""})
    assert not matches(None, {})
    assert matches(LabelSelector(), {"a": "b"})


def test_selectors_of_queries() -> None:
    """The text form of the API and of `-l`."""
    parts = parse_selector("app=web,tier in (front, back),!old,size>3")
    assert matches_all(parts, {"app": "web", "tier": "back", "size": "4"})
    assert not matches_all(parts, {"app": "web", "tier": "back", "size": "4", "old": "x"})
    assert matches_all(parse_selector(""), {})


@pytest.mark.parametrize("text", ["a=b c", "a in b", "a in (b", "=b", "a,,b", "a>b", "!a=b", "a=b,", "a=" + "x" * 64])
def test_broken_selectors_are_refused(text: str) -> None:
    """What cannot be read is an error, not an empty selection."""
    with pytest.raises(SelectorError):
        parse_selector(text)


def test_a_selector_of_a_manifest_as_a_query() -> None:
    """Its text is sorted by key, and is read as the same requirements again."""
    selector = LabelSelector(
        match_labels={"tier": "web", "app": "shop"},
        match_expressions=(
            LabelSelectorRequirement(key="zone", operator="In", values=("b", "a")),
            LabelSelectorRequirement(key="old", operator="DoesNotExist"),
            LabelSelectorRequirement(key="paid", operator="Exists"),
        ),
    )
    text = query_text(requirements_of(selector))
    assert text == "app=shop,!old,paid,tier=web,zone in (a,b)"
    assert parse_selector(text) == requirements_of(selector)
    assert query_text(parse_selector("size>3,age<9")) == "age<9,size>3"


def test_spaces_around_a_quantity_are_passed_over() -> None:
    """As Kubernetes reads its JSON; within one they are none."""
    assert parse_quantity(" 1500m ") == parse_quantity("1.5")
    assert canonical_quantity("64Mi ") == "64Mi"
    with pytest.raises(QuantityError):
        parse_quantity("64 Mi")
    with pytest.raises(QuantityError):
        parse_quantity(" ")
