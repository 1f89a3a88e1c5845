"""Runs a rollout in virtual time until nothing changes, and says what happened. Pure.

The simulated cluster does what the daemon and the agents do; how long things take, and that tasks end well and probes
succeed, is assumed. Bounded by steps, by virtual time, and by whoever asks (`is_over`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.model.desired import DesiredState
from reconciler.model.forecast import Forecast, Unsettled
from reconciler.model.kinds import Pod
from reconciler.model.observed import ObservedState, StoredObject
from reconciler.model.plan import Plan
from reconciler.model.policy import Policy
from reconciler.model.status import Health
from reconciler.planner.estimates import Estimates
from reconciler.planner.health import health_of
from reconciler.simulation.cluster import Restless
from reconciler.simulation.forecast.assumed import Assumed
from reconciler.simulation.forecast.remarks import Remarks
from reconciler.simulation.forecast.start import begin
from reconciler.simulation.forecast.steps import Steps
from reconciler.simulation.forecast.watch import Watch

_SLICE_S, _LONG_SLICE_S, _QUIET_S = 1.0, 15.0, 60.0
# What is settled has to stay so for a while: a container that crashes is ready for a moment too.
_SETTLED_S = 10.0
# Longer than the usual progress deadline of a Deployment: what is stuck then is stuck.
_STALL_S = 660.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a forecast goes: this many steps, and this much of the rollout's time."""

    steps_max: int = 5_000
    horizon_s: float = 4 * 3600.0


class _Cut(Exception):
    """The forecast ends before the rollout does."""


def forecast(
    desired: Mapping[str, DesiredState],
    observed: ObservedState,
    policy: Policy,
    now: float,
    estimates: Estimates,
    limits: Limits = Limits(),
    is_over: Callable[[], bool] = lambda: False,
) -> Forecast:
    """Return what happens from now on with these revisions, until nothing changes any more.

    `is_over` is asked between any two steps of the simulation; once it says yes, the forecast ends where it is.
    """
    return _Run(desired, observed, policy, now, estimates).run(limits, is_over)


class _Run:
    """One forecast under way."""

    def __init__(
        self,
        desired: Mapping[str, DesiredState],
        observed: ObservedState,
        policy: Policy,
        now: float,
        estimates: Estimates,
    ) -> None:
        self._desired = desired
        self._now = now
        self._assumed = Assumed(estimates)
        self._steps = Steps(now)
        self._watch = Watch(observed, now)
        self._remarks = Remarks(observed, policy, now)
        self._changed_at = now
        self._cluster = begin(
            desired,
            observed,
            policy,
            now,
            self._assumed,
            self._planned,
            lambda begun, action, outcome: self._steps.note_action(begun, action, outcome, self._cluster.now),
        )

    def run(self, limits: Limits, is_over: Callable[[], bool]) -> Forecast:
        """Run until nothing changes, or a limit is reached."""
        cut = ""
        try:
            while not self._is_over(limits):
                self._cluster.run_for(self._slice_s(), lambda _: self._check(limits, is_over))
        except _Cut as reached:
            cut = str(reached)
        except Restless:
            cut = "the cluster does not come to rest: it goes on changing without time going on"
        return self._result(cut)

    def _is_over(self, limits: Limits) -> bool:
        cluster = self._cluster
        if cluster.now - self._now >= limits.horizon_s:
            raise _Cut(f"it is not over after {limits.horizon_s / 3600:g} h")
        if not cluster.is_at_rest:
            return False
        quiet_s = self._quiet_for_s()
        is_settled = quiet_s >= _SETTLED_S and not any(_find(cluster.observed, Health.PROGRESSING))
        return is_settled or quiet_s > _STALL_S

    def _check(self, limits: Limits, is_over: Callable[[], bool]) -> None:
        if len(self._steps) > limits.steps_max:
            raise _Cut(f"it has more than {limits.steps_max} steps")
        if is_over():
            raise _Cut("working it out took too long")

    def _planned(self, before: ObservedState, plan: Plan) -> None:
        cluster = self._cluster
        self._steps.note_plan(before, plan, cluster.now)
        self._remarks.note(before, plan, cluster.now)
        if plan.changes:
            self._changed_at = cluster.now
            self._watch.note(cluster.observed, plan, cluster.now)

    def _quiet_for_s(self) -> float:
        return self._cluster.now - max(self._changed_at, self._now + self._steps.ends_at_s)

    def _slice_s(self) -> float:
        return _SLICE_S if self._quiet_for_s() < _QUIET_S else _LONG_SLICE_S

    def _result(self, cut: str) -> Forecast:
        cluster = self._cluster
        observed, now = cluster.observed, cluster.now
        availability = self._watch.result(observed, now)
        return Forecast(
            revisions={name: self._desired[name].revision for name in sorted(self._desired)},
            observed_at=self._now,
            assumptions=self._remarks.assumptions(),
            took_s=self._steps.ends_at_s,
            cut=cut,
            steps=self._steps.result(),
            availability=availability,
            unplaced=self._remarks.unplaced(observed, now),
            unsettled=tuple(_find(observed, Health.PROGRESSING, Health.DEGRADED)),
            estimates=self._assumed.used,
            warnings=self._remarks.warnings(observed, availability),
        )


def _find(observed: ObservedState, *healths: Health) -> Iterator[Unsettled]:
    """Go through the objects that are no healthier than that, and why, in the order of names.

    A Pod that has ended is its owner's to judge: a Job, say, may have gone on without it.
    """
    for ref, stored in sorted(observed.objects.items()):
        found = health_of(stored)
        if found.health in healths and not _is_over(stored):
            yield Unsettled(object=ref, reason=found.reason, message=found.message)


def _is_over(stored: StoredObject) -> bool:
    pod = stored.object
    return isinstance(pod, Pod) and pod.status.phase == "Failed" and bool(pod.metadata.owner_references)
