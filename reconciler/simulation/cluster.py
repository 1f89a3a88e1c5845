"""A simulated cluster: the daemon's tick, the links and the nodes' loops in one virtual time.

Pure apart from its own state. Whatever could happen next in reality is one step here: one document delivered, one
report taken, one plan committed, one sending, one pass of one agent. Which of the steps that are due comes first is
the caller's choice, and the caller is asked between any two of them; so every interleaving and every crash between
two steps can be had, and the same choices give the same run.
"""

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.model.desired import DesiredState
from reconciler.model.details import CreateSandbox, PublishVolumes, StartContainer, StopContainer
from reconciler.model.metrics import SAMPLE_EVERY_S
from reconciler.model.node import Materials
from reconciler.model.node_report import Observation
from reconciler.model.observed import ClusterInfo, NodeState, ObservedState
from reconciler.model.plan import Action, Outcome, OutcomeStatus, Plan
from reconciler.model.policy import Policy
from reconciler.simulation.behaviour import Behaviour
from reconciler.simulation.clock import HostClock, VirtualClock
from reconciler.simulation.daemon import SimulatedDaemon, SimulatedStore, content_of
from reconciler.simulation.link import SimulatedLink
from reconciler.simulation.node import SimulatedNode
from reconciler.simulation.world import SimulatedWorld

HEARTBEAT_S = 10.0
_AT_ONCE_MAX = 3_000
_INSTANT_S = 0.001
# The Engine tells of containers while they are made, started and stopped, not only once that is done.
_TOLD_OF = (CreateSandbox, StartContainer, StopContainer)
_EVENT_S = 0.005

# What can happen when, what it is called, and what does it to whom.
Step = tuple[float, str, Callable[..., None], tuple[Any, ...]]
Choose = Callable[[int], int]
Between = Callable[[str], None]
Planned = Callable[[ObservedState, Plan], None]


class Restless(AssertionError):
    """The cluster took step after step without time going on."""


class CarefulWorld(SimulatedWorld):
    """A host on which a Pod starts only with the values it reads, as the real executors need them."""

    def execute(self, action: Action, materials: Materials) -> Outcome:
        """Carry one action out; see the port."""
        detail, now = action.detail, self.clock.now()
        if isinstance(detail, (StartContainer, PublishVolumes)):
            for one in detail.pod.configuration:
                if one.version and materials.find(one.kind, one.namespace, one.name) is None:
                    return Outcome(
                        key=action.key,
                        status=OutcomeStatus.FAILED,
                        reason="CreateContainerConfigError",
                        message=f"{one.kind.lower()} {one.name!r} not found",
                        retry="transient",
                        started_at=now,
                        finished_at=now,
                    )
        return super().execute(action, materials)


