"""What has to be attached to a host before a Pod can use it: shares that are mounted, files that are devices. Pure."""

from reconciler.model.base import Value
from reconciler.model.kinds import Volume
from reconciler.model.node import PodAssignment
from reconciler.model.storage import NfsShare, share_of_driver


class Attachment(Value):
    """One share, with the directory on it that a `volume` needs made; or the file `path` of a `volume` as a device."""

    share: NfsShare | None = None
    volume: str = ""
    path: str = ""

    @property
    def key(self) -> str:
        """Name what is attached on a host: several Pods share it."""
        return self.share.key if self.share is not None else self.volume


def attachments_of(pod: PodAssignment) -> tuple[Attachment, ...]:
    """Return what a Pod needs attached, in the order of its volumes."""
    found: dict[Attachment, None] = {}
    for volume in pod.spec.volumes:
        if (share := share_of(volume)) is not None:
            found[Attachment(share=share)] = None
    for binding in pod.claims:
        if binding.share is not None:
            directory = binding.path if binding.provisioned else ""
            found[Attachment(share=binding.share, volume=binding.volume if directory else "", path=directory)] = None
        elif binding.device == "file":
            found[Attachment(volume=binding.volume, path=binding.path)] = None
    return tuple(found)


def share_of(volume: Volume) -> NfsShare | None:
    """Return the share that a volume of a Pod names itself."""
    if volume.csi is not None:
        one = volume.csi
        return share_of_driver(one.driver, one.volume_attributes, (), read_only=one.read_only)
    source = volume.nfs
    if source is None:
        return None
    return NfsShare(server=source.server, path=source.path, options=("ro",) if source.read_only else ())
