"""Quantities behave as those of the Kubernetes API."""

from typing import Any

from reconciler.model.quantity import QuantityError, canonical_quantity, format_quantity, parse_quantity
from tests.parity.rows import compare


def _formats(case: dict[str, Any], key: str) -> bool:
    return format_quantity(case[key]) == case["expect"]


def _compares(case: dict[str, Any], left: str, right: str, key: str) -> bool:
    a, b = parse_quantity(case[left]), parse_quantity(case[right])
    return (a > b) - (a < b) == case.get(key, 0)


def _parses(case: dict[str, Any]) -> bool:
    return _formats(case, "input") and parse_quantity(canonical_quantity(case["input"])) == parse_quantity(
        case["input"]
    )


def _alternates(case: dict[str, Any]) -> bool:
    if "alternate" in case and parse_quantity(case["alternate"]) != parse_quantity(case["in"]):
        return False
    return _formats(case, "in")


def _approximates(case: dict[str, Any]) -> bool:
    try:
        return abs(float(parse_quantity(case["in"])) - case.get("out", 0)) <= 1e-9 * abs(case.get("out", 1))
    except QuantityError:
        return False


def _beyond_the_cap(row: dict[str, Any]) -> str:
    values = [row["case"][key] for key in ("a", "b", "in") if key in row["case"]]
    beyond = any(abs(parse_quantity(value)) >= 2**63 - 1 for value in values)
    return "built in memory beyond the cap of 2^63-1, which no text reaches" if beyond else ""


def test_quantities_agree_with_upstream() -> None:
    """Every row about reading, writing and comparing quantities agrees."""
    compare(
        "apimachinery_pkg_api_resource",
        {
            "TestQuantityParse": _parses,
            "TestQuantityString": _alternates,
            "TestQuantityParseEmit": lambda case: _formats(case, "in"),
            "TestQuantityCmp": lambda case: _compares(case, "x", "y", "expect"),
            "TestQuantityCmpInt64AndDec": lambda case: _compares(case, "a", "b", "cmp"),
            "TestStringQuantityAsApproximateFloat64": _approximates,
            "TestQuantityAsApproximateFloat64": _approximates,
            "TestQuantityAsFloat64Slow": _approximates,
        },
        on_purpose=_beyond_the_cap,
    )
