"""Failures as Kubernetes' Status documents. Pure except for the log of bugs."""

import logging
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reconciler.model.errors import DeadlineError, ReconcilerError, Retry

_LOG = logging.getLogger(__name__)

_REASONS: Mapping[int, str] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class ApiError(Exception):
    """A refusal that the client is told: an HTTP code, a reason of Kubernetes' list, a message."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str = "",
        details: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason or _REASONS.get(code, "Unknown")
        self.details = dict(details or {})
        self.metadata = dict(metadata or {})


def not_found(plural: str, group: str, name: str) -> ApiError:
    """Return what Kubernetes answers for an object that does not exist."""
    qualified = f"{plural}.{group}" if group else plural
    details = {"name": name, "kind": plural} | ({"group": group} if group else {})
    return ApiError(404, f'{qualified} "{name}" not found', details=details)


def bad_request(message: str) -> ApiError:
    """Return the refusal of a malformed request."""
    return ApiError(400, message)


def expired(message: str) -> ApiError:
    """Return the answer to a resourceVersion older than the kept log."""
    return ApiError(410, message)


def status_document(error: ApiError) -> dict[str, Any]:
    """Return the Status of a failure."""
    document: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": error.metadata,
        "status": "Failure",
        "message": str(error),
        "reason": error.reason,
        "code": error.code,
    }
    if error.details:
        document["details"] = error.details
    return document


def error_response(error: ApiError) -> Response:
    """Return the response that tells a failure."""
    seconds = error.details.get("retryAfterSeconds", 1)
    headers = {"Retry-After": str(seconds)} if error.code in (429, 503) and seconds else None
    return JSONResponse(status_document(error), status_code=error.code, headers=headers)


def of_failure(error: ReconcilerError) -> ApiError:
    """Return how the API tells a failure of an operation; `reason` and `hint` travel in the details."""
    code = 504 if isinstance(error, DeadlineError) else _CODES[error.retry]
    details: dict[str, Any] = {"causes": [{"reason": error.reason, "message": str(error)}], "hint": error.hint}
    return ApiError(code, str(error), details=details)


_CODES: Mapping[Retry, int] = {Retry.TRANSIENT: 503, Retry.STALE: 409, Retry.TERMINAL: 422}


async def on_api_error(_: Request, error: Exception) -> Response:
    """Answer an ApiError."""
    assert isinstance(error, ApiError)
    return error_response(error)


async def on_failure(_: Request, error: Exception) -> Response:
    """Answer an expected failure of an operation."""
    assert isinstance(error, ReconcilerError)
    return error_response(of_failure(error))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer paths and methods that we do not have."""
    assert isinstance(error, HTTPException)
    message = {
        404: "the server could not find the requested resource",
        405: f"the server does not allow {request.method} on the requested resource",
    }.get(error.status_code, error.detail)
    return error_response(ApiError(error.status_code, message))


async def on_bug(request: Request, error: Exception) -> Response:
    """Answer a fault of our own without showing its inside; the log has it."""
    _LOG.error("request failed", extra={"path": request.url.path}, exc_info=error)
    return error_response(ApiError(500, "internal error; the daemon's log says more"))
