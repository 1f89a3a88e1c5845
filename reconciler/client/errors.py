"""How a call of the API can fail."""

from collections.abc import Mapping
from typing import Any

from reconciler.model.errors import StaleError, TerminalError, TransientError


class DaemonUnreachable(TransientError):
    """Nobody answers at the socket, or the connection broke."""

    reason = "DaemonUnreachable"


class ApiRefused(TerminalError):
    """The API answered with a failure; `code` is the HTTP code, `details` those of the Status."""

    reason = "Refused"

    def __init__(self, code: int, message: str, *, reason: str = "", details: Mapping[str, Any] | None = None) -> None:
        self.code = code
        self.details = dict(details or {})
        super().__init__(message, reason=reason, hint=str(self.details.get("hint", "")))


class NotFound(ApiRefused):
    """What was asked for does not exist."""


class WatchExpired(StaleError):
    """A watch cannot go on from where it was; list again."""

    reason = "Expired"


def refusal(code: int, status: Mapping[str, Any]) -> ApiRefused:
    """Return the failure that a Status document tells."""
    kind = NotFound if code == 404 else ApiRefused
    message = str(status.get("message") or f"the daemon answered {code}")
    return kind(code, message, reason=str(status.get("reason", "")), details=status.get("details") or {})
