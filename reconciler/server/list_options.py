"""How a list or watch was asked for: limits, numbers and tokens, with the rules of Kubernetes. Pure."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from reconciler.server.errors import ApiError, bad_request
from reconciler.server.query import flag, number, word

# The number in a token that goes on in the present, whatever the pages before were of.
INCONSISTENT = -1
_VERSION = "meta.k8s.io/v1"
_EXACT, _NOT_OLDER = "Exact", "NotOlderThan"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a list goes on: after a name, in the moment of a number."""

    version: int
    name: tuple[str, str]


@dataclass(frozen=True, slots=True)
class ListOptions:
    """How a list was asked for: of exactly one number, of at least one, or further from a position. 0 is any."""

    limit: int = 0
    exact: int = 0
    at_least: int = 0
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How a watch was asked for. `start` is the number to go on after; None: begin with what there is."""

    start: int | None
    timeout_s: float
    at_least: int = 0
    bookmarks: bool = False
    mark_initial_end: bool = False
    skip_initial: bool = False


def list_options(request: Request) -> ListOptions:
    """Return how a list was asked for; refuse combinations that make no sense."""
    match, token, limit = word(request, "resourceVersionMatch"), word(request, "continue"), number(request, "limit")
    version = number(request, "resourceVersion")
    faults = _match_faults(request, match, token) if match else []
    if "sendInitialEvents" in request.query_params and flag(request, "sendInitialEvents"):
        faults.append(_forbidden("sendInitialEvents", "it is for watches"))
    _refuse(faults)
    if token:
        if version:
            raise bad_request("resourceVersion: a continued list is of the number in its token; leave it out")
        return ListOptions(limit=limit or 0, position=read_token(token))
    is_exact = match == _EXACT or (not match and bool(limit))
    if is_exact and version:
        return ListOptions(limit=limit or 0, exact=version)
    return ListOptions(limit=limit or 0, at_least=version or 0)


def watch_options(request: Request, limit_s: float) -> WatchOptions:
    """Return how a watch was asked for; refuse combinations that make no sense."""
    match, is_stream = word(request, "resourceVersionMatch"), "sendInitialEvents" in request.query_params
    if is_stream and match != _NOT_OLDER:
        what = f"it must be {_NOT_OLDER} with sendInitialEvents"
        _refuse([_unsupported("resourceVersionMatch", what) if match else _forbidden("resourceVersionMatch", what)])
    if match and not is_stream:
        _refuse([_forbidden("resourceVersionMatch", "it is for watches with sendInitialEvents only")])
    initial, bookmarks = flag(request, "sendInitialEvents"), flag(request, "allowWatchBookmarks")
    version = number(request, "resourceVersion") or 0
    return WatchOptions(
        start=None if is_stream or not version else version,
        at_least=version if is_stream else 0,
        timeout_s=min(number(request, "timeoutSeconds") or limit_s, limit_s),
        bookmarks=bookmarks,
        mark_initial_end=initial and bookmarks,
        skip_initial=is_stream and not initial,
    )


def token_of(position: Position) -> str:
    """Return the text that a client gives back to go on."""
    content = {"v": _VERSION, "rv": position.version, "start": "/".join(position.name)}
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")


def read_token(token: str) -> Position:
    """Return the position that a client gives back."""
    try:
        content = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = str(content["start"]).partition("/")
        version = content["rv"]
    except (binascii.Error, ValueError, TypeError, KeyError) as error:
        raise bad_request("continue: not a token of this server") from error
    if content.get("v") != _VERSION or type(version) is not int or not (version > 0 or version == INCONSISTENT):
        raise bad_request("continue: not a token of this server")
    return Position(version, (namespace, name))


def expired_list(position: Position) -> ApiError:
    """Return the answer to a token whose moment is gone, with one that goes on in the present."""
    message = (
        "The provided continue parameter is too old to display a consistent list result: what the objects were at "
        f"{position.version} is no longer kept. Start a new list without it, or go on with the token of this answer; "
        "what came, changed or went between the pages may then be missing or stale."
    )
    following = token_of(Position(INCONSISTENT, position.name))
    return ApiError(410, message, metadata={"continue": following})


def _match_faults(request: Request, match: str, token: str) -> list[dict[str, Any]]:
    faults = []
    text = word(request, "resourceVersion")
    if not text:
        faults.append(_forbidden("resourceVersionMatch", "it needs a resourceVersion"))
    if token:
        faults.append(_forbidden("resourceVersionMatch", "it must not be given together with continue"))
    if match not in (_EXACT, _NOT_OLDER):
        faults.append(_unsupported("resourceVersionMatch", f"supported values: {_EXACT}, {_NOT_OLDER}"))
    if match == _EXACT and text == "0":
        faults.append(_forbidden("resourceVersionMatch", "there is no exact state of resourceVersion 0"))
    return faults


def _forbidden(field: str, message: str) -> dict[str, Any]:
    return {"reason": "FieldValueForbidden", "message": f"Forbidden: {message}", "field": field}


def _unsupported(field: str, message: str) -> dict[str, Any]:
    return {"reason": "FieldValueNotSupported", "message": f"Unsupported value: {message}", "field": field}


def _refuse(faults: list[dict[str, Any]]) -> None:
    """Refuse with every fault at once, the way Kubernetes does."""
    if faults:
        told = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
        details = {"group": "meta.k8s.io", "kind": "ListOptions", "causes": faults}
        raise ApiError(422, f'ListOptions.meta.k8s.io "" is invalid: {told}', details=details)
