"""Making the volumes of a Pod, bringing them up to date, and removing them.

Effect. Doing it again finds its own work; being killed anywhere leaves something that doing it again completes.
"""

import errno
from collections.abc import Callable, Set
from functools import lru_cache
from pathlib import Path

import msgspec

from reconciler.executors.downward import PodPlace
from reconciler.executors.volume.atomic import make_directory, write_files
from reconciler.executors.volume.devices import check_modes, device_source
from reconciler.executors.volume.hostpath import ensure_host_path
from reconciler.executors.volume.mounts import (
    is_in_memory,
    is_mount_point,
    mount_tmpfs,
    mounts_at_or_below,
    unmount,
)
from reconciler.executors.volume.ownership import give_to_group
from reconciler.executors.volume.paths import MountError, VolumePaths, bound_to, holds_secret, is_read_only
from reconciler.executors.volume.payload import is_written, volume_files
from reconciler.executors.volume.removal import remove_tree
from reconciler.model.attachments import attachments_of
from reconciler.model.base import Value
from reconciler.model.details import PublishVolumes
from reconciler.model.kinds import EmptyDirVolumeSource, HostPathType, HostPathVolumeSource, Volume
from reconciler.model.node import Materials, PodAssignment
from reconciler.model.node_report import VolumeFact
from reconciler.model.quantity import bytes_of

_MARKER = "volumes.json"


class Published(Value):
    """What is written down beside the volumes of a Pod. After a reboot what was in memory is gone."""

    version: str
    boot_id: str
    in_memory: bool = False
    uses: tuple[str, ...] = ()


def publish(
    paths: VolumePaths, detail: PublishVolumes, place: PodPlace, materials: Materials, attached: Set[str] = frozenset()
) -> bool:
    """Make or update every volume of a Pod; return whether anything changed. `attached` are shares and devices."""
    pod = detail.pod
    uses = tuple(one.key for one in attachments_of(pod))
    if missing := [key for key in uses if key not in attached]:
        raise MountError(f"{missing[0]} is not attached to the node yet")
    check_modes(pod)
    paths.pod(pod.uid).mkdir(mode=0o755, parents=True, exist_ok=True)
    changed = False
    for volume in pod.spec.volumes:
        changed = _publish_one(paths, pod, volume, place, materials) or changed
    in_memory = any(holds_secret(volume) for volume in pod.spec.volumes)
    marked = Published(version=detail.version, boot_id=boot_id(), in_memory=in_memory, uses=uses)
    if _stands(paths, paths.pod(pod.uid)) == marked:
        return changed
    if in_memory:
        _write_marker(paths.pod_in_memory(pod.uid), marked)
    _write_marker(paths.pod(pod.uid), marked)
    return True


def unpublish(paths: VolumePaths, pod_uid: str) -> bool:
    """Unmount and remove what was made for a Pod; return whether there was anything.

    Only mounts below the Pod's own directories are undone, and what is still mounted after that stops the removal.
    """
    removed = False
    for directory in (paths.pod(pod_uid), paths.pod_in_memory(pod_uid)):
        # The marker goes first: volumes that are half removed must never be told as published.
        (directory / _MARKER).unlink(missing_ok=True)
        for mounted in mounts_at_or_below(directory):
            unmount(mounted)
        removed = remove_tree(directory) or removed
    return removed


def published(paths: VolumePaths, attached: Callable[[], Set[str]] = frozenset) -> tuple[VolumeFact, ...]:
    """Return which Pods have their volumes, in which version: none where what they use is attached no more."""
    if not paths.pods.is_dir():
        return ()
    facts = []
    for directory in sorted(paths.pods.iterdir()):
        marker = _stands(paths, directory)
        uses = marker.uses if marker is not None else ()
        stands = marker is not None and (not uses or set(uses) <= attached())
        version = marker.version if marker is not None and stands else ""
        facts.append(VolumeFact(pod_uid=directory.name, version=version, uses=uses))
    return tuple(facts)


