"""The real World of one host: container, network and volume executors behind one port. Effect."""

import os
import platform
import shutil
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler import __version__
from reconciler.executors.container.executor import ContainerExecutor
from reconciler.executors.disk import DiskMeter
from reconciler.executors.ingress.executor import IngressExecutor
from reconciler.executors.listening import listening_ports
from reconciler.executors.network.addresses import node_address
from reconciler.executors.network.executor import NetworkExecutor
from reconciler.executors.signals import SignalReader
from reconciler.executors.usage import UsageReader, host_cpu_seconds, host_memory_bytes
from reconciler.executors.volume.executor import VolumeExecutor
from reconciler.model.details import ProgramIngress, StopIngress
from reconciler.model.errors import ReconcilerError
from reconciler.model.ingress import IngressFact
from reconciler.model.metrics import NodeSample, memory_by_pod, processes_by_pod
from reconciler.model.node import Materials
from reconciler.model.node_report import HostFact, NodeFacts, ProbeTarget
from reconciler.model.plan import Action, Executor, Outcome
from reconciler.model.ports import Clock, ExecRequest, ExecSession, LogRequest, Look
from reconciler.model.release import release_text

_OF_INGRESS = (ProgramIngress, StopIngress)


class RealWorld:
    """Implements the World port on this host."""

    def __init__(
        self,
        node: str,
        container: ContainerExecutor,
        network: NetworkExecutor,
        volume: VolumeExecutor,
        clock: Clock,
        data_dir: Path,
        address: str = "",
        ingress: IngressExecutor | None = None,
    ) -> None:
        self._node = node
        self._address = address
        self._container = container
        self._network = network
        self._volume = volume
        self._ingress = ingress
        self._clock = clock
        self._data_dir = data_dir
        self._host = HostFact()
        self._root_dir = ""
        self._listening: tuple[str, ...] = ()
        self._signals = SignalReader()
        self._pod_memory: Mapping[str, int] = {}
        self._pod_processes: Mapping[str, int] = {}
        self._usage = UsageReader()
        self._sampling = threading.Lock()
        self._disk = DiskMeter(volume.paths.pods, container, lambda: self._root_dir)

    def observe(self, *, full: bool = False) -> NodeFacts:
        """Return the host's state; see the port."""
        now = self._clock.now()
        error = ""
        try:
            self._container.refresh(full=full)
            containers, images = self._container.facts(), self._container.images()
            largest, own = self._container.largest_images(), self._container.own_images()
            if full or not self._host.boot_id:
                self._host = self._observe_host()
                self._listening = listening_ports()
        except ReconcilerError as failure:
            containers, images, largest, own, error = (), (), (), (), str(failure)
        self._network.refresh(full=full)
        return NodeFacts(
            node=self._node,
            observed_at=now,
            complete=not error,
            engine_error=error,
            host=self._host,
            containers=containers,
            images=images,
            largest_images=largest,
            volumes=self._volume.facts(),
            directories=self._volume.directories(),
            storage=self._volume.storage(),
            network=self._network.facts(),
            ingress=self._ingress.refresh(full) if self._ingress is not None else IngressFact(),
            signals=self._signals.read(now, self._data_dir, self._root_dir),
            pod_memory=self._pod_memory,
            pod_processes=self._pod_processes,
            pod_disk=self._disk.latest,
            own_images=own,
            listening=self._listening,
        )

    def execute(self, action: Action, materials: Materials) -> Outcome:
        """Hand an action to the executor of its technology; see the port."""
        match action.executor:
            case Executor.CONTAINER:
                return self._container.execute(action, materials)
            case Executor.NETWORK if self._ingress is not None and isinstance(action.detail, _OF_INGRESS):
                return self._ingress.execute(action, materials)
            case Executor.NETWORK:
                return self._network.execute(action, materials)
            case Executor.VOLUME:
                return self._volume.execute(action, materials)
            case Executor.SCHEDULING | Executor.API:
                raise AssertionError("bindings and overrides are written by the daemon, not on a host")

    def probe(self, target: ProbeTarget, timeout_s: float) -> tuple[bool, str]:
        """Run a probe once; see the port."""
        return self._container.probe(target, timeout_s)

    def sample(self) -> NodeSample:
        """Read what the host and its containers have used so far; see the port."""
        with self._sampling:
            containers = self._usage.read(self._container.facts())
            # A whole new value: the loop of the node reads it.
            self._pod_memory = memory_by_pod(containers)
            self._pod_processes = processes_by_pod(containers)
            return NodeSample(
                node=self._node,
                at=self._clock.now(),
                boot_id=_first_line("/proc/sys/kernel/random/boot_id"),
                cpu_seconds=host_cpu_seconds(),
                memory_bytes=host_memory_bytes(),
                containers=containers,
            )

    def watch(self, look: Look) -> None:
        """Follow the Engine's and the kernel's events; see the port."""
        self._container.watch(look)
        self._network.watch(look)
        if self._ingress is not None:
            self._ingress.watch(look)
        self._disk.start()

    def close(self) -> None:
        """Stop following; see the port."""
        self._disk.stop()
        self._container.close()
        self._network.close()
        if self._ingress is not None:
            self._ingress.close()

    def logs(self, container_id: str, request: LogRequest) -> Iterator[bytes]:
        """Stream a container's log; raise LookupError when there is no such container."""
        return iter(
            self._container.logs(
                container_id,
                follow=request.follow,
                tail=request.tail_lines,
                since=request.since,
                timestamps=request.timestamps,
                limit_bytes=request.limit_bytes,
                stream=request.stream,
            )
        )

    def exec(self, container_id: str, request: ExecRequest) -> ExecSession:
        """Start a command in a container; see the port."""
        return self._container.exec(container_id, request)

    def _observe_host(self) -> HostFact:
        disk = shutil.disk_usage(self._data_dir)
        engine = self._container.engine_version()
        self._root_dir = engine.root_dir
        return HostFact(
            boot_id=_first_line("/proc/sys/kernel/random/boot_id"),
            hostname=socket.gethostname(),
            address=node_address(self._address),
            kernel=platform.release(),
            os_image=_os_name(),
            architecture=platform.machine(),
            engine_version=engine.version,
            live_restore=engine.live_restore,
            cpu_millis=_cpus() * 1000,
            memory_bytes=_memory("MemTotal"),
            swap_bytes=_memory("SwapTotal"),
            disk_bytes=disk.total,
            disk_free_bytes=disk.free,
            machine_id=_first_line("/etc/machine-id"),
            system_uuid=_first_line("/sys/class/dmi/id/product_uuid"),
            agent_version=release_text(__version__),
        )


def _first_line(path: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        # Not every host tells it, and not to everybody.
        return ""
    return lines[0].strip() if lines else ""


def _os_name() -> str:
    file = Path("/etc/os-release")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME=")]
    return names[0] if names else platform.system()


def _cpus() -> int:
    return len(os.sched_getaffinity(0))


def _memory(what: str) -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:")), 0)
