"""What is odd about the agents on other hosts, as events of their Nodes: a clock that is off, a node that is two hosts,
an agent of a version that is refused.

Effect: none but memory. Told when it begins, again while it lasts, and when it is over; thread-safe.
"""

import threading

from reconciler.model.agents import SKEW_MAX_S
from reconciler.model.plan import Happening
from reconciler.model.refs import ObjectRef

CLOCK_SKEW = "ClockSkew"
DUPLICATE = "DuplicateNode"
VERSION_SKEW = "VersionSkew"
_AGAIN_S = 3600.0


class Oddities:
    """Remembers what was told of which node."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str], float] = {}

    def clock(self, node: str, skew_s: float, now: float) -> Happening | None:
        """Take in how far a node's clock is ahead (seconds); return what is to be told of it."""
        word = "ahead of" if skew_s > 0 else "behind"
        if abs(skew_s) > SKEW_MAX_S:
            message = (
                f"the clock of this node is {abs(skew_s):.1f} s {word} the daemon's: keep both right, as with chrony"
            )
            return self._tell(node, CLOCK_SKEW, message, now)
        # One that is just at the edge is not told in and out of it all the time.
        if abs(skew_s) <= SKEW_MAX_S / 2 and self._forget(node, CLOCK_SKEW):
            return _happening(node, "Normal", "ClockInSync", "the clocks of this node and of the daemon agree again")
        return None

    def duplicate(self, node: str, why: str, now: float) -> Happening | None:
        """Take in that a second host reports as a node; return what is to be told of it."""
        return self._tell(node, DUPLICATE, why, now)

    def refused(self, node: str, why: str, now: float) -> Happening | None:
        """Take in that a node's agent is of a version that is refused; return what is to be told of it."""
        return self._tell(node, VERSION_SKEW, why, now)

    def accepted(self, node: str, now: float) -> Happening | None:
        """Take in that a node's agent is of a version that is taken; return what is to be told of it."""
        if not self._forget(node, VERSION_SKEW):
            return None
        return _happening(
            node, "Normal", "VersionAccepted", "the versions of this node's agent and of the daemon agree"
        )

    def _tell(self, node: str, reason: str, message: str, now: float) -> Happening | None:
        with self._lock:
            told_at = self._told.get((node, reason))
            if told_at is not None and 0 <= now - told_at < _AGAIN_S:
                return None
            self._told[node, reason] = now
        return _happening(node, "Warning", reason, message)

    def _forget(self, node: str, reason: str) -> bool:
        with self._lock:
            return self._told.pop((node, reason), None) is not None


def _happening(node: str, type_: str, reason: str, message: str) -> Happening:
    ref = ObjectRef(kind="Node", name=node)
    return Happening(object=ref, uid=node, type=type_, reason=reason, message=message, host=node)
