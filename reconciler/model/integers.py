"""Whole numbers as text. A text of any length is read, or refused, at once. Pure."""

import re

_CANONICAL = re.compile(r"0|-?[1-9][0-9]*")
_WHOLE = re.compile(r"([+-]?)0*([0-9]{1,19})")
_BOUND = 2**63


def whole_number(text: str) -> int | None:
    """Return the number of 64 bits that a text spells, be it with a sign or leading zeros; None when it is none."""
    found = _WHOLE.fullmatch(text)
    number = int(found[1] + found[2]) if found is not None else _BOUND
    return number if -_BOUND <= number < _BOUND else None


def decimal_integer(text: str) -> int | None:
    """Return such a number in the one spelling of the API: without plus sign or leading zeros."""
    return whole_number(text) if _CANONICAL.fullmatch(text) else None
