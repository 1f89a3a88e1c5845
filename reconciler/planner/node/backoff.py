"""How long to wait before the same is tried again, as the kubelet does it.

Pure. Nothing is ever given up (P25): waits grow to a limit and stay there.
"""

from reconciler.planner.node.memory import Failure

RESTART_FIRST_S = 10.0
RESTART_MAX_S = 300.0
RESTART_RESET_S = 600.0
PULL_FIRST_S = 10.0
PULL_MAX_S = 300.0
EFFECT_FIRST_S = 1.0
EFFECT_MAX_S = 30.0
_MAX_S = max(PULL_MAX_S, EFFECT_MAX_S)


def is_waiting(failure: Failure, now: float) -> bool:
    """Whether what failed is not to be tried again yet.

    No wait is longer than the longest: one that seems to be began while the host's clock was ahead.
    """
    return now < failure.until <= now + _MAX_S


def next_restart_s(waited_s: float) -> float:
    """Return the wait before the restart after the next one: 0, 10, 20, ... 300."""
    return min(RESTART_MAX_S, max(RESTART_FIRST_S, 2 * waited_s))


def restart_s_of(attempt: int) -> float:
    """Return the wait that `attempt` starts in a row lead to, for when the memory of them was lost."""
    return 0.0 if attempt <= 0 else min(RESTART_MAX_S, RESTART_FIRST_S * 2.0 ** min(attempt - 1, 10))


def is_trusted(started_at: float, finished_at: float) -> bool:
    """Whether a container ran long enough that its end is no longer part of a crash loop."""
    return started_at > 0 and finished_at - started_at >= RESTART_RESET_S


def pull_failed(earlier: Failure, now: float, reason: str, message: str) -> Failure:
    """Return the failure after one more failed pull or start of a container."""
    wait = min(PULL_MAX_S, PULL_FIRST_S * 2.0 ** min(earlier.count, 10))
    return Failure(count=earlier.count + 1, until=now + wait, reason=reason, message=message)


def effect_failed(earlier: Failure, now: float, reason: str, message: str, *, stale: bool = False) -> Failure:
    """Return the failure after one more failed effect; the first stale answer only means to look again."""
    wait = min(EFFECT_MAX_S, EFFECT_FIRST_S * 2.0 ** min(earlier.count, 10))
    if stale and not earlier.count:
        wait = 0.0
    return Failure(count=earlier.count + 1, until=now + wait, reason=reason, message=message)
