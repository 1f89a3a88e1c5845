"""What containers and the host have used so far, read from control groups and /proc. Effect: reads files only.

Version 1 and 2 of control groups, also mixed. Where a container's group lies is asked once, of its process; the group
carries the container's id, so that a process number that was given anew is never taken for it.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from reconciler.executors.container.hierarchies import UNIFIED, Hierarchy, mounts
from reconciler.model.metrics import ContainerSample
from reconciler.model.node_report import ContainerFact

_CPU, _MEMORY, _PIDS = "cpuacct", "memory", "pids"
_NANOS, _MICROS = 1e9, 1e6


@dataclass(frozen=True, slots=True)
class _Groups:
    """The functions that read one container's counters."""

    cpu_seconds: Callable[[], float]
    memory_bytes: Callable[[], int]
    processes: Callable[[], int]


class UsageReader:
    """Reads the counters of containers. Keeps where their groups lie; for one thread at a time."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._mounts: tuple[Hierarchy, ...] | None = None
        self._groups: dict[str, _Groups] = {}

    def read(self, containers: Iterable[ContainerFact]) -> tuple[ContainerSample, ...]:
        """Return the counters of those that run; what ends meanwhile, or cannot be found, is left out."""
        running = [one for one in containers if one.state == "running" and one.pid and one.role != "sandbox"]
        self._groups = {one.id: self._groups[one.id] for one in running if one.id in self._groups}
        found = (self._read(one) for one in running)
        return tuple(sample for sample in found if sample is not None)

    def _read(self, container: ContainerFact) -> ContainerSample | None:
        try:
            groups = self._groups.get(container.id) or self._find(container)
            if groups is None:
                return None
            self._groups[container.id] = groups
            cpu_seconds, memory_bytes, processes = groups.cpu_seconds(), groups.memory_bytes(), groups.processes()
        except OSError:
            # It has ended: its group is gone, or its process.
            self._groups.pop(container.id, None)
            return None
        return ContainerSample(
            id=container.id,
            pod_uid=container.pod_uid,
            pod_namespace=container.pod_namespace,
            pod_name=container.pod_name,
            container=container.container,
            started_at=container.started_at,
            cpu_seconds=cpu_seconds,
            memory_bytes=memory_bytes,
            processes=processes,
        )

    def _find(self, container: ContainerFact) -> _Groups | None:
        if self._mounts is None:
            self._mounts = _mounts((self._proc / "self" / "mountinfo").read_text())
        folders: dict[str, Path] = {}
        for line in (self._proc / str(container.pid) / "cgroup").read_text().splitlines():
            _, listed, group = line.split(":", 2)
            if container.id in group:
                folders.update(self._folders(listed, group))
        unified = folders.get(UNIFIED)
        cpu = _v1_cpu(folders[_CPU]) if _CPU in folders else unified and _v2_cpu(unified)
        memory = _v1_memory(folders[_MEMORY]) if _MEMORY in folders else unified and _v2_memory(unified)
        processes = _processes(folders.get(_PIDS) or unified)
        return _Groups(cpu, memory, processes) if cpu and memory else None

    def _folders(self, listed: str, group: str) -> Iterable[tuple[str, Path]]:
        names = listed.split(",")
        for mount in self._mounts or ():
            for name in names:
                folder = _folder(mount, group) if name in mount.controllers else None
                if folder is not None:
                    yield name, folder


def host_cpu_seconds(proc: Path = Path("/proc")) -> float:
    """Return for how long the host's processors have worked since it started, summed over them."""
    with (proc / "stat").open() as file:
        user, nice, system, _idle, _waiting, irq, softirq, stolen = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + stolen) / os.sysconf("SC_CLK_TCK")


def host_memory_bytes(proc: Path = Path("/proc")) -> int:
    """Return how much of the host's memory is not available to anybody new."""
    told = dict(line.split(":", 1) for line in (proc / "meminfo").read_text().splitlines())
    return (_kibibytes(told["MemTotal"]) - _kibibytes(told["MemAvailable"])) * 1024


def _kibibytes(text: str) -> int:
    return int(text.split()[0])


def _mounts(mountinfo: str) -> tuple[Hierarchy, ...]:
    """Return the mounted hierarchies; of one that is mounted twice, the first that shows everything counts last."""
    return tuple(sorted(mounts(mountinfo), key=lambda one: one.root == "/"))


def _folder(mount: Hierarchy, group: str) -> Path | None:
    """Return the directory of a group as /proc names it; None when it lies outside of what is mounted."""
    path = PurePosixPath(group)
    return Path(mount.point) / path.relative_to(mount.root) if path.is_relative_to(mount.root) else None


def _v1_cpu(folder: Path) -> Callable[[], float]:
    return lambda: int((folder / "cpuacct.usage").read_text()) / _NANOS


def _v1_memory(folder: Path) -> Callable[[], int]:
    return lambda: _working_set(folder / "memory.usage_in_bytes", folder / "memory.stat", "total_inactive_file")


def _v2_cpu(folder: Path) -> Callable[[], float]:
    return lambda: _stat(folder / "cpu.stat", "usage_usec") / _MICROS


def _v2_memory(folder: Path) -> Callable[[], int]:
    return lambda: _working_set(folder / "memory.current", folder / "memory.stat", "inactive_file")


def _processes(folder: Path | None) -> Callable[[], int]:
    """Return what counts the processes and threads of a group; nothing where the kernel does not."""
    file = folder / "pids.current" if folder is not None else None
    return lambda: int(file.read_text()) if file is not None and file.exists() else 0


def _working_set(usage: Path, stat: Path, inactive: str) -> int:
    """Return the memory in use without what the kernel would give back at once, as the kubelet counts it."""
    return max(int(usage.read_text()) - _stat(stat, inactive), 0)


def _stat(file: Path, name: str) -> int:
    lines: Sequence[str] = file.read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.split()[0] == name), 0)
