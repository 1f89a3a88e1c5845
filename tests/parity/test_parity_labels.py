"""Label selectors behave as those of the Kubernetes API."""

from typing import Any

from reconciler.model.kinds import LabelSelector, LabelSelectorRequirement
from reconciler.model.labels import (
    END,
    Operator,
    Requirement,
    SelectorError,
    exact_labels,
    make_requirement,
    matches_all,
    parse_selector,
    query_text,
    requirements_of,
    selector_tokens,
)
from tests.parity.rows import NotTranslated, compare

# The numbers that upstream's lexer gives to signs and words; all else is a word of the user's.
_NUMBERS = {END: 1, ")": 2, ",": 3, "!": 4, "==": 5, "=": 6, ">": 7, "in": 9, "<": 10, "!=": 11, "notin": 12, "(": 13}
_WORD = 8


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


def _reads_tokens(case: dict[str, Any]) -> bool:
    """Judge a row about one sign or word, or a row of them, with or without the end."""
    found = [_NUMBERS.get(token, _WORD) for token in selector_tokens(case.get("s", ""))]
    wanted = case["t"] if isinstance(case["t"], list) else [case["t"]]
    return found == (wanted if wanted[-1] == _NUMBERS[END] else [*wanted, _NUMBERS[END]])


def _writes(case: dict[str, Any]) -> bool:
    """Judge a row about a selector's text, which has to be read as the same selector again."""
    if not case.get("Valid"):
        raise NotTranslated
    parts = [make_requirement(one["key"], Operator(one["operator"]), tuple(one["strValues"])) for one in case["In"]]
    return query_text(parts) == case["Out"] and sorted(map(str, parse_selector(case["Out"]))) == sorted(map(str, parts))


def _writes_labels(case: dict[str, Any]) -> bool:
    return query_text(requirements_of(LabelSelector(match_labels=case["set"]))) == case.get("out", "")


def _has_label(case: dict[str, Any]) -> bool:
    return make_requirement(case["Key"], Operator.EXISTS).matches(case["Ls"]) == case.get("Has", False)


def _adds(case: dict[str, Any]) -> bool:
    added = make_requirement(case["key"], Operator(case["operator"]), tuple(case["values"]))
    return [_requirement(one) for one in (*case["sel"],)] + [added] == [
        _requirement(one) for one in case["refSelector"]
    ]


def _sorts(case: dict[str, Any]) -> bool:
    """Judge a row about values that are put in order; those that were given stay as they are."""
    given = LabelSelectorRequirement(key="a", operator="In", values=tuple(case.get("in") or ()))
    (found,) = requirements_of(LabelSelector(match_expressions=(given,)))
    return list(found.values) == case.get("want", []) and list(given.values) == case.get("inCopy", [])


def _needs_exactly(case: dict[str, Any]) -> bool:
    """Judge a row about the one value that a label must have."""
    found = exact_labels([_requirement(one) for one in case["sel"]])
    wanted = {case["label"]: case["expectedValue"]} if case.get("expectedFound") else {}
    return {key: value for key, value in found.items() if key == case["label"]} == wanted


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
            "TestLexer": _reads_tokens,
            "TestLexerSequence": _reads_tokens,
            "TestParserLookahead": _reads_tokens,
            "TestToString": _writes,
            "TestSetSelectorString": _writes_labels,
            "TestLabelHas": _has_label,
            "TestRequiresExactMatch": _needs_exactly,
            "TestAdd": _adds,
            "TestSafeSort": _sorts,
        },
    )
