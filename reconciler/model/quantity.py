"""Kubernetes quantities: `500m`, `1.5Gi`, `2e3`, read exactly.

Pure. Values are rational numbers, rounded away from zero below a billionth and capped at 2^63-1, as the Kubernetes API
does it; spaces around one are passed over, as it does for JSON. `round_up` and `in_units` round to any power of ten in
the same way. `format_quantity` writes the form its API would show; `canonical_quantity` writes one form per value.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

QuantityText: TypeAlias = str | int | float

_FORM = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_NAMES = {power: name for name, power in _DECIMAL.items()}
_BINARY_NAMES = {power: name for name, power in _BINARY.items()}
_NANO = -9
_LARGEST = 2**63 - 1
LENGTH_MAX = 400


class QuantityError(ValueError):
    """The text is not a quantity."""


def parse_quantity(value: QuantityText) -> Fraction:
    """Return the exact value; raises `QuantityError` when it is not a quantity."""
    return _parse(value)[0]


def is_quantity(value: QuantityText) -> bool:
    """Whether `value` can be read as a quantity."""
    try:
        _parse(value)
    except QuantityError:
        return False
    return True


def format_quantity(value: QuantityText) -> str:
    """Return the form in which the Kubernetes API shows `value`: its own family of suffixes, no fraction."""
    amount, family = _parse(value)
    if family == "binary" and amount.denominator == 1 and abs(amount) >= 1024:
        return _binary(int(amount))
    return _decimal(amount, exponent=family == "exponent")


def canonical_quantity(value: QuantityText) -> str:
    """Return one text per value, whatever its family: `1024Mi` and `1Gi` and `1073741824` are all `1Gi`."""
    amount = parse_quantity(value)
    decimal = _decimal(amount, exponent=False)
    if amount.denominator != 1 or abs(amount) < 1024:
        return decimal
    binary = _binary(int(amount))
    return binary if len(binary) < len(decimal) else decimal


def amount_text(amount: Fraction, *, binary: bool) -> str:
    """Return an exact value as text; `binary` lets it end in Ki, Mi and so on where that is shorter."""
    decimal = _decimal(round_up(amount, _NANO), exponent=False)
    if not binary or amount.denominator != 1 or abs(amount) < 1024:
        return decimal
    text = _binary(int(amount))
    return text if len(text) <= len(decimal) else decimal


def round_up(amount: Fraction, power: int) -> Fraction:
    """Return a value as a whole number of 10^`power`; what is between two of them goes to the one further from zero."""
    if power <= 0 and amount.denominator == 1:
        return amount
    units = in_units(amount, power)
    return Fraction(units, 10**-power) if power < 0 else Fraction(units * 10**power)


def in_units(amount: Fraction, power: int) -> int:
    """Return how many units of 10^`power` a value has, a part of one counted as a whole one."""
    above, below = amount.numerator, amount.denominator
    if power < 0:
        above *= 10**-power
    else:
        below *= 10**power
    return -(-above // below) if above > 0 else above // below


@lru_cache(maxsize=4096)
def cpu_millis(value: QuantityText) -> int:
    """Return a CPU quantity in thousandths, rounded up: `0.5` is 500."""
    return in_units(parse_quantity(value), -3)


@lru_cache(maxsize=4096)
def bytes_of(value: QuantityText) -> int:
    """Return a memory or storage quantity in bytes, rounded up."""
    return in_units(parse_quantity(value), 0)


def _parse(value: QuantityText) -> tuple[Fraction, str]:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise QuantityError("a quantity is a number or a text such as 500m or 1Gi")
    text = value.strip() if isinstance(value, str) else _number_text(value)
    found = _FORM.fullmatch(text) if len(text) <= LENGTH_MAX else None
    if found is None or not (found[2] or found[3]):
        raise QuantityError("a quantity is a number with an optional suffix such as m, k, M, G, Ki, Mi or Gi")
    sign, whole, fraction, suffix = found[1], found[2], found[3] or "", found[4] or ""
    digits = Fraction(int((whole + fraction) or "0"), 10 ** len(fraction))
    scaled, family = _scale(digits, suffix)
    amount = min(round_up(scaled, _NANO), Fraction(_LARGEST))
    return (-amount if sign == "-" else amount), family


def _number_text(value: int | float) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _scale(digits: Fraction, suffix: str) -> tuple[Fraction, str]:
    if suffix in _BINARY:
        return digits * 1024 ** _BINARY[suffix], "binary"
    if suffix in _DECIMAL:
        return digits * Fraction(10) ** _DECIMAL[suffix], "decimal"
    # Exponents beyond these bounds only mean the cap or one billionth; computing them would cost without end.
    power = max(-LENGTH_MAX - 20, min(LENGTH_MAX + 20, int(suffix[1:])))
    return digits * Fraction(10) ** power, "exponent"


def _binary(amount: int) -> str:
    power = 0
    while amount and amount % 1024 == 0 and power < 6:
        amount //= 1024
        power += 1
    return f"{amount}{_BINARY_NAMES.get(power, '')}"


def _decimal(amount: Fraction, *, exponent: bool) -> str:
    if not amount:
        return "0"
    number, power = in_units(amount, _NANO), _NANO
    while number % 1000 == 0 and (power < 18 or exponent):
        number //= 1000
        power += 3
    if exponent:
        return f"{number}e{power}" if power else str(number)
    return f"{number}{_DECIMAL_NAMES[power]}"
