"""What a rule has found."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from reconciler.model.problem import Severity
from reconciler.schema.structure import Fault


class Finding(NamedTuple):
    """One fault and how much it matters."""

    fault: Fault
    severity: Severity


def error(pointer: str, message: str, hint: str = "", code: str = "rule") -> Finding:
    """Build a finding that refuses the revision."""
    return Finding(Fault(pointer, message, hint, code), Severity.ERROR)


def warning(pointer: str, message: str, hint: str = "", code: str = "rule") -> Finding:
    """Build a finding that does not."""
    return Finding(Fault(pointer, message, hint, code), Severity.WARNING)


def repeated(names: Iterable[tuple[str, str]], what: str) -> Iterator[Finding]:
    """Yield a finding for each (pointer, name) whose name came before."""
    first: dict[str, str] = {}
    for pointer, name in names:
        if name in first:
            yield error(pointer, f"{what} {name} is given twice, first at {first[name]}", code="duplicate-name")
        else:
            first[name] = pointer
