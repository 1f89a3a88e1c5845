"""Numbers in annotations, as strict as Kubernetes is with them: what is not one counts as absent. Pure."""

import re
from collections.abc import Mapping

from reconciler.model.integers import whole_number

_WHOLE = re.compile(r"[0-9]+")
_SIGNED = re.compile(r"0|[1-9][0-9]*|-[0-9]+")
_MOST = 2**31 - 1


def count_in(annotations: Mapping[str, str], name: str) -> int | None:
    """Return a count, which has 31 bits and no sign; None when there is none, or something else."""
    return _number(_WHOLE, annotations.get(name, ""), 0)


def signed_in(annotations: Mapping[str, str], name: str) -> int | None:
    """Return a number of 32 bits, without a plus or, as Kubernetes has it, zeros in front; None when it is none."""
    return _number(_SIGNED, annotations.get(name, ""), -_MOST - 1)


def _number(form: re.Pattern[str], text: str, least: int) -> int | None:
    number = whole_number(text) if form.fullmatch(text) else None
    return number if number is not None and least <= number <= _MOST else None
