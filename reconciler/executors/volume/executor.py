"""The executor of volumes: actions in, outcomes out.

Effect. Expected failures become outcomes here; a full disk has a reason of its own.
"""

from collections.abc import Mapping
from pathlib import Path

from reconciler.executors.capacity import host_size
from reconciler.executors.downward import PodPlace
from reconciler.executors.outcome import outcome_of
from reconciler.executors.volume import local, loop
from reconciler.executors.volume.devices import device_source
from reconciler.executors.volume.paths import MountError, VolumePaths, bound_to, is_read_only
from reconciler.executors.volume.publish import publish, published, unpublish
from reconciler.executors.volume.reading import read_inside
from reconciler.executors.volume.rooms import Rooms
from reconciler.executors.volume.shares import Shares
from reconciler.executors.volume.subpath import bind_part, release_parts
from reconciler.executors.volume.usage import pod_usage
from reconciler.model.attachments import share_of
from reconciler.model.details import (
    AttachDevice,
    DetachDevice,
    MountShare,
    ProvisionVolume,
    PublishVolumes,
    TrashVolume,
    UnmountShare,
    UnpublishVolumes,
    WatchRooms,
)
from reconciler.model.errors import TerminalError
from reconciler.model.kinds import Volume
from reconciler.model.node import Materials, PodAssignment
from reconciler.model.node_report import VolumeFact
from reconciler.model.plan import Action, Outcome
from reconciler.model.storage import NfsShare, StorageFact


class VolumeExecutor:
    """Makes, updates and removes volumes below a data directory and, in memory, a runtime directory."""

    def __init__(self, data_dir: Path | str, runtime_dir: Path | str) -> None:
        self.paths = VolumePaths(Path(data_dir), Path(runtime_dir))
        self.shares = Shares(self.paths)
        self._rooms = Rooms(self.paths)

    def execute(self, action: Action, materials: Materials) -> Outcome:
        """Carry out one action about volumes; doing it again answers unchanged."""
        return outcome_of(action, lambda: self._execute(action, materials))

    def facts(self) -> tuple[VolumeFact, ...]:
        """Return which Pods have their volumes on this host, and in which version."""
        return published(self.paths, self._attached)

    def directories(self) -> tuple[str, ...]:
        """Return the directories and files of local volumes that are on this host."""
        return local.directories(self.paths)

    def storage(self) -> StorageFact:
        """Return what is mounted and attached here, and how much room there is; no server is asked."""
        return StorageFact(
            mounts=self.shares.mounted(),
            shared=self.shares.prepared(),
            trashed=self.shares.trashed(),
            devices=local.devices(self.paths),
            rooms=self._rooms.facts(),
        )

    def usage(self, pod: PodAssignment) -> Mapping[str, int]:
        """Return the bytes that each emptyDir of a Pod holds that has a limit and is on disk."""
        return pod_usage(self.paths, pod)

    def volume_path(self, pod_uid: str, volume: Volume) -> Path:
        """Return the directory of a volume that lives and ends with its Pod."""
        return self.paths.volume_path(pod_uid, volume)

    def mount_source(
        self, pod: PodAssignment, volume: Volume, container: str, attempt: int, index: int, part: str
    ) -> str:
        """Return the path of the host that a container's mount of (a part of) a volume shows."""
        part = "" if part == "." else part
        share, directory = self._share(pod, volume)
        if share is not None:
            source = self.shares.root_of(share, directory)
            part = "/".join(one for one in (directory, part) if one)
        else:
            source = self.paths.source(pod, volume)
        if not part:
            return str(source)
        target = self.paths.sub_paths(pod.uid, container) / str(attempt) / str(index)
        return str(bind_part(source, part, target))

    def read_file(self, pod: PodAssignment, volume: Volume, path: str) -> bytes | None:
        """Return what a file of an emptyDir of a Pod holds; None where there is no such file."""
        return read_inside(self.paths.source(pod, volume), path)

    def device_source(self, pod: PodAssignment, volume: Volume) -> str:
        """Return the block device of the host that a container gets as a volume."""
        binding = bound_to(pod, volume)
        if binding is None:
            raise MountError(f"volume {volume.name!r} is no claim: it cannot be a device")
        return device_source(binding)

    def release_parts(self, pod_uid: str, container: str, attempt: int) -> None:
        """Undo what `mount_source` did for all other attempts of a container."""
        release_parts(self.paths.sub_paths(pod_uid, container), keep=str(attempt))

    def is_read_only(self, pod: PodAssignment, volume: Volume) -> bool:
        """Whether containers may not write to a volume."""
        return is_read_only(pod, volume)

    def _share(self, pod: PodAssignment, volume: Volume) -> tuple[NfsShare | None, str]:
        """Return the share that a volume is on, and its directory there."""
        if (share := share_of(volume)) is not None:
            return share, ""
        binding = bound_to(pod, volume)
        return (None, "") if binding is None or binding.share is None else (binding.share, binding.path)

    def _attached(self) -> frozenset[str]:
        """Return the shares that are mounted, and the volumes that are attached as devices."""
        devices = (one.volume for one in local.devices(self.paths) if one.device)
        return frozenset((*self.shares.mounted(), *devices))

    def _execute(self, action: Action, materials: Materials) -> tuple[bool, str]:
        match action.detail:
            case PublishVolumes() as detail:
                place = PodPlace(node=detail.node, pod_ip=detail.pod_ip, host_ip=detail.host_ip, **host_size())
                return publish(self.paths, detail, place, materials, self._attached()), detail.version
            case UnpublishVolumes() as detail:
                return unpublish(self.paths, detail.pod_uid), ""
            case ProvisionVolume() as detail:
                return local.provision(self.paths, detail), detail.path
            case TrashVolume() as detail:
                return self.shares.trash(detail) if detail.share else local.trash(self.paths, detail), ""
            case MountShare() as detail:
                return self.shares.mount(detail), detail.share.key
            case UnmountShare() as detail:
                return self.shares.unmount(detail.key), ""
            case AttachDevice() as detail:
                return loop.attach(Path(detail.path))
            case DetachDevice() as detail:
                return loop.detach(Path(detail.path)), ""
            case WatchRooms() as detail:
                return self._rooms.watch(detail.paths), ""
            case _:
                raise TerminalError("this action is not about volumes", reason="UnknownAction")
