"""One simulated node: the planner's step on a simulated World, in virtual time.

It does what the agent's loop does, without threads: begins actions whose needs are met, ends those whose time has
come, runs probes that are due, and plans again after every change. It can be killed between any two of these.
"""

from collections.abc import Mapping

import msgspec

from reconciler.model.node import Assignment, Materials, NetworkView, PodAssignment
from reconciler.model.node_report import NodeEvent, Observation, PodReport, ProbeState, ProbeTarget
from reconciler.model.plan import Action, Outcome, OutcomeStatus
from reconciler.model.ports import NodeDocuments
from reconciler.planner.node.faults import faults_of
from reconciler.planner.node.leading import Leading
from reconciler.planner.node.memory import NodeMemory
from reconciler.planner.node.probes import advance, next_at
from reconciler.planner.node.step import NodeStep, step
from reconciler.simulation.clock import VirtualClock
from reconciler.simulation.world import SimulatedWorld

_SUCCEEDED = (OutcomeStatus.DONE, OutcomeStatus.UNCHANGED)
_PASSES_MAX = 10_000


class NotQuiet(AssertionError):
    """A node did not come to rest within its limit."""


class SimulatedNode:
    """One agent and its host."""

    def __init__(self, name: str, clock: VirtualClock, world: SimulatedWorld) -> None:
        self.name = name
        self.clock = clock
        self.world = world
        self.memory = NodeMemory()
        self.last: NodeStep | None = None
        self.reports: tuple[PodReport, ...] = ()
        self.is_alive = True
        self.events: list[NodeEvent] = []
        self._assignment: Assignment | None = None
        self._view: NetworkView | None = None
        self._materials: Materials | None = Materials()
        self._in_contact = True
        self._forget()
        self._sequence = 0
        self._written: tuple[NodeMemory | None, msgspec.Raw] = None, msgspec.Raw()
        self._untold: list[NodeEvent] = []

    def _forget(self) -> None:
        self._waiting: dict[str, tuple[Action, set[str]]] = {}
        self._running: dict[str, tuple[float, Action]] = {}
        self._outcomes: list[Outcome] = []
        self._targets: tuple[ProbeTarget, ...] = ()
        self._states: dict[str, ProbeState] = {}
        self._leading = Leading()

    # What the lead of a cluster sees

    def deliver(self, documents: NodeDocuments) -> None:
        """Take documents over, as the agent does; older ones are refused by the step itself."""
        self._in_contact = True
        if documents.assignment is not None:
            self._assignment = documents.assignment
        if documents.view is not None:
            self._view = documents.view
        if documents.materials is not None:
            self._materials = documents.materials

    def observation(self) -> Observation:
        """Return the node's report."""
        facts = self.world.observe()
        self._sequence += 1
        events, self._untold = tuple(self._untold), []
        return Observation(
            node=self.name,
            boot_id=facts.host.boot_id,
            sequence=self._sequence,
            observed_at=self.clock.now(),
            generation=self._generation(),
            view_generation=self._leading.generation,
            facts=facts.as_reported(),
            pods=self.reports,
            pressures=self.last.pressures if self.last is not None else (),
            faults=faults_of(self.memory, facts),
            memory=self._encoded(),
            events=events,
        )

    def _encoded(self) -> msgspec.Raw:
        memory, raw = self._written
        if memory is not self.memory:
            raw = msgspec.Raw(msgspec.json.encode(self.memory))
            self._written = self.memory, raw
        return raw

    def crash(self, *, midway: bool = False) -> None:
        """Kill the agent: what it had begun is left undone, or (`midway`) half done; the host goes on."""
        if midway:
            for _, action in self._running.values():
                self.world.execute_half(action)
        self.is_alive = False
        self._forget()

    def restart(self, *, keep_memory: bool = True) -> None:
        """Start the agent again with the memory it had kept on disk, or without."""
        self._forget()
        stored = msgspec.json.encode(self.memory)
        self.memory = msgspec.json.decode(stored, type=NodeMemory) if keep_memory else NodeMemory()
        self._in_contact = False
        self.is_alive = True

    def set_clock(self, seconds: float) -> None:
        """Take in that the host's clock was set: what runs takes as long as it would have taken."""
        self._running = {key: (at + seconds, action) for key, (at, action) in self._running.items()}

    def forget_materials(self) -> None:
        """A reboot takes what was kept in memory; the next contact brings it back."""
        self._materials = None

    def next_at(self) -> float | None:
        """Return when the node next has something to do by itself; None: never. May lie in the past: at once."""
        if not self.is_alive:
            return None
        times = [at for at, _ in self._running.values()]
        if self.last is not None and self.last.plan.look_again_at is not None:
            times.append(self.last.plan.look_again_at)
        times.extend(self._next_probes())
        host = self.world.next_at()
        return min((*times, *(() if host is None else (host,))), default=None)

    def run_once(self) -> bool:
        """Do everything that is due now; return whether anything was done."""
        if not self.is_alive or self._assignment is None or self._view is None:
            return False
        ended = self._end_due()
        probed = self._probe_due()
        return self._plan() or ended or probed

    def run_until_quiet(self, limit_s: float = 3600.0) -> None:
        """Let time pass until nothing is left to do; raise `NotQuiet` when that takes longer than `limit_s`."""
        until = self.clock.now() + limit_s
        for _ in range(_PASSES_MAX):
            if self.run_once():
                continue
            at = self.next_at()
            if at is None:
                return
            if at > until:
                raise NotQuiet(f"{self.name} still waits for {at - self.clock.now():.0f} s: {self._describe()}")
            self.clock.advance_to(max(at, self.clock.now() + 0.001))
        raise NotQuiet(f"{self.name} did not come to rest: {self._describe()}")

    def run_for(self, seconds: float) -> None:
        """Let exactly this much time pass, doing what is due."""
        until = self.clock.now() + seconds
        for _ in range(_PASSES_MAX):
            if self.run_once():
                continue
            at = self.next_at()
            if at is None or at > until:
                break
            self.clock.advance_to(max(at, self.clock.now() + 0.001))
        self.clock.advance_to(until)
        self.run_once()

    def report(self, name: str) -> PodReport:
        """Return the newest report on a Pod by its name."""
        return next(report for report in self.reports if report.name == name)

    @property
    def in_flight(self) -> frozenset[str]:
        """The keys of what runs or waits for its needs."""
        return frozenset(self._running) | frozenset(self._waiting)

    @property
    def has_documents(self) -> bool:
        """Whether the node knows what it is to run and how the network looks."""
        return self._assignment is not None and self._view is not None

    def assigned(self, uid: str) -> PodAssignment | None:
        """Return what the node was told about a Pod."""
        pods = self._assignment.pods if self._assignment is not None else ()
        return next((pod for pod in pods if pod.uid == uid), None)

    @property
    def running(self) -> tuple[Action, ...]:
        """What was begun and has not ended."""
        return tuple(action for _, action in self._running.values())

    # The loop's parts

    def _generation(self) -> int:
        """What a report was planned from; 0 asks for everything."""
        is_whole = self.has_documents and self._materials is not None
        return self._assignment.generation if self._assignment is not None and is_whole else 0

    def _plan(self) -> bool:
        assert self._assignment is not None
        assert self._view is not None
        outcomes, self._outcomes = tuple(self._outcomes), []
        facts = self.world.observe()
        answer = step(
            self.memory,
            self._assignment,
            self._view,
            facts,
            probes=self._states,
            outcomes=outcomes,
            in_flight=self.in_flight,
            now=self.clock.now(),
            in_contact=self._in_contact,
        )
        changed = answer.memory != self.memory or answer.reports != self.reports
        if changed:
            self.memory, self.reports = answer.memory, answer.reports
        self.last = answer
        self._leading.follow(answer, self._view.generation, facts)
        self.events.extend(answer.events)
        self._untold.extend(answer.events)
        self._set_targets(answer.probes)
        return self._submit(answer.plan.actions) or changed

    def _submit(self, actions: tuple[Action, ...]) -> bool:
        wanted = {action.key: action for action in actions}
        dropped = [key for key in self._waiting if key not in wanted]
        for key in dropped:
            self._settle(self._waiting.pop(key)[0], OutcomeStatus.CANCELLED)
        new = [action for key, action in wanted.items() if key not in self.in_flight]
        pending = self.in_flight | {action.key for action in new}
        for key, (action, needs) in self._waiting.items():
            # A need that was dropped would never be met: the newer plan says what to wait for in its place.
            if not needs <= pending:
                self._waiting[key] = (action, set(pending.intersection(wanted[key].needs)))
        for action in new:
            self._waiting[action.key] = (action, {need for need in action.needs if need in pending})
        self._begin_ready()
        return bool(new or dropped)

    def _begin_ready(self) -> None:
        for key in [key for key, (_, needs) in self._waiting.items() if not needs]:
            action = self._waiting.pop(key)[0]
            self.world.begin(action)
            self._running[key] = (self.clock.now() + self.world.duration_of(action), action)

    def _end_due(self) -> bool:
        now = self.clock.now()
        due = sorted(
            ((at, key, action) for key, (at, action) in self._running.items() if at <= now), key=lambda one: one[:2]
        )
        for _, key, action in due:
            del self._running[key]
            outcome = self.world.execute(action, self._materials or Materials())
            self._outcomes.append(outcome)
            if outcome.status in _SUCCEEDED:
                for _, needs in self._waiting.values():
                    needs.discard(key)
            else:
                self._skip_dependants(key)
        self._begin_ready()
        return bool(due)

    def _skip_dependants(self, key: str) -> None:
        dependants = [action for action, needs in self._waiting.values() if key in needs]
        for action in dependants:
            if self._waiting.pop(action.key, None) is not None:
                self._settle(action, OutcomeStatus.SKIPPED)
                self._skip_dependants(action.key)

    def _settle(self, action: Action, status: OutcomeStatus) -> None:
        now = self.clock.now()
        self._outcomes.append(Outcome(key=action.key, status=status, started_at=now, finished_at=now))

    # Probes

    def _set_targets(self, targets: tuple[ProbeTarget, ...]) -> None:
        self._targets = targets
        keys = {target.key for target in targets}
        if self._states.keys() - keys:
            self._states = {key: state for key, state in self._states.items() if key in keys}

    def _probe_due(self) -> bool:
        now, changed = self.clock.now(), False
        for target in self._targets:
            state = self._states.get(target.key)
            if next_at(state, target, now) <= now:
                before = state or ProbeState(key=target.key)
                ok, message = self.world.probe(target, float(target.probe.timeout_seconds))
                after = advance(before, target, ok, message, now)
                self._states[target.key] = after
                changed = changed or after.result != before.result
        return changed

    def _next_probes(self) -> list[float]:
        """Probes whose answer stands need not be run for their own sake; what changes it is an event of the host."""
        times = []
        for target in self._targets:
            state = self._states.get(target.key)
            if state is None or not _agrees(state, self.world.probe(target, 1.0)[0]):
                times.append(next_at(state, target, self.clock.now()))
        return times

    def _describe(self) -> Mapping[str, object]:
        actions = [f"{a.verb} {a.object} {a.reason}" for a, _ in self._waiting.values()]
        running = [f"{a.verb} {a.object} {a.reason}" for _, a in self._running.values()]
        blocked = [f"{b.object} {b.reason} {b.message}" for b in self.last.plan.blocked] if self.last else []
        return {"waiting": actions, "running": running, "blocked": blocked}


def _agrees(state: ProbeState, ok: bool) -> bool:
    return state.result == ("success" if ok else "failure")
