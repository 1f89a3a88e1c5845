"""Rules on volumes of CSI drivers: what the NFS driver needs, and that no node has another one."""

from collections.abc import Iterator, Mapping

from reconciler.model.kinds.csi import NFS_DRIVER
from reconciler.schema.rules.finding import Finding, error


def driver_findings(
    at: str, driver: str, attributes: Mapping[str, str], *, is_block: bool = False
) -> Iterator[Finding]:
    """Yield what is wrong with a volume of a driver at pointer `at`."""
    if driver != NFS_DRIVER:
        hint = f"drivers: {NFS_DRIVER}; or describe the volume as hostPath, local or nfs"
        message = f"volumes of the driver {driver} are not supported: no node has it"
        yield error(f"{at}/driver", message, hint, "unknown-driver")
        return
    given = {name.lower() for name, text in attributes.items() if text}
    for name in ("server", "share"):
        if name not in given:
            hint = "the NFS driver mounts server:share"
            yield error(at, f"volumeAttributes lack {name}", hint, "missing-field")
    if is_block:
        yield error("/spec/volumeMode", "a directory of an NFS server is no block device", "leave volumeMode out")
