"""Why an update is refused: the field, and what is wrong with it. Pure."""

from typing import NamedTuple

INVALID = "FieldValueInvalid"
FORBIDDEN = "FieldValueForbidden"
DUPLICATE = "FieldValueDuplicate"
REQUIRED = "FieldValueRequired"
NOT_SUPPORTED = "FieldValueNotSupported"
TOO_LONG = "FieldValueTooLong"
FIXED = "cannot be changed"


class Fault(NamedTuple):
    """One field of an update and why it is refused: `field` and `message` make a sentence; `reason` is Kubernetes'."""

    field: str
    message: str
    reason: str = INVALID


def fixed(field: str, before: object, after: object) -> tuple[Fault, ...]:
    """Return the fault of a field that nobody may change, where it differs."""
    return () if before == after else (Fault(field, FIXED),)
