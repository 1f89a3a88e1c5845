"""Volumes that containers get as block devices.

Effect: looks at what is attached, changes nothing.
"""

import stat
from pathlib import Path

from reconciler.executors.volume import loop
from reconciler.executors.volume.paths import MountError
from reconciler.model.node import ClaimBinding, PodAssignment


def device_source(binding: ClaimBinding) -> str:
    """Return the block device of the host that a claim is bound to."""
    path = Path(binding.path)
    try:
        if binding.device == "file":
            if device := loop.device_of(path):
                return device
            raise MountError(f"{path} is not attached as a block device")
        if stat.S_ISBLK(path.stat().st_mode):
            return str(path)
    except FileNotFoundError as error:
        raise MountError(f"block device {path} of claim {binding.claim!r} does not exist") from error
    raise MountError(f"{path} of claim {binding.claim!r} is no block device: its volumeMode is Block")


def check_modes(pod: PodAssignment) -> None:
    """Raise where a container mounts a block device, or has a directory as a device (the kubelet's words)."""
    sources = {volume.name: volume.persistent_volume_claim for volume in pod.spec.volumes}
    bound = {binding.claim: binding for binding in pod.claims}
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        named = [(one.name, "volumeMounts") for one in container.volume_mounts]
        named += [(one.name, "volumeDevices") for one in container.volume_devices]
        for name, field in named:
            source = sources.get(name)
            binding = bound.get(source.claim_name) if source is not None else None
            mode = "Block" if binding is not None and binding.device else "Filesystem"
            if binding is not None and (mode == "Block") == (field == "volumeMounts"):
                raise MountError(f"volume {name} has volumeMode {mode}, but is specified in {field}")
