"""How Kubernetes' reader sees a plain (unquoted) YAML scalar.

Pure. `y`, `no`, `On` are booleans, `0644` and `0o644` are 420, `1_000` is 1000, `1e3` is a float, dates and
`1:30` are strings.
"""

import re
from functools import lru_cache
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

_TRUE = ("y", "yes", "true", "on")
_FALSE = ("n", "no", "false", "off")
_WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
for _value, _spellings in ((True, _TRUE), (False, _FALSE)):
    for _word in _spellings:
        _WORDS.update({_word: _value, _word.capitalize(): _value, _word.upper(): _value})
for _sign, _number in (("", "inf"), ("+", "inf"), ("-", "-inf")):
    for _word in (".inf", ".Inf", ".INF"):
        _WORDS[_sign + _word] = float(_number)
for _word in (".nan", ".NaN", ".NAN"):
    _WORDS[_word] = float("nan")

_FIRST = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[+-]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][+-]?[0-9]+)?")
_DIGITS_MAX = 400
_BASES = {"x": 16, "b": 2, "o": 8}


def plain_scalar(text: str) -> Scalar:
    """Return the value of an unquoted scalar."""
    return _short(text) if len(text) <= _DIGITS_MAX else text


@lru_cache(maxsize=8192)
def _short(text: str) -> Scalar:
    """Return the value of a scalar that is short enough to be a number, and to be remembered."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _FIRST:
        return text
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        number = _integer(digits)
        if -(2**63) <= number < 2**64:
            return number
    return float(digits) if _FLOAT.fullmatch(digits) else text


def _integer(digits: str) -> int:
    sign = -1 if digits[0] == "-" else 1
    digits = digits.lstrip("+-")
    if len(digits) < 2 or digits[0] != "0":
        return sign * int(digits)
    base = _BASES.get(digits[1].lower())
    return sign * (int(digits[2:], base) if base else int(digits, 8))
