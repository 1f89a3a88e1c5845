"""What containers, Pods and nodes use: counters as a host reads them, and the rates between two readings.

Pure. A rate needs two readings of one life of a container; memory is what it was at the second. Nothing of this is in
an observation, a plan's basis or the store: it is held in memory and forgotten.
"""

from collections.abc import Iterable, Mapping

from reconciler.model.base import Value

SAMPLE_EVERY_S = 15.0
# An older sample says nothing about now: its node has been silent since.
STALE_AFTER_S = 60.0
# A container's start counts as its first reading, unless that is so close that the rate would be that of starting.
_SINCE_START_MIN_S = 10.0
_SINCE_START_MAX_S = 2 * SAMPLE_EVERY_S
_NANOS = 1_000_000_000


class ContainerSample(Value):
    """One running container's counters: processor time in seconds since its start, memory that is in use, processes.

    `processes` counts threads, too, as the kernel's limit does; 0 where the host does not count them.
    """

    id: str
    pod_uid: str
    pod_namespace: str
    pod_name: str
    container: str
    started_at: float
    cpu_seconds: float
    memory_bytes: int
    processes: int = 0


def memory_by_pod(containers: Iterable[ContainerSample]) -> dict[str, int]:
    """Return the memory that is in use, by uid of the Pod."""
    found: dict[str, int] = {}
    for one in containers:
        found[one.pod_uid] = found.get(one.pod_uid, 0) + one.memory_bytes
    return found


def processes_by_pod(containers: Iterable[ContainerSample]) -> dict[str, int]:
    """Return how many processes run, by uid of the Pod; of those for which they are counted."""
    found: dict[str, int] = {}
    for one in containers:
        if one.processes:
            found[one.pod_uid] = found.get(one.pod_uid, 0) + one.processes
    return found


class NodeSample(Value):
    """All counters of one host at one moment (Unix seconds)."""

    node: str
    at: float
    boot_id: str = ""
    cpu_seconds: float
    memory_bytes: int
    containers: tuple[ContainerSample, ...] = ()


class ContainerUsage(Value):
    """What one container uses: billionths of a core, bytes."""

    name: str
    cpu_nanos: int
    memory_bytes: int


class PodUsage(Value):
    """What the containers of a Pod use, as of `at`, over the `window_s` seconds before."""

    namespace: str
    name: str
    uid: str
    at: float
    window_s: float
    containers: tuple[ContainerUsage, ...] = ()


class NodeUsage(Value):
    """What a whole host uses, and the Pods on it."""

    node: str
    at: float
    window_s: float
    cpu_nanos: int
    memory_bytes: int
    pods: tuple[PodUsage, ...] = ()


def usage_between(before: NodeSample | None, after: NodeSample) -> NodeUsage | None:
    """Return what a host used from one reading to the next; None where they do not belong together."""
    if before is None or before.boot_id != after.boot_id or after.at <= before.at:
        return None
    window_s = after.at - before.at
    return NodeUsage(
        node=after.node,
        at=after.at,
        window_s=window_s,
        cpu_nanos=_rate(after.cpu_seconds - before.cpu_seconds, window_s),
        memory_bytes=after.memory_bytes,
        pods=_pods({one.id: one for one in before.containers}, before.at, after),
    )


def _pods(before: Mapping[str, ContainerSample], before_at: float, after: NodeSample) -> tuple[PodUsage, ...]:
    found: dict[str, list[tuple[ContainerSample, float, ContainerUsage]]] = {}
    for sample in after.containers:
        used = _container(before.get(sample.id), before_at, sample, after.at)
        if used is not None:
            found.setdefault(sample.pod_uid, []).append((sample, *used))
    return tuple(_pod(found[uid], after.at) for uid in sorted(found))


def _pod(used: Iterable[tuple[ContainerSample, float, ContainerUsage]], at: float) -> PodUsage:
    parts = sorted(used, key=lambda part: part[2].name)
    sample = parts[0][0]
    return PodUsage(
        namespace=sample.pod_namespace,
        name=sample.pod_name,
        uid=sample.pod_uid,
        at=at,
        window_s=min(window_s for _, window_s, _ in parts),
        containers=tuple(usage for _, _, usage in parts),
    )


def _container(
    before: ContainerSample | None, before_at: float, sample: ContainerSample, at: float
) -> tuple[float, ContainerUsage] | None:
    """Return over which time a container is measured, and what it used; None where no rate is known yet."""
    is_same_life = before is not None and before.started_at == sample.started_at
    if before is not None and is_same_life and sample.cpu_seconds >= before.cpu_seconds:
        since, cpu_seconds = before_at, before.cpu_seconds
    elif _SINCE_START_MIN_S <= at - sample.started_at <= _SINCE_START_MAX_S:
        since, cpu_seconds = sample.started_at, 0.0
    else:
        return None
    window_s = at - since
    cpu_nanos = _rate(sample.cpu_seconds - cpu_seconds, window_s)
    return window_s, ContainerUsage(name=sample.container, cpu_nanos=cpu_nanos, memory_bytes=sample.memory_bytes)


def _rate(cpu_seconds: float, window_s: float) -> int:
    return round(max(cpu_seconds, 0.0) / window_s * _NANOS)
