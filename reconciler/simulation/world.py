"""The simulated World: one host with its engine, network, volumes and faults, in virtual time.

Pure apart from its own state: no thread, no real time, nothing random. `execute` answers like the real World; what
takes time there takes `duration_of` here, which the drivers let pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from reconciler.model.details import (
    CreateSandbox,
    ProvisionVolume,
    PublishVolumes,
    PullImage,
    StartContainer,
    StopContainer,
)
from reconciler.model.errors import ReconcilerError, Retry, StaleError, TransientError
from reconciler.model.ingress import IngressFact
from reconciler.model.metrics import NodeSample
from reconciler.model.node import Materials
from reconciler.model.node_report import HostFact, NetworkFact, NodeFacts, ProbeTarget
from reconciler.model.plan import Action, Executor, Outcome, OutcomeStatus
from reconciler.model.ports import ExecRequest, ExecSession, Look
from reconciler.model.pressure import PodDisk, SignalFact
from reconciler.planner.node.actions import tag_of
from reconciler.simulation.behaviour import Behaviour
from reconciler.simulation.clock import VirtualClock
from reconciler.simulation.effects import SimulatedEffects
from reconciler.simulation.exec import SimulatedExec
from reconciler.simulation.load import SimulatedLoad

SILENT_S = 10.0
_DURATIONS: Mapping[str, float] = {
    "pullImage": 2.0,
    "createSandbox": 0.15,
    "startContainer": 0.08,
    "attachPod": 0.01,
    "removeSandbox": 0.04,
    "removeContainer": 0.005,
    "publishVolumes": 0.005,
    "programServices": 0.002,
}
_WRITES = (CreateSandbox, StartContainer, PublishVolumes, ProvisionVolume, PullImage)


@dataclass
class Fault:
    """The next `times` actions of a type fail; `midway`: after half of the work was done."""

    times: int
    reason: str = "Injected"
    message: str = "an injected fault"
    midway: bool = False
    status: OutcomeStatus = OutcomeStatus.FAILED


class SimulatedWorld(SimulatedEffects):
    """Implements the World port."""

    def __init__(
        self,
        node: str,
        clock: VirtualClock,
        *,
        registry: Mapping[str, Behaviour] | None = None,
        host: HostFact | None = None,
        address: str = "192.168.0.1",
    ) -> None:
        super().__init__(node, clock, registry or {})
        self.host = host or HostFact(
            boot_id=f"{node}-boot-1", hostname=node, address=address, cpu_millis=4000, memory_bytes=8 << 30
        )
        self.executed: list[Action] = []
        self.load = SimulatedLoad(clock)
        self.engine_silent = False
        self.disk_full = False
        self.signals: tuple[SignalFact, ...] = ()
        self.pod_memory: dict[str, int] = {}
        self.pod_processes: dict[str, int] = {}
        self.pod_disk: dict[str, PodDisk] = {}
        self.faults: dict[str, Fault] = {}
        self.durations = dict(_DURATIONS)
        self._boots = 1
        self._watchers: list[Look] = []

    # The port

    def observe(self, *, full: bool = False) -> NodeFacts:
        """Return the host's state; see the port."""
        silent = self.engine_silent
        return NodeFacts(
            node=self.node,
            observed_at=self.clock.now(),
            host=self.host,
            volumes=tuple(self.storage.standing(self.volumes[uid]) for uid in sorted(self.volumes)),
            directories=tuple(sorted(self.directories)),
            storage=self.storage.facts(self.directories),
            network=replace(self.network, links=tuple(self.links[uid] for uid in sorted(self.links))),
            ingress=self.ingress,
            signals=self.signals,
            pod_memory=dict(self.pod_memory),
            pod_processes=dict(self.pod_processes),
            pod_disk=dict(self.pod_disk),
            complete=not silent,
            engine_error="the Engine does not answer" if silent else "",
            containers=() if silent else self.engine.facts(),
            images=() if silent else tuple(sorted(self.engine.images)),
            own_images=() if silent else tuple(self.engine.own_images[id] for id in sorted(self.engine.own_images)),
        )

    def execute(self, action: Action, materials: Materials) -> Outcome:
        """Carry one action out; see the port. A stop lets virtual time pass until the process has ended."""
        started_at = self.clock.now()
        self.executed.append(action)
        status, reason, message, retry, result = OutcomeStatus.DONE, "", "", "", ""
        try:
            changed, result = self._execute(action)
            status = OutcomeStatus.DONE if changed else OutcomeStatus.UNCHANGED
        except ReconcilerError as error:
            status = OutcomeStatus.STALE if error.retry is Retry.STALE else OutcomeStatus.FAILED
            reason, message, retry = error.reason, str(error), error.retry.value
        return Outcome(
            key=action.key,
            status=status,
            reason=reason,
            message=message,
            retry=retry,
            result=result,
            started_at=started_at,
            finished_at=self.clock.now(),
        )

    def probe(self, target: ProbeTarget, timeout_s: float) -> tuple[bool, str]:
        """Run a probe once; see the port."""
        if self.engine_silent and target.probe.exec is not None:
            return False, "the Engine does not answer"
        container = self.engine.find(target.container_id)
        if container is None or not container.is_running:
            return False, "the container does not run"
        age = self.clock.now() - container.began_at
        ok = container.behaviour.probe_ok(target.probe_kind, age)
        return ok, "" if ok else f"{target.probe_kind} probe failed"

    def exec(self, container_id: str, request: ExecRequest) -> ExecSession:
        """Start a command in a container; see the port."""
        if self.engine_silent:
            raise TransientError("the Engine does not answer", reason="EngineSilent")
        container = self.engine.find(container_id)
        if container is None or not container.is_running:
            raise LookupError(container_id)
        return SimulatedExec(self.clock, request)

    def sample(self) -> NodeSample:
        """Read what the host and its containers have used so far; see the port."""
        containers = self.load.read(self.engine.facts())
        return NodeSample(
            node=self.node,
            at=self.clock.now(),
            boot_id=self.host.boot_id,
            cpu_seconds=self.load.total_seconds,
            memory_bytes=sum(one.memory_bytes for one in containers),
            containers=containers,
        )

    def watch(self, look: Look) -> None:
        """Have `look` called when the host changes by itself; see the port."""
        self._watchers.append(look)

    def close(self) -> None:
        """Stop watching; see the port."""
        self._watchers.clear()

    # Time

    def duration_of(self, action: Action) -> float:
        """Return how long an action takes from its beginning; a stop has begun when this is asked."""
        detail = action.detail
        if isinstance(detail, StopContainer):
            container = self.engine.find(detail.container_id)
            end = container.ends_at() if container is not None and container.is_running else None
            return max(0.0, end[0] - self.clock.now()) if end is not None else 0.0
        if self.engine_silent and action.executor is Executor.CONTAINER:
            return SILENT_S
        return self.durations.get(tag_of(detail), 0.001) if detail is not None else 0.001

    def begin(self, action: Action) -> None:
        """Begin an action that takes time; `execute` is its end."""
        if isinstance(action.detail, StopContainer) and not self.engine_silent:
            self.engine.begin_stop(action.detail)

    def next_at(self) -> float | None:
        """Return when the host next changes by itself."""
        return self.engine.next_at()

    def tell(self, reason: str) -> None:
        """Call the watchers."""
        for look in self._watchers:
            look(reason)

    # Faults

    def fail(self, type_: str, times: int = 1, **fault: object) -> None:
        """Have the next actions of a type (tag of its detail) fail."""
        self.faults[type_] = Fault(times, **fault)  # type: ignore[arg-type]

    def restart_engine(self, *, live_restore: bool = True) -> None:
        """Restart the Engine; without live-restore every container ends."""
        if not live_restore:
            self.engine.end_all()
            self.links.clear()
        self.tell("engine")

    def reboot(self) -> None:
        """Reboot the host: no process, no link and no table survives, nor do volumes in memory."""
        self._boots += 1
        self.engine.end_all()
        self.host = replace(self.host, boot_id=f"{self.node}-boot-{self._boots}")
        self.links.clear()
        self.volumes.clear()
        self.storage.reboot()
        self.network = NetworkFact()
        self.programmed = None
        self.policies = None
        self.names = None
        self.kill_proxy()
        self.tell("boot")

    def kill_proxy(self) -> None:
        """End the proxy of Ingresses, as `kill -9` does."""
        self.ingress, self.proxy = IngressFact(program="simulated"), None
        self.tell("ingress")

    def restart_by_hand(self, name: str) -> None:
        """Restart a container as `docker restart` does; with a sandbox's namespace its link goes."""
        self.engine.restart(name)
        fact = self.engine.containers[name].fact
        if fact.role == "sandbox":
            self.links.pop(fact.pod_uid, None)
        self.tell("container")

    def end_by_hand(self, name: str, exit_code: int = 137) -> None:
        """End a container as `docker kill` does; with a sandbox's namespace its link goes."""
        self.engine.end(name, exit_code)
        fact = self.engine.containers[name].fact
        if fact.role == "sandbox":
            self.links.pop(fact.pod_uid, None)
        self.tell("container")

    def remove_by_hand(self, name: str) -> None:
        """Remove a container as `docker rm -f` does; with a sandbox's namespace its link goes."""
        fact = self.engine.containers.pop(name).fact
        if fact.role == "sandbox":
            self.links.pop(fact.pod_uid, None)
        self.tell("container")

    def break_link(self, pod_uid: str, *, remove: bool = True) -> None:
        """Remove a Pod's link, or only break it."""
        if remove:
            del self.links[pod_uid]
        else:
            self.links[pod_uid] = replace(self.links[pod_uid], whole=False)
        self.tell("link")

    def flush_table(self) -> None:
        """Lose the kernel's table."""
        self.network = replace(self.network, services_digest="")
        self.tell("table")

    def cut_routes(self) -> None:
        """Lose the ways to other nodes."""
        self.network = replace(self.network, peers_digest="", peers_damaged=True)
        self.tell("peers")

    def flush_policies(self) -> None:
        """Lose the rules of network policies, or find some that nobody wants."""
        self.policies = None
        self.network = replace(self.network, policies_digest="", policies_damaged=True)
        self.tell("policies")

    # Effects

    def _execute(self, action: Action) -> tuple[bool, str]:
        detail = action.detail
        if self.engine_silent and action.executor is Executor.CONTAINER:
            raise TransientError("the Engine does not answer", reason="EngineSilent")
        if self.disk_full and isinstance(detail, _WRITES):
            raise TransientError("no space left on device", reason="DiskFull")
        self._raise_fault(action)
        return self.carry_out(detail)

    def _raise_fault(self, action: Action) -> None:
        type_ = tag_of(action.detail) if action.detail is not None else ""
        fault = self.faults.get(type_)
        if fault is None or fault.times <= 0:
            return
        fault.times -= 1
        if fault.midway:
            self.execute_half(action)
        if fault.status is OutcomeStatus.STALE:
            raise StaleError(fault.message, reason=fault.reason)
        raise TransientError(fault.message, reason=fault.reason)
