"""From what an effect did, or how it failed, to an Outcome: the one boundary where exceptions become values."""

import errno
import time
from collections.abc import Callable

from reconciler.model.errors import ReconcilerError, Retry
from reconciler.model.plan import Action, Outcome, OutcomeStatus

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def outcome_of(action: Action, effect: Callable[[], tuple[bool, str]]) -> Outcome:
    """Run `effect`, which returns whether it changed anything and what it made, and tell what came of it.

    A failure of the operating system is transient: its message names an operation and a path, never content.
    """
    started_at = time.time()
    status, reason, message, retry, result = OutcomeStatus.DONE, "", "", "", ""
    try:
        changed, result = effect()
        status = OutcomeStatus.DONE if changed else OutcomeStatus.UNCHANGED
    except ReconcilerError as error:
        status = OutcomeStatus.STALE if error.retry is Retry.STALE else OutcomeStatus.FAILED
        reason, message, retry = error.reason, f"{error}; {error.hint}" if error.hint else str(error), error.retry.value
    except OSError as error:
        full = error.errno in _DISK_FULL
        status, retry = OutcomeStatus.FAILED, Retry.TRANSIENT.value
        reason = "DiskFull" if full else "HostError"
        message = f"{error.strerror or type(error).__name__}: {error.filename or action.object}"
    return Outcome(
        key=action.key,
        status=status,
        reason=reason,
        message=message,
        retry=retry,
        result=result,
        started_at=started_at,
        finished_at=time.time(),
    )
