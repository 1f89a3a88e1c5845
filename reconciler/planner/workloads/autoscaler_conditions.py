"""The conditions of an autoscaler. Pure."""

from collections.abc import Iterable

from reconciler.model.kinds import Condition


class Conditions:
    """Conditions by type; the time of the last transition moves only when a status changes."""

    def __init__(self, conditions: Iterable[Condition], now: str) -> None:
        self._before = {one.type: one for one in conditions}
        self._now = now
        self._current = dict(self._before)

    def set(self, type_: str, is_true: bool, reason: str, message: str) -> None:
        """Write a condition; a later word in the same pass replaces an earlier one."""
        status, before = "True" if is_true else "False", self._before.get(type_)
        since = before.last_transition_time if before is not None and before.status == status else self._now
        self._current[type_] = Condition(
            type=type_,
            status="True" if is_true else "False",
            reason=reason,
            message=message,
            last_transition_time=since,
        )

    @property
    def all(self) -> tuple[Condition, ...]:
        """The conditions as they are now, in the order in which they were first set."""
        return tuple(self._current.values())
