"""Rules on volumes that containers get as block devices: Kubernetes' ValidateVolumeDevices."""

from collections.abc import Iterator

from reconciler.model.kinds import Container, PodSpec
from reconciler.schema.rules.finding import Finding, error, repeated


def device_findings(at: str, container: Container, volumes: frozenset[str], spec: PodSpec) -> Iterator[Finding]:
    """Yield what is wrong with the `volumeDevices` of the container at pointer `at`."""
    devices = container.volume_devices
    if not devices:
        return
    yield from repeated(((f"{at}/volumeDevices/{n}/name", one.name) for n, one in enumerate(devices)), "device")
    yield from repeated(
        ((f"{at}/volumeDevices/{n}/devicePath", one.device_path) for n, one in enumerate(devices)), "device path"
    )
    sources = {volume.name: volume for volume in spec.volumes}
    mounts = container.volume_mounts
    for number, device in enumerate(devices):
        place = f"{at}/volumeDevices/{number}"
        source = sources.get(device.name)
        if device.name not in volumes:
            listed = ", ".join(sorted(volumes)) or "none"
            yield error(f"{place}/name", f"there is no volume {device.name}", f"volumes of this Pod: {listed}")
        elif source is not None and source.persistent_volume_claim is None and source.ephemeral is None:
            hint = "use a claim with volumeMode: Block"
            yield error(f"{place}/name", "only a persistentVolumeClaim or an ephemeral volume can be a device", hint)
        if any(mount.name == device.name for mount in mounts):
            yield error(f"{place}/name", f"{device.name} is in volumeMounts too: a volume is a device or a directory")
        if any(mount.mount_path == device.device_path for mount in mounts):
            yield error(f"{place}/devicePath", f"something is mounted at {device.device_path} already")
        if ".." in device.device_path.split("/"):
            yield error(f"{place}/devicePath", "devicePath: must not contain ..")
