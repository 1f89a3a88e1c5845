"""Reads the query of a request strictly: wrong numbers and booleans are refused with 400."""

from starlette.requests import HTTPConnection

from reconciler.server.errors import bad_request

_TRUE = ("true", "1", "t", "")
_FALSE = ("false", "0", "f")


def flag(request: HTTPConnection, name: str) -> bool:
    """Return a boolean; absent is false, present without a value is true."""
    text = request.query_params.get(name)
    if text is None or text.lower() in _FALSE:
        return False
    if text.lower() in _TRUE:
        return True
    raise bad_request(f"{name}: expected true or false, not {text!r}")


def number(request: HTTPConnection, name: str) -> int | None:
    """Return a whole number that is not negative; absent or empty is None."""
    text = request.query_params.get(name)
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise bad_request(f"{name}: expected a whole number, not {text[:40]!r}")
    return int(text)


def word(request: HTTPConnection, name: str) -> str:
    """Return a text; absent is empty."""
    return request.query_params.get(name, "")
