"""Faults in a person's manifests, with their place."""

from enum import StrEnum

from reconciler.model.base import Value


class Severity(StrEnum):
    """How much a Problem matters: an error refuses the revision, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Problem(Value):
    """One fault in a manifest.

    `line` and `column` count from 1; 0 means the whole file. `object` is `kind/namespace/name` as far as it is known,
    `pointer` a JSON pointer (RFC 6901) into the document, `hint` what to do, `code` a stable word for scripts.
    """

    severity: Severity = Severity.ERROR
    file: str
    line: int = 0
    column: int = 0
    object: str = ""
    pointer: str = ""
    message: str
    hint: str = ""
    code: str = ""

    @property
    def is_error(self) -> bool:
        """Whether this Problem refuses the revision."""
        return self.severity is Severity.ERROR
