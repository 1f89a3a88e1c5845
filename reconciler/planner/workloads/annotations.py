"""Numbers in annotations, as strict as Kubernetes is with them: what is not one counts as absent. Pure."""

import re
from collections.abc import Mapping

# More digits than these are out of range, and would cost time to read.
_WHOLE = re.compile(r"0*([0-9]{1,10})", re.ASCII)
_SIGNED = re.compile(r"(0|-?[1-9][0-9]{0,9})", re.ASCII)
_MOST = 2**31 - 1


def count_in(annotations: Mapping[str, str], name: str) -> int | None:
    """Return a count, which has 31 bits and no sign; None when there is none, or something else."""
    return _number(_WHOLE, annotations.get(name, ""), 0)


def signed_in(annotations: Mapping[str, str], name: str) -> int | None:
    """Return a number of 32 bits, without a plus or leading zeros; None when there is none, or something else."""
    return _number(_SIGNED, annotations.get(name, ""), -_MOST - 1)


def _number(form: re.Pattern[str], text: str, least: int) -> int | None:
    found = form.fullmatch(text)
    number = int(found[1]) if found is not None else least - 1
    return number if least <= number <= _MOST else None
