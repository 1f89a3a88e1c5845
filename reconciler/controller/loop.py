"""The controller's loop: one thread that leads, ticks when something may have changed, and waits otherwise.

Effect. A wake-up says *look*, never what to do.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait

import msgspec

from reconciler.controller.declared import Declared
from reconciler.controller.heartbeats import heartbeat_changes
from reconciler.controller.provider import ProviderBoard
from reconciler.controller.removal import removal_of
from reconciler.controller.source import Reading
from reconciler.controller.tick import Projection, happenings_of, observe, tick
from reconciler.controller.usage import UsageBoard
from reconciler.model.agents import ToldOutcome
from reconciler.model.errors import LeadershipLost, ReconcilerError, StaleError
from reconciler.model.node_report import NodeFacts, Observation
from reconciler.model.observed import ClusterInfo, NodeState, ObservedState
from reconciler.model.plan import Action, Happening, Outcome, Plan, RevisionEnding
from reconciler.model.policy import Policy
from reconciler.model.ports import Clock, NodeLink
from reconciler.model.refs import ObjectRef
from reconciler.model.status import LoopStatus
from reconciler.planner.listening import listening, not_ahead
from reconciler.planner.memo import Memo
from reconciler.planner.workloads.job_counts import Counts, job_counts
from reconciler.store import values
from reconciler.store.commit import Commit
from reconciler.store.index import Index, View
from reconciler.store.store import Store

log = logging.getLogger(__name__)
replace = msgspec.structs.replace

LEASE_TTL_S = 15.0
_RETRY_S = 2.0
_AFRESH_S = 600.0
_FORGOTTEN_WITHIN_S = 10.0
# The loop runs so much later than it was to: this process was stopped, or its host slept.
_STOOD_STILL_S = 10.0


def awake_s() -> float:
    """Return seconds that go on while this process is stopped or its host sleeps, whatever becomes of the clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Controller:
    """Owns the picture of the cluster. `changed` is notified after every tick that did something."""

    def __init__(
        self,
        store: Store,
        index: Index,
        cluster: ClusterInfo,
        policy: Policy,
        link: NodeLink,
        clock: Clock,
        holder: str,
    ) -> None:
        self.store = store
        self.index = index
        self.cluster = cluster
        self.policy = policy
        self.clock = clock
        self.declared = Declared(store, index, clock, self._term_to_write)
        self.changed = threading.Condition()
        self._holder = holder
        self._projection = Projection(link, policy)
        self._memo = Memo()
        self.planned_afresh_at = clock.now()
        self.usage = UsageBoard(clock)
        self.provider: ProviderBoard | None = None
        self.counts: Counts = Counter()
        link.on_report(self.receive)
        link.on_sample(self.usage.receive)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._inbox: deque[Callable[[], None]] = deque()
        self._thread = threading.Thread(target=self._run, name="controller", daemon=True)
        self._lease: values.Lease | None = None
        self._nodes: dict[str, NodeState] = dict(store.snapshot().nodes)
        self._events: list[Happening] = []
        self._records: list[values.ActionRecord] = []
        self._plan = Plan()
        self._seen: tuple[object, ...] = ()
        self._status = LoopStatus(name="controller")
        self._fault = ""
        self._count = 0

    # Life

    def start(self) -> None:
        """Begin to lead, when nobody else does, and to tick."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End the loop and give the lead up at once."""
        self._stopping.set()
        self._wake.set()
        self.declared.stop()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self._lease is not None:
            self.store.release(self._lease)

    def look(self, reason: str) -> None:
        """Wake the loop."""
        log.debug("look", extra={"reason": reason})
        self._wake.set()

    def renew(self) -> None:
        """Extend the lease; a periodic job calls this."""
        lease = self._lease
        if lease is not None and not self.store.renew(lease):
            self._do(self._lose_lead)
        elif lease is None:
            self.look("lease")

    # What arrives, from any thread

    def receive(self, observation: Observation) -> None:
        """Take a node's report; when it was heard is told by our clock, because its own may be wrong."""
        at = self.clock.now()
        self._do(lambda: self._take_observation(observation, at))

    def forget_node(self, node: str) -> None:
        """Know a node no more that was shut out: its Pods may be replaced. Returns when that is done, or soon.

        Raises what kept it from being written; asked again, it is tried again.
        """
        done: Future[None] = Future()

        def forget() -> None:
            try:
                self._forget_node(node)
            except ReconcilerError as error:
                done.set_exception(error)
                raise
            done.set_result(None)

        self._do(forget)
        wait([done], _FORGOTTEN_WITHIN_S)
        if done.done():
            done.result()

    def receive_reading(self, reading: Reading) -> None:
        """Take what a poll of a source found."""
        self._do(lambda: self.declared.take(reading))

    def receive_outcomes(self, told: Sequence[tuple[Action, Outcome]]) -> None:
        """Take what came of a node's actions, for the history."""
        self._do(lambda: self._take_outcomes(told))

    def receive_told(self, told: Sequence[ToldOutcome]) -> None:
        """Take what came of the actions of a node on another host, for the history."""
        self._do(lambda: self._take_told(told))

    def note(self, happening: Happening) -> None:
        """Take something that is worth an Event."""
        self._do(lambda: self._events.append(happening))

    def _do(self, task: Callable[[], None]) -> None:
        self._inbox.append(task)
        self._wake.set()

    # What others may read, from any thread

    def picture(self) -> ObservedState:
        """Return everything observed as of now."""
        return self._picture_of(self.index.view)

    def _picture_of(self, view: View) -> ObservedState:
        provider = self.provider.state if self.provider is not None else None
        observed = observe(self.cluster, view, self._nodes, self.term, self.usage.latest(), provider)
        return replace(observed, sources=self.declared.only_ours(observed.sources))

    @property
    def term(self) -> int:
        """The term of the lead; 0 when somebody else leads."""
        return self._lease.term if self._lease else 0

    @property
    def last_plan(self) -> Plan:
        """The plan of the last tick."""
        return self._plan

    @property
    def ticks(self) -> int:
        """How many ticks there were."""
        return self._count

    def status(self) -> LoopStatus:
        """Return when the loop last ran and what went wrong."""
        return self._status

    # The loop's thread

    def _run(self) -> None:
        try:
            self._loop()
            self._flush_records()
        finally:
            self._status = replace(self._status, ended=True)

    def _loop(self) -> None:
        look_at: float | None = self.clock.now()
        woken_at = awake_s()
        while not self._stopping.is_set():
            timeout = 60.0 if look_at is None else min(max(look_at - self.clock.now(), 0.0), 60.0)
            self._wake.wait(timeout)
            self._wake.clear()
            before, woken_at = woken_at, awake_s()
            self._hear_anew(woken_at - before - timeout)
            if not self._stopping.is_set():
                look_at = self._pass()

    def _hear_anew(self, late_s: float) -> None:
        """Give nodes a whole lease after a standstill of ours: they are not silent because nobody listened."""
        if late_s > _STOOD_STILL_S:
            log.warning("this process stood still", extra={"seconds": round(late_s)})
            self._nodes = listening(self._nodes, self.index.by_kind("Node"), self.clock.now())

    def _pass(self) -> float | None:
        started = time.monotonic()
        error = ""
        look_at: float | None = self.clock.now() + _RETRY_S
        try:
            look_at = self._once()
            error = self._fault
        except LeadershipLost as lost:
            self._lose_lead()
            error = str(lost)
        except StaleError as stale:
            # Somebody wrote in between: look again at once, from what is stored now.
            log.info("tick was stale", extra={"error": str(stale)})
            self.index.poll()
            self._forget_passes()
            look_at = self.clock.now()
        except ReconcilerError as failure:
            # It stays until something was written again: a pass that had nothing to write proves nothing.
            error = self._fault = str(failure)
            self._forget_passes()
            log.warning("tick failed", extra={"error": error})
        except Exception as bug:
            error = f"bug: {type(bug).__name__}: {bug}"
            self._forget_passes()
            log.exception("tick crashed")
        took = time.monotonic() - started
        self._status = LoopStatus(name="controller", ran_at=self.clock.now(), took_s=took, error=error)
        return look_at

    def _once(self) -> float | None:
        while self._inbox:
            self._inbox.popleft()()
        if not self._lead():
            return self.clock.now() + LEASE_TTL_S / 3
        self.index.poll()
        self._nodes = not_ahead(self._nodes, self.clock.now())
        self._refresh_heartbeats()
        if self.clock.now() - self.planned_afresh_at >= _AFRESH_S:
            self._forget_passes()
        if not self._may_differ():
            return self._plan.look_again_at
        now = self.clock.now()
        # What comes from now on is for the next pass, whether this one happens to see it or not.
        self._seen = self._inputs(now)
        events = tuple(self._events)
        observed, observed_version = self.picture(), self.index.resource_version
        self._plan = tick(self.store, self.declared.states(), observed, self.policy, now, events, self._memo)
        self.counts.update(job_counts(observed.objects, self._plan.changes))
        # Told events are forgotten only once they are written.
        self._events = self._events[len(events) :]
        if self.index.resource_version != observed_version:
            self._fault = ""
        self._count += 1
        self._return_failed(self._plan.endings)
        self._flush_records()
        written = self.index.view
        self._projection.send(self._picture_of(written), written.resource_version, now)
        self._tell_changed()
        return now if self._may_differ() else self._plan.look_again_at

    def _return_failed(self, endings: Sequence[RevisionEnding]) -> None:
        for ending in endings:
            told = self.declared.return_failed(ending, self.term)
            if told is not None:
                self._events.append(told)
                self.look("rollout failed")

    def _forget_passes(self) -> None:
        """Look at everything in the next pass, as after a start: a net under what passes remember of each other."""
        self._memo = Memo()
        self._seen = ()
        self.planned_afresh_at = self.clock.now()

    def _refresh_heartbeats(self) -> None:
        changes = tuple(heartbeat_changes(self.index.by_kind("Node"), self._nodes))
        if changes:
            self.store.commit(Commit(changes=changes), term=self.term)
            self.index.poll()

    def _may_differ(self) -> bool:
        """Whether anything that a plan depends on has changed since the last one."""
        now = self.clock.now()
        due = self._plan.look_again_at is not None and now >= self._plan.look_again_at
        return due or bool(self._events) or self._seen != self._inputs(now)

    def _inputs(self, now: float) -> tuple[object, ...]:
        view = self.index.view
        reports = tuple(
            (name, node.observation.sequence if node.observation else -1) for name, node in sorted(self._nodes.items())
        )
        # A node that was silent may be heard again with nothing new to say.
        silent = frozenset(n for n, node in self._nodes.items() if node.is_silent(now, self.policy.node_lease_s))
        provider = self.provider.state if self.provider is not None else None
        return (view.resource_version, view.side, self.declared.commits(), reports, silent, provider)

    def _tell_changed(self) -> None:
        with self.changed:
            self.changed.notify_all()

    # Leading

    def _lead(self) -> bool:
        if self._lease is None:
            self._lease = self.store.acquire(values.LEADER, self._holder, LEASE_TTL_S)
            if self._lease is not None:
                log.info("leading", extra={"term": self._lease.term})
                self.index.poll()
                self._nodes = listening(self._nodes, self.index.by_kind("Node"), self.clock.now())
                self.declared.register(self._lease.term)
        return self._lease is not None

    def _lose_lead(self) -> None:
        log.warning("another daemon leads")
        self._lease = None

    def _term_to_write(self) -> int:
        return self.term if self._lead() else 0

    # What arrived

    def _forget_node(self, node: str) -> None:
        self.store.forget_node(node)
        self._nodes.pop(node, None)
        self._projection.forget(node)
        self._seen = ()
        self.index.poll()
        stored = self.index.get(ObjectRef(kind="Node", name=node))
        if stored is not None:
            self.store.commit(Commit(changes=(removal_of(stored),)), term=self.term)
            self.index.poll()

    def _take_observation(self, observation: Observation, at: float) -> None:
        before = self._nodes.get(observation.node)
        same = before is not None and before.observation is not None and _same(before.observation, observation)
        if same and before is not None and before.observation is not None:
            # Nothing new but the time: keep the sequence, so that no tick is needed.
            self._nodes[observation.node] = replace(before, heartbeat_at=at)
            self.store.heartbeat(observation.node, at)
            self._fault = ""
            return
        try:
            is_new = self.store.record_observation(observation)
        except ReconcilerError:
            # What is will be told again, what happened will not.
            self._events += happenings_of(observation)
            raise
        if not is_new:
            return
        self._fault = ""
        self._events += happenings_of(observation)
        self._nodes[observation.node] = NodeState(name=observation.node, heartbeat_at=at, observation=observation)
        if observation.generation == 0 or (before is None):
            self._projection.forget(observation.node)
            self._seen = ()

    def _take_outcomes(self, told: Sequence[tuple[Action, Outcome]]) -> None:
        self._take_told([ToldOutcome(action=action, outcome=outcome) for action, outcome in told])

    def _take_told(self, told: Sequence[ToldOutcome]) -> None:
        now, plan = self.clock.now(), self._plan.id
        self._records += [
            values.ActionRecord(
                plan=plan, action=one.action, outcome=one.outcome, at=now, type=one.type, image=one.image
            )
            for one in told
        ]
        if len(self._records) > _RECORDS_MAX:
            self._flush_records()

    def _flush_records(self) -> None:
        records, self._records = tuple(self._records), []
        if records and self._lease is not None:
            self.store.commit(Commit(actions=records), term=self.term)


_RECORDS_MAX = 500


def _same(old: Observation, new: Observation) -> bool:
    return _content(old) == _content(new) and not new.events


def _content(observation: Observation) -> Observation:
    facts: NodeFacts = observation.facts
    quiet = replace(facts, observed_at=0.0, host=replace(facts.host, disk_free_bytes=0))
    return replace(observation, sequence=0, observed_at=0.0, facts=quiet, events=())
