"""Whole numbers as text, in the one spelling that the API takes for them. Pure."""

import re

_CANONICAL = re.compile(r"0|-?[1-9][0-9]*")
_BOUND = 2**63


def decimal_integer(text: str) -> int | None:
    """Return the number of 64 bits that a text spells without plus sign or leading zeros; None when it is none."""
    if len(text) > 20 or not _CANONICAL.fullmatch(text):
        return None
    number = int(text)
    return number if -_BOUND <= number < _BOUND else None
