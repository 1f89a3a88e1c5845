"""What simulated containers use: their counters run in virtual time. Pure apart from its own state."""

from collections.abc import Callable, Iterable

from reconciler.model.metrics import ContainerSample
from reconciler.model.node_report import ContainerFact
from reconciler.simulation.clock import VirtualClock

IDLE_CORES = 0.001
MEMORY_BYTES = 16 << 20

Cores = Callable[[ContainerFact], float]


class SimulatedLoad:
    """Counters of one host. `cores` says how much of a processor a container uses now, `memory` how many bytes."""

    def __init__(self, clock: VirtualClock) -> None:
        self.cores: Cores = lambda _: IDLE_CORES
        self.memory: Callable[[ContainerFact], int] = lambda _: MEMORY_BYTES
        self.total_seconds = 0.0
        self._clock = clock
        self._read_at = clock.now()
        self._seconds: dict[tuple[str, float], float] = {}

    def read(self, containers: Iterable[ContainerFact]) -> tuple[ContainerSample, ...]:
        """Let the counters run on until now, and return those of what runs; sandboxes only wait."""
        now, before = self._clock.now(), self._seconds
        running = [one for one in containers if one.state == "running" and one.role != "sandbox"]
        self._seconds = {}
        for one in running:
            life = (one.id, one.started_at)
            used = self.cores(one) * (now - max(self._read_at, one.started_at))
            self._seconds[life] = before.get(life, 0.0) + used
            self.total_seconds += used
        self._read_at = now
        return tuple(self._sample(one) for one in running)

    def _sample(self, one: ContainerFact) -> ContainerSample:
        return ContainerSample(
            id=one.id,
            pod_uid=one.pod_uid,
            pod_namespace=one.pod_namespace,
            pod_name=one.pod_name,
            container=one.container,
            started_at=one.started_at,
            cpu_seconds=self._seconds[one.id, one.started_at],
            memory_bytes=self.memory(one),
        )
