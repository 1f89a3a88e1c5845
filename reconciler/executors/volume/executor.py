"""The executor of volumes: actions in, outcomes out.

Effect. Expected failures become outcomes here; a full disk has a reason of its own.
"""

from collections.abc import Mapping
from pathlib import Path

from reconciler.executors.capacity import host_size
from reconciler.executors.downward import PodPlace
from reconciler.executors.outcome import outcome_of
from reconciler.executors.volume import local
from reconciler.executors.volume.paths import VolumePaths, is_read_only
from reconciler.executors.volume.publish import publish, published, unpublish
from reconciler.executors.volume.subpath import bind_part, release_parts
from reconciler.executors.volume.usage import pod_usage
from reconciler.model.details import ProvisionVolume, PublishVolumes, TrashVolume, UnpublishVolumes
from reconciler.model.errors import TerminalError
from reconciler.model.kinds import Volume
from reconciler.model.node import Materials, PodAssignment, VolumeFact
from reconciler.model.plan import Action, Outcome


class VolumeExecutor:
    """Makes, updates and removes volumes below a data directory and, in memory, a runtime directory."""

    def __init__(self, data_dir: Path | str, runtime_dir: Path | str) -> None:
        self.paths = VolumePaths(Path(data_dir), Path(runtime_dir))

    def execute(self, action: Action, materials: Materials) -> Outcome:
        """Carry out one action about volumes; doing it again answers unchanged."""
        return outcome_of(action, lambda: self._execute(action, materials))

    def facts(self) -> tuple[VolumeFact, ...]:
        """Return which Pods have their volumes on this host, and in which version."""
        return published(self.paths)

    def directories(self) -> tuple[str, ...]:
        """Return the directories of local volumes that are on this host."""
        return local.directories(self.paths)

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
        source = self.paths.source(pod, volume)
        if not part or part == ".":
            return str(source)
        target = self.paths.sub_paths(pod.uid, container) / str(attempt) / str(index)
        return str(bind_part(source, part, target))

    def release_parts(self, pod_uid: str, container: str, attempt: int) -> None:
        """Undo what `mount_source` did for all other attempts of a container."""
        release_parts(self.paths.sub_paths(pod_uid, container), keep=str(attempt))

    def is_read_only(self, pod: PodAssignment, volume: Volume) -> bool:
        """Whether containers may not write to a volume."""
        return is_read_only(pod, volume)

    def _execute(self, action: Action, materials: Materials) -> tuple[bool, str]:
        match action.detail:
            case PublishVolumes() as detail:
                place = PodPlace(node=detail.node, pod_ip=detail.pod_ip, host_ip=detail.host_ip, **host_size())
                return publish(self.paths, detail, place, materials), detail.version
            case UnpublishVolumes() as detail:
                return unpublish(self.paths, detail.pod_uid), ""
            case ProvisionVolume() as detail:
                return local.provision(self.paths, detail), detail.path
            case TrashVolume() as detail:
                return local.trash(self.paths, detail), ""
            case _:
                raise TerminalError("this action is not about volumes", reason="UnknownAction")
