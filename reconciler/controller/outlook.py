"""What would come of revisions: the forecast of a rollout, and the room that is left. Effect: reads the history.

How a forecast is run is handed in: it sits beside this package, not below it. A forecast is bounded in time, and lets
the loops of the daemon have the processor between any two of its steps.
"""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from reconciler.controller.loop import Controller
from reconciler.model.capacity import Capacity
from reconciler.model.desired import DesiredState
from reconciler.model.forecast import Forecast
from reconciler.model.observed import ObservedState
from reconciler.model.plan import OutcomeStatus
from reconciler.model.policy import Policy
from reconciler.planner.capacity import capacity
from reconciler.planner.estimates import Estimates, Recorded, durations_of, learn
from reconciler.store.values import ActionRecord

_DEADLINE_S = 30.0
_LEARNT_FROM_MAX = 5_000


class Run(Protocol):
    """Runs a forecast until nothing changes, or `is_over`."""

    def __call__(
        self,
        desired: Mapping[str, DesiredState],
        observed: ObservedState,
        policy: Policy,
        now: float,
        estimates: Estimates,
        *,
        is_over: Callable[[], bool],
    ) -> Forecast:
        """Return what happens from now on with these revisions."""
        ...


class Outlook:
    """Answers for one daemon, from any thread."""

    def __init__(self, controller: Controller, run: Run, deadline_s: float = _DEADLINE_S) -> None:
        self._controller = controller
        self._run = run
        self._deadline_s = deadline_s

    def forecast(self, desired: Mapping[str, DesiredState]) -> Forecast:
        """Return what happens from now on with these revisions."""
        controller = self._controller
        observed, now = controller.picture(), controller.clock.now()
        records = controller.store.actions(limit=_LEARNT_FROM_MAX)
        estimates = learn((*recorded_of(records), *durations_of(observed)))
        over_at = time.monotonic() + self._deadline_s

        def is_over() -> bool:
            time.sleep(0)
            return time.monotonic() > over_at

        return self._run(desired, observed, controller.policy, now, estimates, is_over=is_over)

    def capacity(self, desired: Mapping[str, DesiredState]) -> Capacity:
        """Return the room of the cluster with these revisions."""
        controller = self._controller
        return capacity(desired, controller.picture(), controller.policy, controller.clock.now())


def recorded_of(records: tuple[ActionRecord, ...]) -> tuple[Recorded, ...]:
    """Return how long the actions took that did something."""
    return tuple(
        Recorded(of=one.type, image=one.image, seconds=one.outcome.finished_at - one.outcome.started_at)
        for one in records
        if one.type and one.outcome.status is OutcomeStatus.DONE and one.outcome.started_at
    )
