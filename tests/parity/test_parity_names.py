"""Names with their kinds are written as kubectl writes them."""

from typing import Any

from reconciler.model.kinds import name_with_kind
from tests.parity.rows import compare


def named(case: dict[str, Any]) -> bool:
    """Judge a row with a kind, or none, and a name."""
    kind = case.get("kind", {})
    return name_with_kind(kind.get("Kind", ""), kind.get("Group", ""), case.get("name", "")) == case["want"]


def test_names_of_objects() -> None:
    """Kind and group in lower case, before the name."""
    compare("pkg_printers_internalversion", {"TestFormatResourceName": named})
