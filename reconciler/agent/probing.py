"""Run the probes that the node's plan asks for, each on its own schedule. Effect.

Thresholds are judged by the planner's pure functions; the loop is only woken when a judgement changes, or by the
first failure of a series, which is told.
"""

import logging
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from reconciler.model.errors import ReconcilerError
from reconciler.model.node_report import ProbeState, ProbeTarget
from reconciler.model.ports import Clock, Look, World
from reconciler.planner.node.probes import advance, next_at

log = logging.getLogger(__name__)

_WORKERS = 16
_POOL = "probes"


class Probing:
    """Keeps one job per probe. Thread-safe."""

    def __init__(self, world: World, clock: Clock, scheduler: BackgroundScheduler, look: Look) -> None:
        self._world = world
        self._clock = clock
        self._scheduler = scheduler
        self._look = look
        self._lock = threading.Lock()
        self._targets: dict[str, ProbeTarget] = {}
        self._states: dict[str, ProbeState] = {}
        scheduler.add_executor(ThreadPoolExecutor(_WORKERS), alias=_POOL)

    def states(self) -> Mapping[str, ProbeState]:
        """Return how every probe stands."""
        with self._lock:
            return dict(self._states)

    def set_targets(self, targets: Iterable[ProbeTarget]) -> None:
        """Start the probes that are new and stop those that are no longer asked for."""
        wanted = {target.key: target for target in targets}
        with self._lock:
            ended = self._targets.keys() - wanted.keys()
            new = [target for key, target in wanted.items() if key not in self._targets]
            self._targets = wanted
            for key in ended:
                self._states.pop(key, None)
            for target in new:
                self._states.setdefault(target.key, ProbeState(key=target.key))
            # Jobs are kept by the clock: one that was set back would have them wait.
            now = self._clock.now()
            late = [one for key, one in wanted.items() if self._states[key].probed_at > now and one not in new]
        for key in ended:
            with suppress(JobLookupError):  # it runs just now
                self._scheduler.remove_job(key)
        for target in (*new, *late):
            self._schedule(target)

    def _schedule(self, target: ProbeTarget) -> None:
        with self._lock:
            state = self._states.get(target.key)
        if state is None:
            return
        now = self._clock.now()
        at = max(next_at(state, target, now), now)
        self._scheduler.add_job(
            self._probe,
            "date",
            run_date=datetime.fromtimestamp(at, UTC),
            args=(target.key,),
            id=target.key,
            executor=_POOL,
            replace_existing=True,
            misfire_grace_time=None,
        )

    def _probe(self, key: str) -> None:
        with self._lock:
            target = self._targets.get(key)
        if target is None:
            return
        try:
            ok, message = self._world.probe(target, float(target.probe.timeout_seconds))
        except ReconcilerError as error:
            log.debug("a probe could not be run", extra={"probe": key, "reason": error.reason})
            self._put_off(target)
            return
        except Exception:
            # A bug in one run must not end the probe for good.
            log.exception("a probe crashed", extra={"probe": key})
            self._put_off(target)
            return
        with self._lock:
            before = self._states.get(key)
            if before is None or key not in self._targets:
                return
            after = advance(before, target, ok, message, self._clock.now())
            self._states[key] = after
        if after.result != before.result or after.failures == 1:
            self._look(f"probe {target.probe_kind} of {target.container}")
        self._schedule(target)

    def _put_off(self, target: ProbeTarget) -> None:
        """Try again after a period: that the Engine could not run a probe says nothing about the container (P10)."""
        with self._lock:
            before = self._states.get(target.key)
            if before is None or target.key not in self._targets:
                return
            self._states[target.key] = msgspec.structs.replace(before, probed_at=self._clock.now())
        self._schedule(target)
