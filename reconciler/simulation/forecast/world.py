"""A host as it stands now, going on in virtual time by estimates. Pure apart from its own state."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from reconciler.model.details import StartContainer, StopContainer
from reconciler.model.kinds import Container, Pod
from reconciler.model.node import Materials
from reconciler.model.node_report import ContainerFact, NodeFacts
from reconciler.model.plan import Action, Outcome
from reconciler.planner.estimates import Estimates
from reconciler.planner.node.images import full_name
from reconciler.simulation.behaviour import Behaviour
from reconciler.simulation.clock import VirtualClock
from reconciler.simulation.cluster import CarefulWorld
from reconciler.simulation.engine import SimulatedContainer, SimulatedEngine
from reconciler.simulation.forecast.assumed import Assumed

Pods = Mapping[str, Pod]
Told = Callable[[float, Action, Outcome], None]
_LEAST_RUN_S = 0.05
_LATE = 3.0


@dataclass
class ForecastEngine(SimulatedEngine):
    """An Engine whose containers behave as they did so far, or else as is assumed; nearly every image can be pulled.

    `habits` are of containers that ended badly, by Pod uid and name; `missing` are images whose last pull failed.
    """

    assumed: Assumed = field(default_factory=lambda: Assumed(Estimates()))
    habits: dict[tuple[str, str], Behaviour] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    _advanced_at: float | None = None

    def advance(self) -> None:
        """Let processes end whose time has come; once for each moment, unless something begins or ends in it."""
        now = self.clock.now()
        if self._advanced_at != now:
            super().advance()
            self._advanced_at = now

    def start_container(self, detail: StartContainer, *, start: bool = True) -> tuple[bool, str]:
        """Create and start a container in its Pod's sandbox."""
        result = super().start_container(detail, start=start)
        self._advanced_at = None
        return result

    def begin_stop(self, detail: StopContainer) -> None:
        """Ask a container to end; it is killed when its grace is over."""
        super().begin_stop(detail)
        self._advanced_at = None

    def offers(self, name: str) -> bool:
        """Whether the registry has an image (full name)."""
        return name not in self.missing

    def behaviour_of(self, detail: StartContainer, image: Behaviour) -> Behaviour:
        """Return how a container's process will behave."""
        habit = self.habits.get((detail.pod.uid, detail.spec.name))
        return habit or self.assumed.at_start(detail)

    def carry_over(self, fact: ContainerFact, pod: Pod | None) -> None:
        """Take over a container that exists."""
        container = SimulatedContainer(fact)
        spec = _spec_of(fact, pod)
        if pod is not None and spec is not None:
            behaviour = self.assumed.behaviour_of(spec, role=fact.role, restart_policy=pod.spec.restart_policy)
            container.behaviour = _in_its_state(behaviour, fact, pod, self.clock.now())
            if (habit := _habit(fact)) is not None:
                self.habits[fact.pod_uid, fact.container] = habit
            elif fact.state == "running":
                self.habits.pop((fact.pod_uid, fact.container), None)
        self.containers[fact.name] = container


class ForecastWorld(CarefulWorld):
    """Goes on from what was observed of a host; `told` hears when each action began and what came of it."""

    def __init__(
        self,
        facts: NodeFacts,
        clock: VirtualClock,
        assumed: Assumed,
        told: Told,
        pods: Pods,
        missing: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(facts.node, clock, host=facts.host)
        names = frozenset(full_name(image) for image in missing)
        # New containers get ids that none of the present ones can have.
        prefix = f"forecast-{facts.node}"
        engine = ForecastEngine(clock, prefix, images=set(facts.images), assumed=assumed, missing=names)
        for fact in sorted(facts.containers, key=lambda one: (one.pod_uid, one.container, one.attempt)):
            engine.carry_over(fact, pods.get(fact.pod_uid))
        self.engine: ForecastEngine = engine
        self.engine_silent = not facts.complete
        self.links = {link.pod_uid: link for link in facts.network.links}
        self.volumes = {volume.pod_uid: volume for volume in facts.volumes}
        self.directories = set(facts.directories)
        self.storage.carry_over(facts.storage)
        self.network = replace(facts.network, links=())
        self._assumed = assumed
        self._told = told
        self._begun: dict[str, float] = {}

    def duration_of(self, action: Action) -> float:
        """Return how long an action takes from its beginning."""
        if isinstance(action.detail, StopContainer):
            self._assumed.note_stop(action.detail)
            return super().duration_of(action)
        return super().duration_of(action) if self.engine_silent else self._assumed.duration_of(action)

    def begin(self, action: Action) -> None:
        """Begin an action that takes time; `execute` is its end."""
        self._begun[action.key] = self.clock.now()
        super().begin(action)

    def execute(self, action: Action, materials: Materials) -> Outcome:
        """Carry one action out; see the port."""
        begun = self._begun.pop(action.key, self.clock.now())
        outcome = super().execute(action, materials)
        self._told(begun, action, outcome)
        return outcome


def _spec_of(fact: ContainerFact, pod: Pod | None) -> Container | None:
    found = (*pod.spec.init_containers, *pod.spec.containers) if pod is not None else ()
    return next((one for one in found if one.name == fact.container), None)


def _in_its_state(behaviour: Behaviour, fact: ContainerFact, pod: Pod, now: float) -> Behaviour:
    """Fit what is assumed of a container to how it is: a late task ends soon, one long unready stays so."""
    if fact.state != "running":
        return behaviour
    age = now - fact.started_at
    if behaviour.exit_after_s is not None:
        behaviour = dataclasses.replace(behaviour, exit_after_s=max(behaviour.exit_after_s, age + 1.0))
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    if any(one.name == fact.container and one.ready for one in statuses):
        return dataclasses.replace(behaviour, ready_after_s=0.0)
    if behaviour.ready_after_s and age > _LATE * behaviour.ready_after_s + _grace_of(fact, pod):
        return dataclasses.replace(behaviour, ready_after_s=float("inf"))
    return behaviour


def _grace_of(fact: ContainerFact, pod: Pod) -> float:
    """Return within which time a container's readiness probe may still be expected to succeed."""
    probe = next((one.readiness_probe for one in pod.spec.containers if one.name == fact.container), None)
    return 0.0 if probe is None else probe.initial_delay_seconds + _LATE * probe.period_seconds


def has_crashed(fact: ContainerFact) -> bool:
    """Whether a container has ended badly."""
    return fact.state == "exited" and fact.exit_code != 0


def _habit(fact: ContainerFact) -> Behaviour | None:
    """Return how a container that ended badly will end again, None for every other."""
    if not has_crashed(fact):
        return None
    if not fact.started_at or fact.finished_at < fact.started_at:
        return Behaviour(start_error=fact.error or "it could not be started")
    return Behaviour(exit_after_s=max(_LEAST_RUN_S, fact.finished_at - fact.started_at), exit_code=fact.exit_code)
