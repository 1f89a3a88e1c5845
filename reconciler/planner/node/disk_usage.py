"""What Pods hold on a host's disks, against what they asked for and what they may hold, as the kubelet judges it. Pure.

Counted are volumes that live and end with the Pod, what its containers wrote outside of volumes, and their logs; not
what is in memory, in claims, or on the host.
"""

from collections.abc import Iterable, Mapping
from enum import Enum

from reconciler.model.kinds import Container, PodSpec
from reconciler.model.node import PodAssignment
from reconciler.model.pressure import PodDisk
from reconciler.model.quantity import bytes_of, format_quantity

DISK = "ephemeral-storage"


class Measure(Enum):
    """What of a Pod counts where a disk is full."""

    ALL = "all"
    BESIDE_LAYERS = "beside layers"
    LAYERS = "layers"
    FILES = "files"


def ranked_for_disk(
    pods: Iterable[PodAssignment], held: Mapping[str, PodDisk], measure: Measure
) -> list[PodAssignment]:
    """Return Pods by who goes first: over what they asked for, less important, and by how much they are over it."""

    def rank(pod: PodAssignment) -> tuple[bool, int, int, str]:
        asked = 0 if measure is Measure.FILES else requested_disk(pod.spec)
        over = _measured(held[pod.uid], measure) - asked
        return (over <= 0, pod.spec.priority or 0, -over, pod.uid)

    return sorted((pod for pod in pods if pod.uid in held), key=rank)


def requested_disk(spec: PodSpec) -> int:
    """Return what the containers that run together ask for, or one of those before them if that is more."""
    together = sum(_asked(one) for one in spec.containers)
    alone, sidecars = 0, 0
    for one in spec.init_containers:
        if one.restart_policy == "Always":
            sidecars += _asked(one)
        else:
            alone = max(alone, sidecars + _asked(one))
    return max(together + sidecars, alone)


def over_limit(pod: PodAssignment, held: PodDisk | None) -> str:
    """Say which limit of the disk a Pod is over, or nothing: of a volume, of the whole Pod, of a container."""
    if held is None:
        return ""
    return _over_volume(pod.spec, held) or _over_pod(pod.spec, held) or _over_container(pod.spec, held)


def larger_consumers(pod: PodAssignment, held: PodDisk) -> str:
    """Name the containers that hold more than they asked for."""
    found = []
    for one in (*pod.spec.containers, *pod.spec.init_containers):
        used, asked = _of_container(held, one.name), one.resources.requests.get(DISK, "0")
        if used > bytes_of(str(asked)):
            found.append(
                f"Container {one.name} was using {binary_text(used)}, request is {format_quantity(asked)}, "
                f"has larger consumption of {DISK}. "
            )
    return "".join(found)


def binary_text(amount: int) -> str:
    """Return bytes as Kubernetes writes a quantity of them."""
    return format_quantity(f"{amount // 1024}Ki") if amount and amount % 1024 == 0 else str(amount)


def _over_volume(spec: PodSpec, held: PodDisk) -> str:
    for volume in spec.volumes:
        limit = volume.empty_dir.size_limit if volume.empty_dir is not None else None
        if limit is not None and 0 < bytes_of(str(limit)) < held.volumes.get(volume.name, 0):
            return f'Usage of EmptyDir volume "{volume.name}" exceeds the limit "{format_quantity(limit)}". '
    return ""


def _over_pod(spec: PodSpec, held: PodDisk) -> str:
    """Containers without a limit add none to that of the Pod, as with the kubelet."""
    limits = [bytes_of(str(one.resources.limits[DISK])) for one in spec.containers if DISK in one.resources.limits]
    before = [bytes_of(str(one.resources.limits[DISK])) for one in spec.init_containers if DISK in one.resources.limits]
    limit = max(sum(limits), *before) if before else sum(limits)
    if not (limits or before) or held.total <= limit:
        return ""
    return f"Pod ephemeral local storage usage exceeds the total limit of containers {binary_text(limit)}. "


def _over_container(spec: PodSpec, held: PodDisk) -> str:
    for one in (*spec.containers, *spec.init_containers):
        limit = one.resources.limits.get(DISK)
        if limit is not None and _of_container(held, one.name) > bytes_of(str(limit)):
            return f'Container {one.name} exceeded its local ephemeral storage limit "{format_quantity(limit)}". '
    return ""


def _of_container(held: PodDisk, name: str) -> int:
    return held.layers.get(name, 0) + held.logs.get(name, 0)


def _asked(one: Container) -> int:
    return bytes_of(str(one.resources.requests.get(DISK, "0")))


def _measured(held: PodDisk, measure: Measure) -> int:
    match measure:
        case Measure.ALL:
            return held.total
        case Measure.BESIDE_LAYERS:
            return held.total - sum(held.layers.values())
        case Measure.LAYERS:
            return sum(held.layers.values())
        case Measure.FILES:
            return held.files
