"""Rules on the volumes of a Pod."""

from collections.abc import Iterator, Sequence

from reconciler.model.kinds import DownwardAPIVolumeFile, KeyToPath, PodSpec, Volume, VolumeProjection
from reconciler.model.quantity import parse_quantity
from reconciler.schema.rules.containers import field_findings, resource_findings
from reconciler.schema.rules.csi import driver_findings
from reconciler.schema.rules.finding import Finding, error, repeated, warning
from reconciler.schema.rules.nfs import nfs_findings


def volumes_findings(at: str, spec: PodSpec) -> Iterator[Finding]:
    """Yield what is wrong with the volumes of the Pod spec at pointer `at`."""
    yield from repeated(((f"{at}/volumes/{n}/name", one.name) for n, one in enumerate(spec.volumes)), "volume")
    for number, volume in enumerate(spec.volumes):
        yield from _volume_findings(f"{at}/volumes/{number}", volume)


def _volume_findings(at: str, volume: Volume) -> Iterator[Finding]:
    limit = volume.empty_dir.size_limit if volume.empty_dir is not None else None
    if limit is not None and parse_quantity(limit) < 0:
        yield error(f"{at}/emptyDir/sizeLimit", "sizeLimit: must be at least 0")
    if volume.host_path is not None:
        yield from host_path_findings(f"{at}/hostPath", volume.host_path.path)
    if volume.nfs is not None:
        yield from nfs_findings(f"{at}/nfs", volume.nfs)
    if volume.csi is not None:
        yield from driver_findings(f"{at}/csi", volume.csi.driver, volume.csi.volume_attributes)
        secret = volume.csi.node_publish_secret_ref
        if secret is not None and not secret.name:
            yield error(f"{at}/csi/nodePublishSecretRef", "name is missing", code="missing-field")
    for name, source in (("configMap", volume.config_map), ("secret", volume.secret)):
        if source is not None:
            yield from _item_findings(f"{at}/{name}", source.items)
    if volume.downward_api is not None:
        yield from _file_findings(f"{at}/downwardAPI", volume.downward_api.items)
    if volume.projected is not None:
        for number, projection in enumerate(volume.projected.sources):
            yield from _projection_findings(f"{at}/projected/sources/{number}", projection)


def host_path_findings(at: str, path: str) -> Iterator[Finding]:
    """Yield what is wrong with a path of the host."""
    if ".." in path.split("/"):
        yield error(f"{at}/path", "path: must not contain ..")
    elif not path.startswith("/"):
        yield warning(f"{at}/path", "path: is not absolute; no host has it")


def _projection_findings(at: str, projection: VolumeProjection) -> Iterator[Finding]:
    for name, source in (("configMap", projection.config_map), ("secret", projection.secret)):
        if source is not None:
            yield from _item_findings(f"{at}/{name}", source.items)
    if projection.downward_api is not None:
        yield from _file_findings(f"{at}/downwardAPI", projection.downward_api.items)


def _item_findings(at: str, items: Sequence[KeyToPath]) -> Iterator[Finding]:
    for number, item in enumerate(items):
        yield from _path_findings(f"{at}/items/{number}/path", item.path)


def _file_findings(at: str, files: Sequence[DownwardAPIVolumeFile]) -> Iterator[Finding]:
    for number, file in enumerate(files):
        place = f"{at}/items/{number}"
        yield from _path_findings(f"{place}/path", file.path)
        if file.field_ref is not None:
            yield from field_findings(f"{place}/fieldRef", file.field_ref, for_volume=True)
        if file.resource_field_ref is not None:
            yield from resource_findings(f"{place}/resourceFieldRef", file.resource_field_ref)
            if not file.resource_field_ref.container_name:
                yield error(f"{place}/resourceFieldRef", "containerName is missing", code="missing-field")


def _path_findings(at: str, path: str) -> Iterator[Finding]:
    if path.startswith(("/", "..")) or ".." in path.split("/"):
        yield error(at, "path: must be a path below the volume, not beginning with ..")
