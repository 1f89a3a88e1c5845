"""Quantities behave as those of the Kubernetes API."""

import json
from fractions import Fraction
from typing import Any

from reconciler.model.quantity import (
    QuantityError,
    amount_text,
    canonical_quantity,
    format_quantity,
    in_units,
    parse_quantity,
    round_up,
)
from tests.parity.rows import NotTranslated, compare


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


def _gives(amount: Fraction, text: str) -> bool:
    return amount_text(amount, binary=False) == text


def _computes(case: dict[str, Any], sign: int) -> bool:
    return _gives(parse_quantity(case["a"]) + sign * parse_quantity(case.get("b", "0")), case["expected"])


def _multiplies(case: dict[str, Any]) -> bool:
    return _gives(parse_quantity(case["a"]) * case.get("b", 0), case["expected"])


def _negates(case: dict[str, Any]) -> bool:
    return _gives(-parse_quantity(case["a"]), case.get("expected") or case["out"])


def _makes(case: dict[str, Any], scale: int) -> bool:
    if case.get("format", "").startswith("invalid"):
        raise NotTranslated  # we have no formats to be wrong
    amount = Fraction(case.get("value", 0)) * Fraction(10) ** case.get("scale", scale)
    return amount_text(amount, binary=case.get("format") == "BinarySI") == case["expect"]


def _scales(case: dict[str, Any]) -> bool:
    """Judge a row about one of some size, in units of another size."""
    return in_units(Fraction(10) ** case.get("fromScale", 0), case.get("toScale", 0)) == case["expected"]


def _scales_large(case: dict[str, Any]) -> bool:
    """Judge a row about a number of any length, told in words of 64 bits, with so many digits behind its point."""
    number = sum(word << 64 * place for place, word in enumerate(case["unscaled"].get("abs", ())))
    amount = Fraction(number) / Fraction(10) ** case.get("scale", 0)
    return in_units(amount, -case.get("newScale", 0)) == case.get("want", 0)


def _rounds(case: dict[str, Any]) -> bool:
    amount = parse_quantity(case["in"])
    rounded = round_up(amount, case.get("scale", 0))
    return _gives(rounded, case["expect"]) and (rounded == amount) == case.get("ok", False)


def _means_its_parts(case: dict[str, Any]) -> bool:
    """Judge a row that takes a text apart: sign, digits before and behind the point, and suffix make the same value."""
    if not any(map(str.isdigit, case["input"])):
        raise NotTranslated  # a point alone is no quantity
    found = parse_quantity(case["input"])
    size = parse_quantity(f"{case['num']}.{case.get('denom', '')}") * parse_quantity(f"1{case.get('suffix', '')}")
    return found == (size if case.get("positive") else -size)


def _reads_json(case: dict[str, Any]) -> bool:
    return format_quantity(json.loads(case["in"])) == case["expect"]


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
            "TestStringQuantityAsFloat64Slow": _approximates,
            "TestAdd": lambda case: _computes(case, 1),
            "TestSub": lambda case: _computes(case, -1),
            "TestMul": _multiplies,
            "TestNeg": _negates,
            "TestQuantityNeg": _negates,
            "TestNewSet": lambda case: _makes(case, 0),
            "TestNewScaledSet": lambda case: _makes(case, 0),
            "TestMilliNewSet": lambda case: _makes(case, -3),
            "TestScaledValue": _scales,
            "TestScaledValueInternal": _scales_large,
            "TestQuantityRoundUp": _rounds,
            "TestParseQuantityString": _means_its_parts,
            "TestJSONWhitespace": _reads_json,
        },
        on_purpose=_beyond_the_cap,
    )
