"""Walk a plan's graph of actions: what needs nothing runs at once, what failed stops only what depends on it.

Effect. Pools are bounded per technology, so that a stuck registry delays pulls and nothing else (P07).
"""

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from reconciler.model.details import Detail, MountShare, PullImage, StopContainer, TrashVolume, UnmountShare
from reconciler.model.errors import ReconcilerError
from reconciler.model.node import Materials
from reconciler.model.plan import Action, Executor, Outcome, OutcomeStatus
from reconciler.model.ports import Clock

log = logging.getLogger(__name__)

Execute = Callable[[Action, Materials], Outcome]
Finished = Callable[[Outcome], None]

_POOL_SIZES = {"container": 8, "pull": 4, "stop": 64, "network": 4, "volume": 4, "share": 8, "scheduling": 1}
_SUCCEEDED = frozenset({OutcomeStatus.DONE, OutcomeStatus.UNCHANGED})


class Runner:
    """Runs actions in the order of their needs. Thread-safe; every outcome is given to `finished` exactly once."""

    def __init__(self, execute: Execute, finished: Finished, clock: Clock) -> None:
        self._execute = execute
        self._finished = finished
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[Action, set[str]]] = {}
        # What waits for an earlier action of its own sort, however that one ends.
        self._after: dict[str, set[str]] = {}
        self._running: dict[str, Action] = {}
        self._pools = {
            name: ThreadPoolExecutor(size, thread_name_prefix=f"run-{name}") for name, size in _POOL_SIZES.items()
        }
        self._materials = Materials()
        self._closed = False

    def submit(
        self, actions: Iterable[Action], materials: Materials, planned_in_flight: frozenset[str] = frozenset()
    ) -> None:
        """Take over a newer plan: start what is new, drop what waits and is no longer in it (P01).

        What runs already goes on to its end; effects are idempotent, so nothing is lost or doubled. What was in flight
        when the plan was made (`planned_in_flight`) and has ended since is not done again, and what needs it waits for
        the next plan, which knows how it ended.
        """
        wanted = {action.key: action for action in actions}
        with self._lock:
            if self._closed:
                return
            self._materials = materials
            ended = planned_in_flight - self._running.keys() - self._waiting.keys()
            dropped = [action for key, (action, _) in self._waiting.items() if key not in wanted]
            for action in dropped:
                self._forget(action.key)
            known = self._running.keys() | self._waiting.keys()
            new = [action for key, action in _without(wanted, ended).items() if key not in known]
            pending = known | {action.key for action in new}
            # A need that was dropped would never be met: the newer plan says what to wait for in its place.
            for key, (action, needs) in self._waiting.items():
                if not needs <= pending:
                    self._waiting[key] = (action, pending.intersection(wanted[key].needs))
            for action in new:
                self._after[action.key] = self._earlier(action)
                self._waiting[action.key] = (action, {need for need in action.needs if need in pending})
        for action in dropped:
            self._finished(self._outcome(action, OutcomeStatus.CANCELLED, "a newer plan does without it"))
        self._start_ready()

    def in_flight(self) -> frozenset[str]:
        """Return the keys of what runs or waits."""
        with self._lock:
            return frozenset(self._running) | frozenset(self._waiting)

    def running(self) -> tuple[Action, ...]:
        """Return what runs right now."""
        with self._lock:
            return tuple(self._running.values())

    def close(self, timeout_s: float = 5.0) -> None:
        """Drop what waits and let what runs end by itself; nothing on the host is undone."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._after.clear()
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def _start_ready(self) -> None:
        with self._lock:
            ready = [action for action, needs in self._waiting.values() if not needs and not self._after[action.key]]
            for action in ready:
                self._forget(action.key)
                self._running[action.key] = action
            closed = self._closed
        for action in ready:
            if not closed:
                self._pools[pool_of(action)].submit(self._run, action)

    def _run(self, action: Action) -> None:
        started = self._clock.now()
        try:
            outcome = self._execute(action, self._materials)
        except ReconcilerError as error:
            outcome = self._outcome(action, OutcomeStatus.FAILED, str(error), error.reason, error.retry.value)
        except Exception as error:
            log.exception("an action crashed", extra={"key": action.key, "object": str(action.object)})
            outcome = self._outcome(action, OutcomeStatus.FAILED, f"bug: {type(error).__name__}", "Bug", "transient")
        outcome = msgspec.structs.replace(outcome, key=action.key, started_at=started, finished_at=self._clock.now())
        self._settle(action, outcome)

    def _settle(self, action: Action, outcome: Outcome) -> None:
        """Tell the outcome before the action stops counting as in flight, so that nobody sees it as neither."""
        self._finished(outcome)
        with self._lock:
            failed = outcome.status not in _SUCCEEDED
            skipped = self._dependants(action.key) if failed else []
        for one in skipped:
            message = f"not tried: {action.verb.value} {action.object} failed"
            self._finished(self._outcome(one, OutcomeStatus.SKIPPED, message, "DependencyFailed"))
        with self._lock:
            self._running.pop(action.key, None)
            for one in skipped:
                self._forget(one.key)
            for key, (_, needs) in self._waiting.items():
                needs.discard(action.key)
                self._after[key].discard(action.key)
        self._start_ready()

    def _forget(self, key: str) -> None:
        """No longer wait for an action to start."""
        self._waiting.pop(key, None)
        self._after.pop(key, None)

    def _earlier(self, action: Action) -> set[str]:
        """Return what is in flight and brings the same part of the host to an earlier state.

        The services and names of a host are written as a whole: the newest state must be written last.
        """
        if action.object.kind != "Node":
            return set()
        in_flight = (*self._running.values(), *(one for one, _ in self._waiting.values()))
        return {one.key for one in in_flight if one.object == action.object and type(one.detail) is type(action.detail)}

    def _dependants(self, key: str) -> list[Action]:
        """Return everything that waits for `key`, directly or not."""
        found: dict[str, Action] = {}
        reached = [key]
        while reached:
            key = reached.pop()
            for action, needs in self._waiting.values():
                if key in needs and action.key not in found:
                    found[action.key] = action
                    reached.append(action.key)
        return list(found.values())

    def _outcome(
        self, action: Action, status: OutcomeStatus, message: str, reason: str = "", retry: str = ""
    ) -> Outcome:
        now = self._clock.now()
        return Outcome(
            key=action.key,
            status=status,
            message=message,
            reason=reason,
            retry=retry,
            started_at=now,
            finished_at=now,
        )


def _without(actions: dict[str, Action], ended: frozenset[str]) -> dict[str, Action]:
    """Return the actions that are not among `ended` and need none of them, directly or not."""
    left_out = set(ended)
    while more := {
        key for key, action in actions.items() if key not in left_out and left_out.intersection(action.needs)
    }:
        left_out |= more
    return {key: action for key, action in actions.items() if key not in left_out}


def pool_of(action: Action) -> str:
    """Return the pool that runs an action: slow pulls, graceful stops and remote shares have their own."""
    detail: Detail | None = action.detail
    if isinstance(detail, PullImage):
        return "pull"
    if isinstance(detail, StopContainer):
        return "stop"
    if isinstance(detail, (MountShare, UnmountShare)) or (isinstance(detail, TrashVolume) and detail.share):
        return "share"
    return {
        Executor.CONTAINER: "container",
        Executor.NETWORK: "network",
        Executor.VOLUME: "volume",
        Executor.SCHEDULING: "scheduling",
    }[action.executor]
