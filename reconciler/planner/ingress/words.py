"""How texts of users stand in HAProxy's configuration, so that they never are more than a word of it. Pure.

Words are quoted as a whole. What is a format has its signs doubled. Control characters are dropped: none of the texts
may have any, and one that had would still not begin a line.
"""

import re

from reconciler.model.ingress_values import split_variables

_REFERENCE = re.compile(r"\$([1-9])")
# What nginx' variables are here.
_VARIABLES = {
    "host": "%[var(txn.host)]",
    "request_uri": "%[var(txn.uri)]",
    "escaped_request_uri": "%[var(txn.uri),url_enc]",
    "uri": "%[path]",
    "scheme": "%[var(txn.scheme)]",
    "args": "%[query]",
    "request_method": "%[method]",
}


def plain(text: str) -> str:
    """Return a text without control characters."""
    return "".join(one for one in text if one.isprintable())


def word(text: str) -> str:
    """Return a text as one word."""
    return "'" + plain(text).replace("'", "'\\''") + "'"


def form(text: str) -> str:
    """Return a text as a format that yields just it; not quoted yet."""
    return text.replace("%", "%%")


def filled(text: str) -> str:
    """Return a text with nginx' variables as a format; not quoted yet."""
    return "".join(form(before) + _VARIABLES.get(name, "") for before, name in split_variables(text))


def replacement(text: str) -> str:
    """Return the target of a rewriting, with its references to groups, as a format; not quoted yet."""
    parts = _REFERENCE.split(text.replace("\\", "\\\\"))
    return "".join(f"\\{one}" if number % 2 else form(one) for number, one in enumerate(parts))


def path_regex(path: str) -> str:
    """Return the regular expression of a path, from the beginning on."""
    return f"^{path.removeprefix('^')}"


def realm(text: str) -> str:
    """Return the realm of an authentication: it stands in a quoted part of a header."""
    return plain(text).replace("\\", "").replace('"', "")
