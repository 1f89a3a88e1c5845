"""Label selectors behave as those of the Kubernetes API."""

from typing import Any

from reconciler.model.labels import Operator, Requirement, SelectorError, make_requirement, matches_all, parse_selector
from tests.parity.rows import compare


def _selector_parses(case: dict[str, Any]) -> bool:
    try:
        parsed = parse_selector(case.get("selector", ""))
    except SelectorError:
        return not case.get("valid", False)
    exact = {part.key: part.values[0] for part in parsed if part.operator in ("=", "==")}
    return len(exact) == len(parsed) and exact == case["labels"] if case.get("valid") else True


def _set_parses(case: dict[str, Any]) -> bool:
    try:
        parsed = parse_selector(case.get("In", ""))
    except SelectorError:
        return not case.get("Valid", False)
    shown = sorted((part.key, str(part.operator), list(part.values)) for part in parsed)
    wanted = sorted((part["key"], part["operator"], part["strValues"]) for part in case.get("Out", []))
    return bool(case.get("Valid")) and (not case.get("Match") or shown == wanted)


def _constructs(case: dict[str, Any]) -> bool:
    try:
        make_requirement(case.get("Key", ""), Operator(case["Op"]), tuple(case.get("Vals") or ()))
    except (SelectorError, ValueError):
        return bool(case.get("WantErr"))
    return not case.get("WantErr")


def _matches(case: dict[str, Any]) -> bool:
    if any(not part for part in case["Sel"]):
        return not case.get("Match", False)
    parts = tuple(
        make_requirement(part["key"], Operator(part["operator"]), tuple(part["strValues"])) for part in case["Sel"]
    )
    return matches_all(parts, case["Set"]) == case.get("Match", False)


def _requirement(part: dict[str, Any]) -> Requirement:
    return Requirement(key=part["key"], operator=Operator(part["operator"]), values=tuple(sorted(part["strValues"])))


def _equals(case: dict[str, Any]) -> bool:
    return (_requirement(case["x"]) == _requirement(case["y"])) == case.get("want", False)


def _chooses(case: dict[str, Any]) -> bool:
    """Judge a row with labels that become a selector."""
    try:
        found = [make_requirement(key, Operator.EQUALS, (value,)) for key, value in case["input"].items()]
    except SelectorError:
        return "expectedError" in case
    return "expectedError" not in case and found == [_requirement(one) for one in case["expectedSelector"]]


def _is_operator(case: dict[str, Any]) -> bool:
    """Judge a row with one word between a key and its values."""
    token = case["token"]
    try:
        parse_selector("key" if token == "exists" else f"key {token} {'(1)' if token.endswith('in') else '1'}")
    except SelectorError:
        return case.get("expectedError") is not None
    return case.get("expectedError") is None


def test_selectors_agree_with_upstream() -> None:
    """Every row about reading selectors and matching labels agrees."""
    compare(
        "apimachinery_pkg_labels",
        {
            "TestLabelSelectorParse": _selector_parses,
            "TestSetSelectorParser": _set_parses,
            "TestRequirementConstructor": _constructs,
            "TestRequirementSelectorMatching": _matches,
            "TestRequirementEqual": _equals,
            "TestValidatedSelectorFromSet": _chooses,
            "TestParseOperator": _is_operator,
        },
    )
