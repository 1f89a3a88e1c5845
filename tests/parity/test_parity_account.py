"""The account of what agrees with upstream is honest: reasons are listed, and only refused kinds are left out."""

import json
from pathlib import Path

import pytest

from reconciler.model.kinds import KINDS
from tests.parity.differences import PURPOSES, refused_kind
from tests.parity.rows import ACCOUNT, compare, note, outcome_of, packages, parity_rows

PLANNING = Path(__file__).parents[2] / "docs" / "PLANNING.md"


def test_documentation_lists_what_differs_on_purpose() -> None:
    """A person finds every reason, and none that no longer is one."""
    text = PLANNING.read_text().partition("### Rows of upstream's tables that differ on purpose")[2]
    listed = [line.removeprefix("- ") for line in text.partition("\n#")[0].splitlines() if line.startswith("- ")]
    assert tuple(listed) == PURPOSES


def test_reasons_are_listed_once_in_order() -> None:
    """The list can be read."""
    assert list(PURPOSES) == sorted(set(PURPOSES))


def test_only_tables_of_refused_kinds_are_left_out() -> None:
    """A table names a kind that is refused; when the kind comes, its rows count."""
    for package in packages():
        for row in parity_rows(package):
            assert refused_kind(package, row["test"]) not in KINDS
    assert refused_kind("pkg_apis_core_validation", "TestValidatePod") == ""


def test_a_row_with_an_object_of_a_refused_kind_is_left_out_by_itself() -> None:
    """The other rows of its table count, those too in which the list of such objects is empty."""
    assert refused_kind("p", "t", {"nodes": [{"a": 1}], "draObjects": [{"kind": "ResourceSlice"}]}) == "ResourceSlice"
    assert refused_kind("p", "t", {"pod": {"spec": {"schedulingGroup": {"podGroupName": "a"}}}}) == "PodGroup"
    assert refused_kind("p", "t", {"pods": [{"spec": {"resourceClaims": [{"name": "a"}]}}]}) == "ResourceClaim"
    assert refused_kind("p", "t", {"nodes": [{"a": 1}], "draObjects": [], "schedulingGroup": None}) == ""


def test_a_row_without_input_is_left_out() -> None:
    """What a row does not say cannot be judged; a judge that reads its table counts all the same."""
    assert outcome_of("apimachinery_pkg_api_resource", -1, {"test": "TestDec", "case": {"got": "1"}}) == "inapplicable"
    assert outcome_of("nowhere", 0, {"test": "TestSomething", "error": "unsupported value"}) == "inapplicable"


def test_a_row_that_nobody_reads_differs() -> None:
    """What is not compared is no agreement; what was code, and is judged by nobody, does not count."""
    row = {"test": "TestSomething", "name": "", "case": {"a": 1}}
    assert outcome_of("nowhere", 0, row) == "differ"
    assert outcome_of("nowhere", 0, {**row, "case": {"a": "<func>"}}) == "inapplicable"


def test_a_reason_that_is_not_listed_does_not_count() -> None:
    """An adapter cannot excuse itself."""
    try:
        note("nowhere", 1, agrees=False, reason="the adapter fills it")
        note("nowhere", 2, agrees=False, reason=PURPOSES[0])
        assert (ACCOUNT["nowhere", 1], ACCOUNT["nowhere", 2]) == ("differ", "purpose")
    finally:
        del ACCOUNT["nowhere", 1], ACCOUNT["nowhere", 2]


def test_a_row_that_breaks_its_adapter_differs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those after it are judged all the same, and the test fails with what went wrong."""
    cases: list[dict[str, object]] = [{"a": "x"}, {"a": 1}, {"b": 1}, {"a": 1}]
    lines = (json.dumps({"test": "T", "name": "", "case": case}) for case in cases)
    (tmp_path / "some.jsonl").write_text("\n".join(lines))
    monkeypatch.setenv("PARITY_DIR", str(tmp_path))
    try:
        with pytest.raises(AssertionError, match="KeyError"):
            compare("some", {"T": lambda case: bool(case["a"] == 1)})
        assert [ACCOUNT["some", number] for number in range(4)] == ["differ", "agree", "differ", "agree"]
    finally:
        for number in range(4):
            ACCOUNT.pop(("some", number), None)
