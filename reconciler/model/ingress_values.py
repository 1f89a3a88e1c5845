"""What annotations of an Ingress may say: each reader gives the value, or says what is wrong with it. Pure."""

import ipaddress
import re
from collections.abc import Callable

_SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_HEADER = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_]*\Z")
_COOKIE = re.compile(r"[-A-Za-z0-9_.]+\Z")
_VARIABLE = re.compile(r"\$(\{)?([A-Za-z_]\w*)(?(1)\})")
# What of nginx' variables may stand in a redirect or in the address of an authentication.
VARIABLES = frozenset({"host", "request_uri", "escaped_request_uri", "uri", "scheme", "args", "request_method"})


def variables_of(text: str) -> tuple[str, ...]:
    """Return the names of nginx' variables in a text."""
    return tuple(found.group(2) for found in _VARIABLE.finditer(text))


def split_variables(text: str) -> list[tuple[str, str]]:
    """Split a text into (text, variable) pairs; the variable that follows each text is empty at the end."""
    parts, at = [], 0
    for found in _VARIABLE.finditer(text):
        parts.append((text[at : found.start()], found.group(2)))
        at = found.end()
    return [*parts, (text[at:], "")]


# Readers raise ValueError with what is wrong.


def boolean(text: str) -> bool:
    """true or false."""
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{_shown(text)} is neither true nor false")
    return text.lower() == "true"


def number(low: int, high: int) -> Callable[[str], int]:
    """A whole number within bounds, perhaps with `s` for seconds."""

    def read(text: str) -> int:
        digits = text.strip().removesuffix("s")
        if not re.fullmatch(r"[0-9]{1,9}", digits) or not low <= int(digits) <= high:
            raise ValueError(f"{_shown(text)} is no number from {low} to {high}")
        return int(digits)

    return read


def size(text: str) -> int:
    """A number of bytes, with k, m or g for powers of 1024."""
    found = re.fullmatch(r"([0-9]{1,12})([kKmMgG]?)", text.strip())
    if found is None:
        raise ValueError(f"{_shown(text)} is no size, such as 8m")
    return int(found.group(1)) * _SIZES[found.group(2).lower()]


def one_of(*words: str) -> Callable[[str], str]:
    """One of these words, in any case."""

    def read(text: str) -> str:
        if text.lower() not in [one.lower() for one in words]:
            raise ValueError(f"{_shown(text)} is not carried out: it must be {', '.join(words)}")
        return next(one for one in words if one.lower() == text.lower())

    return read


def line(text: str) -> str:
    """A text of one line, of printable ASCII: it ends up in headers."""
    if not text or not re.fullmatch(r"[ -~]+", text):
        raise ValueError(f"{_shown(text)} must be one line of printable ASCII")
    return text


def target(text: str) -> str:
    """An address, or a path, with variables that we know and without spaces."""
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError(f"{_shown(text)} must be an address without spaces")
    unknown = [name for name in variables_of(text) if name not in VARIABLES]
    if unknown:
        raise ValueError(f"the variable ${unknown[0]} is not known here")
    return text


def url(text: str) -> str:
    """An address with http or https."""
    if not re.match(r"https?://[^/?#]", text):
        raise ValueError(f"{_shown(text)} must begin with http:// or https://")
    return target(text)


def path(text: str) -> str:
    """A path from the beginning."""
    if not re.fullmatch(r"/[!-~]*", text):
        raise ValueError(f"{_shown(text)} must be a path that begins with /")
    return text


def rewrite(text: str) -> str:
    """A path without a query."""
    if "?" in text:
        raise ValueError(f"{_shown(text)}: a query cannot be rewritten, only the path")
    return path(text)


def header(text: str) -> str:
    """The name of a header."""
    if not _HEADER.match(text):
        raise ValueError(f"{_shown(text)} is no name of a header")
    return text


def headers(text: str) -> tuple[str, ...]:
    """Names of headers, with commas between."""
    return tuple(header(one.strip()) for one in text.split(",") if one.strip())


def cookie(text: str) -> str:
    """The name of a cookie."""
    if not _COOKIE.match(text):
        raise ValueError(f"{_shown(text)} is no name of a cookie")
    return text


def secret(text: str) -> str:
    """The name of a Secret, perhaps with its namespace."""
    if not re.fullmatch(r"([a-z0-9][-a-z0-9]*/)?[a-z0-9][-.a-z0-9]*", text):
        raise ValueError(f"{_shown(text)} is no name of a Secret")
    return text


def networks(text: str) -> tuple[str, ...]:
    """Addresses and networks, with commas between."""
    found = []
    for one in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(str(ipaddress.ip_network(one, strict=False)))
        except ValueError as error:
            raise ValueError(f"{_shown(one)} is no address or network") from error
    return tuple(found)


def regex(text: str) -> str:
    """A regular expression."""
    why = regex_fault(text)
    if why:
        raise ValueError(why)
    return text


def origins(text: str) -> tuple[str, ...]:
    """Origins, with commas between; a star stands for any, or within a name."""
    found = tuple(one.strip() for one in text.split(",") if one.strip())
    wrong = [one for one in found if one != "*" and not re.fullmatch(r"https?://[-A-Za-z0-9.*_]+(:[0-9]{1,5})?", one)]
    if wrong or not found:
        raise ValueError(f"{_shown(wrong[0] if wrong else text)} is no origin, such as https://example.com")
    return found


def regex_fault(text: str) -> str:
    """Return why a text is no regular expression that HAProxy takes, or an empty text."""
    if not re.fullmatch(r"[ -~]{1,500}", text):
        return f"{_shown(text)} must be printable ASCII, of at most 500 characters"
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        return f"{_shown(text)} is no regular expression: {error}"
    return ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def one_host(text: str) -> str:
    """The name of a host, perhaps with a port."""
    if not re.fullmatch(r"[-A-Za-z0-9._]+(:[0-9]{1,5})?", text):
        raise ValueError(f"{_shown(text)} is no name of a host")
    return text