class SimulatedHost:
    """One host: its world, the agent on it, and the link to the daemon."""

    def __init__(self, name: str, clock: VirtualClock, world: SimulatedWorld) -> None:
        self.name = name
        self.clock = clock
        self.world = world
        self.agent = SimulatedNode(name, clock, self.world)
        self.link = SimulatedLink()
        self.wake_at: float | None = clock.now()
        self.sample_at = clock.now()
        # What its steps are called.
        self.heard, self.measured = f"{name} is heard", f"{name} is measured"
        self.told, self.runs = f"{name} is told", f"{name} runs"
        self._sent: Observation | None = None
        self._sent_content: Observation | None = None
        self._sent_at = 0.0

    @property
    def now(self) -> float:
        """What time it is in the run, whatever this host's clock says."""
        return self.clock.now() - self.clock.ahead_s

    def set_clock(self, seconds: float) -> None:
        """Set the clock of this host alone; what runs on it does not notice."""
        self.clock.jump(seconds)
        self.world.engine.set_clock(seconds)
        self.agent.set_clock(seconds)
        self.look()

    def look(self) -> None:
        """Wake the agent: something on its host changed."""
        self.wake_at = self.clock.now()

    def next_at(self) -> float | None:
        """Return when the agent next does something by itself, in the time of the run."""
        if not self.agent.is_alive:
            return None
        heartbeat = self._sent_at + HEARTBEAT_S if self._sent is not None else self.now
        return heartbeat if self.wake_at is None else min(self.wake_at - self.clock.ahead_s, heartbeat)

    @property
    def is_at_rest(self) -> bool:
        """Whether the agent has nothing in flight, and nothing is on its way between it and the daemon."""
        is_quiet = self.link.next_letter_at() is None and self.link.next_report_at() is None
        return not self.agent.is_alive or (is_quiet and not self.agent.in_flight)

    def run_once(self) -> None:
        """One pass of the agent: do what is due, then report when that says something new, or it is time to.

        As the real one it does not look again at once, but when something comes of it, when its plan says so, or when
        the Engine tells of what it has just begun.
        """
        now = self.clock.now()
        if self.wake_at is not None and self.wake_at <= now:
            before = self._told_of()
            self.agent.run_once()
            times = [] if (at := self.agent.next_at()) is None else [max(at, self.clock.now() + _INSTANT_S)]
            if self._told_of() - before:
                times.append(self.clock.now() + _EVENT_S)
            self.wake_at = min(times, default=None)
        self._report(self.now)

    def _told_of(self) -> set[str]:
        return {one.key for one in self.agent.running if isinstance(one.detail, _TOLD_OF)}

    def crash_agent(self, *, midway: bool = False, done: bool = False) -> None:
        """Kill the agent; what it had begun is left undone, half done (`midway`), or `done` with nobody told."""
        if done:
            for action in self.agent.running:
                if not isinstance(action.detail, StopContainer):
                    self.world.execute(action, Materials())
        self.agent.crash(midway=midway and not done)

    def start_agent(self, *, keep_memory: bool = True) -> None:
        """Start the agent from what it has on disk, or (not `keep_memory`) from an empty disk."""
        if keep_memory:
            self.agent.restart()
        else:
            self.agent = SimulatedNode(self.name, self.clock, self.world)
        self._sent = None
        self.look()

    def reboot(self) -> None:
        """Reboot the host; the agent comes back with it."""
        self.agent.crash()
        self.world.reboot()
        self.agent.forget_materials()
        self.start_agent()

    def _report(self, now: float) -> None:
        observation = self.agent.observation()
        content = content_of(observation)
        is_same = self._sent is not None and content == self._sent_content and not observation.events
        if is_same and now < self._sent_at + HEARTBEAT_S:
            return
        self._sent, self._sent_content, self._sent_at = observation, content, now
        self.link.report(observation, now)


