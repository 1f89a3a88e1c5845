"""Rules on variables that are taken from files: only an emptyDir of the Pod holds such files."""

from collections.abc import Iterator

from reconciler.model.kinds import Container, PodSpec, Volume
from reconciler.schema.rules.finding import Finding, error

_OTHERS = tuple(name for name in Volume.at_most_one if name != "empty_dir")


def file_key_findings(at: str, container: Container, spec: PodSpec, claimed: frozenset[str]) -> Iterator[Finding]:
    """Yield what is wrong with the variables of the container at pointer `at` that files hold.

    Semantics of Kubernetes' validateFileKeySelector and validateFileKeyRefVolumes. `claimed` are volumes that the Pod's
    owner adds to its own.
    """
    volumes = {volume.name: volume for volume in spec.volumes}
    for number, variable in enumerate(container.env):
        source = variable.value_from.file_key_ref if variable.value_from is not None else None
        if source is None:
            continue
        place = f"{at}/env/{number}/valueFrom/fileKeyRef"
        if source.path.startswith("/") or ".." in source.path:
            yield error(f"{place}/path", "path: must be a path below the volume, without ..")
        volume = volumes.get(source.volume_name)
        if volume is None and source.volume_name not in claimed:
            yield error(f"{place}/volumeName", f"there is no volume {source.volume_name}")
        elif volume is None or any(getattr(volume, one) is not None for one in _OTHERS):
            yield error(f"{place}/volumeName", f"{source.volume_name} is no emptyDir", "let a container write it there")
