"""Strategic merge patches have the result that the Kubernetes API gives them."""

import json
from typing import Any

import yaml

from reconciler.server.strategic import Field, PatchError, merge
from tests.parity.rows import compare, parity_rows

PACKAGE = "apimachinery_pkg_util_strategicpatch"
_RAW, _PLAIN = "StrategicMergePatchRawTestCaseData", "StrategicMergePatchTestCaseData"


class Item:
    """The structure of upstream's rows: lists that merge by name, lists of numbers, and lists that do neither."""

    _FIELDS = {
        "mergingList": ("name", True),
        "retainKeysMergingList": ("name", True),
        "mergeItemPtr": ("name", True),
        "mergingIntList": ("", True),
    }

    def field(self, name: str) -> Field:
        """Return how a field is patched."""
        key, merges = self._FIELDS.get(name, ("", False))
        return Field(self, merges=merges, key=key, replaces=name == "replacingItem")


def _agrees(case: dict[str, Any]) -> bool:
    data = case.get(_RAW) or case.get(_PLAIN) or {}
    original = _read(data.get("Original"))
    two_way = _read(data.get("TwoWay"))
    if two_way is None:
        return _agrees_three_way(data)
    wanted = _read(data.get("TwoWayResult")) or _read(data.get("Modified"))
    return _gives(original, two_way, wanted, data.get("ExpectedError", "")) and _agrees_three_way(data)


def _agrees_three_way(data: dict[str, Any]) -> bool:
    current, patch, wanted = _read(data.get("Current")), _read(data.get("ThreeWay")), _read(data.get("Result"))
    if current is None or patch is None or wanted is None:
        return True
    return _gives(current, patch, wanted, "")


def _gives(original: Any, patch: Any, wanted: Any, error: str) -> bool:
    try:
        found = merge(original or {}, patch, Item())
    except PatchError:
        return bool(error)
    return not error and found == (wanted or {})


def _keeps_numbers(case: dict[str, Any]) -> bool:
    """Judge a row about a patch beside numbers: those that it does not name come through as they were."""
    old, patch, wanted = (json.loads(case[name]) for name in ("Old", "ExpectedPatch", "ExpectedResult"))
    return bool(json.dumps(merge(old, patch, Item()), sort_keys=True) == json.dumps(wanted, sort_keys=True))


def _read(text: Any) -> Any:
    return yaml.safe_load(text) if isinstance(text, str) else text


def test_strategic_merge_patches_agree_with_upstream() -> None:
    """Every row that applies a patch agrees."""
    tests = {row["test"] for row in parity_rows(PACKAGE)} - {"TestNumberConversion"}
    compare(PACKAGE, {**dict.fromkeys(tests, _agrees), "TestNumberConversion": _keeps_numbers})
