"""Where the volumes and files of a Pod are on the host.

Pure. Nothing of a Pod is outside of two directories: `<data>/pods/<uid>`, and `<runtime>/pods/<uid>` in memory for
what holds a Secret.
"""

from dataclasses import dataclass
from pathlib import Path

from reconciler.model.errors import TransientError
from reconciler.model.kinds import Volume
from reconciler.model.node import ClaimBinding, PodAssignment


class MountError(TransientError):
    """A volume cannot be made or found."""

    reason = "FailedMount"


@dataclass(frozen=True, slots=True)
class VolumePaths:
    """The two roots, and every path below them."""

    data_dir: Path
    runtime_dir: Path

    @property
    def pods(self) -> Path:
        """Where the directories of Pods are."""
        return self.data_dir / "pods"

    @property
    def memory(self) -> Path:
        """Where the directories in memory of Pods are."""
        return self.runtime_dir / "pods"

    @property
    def trash(self) -> Path:
        """Where released volumes wait for a person."""
        return self.data_dir / "trash"

    @property
    def registry(self) -> Path:
        """Where it is written down which directories the local provisioner made."""
        return self.data_dir / "local-volumes"

    @property
    def mounts(self) -> Path:
        """Where shares are mounted."""
        return self.data_dir / "mounts"

    @property
    def share_volumes(self) -> Path:
        """Where it is written down, by share, whose directories were found or made on it."""
        return self.data_dir / "share-volumes"

    @property
    def share_trashed(self) -> Path:
        """Where it is written down whose directories were moved to the trash of a share."""
        return self.data_dir / "share-trashed"

    @property
    def class_paths(self) -> Path:
        """The list of directories whose room is told."""
        return self.data_dir / "class-paths.json"

    def pod(self, pod_uid: str) -> Path:
        """Return the directory of a Pod."""
        return self.pods / checked_name(pod_uid)

    def pod_in_memory(self, pod_uid: str) -> Path:
        """Return the directory in memory of a Pod."""
        return self.memory / checked_name(pod_uid)

    def volume_path(self, pod_uid: str, volume: Volume) -> Path:
        """Return the directory of a volume that lives and ends with its Pod."""
        root = self.pod_in_memory(pod_uid) if holds_secret(volume) else self.pod(pod_uid)
        return root / "volumes" / checked_name(volume.name)

    def source(self, pod: PodAssignment, volume: Volume) -> Path:
        """Return what a container of the Pod is to see of a volume; raises where a claim is not bound."""
        if volume.host_path is not None:
            return Path(volume.host_path.path)
        if (binding := bound_to(pod, volume)) is not None:
            return Path(binding.path)
        return self.volume_path(pod.uid, volume)

    def sub_paths(self, pod_uid: str, container: str) -> Path:
        """Return where parts of volumes are mounted for a container, one directory per attempt."""
        return self.pod(pod_uid) / "volume-subpaths" / checked_name(container)

    def termination_message(self, pod_uid: str, container: str, attempt: int) -> Path:
        """Return the file a container writes its last words to."""
        return self.pod(pod_uid) / "containers" / checked_name(container) / f"{attempt}.message"

    def started_marker(self, pod_uid: str, container: str, attempt: int) -> Path:
        """Return the file that says that the postStart hook of this start has run."""
        return self.pod(pod_uid) / "containers" / checked_name(container) / f"{attempt}.started"


def holds_secret(volume: Volume) -> bool:
    """Whether a volume shows values of a Secret, and so must be in memory."""
    if volume.projected is not None:
        return any(source.secret is not None for source in volume.projected.sources)
    return volume.secret is not None


def is_read_only(pod: PodAssignment, volume: Volume) -> bool:
    """Whether a volume as such may not be written by containers."""
    if volume.nfs is not None:
        return volume.nfs.read_only
    if volume.csi is not None:
        return volume.csi.read_only
    if volume.persistent_volume_claim is None:
        written_by_us = (volume.config_map, volume.secret, volume.projected, volume.downward_api)
        return any(source is not None for source in written_by_us)
    claim = volume.persistent_volume_claim
    bound_read_only = any(b.read_only for b in pod.claims if b.claim == claim.claim_name)
    return claim.read_only or bound_read_only


def checked_name(name: str) -> str:
    """Return `name` if it can be one component of a path; it comes from another process."""
    if not name or name in (".", "..") or "/" in name or "\0" in name:
        raise MountError(f"{name!r} cannot be the name of a directory")
    return name


def bound_to(pod: PodAssignment, volume: Volume) -> ClaimBinding | None:
    """Return what the claim of a volume is bound to, None for another kind of volume; raises where it is not bound."""
    if volume.persistent_volume_claim is None:
        return None
    claim = volume.persistent_volume_claim.claim_name
    binding = next((b for b in pod.claims if b.claim == claim), None)
    if binding is None or not (binding.path or binding.share):
        why = f": {binding.message}" if binding is not None and binding.message else ""
        raise MountError(f"claim {claim!r} is not bound{why}")
    return binding
