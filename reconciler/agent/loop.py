"""The agent's loop: one thread that owns the node's memory, looks, decides by the pure step, and hands effects out.

Effect. It goes on healing the host while the controller is away; documents and memory are on disk.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable

import msgspec
from apscheduler.schedulers.background import BackgroundScheduler

from reconciler.agent.journal import Journal
from reconciler.agent.probing import Probing
from reconciler.executors.run import Runner
from reconciler.model.errors import ReconcilerError
from reconciler.model.node import Assignment, Materials, NetworkView
from reconciler.model.node_report import NodeEvent, NodeFacts, Observation, PodReport
from reconciler.model.plan import Action, Outcome
from reconciler.model.ports import Clock, NodeDocuments, World
from reconciler.model.pressure import DEFAULT_LIMITS, HostLimits
from reconciler.model.status import LoopStatus
from reconciler.planner.node.faults import faults_of
from reconciler.planner.node.leading import Leading
from reconciler.planner.node.step import NodeStep, step

log = logging.getLogger(__name__)
replace = msgspec.structs.replace

_HEARTBEAT_S = 10.0
_EVENTS_KEPT = 200

Report = Callable[[bytes], None]
Tell = Callable[[tuple[tuple[Action, Outcome], ...]], None]


class AgentLoop:
    """Drives one host. `report` receives encoded observations, `tell` what came of actions."""

    def __init__(
        self,
        node: str,
        world: World,
        journal: Journal,
        clock: Clock,
        scheduler: BackgroundScheduler,
        report: Report,
        tell: Tell,
        resync_s: float = 30.0,
        limits: HostLimits = DEFAULT_LIMITS,
    ) -> None:
        self._node = node
        self._world = world
        self._journal = journal
        self._clock = clock
        self._scheduler = scheduler
        self._report = report
        self._tell = tell
        self._resync_s = resync_s
        self._limits = limits
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._inbox: queue.SimpleQueue[NodeDocuments | Outcome] = queue.SimpleQueue()
        self._runner = Runner(world.execute, self._on_outcome, clock)
        self._probing = Probing(world, clock, scheduler, self.look)
        self._thread = threading.Thread(target=self._run, name="agent", daemon=True)
        self._memory = journal.memory()
        assignment, view, self._materials = journal.documents()
        self._assignment: Assignment | None = assignment
        self._view: NetworkView | None = view
        self._leading = Leading()
        self._actions: dict[str, Action] = {}
        self._outcomes: tuple[Outcome, ...] = ()
        self._events: list[NodeEvent] = []
        self._sequence = journal.first_sequence(int(clock.now() * 1000))
        self._sent: Observation | None = None
        self._sent_at = 0.0
        self._full = True
        self._heard = False
        self._status = LoopStatus(name="agent")

    def start(self) -> None:
        """Begin: follow the host's events and make the first full pass at once."""
        self._world.watch(self.look)
        self._scheduler.add_job(self._resync, "interval", seconds=self._resync_s, id="agent-resync", max_instances=1)
        self._scheduler.add_job(
            lambda: self.look("heartbeat"), "interval", seconds=_HEARTBEAT_S, id="agent-heartbeat", max_instances=1
        )
        self._thread.start()
        self.look("start")

    def stop(self, timeout_s: float = 10.0) -> None:
        """End the loop; the host's Pods go on."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._runner.close()
        self._world.close()

    def look(self, reason: str) -> None:
        """Wake the loop; it never says what to do."""
        log.debug("look", extra={"reason": reason})
        self._wake.set()

    def deliver(self, encoded: bytes) -> None:
        """Take documents from the controller (any thread)."""
        self._inbox.put(msgspec.json.decode(encoded, type=NodeDocuments))
        self._wake.set()

    def status(self) -> LoopStatus:
        """Return when the loop last ran and what went wrong."""
        return self._status

    def running(self) -> tuple[Action, ...]:
        """Return the actions that run right now."""
        return self._runner.running()

    # The loop's thread

    def _resync(self) -> None:
        self._full = True
        self.look("resync")

    def _on_outcome(self, outcome: Outcome) -> None:
        self._inbox.put(outcome)
        self._wake.set()

    def _run(self) -> None:
        try:
            self._loop()
        finally:
            self._status = replace(self._status, ended=True)

    def _loop(self) -> None:
        look_at: float | None = None
        while not self._stopping.is_set():
            timeout = None if look_at is None else max(look_at - self._clock.now(), 0.0)
            self._wake.wait(min(timeout, 60.0) if timeout is not None else 60.0)
            self._wake.clear()
            if self._stopping.is_set():
                return
            look_at = self._pass()

    def _pass(self) -> float | None:
        started = time.monotonic()
        error = ""
        look_at: float | None = self._clock.now() + 5.0
        try:
            look_at = self._once()
            error = self._journal.fault
        except ReconcilerError as failure:
            error = str(failure)
            log.warning("agent pass failed", extra={"error": error})
        except Exception as bug:
            error = f"bug: {type(bug).__name__}: {bug}"
            log.exception("agent pass crashed")
        self._status = LoopStatus(
            name="agent", ran_at=self._clock.now(), took_s=time.monotonic() - started, error=error
        )
        return look_at

    def _once(self) -> float | None:
        # In this order: an action whose outcome is not drained here is still in flight (see Runner).
        in_flight = self._runner.in_flight()
        # They wait here until a step has seen them: a look at the host may fail in between.
        self._outcomes = (*self._outcomes, *self._drain())
        ended = {outcome.key for outcome in self._outcomes}
        # What was handed out and never started, because the plan was late, has no outcome to be told.
        self._actions = {key: one for key, one in self._actions.items() if key in in_flight or key in ended}
        in_flight -= ended
        facts = self._observe()
        if self._assignment is None or self._view is None:
            outcomes, self._outcomes = self._outcomes, ()
            self._send(facts, outcomes)
            return None
        answer = self._step(facts, self._outcomes, in_flight)
        outcomes, self._outcomes = self._outcomes, ()
        self._memory = answer.memory
        self._leading.follow(answer, self._view.generation, facts)
        self._journal.keep_memory(answer.memory)
        self._remember(answer.plan.actions)
        self._runner.submit(answer.plan.actions, self._materials or Materials(), in_flight)
        self._probing.set_targets(answer.probes)
        self._events = [*self._events, *answer.events][-_EVENTS_KEPT:]
        self._send(facts, outcomes, answer.reports, answer.pressures)
        return answer.plan.look_again_at

    def _observe(self) -> NodeFacts:
        """Look at the host; a full compare that failed is still owed."""
        full, self._full = self._full, False
        try:
            return self._world.observe(full=full)
        except BaseException:
            self._full = self._full or full
            raise

    def _step(self, facts: NodeFacts, outcomes: tuple[Outcome, ...], in_flight: frozenset[str]) -> NodeStep:
        assert self._assignment is not None
        assert self._view is not None
        return step(
            self._memory,
            self._assignment,
            self._view,
            facts,
            probes=self._probing.states(),
            outcomes=outcomes,
            in_flight=in_flight,
            now=self._clock.now(),
            in_contact=self._heard,
            limits=self._limits,
        )

    def _drain(self) -> tuple[Outcome, ...]:
        outcomes: list[Outcome] = []
        while True:
            try:
                item = self._inbox.get_nowait()
            except queue.Empty:
                return tuple(outcomes)
            if isinstance(item, Outcome):
                outcomes.append(item)
            else:
                self._take(item)

    def _take(self, documents: NodeDocuments) -> None:
        """Take newer documents over; older ones, of a deposed leader, are refused (P18)."""
        if not self._has_documents() and None in (documents.assignment, documents.view, documents.materials):
            # A part without the rest, meant for what this disk held before: reporting generation 0 brings everything.
            return
        self._heard = True
        if documents.materials is not None:
            self._materials = documents.materials
            self._journal.keep_materials(documents.materials)
        # First what isolates Pods, then the Pods: who is killed between has the one on disk without the other.
        if documents.view is not None and not _is_older(documents.view, self._view):
            self._view = documents.view
            self._journal.keep_view(documents.view)
        if documents.assignment is not None and not _is_older(documents.assignment, self._assignment):
            self._assignment = documents.assignment
            self._journal.keep_assignment(documents.assignment)

    def _has_documents(self) -> bool:
        return self._assignment is not None and self._view is not None

    def _generation(self) -> int:
        """What the report was planned from; 0 asks for everything: at first, or when a reboot took the values."""
        is_whole = self._has_documents() and self._materials is not None
        return self._assignment.generation if self._assignment is not None and is_whole else 0

    def _remember(self, actions: tuple[Action, ...]) -> None:
        """Keep what was handed out until its outcome has been told, with the reason that it was handed out for."""
        for action in actions:
            self._actions.setdefault(action.key, action)

    def _send(
        self,
        facts: NodeFacts,
        outcomes: tuple[Outcome, ...],
        reports: tuple[PodReport, ...] = (),
        pressures: tuple[str, ...] = (),
    ) -> None:
        now = self._clock.now()
        told = tuple((self._actions.pop(one.key), one) for one in outcomes if one.key in self._actions)
        if told:
            self._tell(told)
        observation = Observation(
            node=self._node,
            boot_id=facts.host.boot_id,
            sequence=self._sequence + 1,
            observed_at=now,
            generation=self._generation(),
            view_generation=self._leading.generation,
            facts=facts.as_reported(),
            pods=reports,
            pressures=pressures,
            faults=faults_of(self._memory, facts),
            memory=msgspec.Raw(msgspec.json.encode(self._memory)),
            events=tuple(self._events),
        )
        # A clock that was set back says nothing of how long ago that was.
        if 0 <= now - self._sent_at < _HEARTBEAT_S - 1 and _says_the_same(self._sent, observation):
            return
        self._sequence += 1
        self._sent, self._sent_at = observation, now
        self._events = []
        self._report(msgspec.json.encode(observation))


def _is_older(new: Assignment | NetworkView, old: Assignment | NetworkView | None) -> bool:
    return (
        old is not None and new.cluster_id == old.cluster_id and (new.term, new.generation) < (old.term, old.generation)
    )


def _says_the_same(old: Observation | None, new: Observation) -> bool:
    return old is not None and content_of(old) == content_of(new)


def content_of(observation: Observation) -> Observation:
    """Return an observation without what changes by itself: times, counters, free disk space."""
    host = replace(observation.facts.host, disk_free_bytes=0)
    facts = replace(observation.facts, observed_at=0.0, host=host)
    return replace(observation, sequence=0, observed_at=0.0, facts=facts)
