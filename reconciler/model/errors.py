"""Failures of effects: each class answers whether to try again."""

from enum import StrEnum


class Retry(StrEnum):
    """Whether trying the same again can help."""

    TRANSIENT = "transient"
    STALE = "stale"
    TERMINAL = "terminal"


class ReconcilerError(Exception):
    """Base of every expected failure. `reason` is a stable word for scripts and events, `hint` what to do."""

    retry = Retry.TRANSIENT
    reason = "Failed"

    def __init__(self, message: str, *, reason: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.reason = reason or type(self).reason
        self.hint = hint


class TransientError(ReconcilerError):
    """It may work the next time: a timeout, a refused connection, a full queue."""


class DeadlineError(TransientError):
    """An effect did not end within its deadline."""

    reason = "DeadlineExceeded"


class StaleError(ReconcilerError):
    """What was expected is no longer there; plan again."""

    retry = Retry.STALE
    reason = "Stale"


class DisruptionForbidden(TransientError):
    """A disruption budget does not let a Pod go now; the hint is what it needs and has."""

    reason = "DisruptionBudget"


class AmbiguousBudget(TransientError):
    """More than one disruption budget holds for a Pod, and evictions know what to do with one."""

    reason = "AmbiguousBudget"


class TerminalError(ReconcilerError):
    """It cannot work until something else changes: a bad reference, a refused setting."""

    retry = Retry.TERMINAL


class LeadershipLost(StaleError):
    """The lease that a write relied on is no longer held (a newer term exists)."""

    reason = "LeadershipLost"


class ConfigurationError(TerminalError):
    """Settings or the state of the host do not permit to go on."""

    reason = "Configuration"