class RunningCluster:
    """A daemon, its store, and hosts. `planned` is told every plan with what it was made from, once it is committed."""

    def __init__(
        self,
        hosts: Mapping[str, SimulatedHost],
        observed: ObservedState,
        sources: tuple[str, ...],
        policy: Policy,
        clock: VirtualClock,
        *,
        choose: Choose = lambda _: 0,
        planned: Planned = lambda _observed, _plan: None,
    ) -> None:
        self.clock = clock
        self.policy = policy
        self.hosts = dict(hosts)
        self.store = SimulatedStore(observed)
        self.tips: dict[str, DesiredState] = {}
        self.pushed: dict[tuple[str, str], DesiredState] = {}
        self.steps = 0
        self.ticks = 0
        self._looked_at: object = None
        self._has_autoscaler = False
        self._sources = sources
        self._choose = choose
        self._planned = planned
        self.daemon: SimulatedDaemon | None = SimulatedDaemon(self.store, policy, sources)

    @property
    def now(self) -> float:
        """Unix seconds."""
        return self.clock.now()

    @property
    def observed(self) -> ObservedState:
        """What the store holds."""
        return self.store.observed

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is under way: all was read, sent, heard and done, and only time may change something."""
        daemon = self.daemon
        is_read = daemon is not None and all(daemon.desired.get(name) is self.wanted(name) for name in self.tips)
        return is_read and daemon is not None and daemon.is_idle and all(one.is_at_rest for one in self.hosts.values())

    # People

    def push(self, state: DesiredState) -> None:
        """Make this the tip of its source's branch."""
        self.tips = dict(sorted({**self.tips, state.source: state}.items()))
        self.pushed[state.source, state.revision.commit] = state

    def wanted(self, source: str) -> DesiredState:
        """Return what a source declares: its tip, or what it returned to while its tip is held (P15, P16)."""
        tip, known = self.tips[source], self.observed.sources.get(source)
        if known is None or known.applied is None or not known.held or known.held != tip.revision.commit:
            return tip
        return self.pushed[source, known.applied.commit]

    def acknowledge(self) -> None:
        """Release everything that the newest plan holds."""
        if self.daemon is not None:
            for source in self._sources:
                self.store.acknowledge(source, self.daemon.plan, self.now)
            self.daemon.look()

    # Processes

    def crash_daemon(self) -> None:
        """Kill the daemon: the store is all that is left."""
        self.daemon = None
        for host in self.hosts.values():
            host.link.forget_letters()
            host.link.forget_reports()

    def start_daemon(self) -> None:
        """Start the daemon again."""
        self.daemon = SimulatedDaemon(self.store, self.policy, self._sources, self.now)

    # Time

    def run_for(self, seconds: float, between: Between = lambda _: None) -> None:
        """Let this much time pass, doing what is due; `between` is called after every step with what it was."""
        until = self.now + seconds
        at_once, instant = 0, self.now
        steps = self._steps()
        while True:
            now = self.clock.now()
            due = [step for step in steps if step[0] <= now]
            if due:
                _, name, take, whom = due[self._choose(len(due)) if len(due) > 1 else 0]
                take(*whom)
                self.steps += 1
                between(name)
                # Only a step changes which steps there are; time alone does not.
                steps = self._steps()
                at_once = at_once + 1 if self.now - instant < _INSTANT_S else 0
                instant = instant if at_once else self.now
                if at_once > _AT_ONCE_MAX:
                    raise Restless(f"{at_once} steps without time going on, last: {name}")
            elif self.now < until and (at := min((step[0] for step in steps), default=until)) <= until:
                self.clock.advance_to(at)
            else:
                self.clock.advance_to(until)
                return

    def _steps(self) -> list[Step]:
        found: list[Step] = []
        daemon = self.daemon
        is_measured = daemon is not None and self._is_measured
        if daemon is not None:
            now = self.clock.now()
            for source in self.tips:
                state = self.wanted(source)
                if daemon.desired.get(source) is not state:
                    found.append((now, f"the daemon reads {source}", daemon.read, (state,)))
            if daemon.is_sending:
                found.append((now, "the daemon sends", self._send, ()))
            elif (at := daemon.next_at(now)) is not None:
                found.append((at, "the daemon ticks", self._tick, ()))
        for host in self.hosts.values():
            link, is_alive = host.link, host.agent.is_alive
            if daemon is not None:
                if (at := link.next_report_at()) is not None:
                    found.append((at, host.heard, self._hear, (host,)))
                if is_measured and is_alive:
                    found.append((host.sample_at, host.measured, self._measure, (host,)))
            if is_alive:
                if (at := link.next_letter_at()) is not None:
                    found.append((at, host.told, _deliver, (host,)))
                if (at := host.next_at()) is not None:
                    found.append((at, host.runs, host.run_once, ()))
        return found

    def _tick(self) -> None:
        assert self.daemon is not None
        before = self.store.observed
        answer = self.daemon.tick(self.now)
        self.ticks += 1
        for ending in answer.endings:
            if ending.failed is not None and ending.back_to is not None:
                self.daemon.return_failed(ending, self.pushed[ending.source, ending.back_to.commit])
        self._planned(before, answer)

    def _send(self) -> None:
        assert self.daemon is not None
        for node, documents in self.daemon.send(self.now).items():
            self.hosts[node].link.send(documents, self.now)

    @property
    def _is_measured(self) -> bool:
        """Only autoscalers ask what is used; without one the hosts are not measured."""
        objects = self.store.observed.objects
        if self._looked_at is not objects:
            self._looked_at = objects
            self._has_autoscaler = any(ref.kind == "HorizontalPodAutoscaler" for ref in objects)
        return self._has_autoscaler

    def _measure(self, host: SimulatedHost) -> None:
        host.sample_at = self.now + SAMPLE_EVERY_S
        if self.daemon is not None and host.link.is_connected and not host.link.loses_reports:
            self.daemon.measure(host.world.sample())

    def _hear(self, host: SimulatedHost) -> None:
        assert self.daemon is not None
        self.daemon.receive(host.link.take_report(), self.now)


class SimulatedCluster(RunningCluster):
    """A new cluster of empty hosts."""

    def __init__(
        self,
        nodes: tuple[str, ...],
        sources: tuple[str, ...],
        registry: Mapping[str, Behaviour],
        policy: Policy,
        *,
        choose: Choose = lambda _: 0,
        planned: Planned = lambda _observed, _plan: None,
    ) -> None:
        clock = VirtualClock()
        names = enumerate(sorted(nodes), start=1)
        worlds = [
            CarefulWorld(name, HostClock(clock), registry=registry, address=f"192.168.0.{n}") for n, name in names
        ]
        hosts = {world.node: SimulatedHost(world.node, world.clock, world) for world in worlds}
        states = {name: NodeState(name=name) for name in hosts}
        observed = ObservedState(cluster=ClusterInfo(id="simulated"), nodes=states)
        super().__init__(hosts, observed, sources, policy, clock, choose=choose, planned=planned)


def _deliver(host: SimulatedHost) -> None:
    letter = host.link.take_letter()
    if host.agent.has_documents or None not in (letter.assignment, letter.view, letter.materials):
        host.agent.deliver(letter)
        host.look()
