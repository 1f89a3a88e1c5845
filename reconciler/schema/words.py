"""Plain words for types, values and patterns. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from reconciler.model.kinds import scalars

_TYPES: Mapping[str, str] = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}

_PATTERNS: Mapping[str, str] = {
    scalars.LABEL_PATTERN: "lower-case letters, digits and -, beginning and ending with a letter or digit",
    scalars.SUBDOMAIN_PATTERN: "lower-case letters, digits, - and ., beginning and ending with a letter or digit",
    scalars.DRIVER_PATTERN: "letters, digits, - and ., beginning and ending with a letter or digit",
    scalars.OPTIONAL_SUBDOMAIN_PATTERN: "lower-case letters, digits, - and ., or empty",
    scalars.OPTIONAL_LABEL_PATTERN: "lower-case letters, digits and -, or empty",
    scalars.SERVICE_NAME_PATTERN: "lower-case letters, digits and -, beginning with a letter",
    scalars.PATH_SEGMENT_PATTERN: "a name without / and %",
    scalars.PORT_NAME_PATTERN: "a port name: lower-case letters, digits and -, with at least one letter",
    scalars.LABEL_KEY_PATTERN: "a label key: an optional DNS prefix and /, then letters, digits, -, _ and .",
    scalars.ANNOTATION_KEY_PATTERN: "an annotation key: an optional DNS prefix and /, then letters, digits, -, _, .",
    scalars.LABEL_VALUE_PATTERN: "a label value: at most 63 letters, digits, -, _ and .",
    scalars.CONFIG_KEY_PATTERN: "a key of letters, digits, -, _ and .",
    scalars.HEADER_PATTERN: "a header name: letters, digits and -",
    scalars.ENV_NAME_PATTERN: "a name for a variable: printable characters without =",
    scalars.QUANTITY_PATTERN: "a quantity such as 500m, 1.5 or 64Mi",
    scalars.PERCENT_PATTERN: "a percentage such as 25%",
    scalars.IP_PATTERN: "an IP address",
    scalars.BASE64_PATTERN: "base64",
    scalars.SIGNAL_PATTERN: "a signal of Linux such as SIGTERM or SIGRTMIN+3",
}

_NUMBER = re.compile(r"[+-]?[0-9]+")


def type_words(wanted: Any) -> str:
    """Return the words for a schema's `type`."""
    names = wanted if isinstance(wanted, list) else [wanted]
    return " or ".join(_TYPES[name] for name in names)


def value_words(value: Any) -> str:
    """Return what sort of value this is, without showing it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "a mapping"


def value_hint(value: Any, wanted: Any) -> str:
    """Return what to do about a value of the wrong type."""
    names = wanted if isinstance(wanted, list) else [wanted]
    if "string" in names and isinstance(value, bool | int | float):
        return "quote it"
    if isinstance(value, str) and ("integer" in names or "boolean" in names or "number" in names):
        is_number = _NUMBER.fullmatch(value) is not None
        return "remove the quotes" if is_number or value in ("true", "false") else ""
    if "array" in names:
        return 'begin each item with "- "'
    return "write it as key: value" if "object" in names and isinstance(value, str | list) else ""


def pattern_words(pattern: str) -> str:
    """Return what a pattern asks for."""
    return _PATTERNS.get(pattern, f"of the form {pattern}")