def ensure_memory_root(paths: VolumePaths) -> None:
    """Make sure that what holds Secrets is in memory (P22), and is not swapped where the kernel can promise that."""
    paths.memory.mkdir(mode=0o755, parents=True, exist_ok=True)
    in_memory = is_in_memory(paths.memory)
    if is_mount_point(paths.memory) or (in_memory and not _swaps()):
        return
    try:
        mount_tmpfs(paths.memory, "mode=0755,size=25%,noswap")
    except OSError as error:
        # Kernels before 6.4 do not know the option.
        if error.errno != errno.EINVAL:
            raise
        if not in_memory:
            mount_tmpfs(paths.memory, "mode=0755,size=25%")


@lru_cache(maxsize=1)
def boot_id() -> str:
    """Return what tells this boot of the host from every other."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _swaps() -> bool:
    """Whether the host has anywhere to swap to."""
    return len(Path("/proc/swaps").read_text().splitlines()) > 1


def _publish_one(paths: VolumePaths, pod: PodAssignment, volume: Volume, place: PodPlace, materials: Materials) -> bool:
    if volume.host_path is not None:
        ensure_host_path(volume.host_path)
        return False
    if volume.persistent_volume_claim is not None:
        return _check_claim(paths, pod, volume)
    if volume.nfs is not None or volume.csi is not None:
        return False
    directory = paths.volume_path(pod.uid, volume)
    if is_written(volume):
        files = volume_files(volume, pod, place, materials)
        if directory.is_relative_to(paths.memory):
            ensure_memory_root(paths)
        return make_directory(directory, 0o755) | write_files(directory, files, pod.spec.security_context.fs_group)
    is_first = _read_marker(paths.pod(pod.uid)) is None
    return _make_empty(directory, volume.empty_dir or EmptyDirVolumeSource(), pod, is_first=is_first)


def _check_claim(paths: VolumePaths, pod: PodAssignment, volume: Volume) -> bool:
    binding = bound_to(pod, volume)
    if binding is not None and binding.share is not None:
        # Whoever touches what is on it waits for its server; its owners stay, as with Kubernetes.
        return False
    source = paths.source(pod, volume)
    if binding is not None and binding.device:
        device_source(binding)
        return False
    kind = _host_path_type(pod, volume)
    if kind is not None:
        # Directories of the host keep their owners, as with hostPath itself.
        ensure_host_path(HostPathVolumeSource(path=str(source), type=kind))
        return False
    if not source.is_dir():
        raise MountError(f"volume {volume.name!r}: the directory {source} of its claim does not exist")
    context = pod.spec.security_context
    if context.fs_group is not None and not is_read_only(pod, volume):
        rule = context.fs_group_change_policy
        # Once per Pod: walking a claim again at every update of a ConfigMap would cost without end.
        if _read_marker(paths.pod(pod.uid)) is None:
            give_to_group(source, context.fs_group, only_on_mismatch=rule == "OnRootMismatch")
    return False


def _host_path_type(pod: PodAssignment, volume: Volume) -> HostPathType | None:
    claim = volume.persistent_volume_claim
    return next((b.host_path_type for b in pod.claims if claim is not None and b.claim == claim.claim_name), None)


def _make_empty(directory: Path, source: EmptyDirVolumeSource, pod: PodAssignment, *, is_first: bool) -> bool:
    made = make_directory(directory, 0o777)
    if source.medium == "Memory" and not is_mount_point(directory):
        limit = f",size={bytes_of(source.size_limit)}" if source.size_limit is not None else ""
        mount_tmpfs(directory, f"mode=0777{limit}")
        made = True
    group = pod.spec.security_context.fs_group
    # Before anything is noted as published nobody uses it, and an earlier try may have been killed in between.
    if group is not None and (made or is_first):
        give_to_group(directory, group, only_on_mismatch=False)
    return made


def _stands(paths: VolumePaths, directory: Path) -> Published | None:
    """Return what a Pod's marker says, unless what it tells of is gone: by a reboot, or with the memory it was in."""
    marker = _read_marker(directory)
    if marker is None or marker.boot_id != boot_id():
        return None
    if marker.in_memory and _read_marker(paths.pod_in_memory(directory.name)) != marker:
        return None
    return marker


def _read_marker(directory: Path) -> Published | None:
    try:
        return msgspec.json.decode((directory / _MARKER).read_bytes(), type=Published)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def _write_marker(directory: Path, marker: Published) -> None:
    unfinished = directory / f".{_MARKER}"
    unfinished.write_bytes(msgspec.json.encode(marker))
    unfinished.rename(directory / _MARKER)
