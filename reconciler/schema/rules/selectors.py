"""Rules on label selectors."""

from collections.abc import Iterator

from reconciler.model.kinds import LabelSelector
from reconciler.schema.rules.finding import Finding, error


def selector_findings(at: str, selector: LabelSelector | None) -> Iterator[Finding]:
    """Yield what is wrong with the selector at pointer `at`."""
    for number, part in enumerate(selector.match_expressions if selector is not None else ()):
        place = f"{at}/matchExpressions/{number}"
        if part.operator in ("In", "NotIn") and not part.values:
            yield error(place, f"operator {part.operator} needs values")
        elif part.operator in ("Exists", "DoesNotExist") and part.values:
            yield error(f"{place}/values", f"operator {part.operator} takes no values")
