"""Which files a volume of configuration holds.

Pure. Values of Secrets pass through here; no message names anything but objects and keys (P22).
"""

from collections.abc import Iterable, Mapping

from reconciler.executors.configuration import values_of
from reconciler.executors.downward import PodPlace, field_value, resource_value
from reconciler.executors.volume.paths import MountError
from reconciler.model.base import Value
from reconciler.model.errors import TerminalError
from reconciler.model.kinds import Container, DownwardAPIVolumeFile, KeyToPath, Volume
from reconciler.model.node import Materials, PodAssignment


class File(Value):
    """One file: its content and permission bits."""

    data: bytes
    mode: int

    def __repr__(self) -> str:
        return f"File({len(self.data)} bytes, {self.mode:o})"


Files = Mapping[str, File]


def is_written(volume: Volume) -> bool:
    """Whether a volume consists of files that we write."""
    sources = (volume.config_map, volume.secret, volume.projected, volume.downward_api)
    return any(source is not None for source in sources)


def volume_files(volume: Volume, pod: PodAssignment, place: PodPlace, materials: Materials) -> Files:
    """Return the files of a volume, by path; raises `MountError` naming what is missing."""
    reader = _Reader(pod, place, materials)
    if (config := volume.config_map) is not None:
        return reader.configuration("ConfigMap", config.name, config.items, config.optional, config.default_mode)
    if (secret := volume.secret) is not None:
        return reader.configuration("Secret", secret.secret_name, secret.items, secret.optional, secret.default_mode)
    if (downward := volume.downward_api) is not None:
        return reader.downward(downward.items, downward.default_mode)
    files: dict[str, File] = {}
    if (projected := volume.projected) is not None:
        for source in projected.sources:
            mode = projected.default_mode
            if (config_part := source.config_map) is not None:
                files |= reader.configuration(
                    "ConfigMap", config_part.name, config_part.items, config_part.optional, mode
                )
            if (secret_part := source.secret) is not None:
                files |= reader.configuration("Secret", secret_part.name, secret_part.items, secret_part.optional, mode)
            if source.downward_api is not None:
                files |= reader.downward(source.downward_api.items, mode)
    return files


class _Reader:
    """Reads sources for one Pod; private to `volume_files`."""

    def __init__(self, pod: PodAssignment, place: PodPlace, materials: Materials) -> None:
        self._pod = pod
        self._place = place
        self._materials = materials

    def configuration(
        self, kind: str, name: str, items: Iterable[KeyToPath], optional: bool, mode: int
    ) -> dict[str, File]:
        material = values_of(self._pod, self._materials, kind, name)
        if material is None:
            if optional:
                return {}
            raise MountError(f"{kind.lower()} {name!r} not found")
        items = tuple(items)
        if not items:
            return {key: File(data=value, mode=mode) for key, value in sorted(material.data.items())}
        files = {}
        for item in items:
            if item.key in material.data:
                chosen = mode if item.mode is None else item.mode
                files[_checked(item.path)] = File(data=material.data[item.key], mode=chosen)
            elif not optional:
                raise MountError(f"{kind.lower()} {name!r} has no key {item.key!r}")
        return files

    def downward(self, items: Iterable[DownwardAPIVolumeFile], mode: int) -> dict[str, File]:
        return {
            _checked(item.path): File(data=self._value(item).encode(), mode=mode if item.mode is None else item.mode)
            for item in items
        }

    def _value(self, item: DownwardAPIVolumeFile) -> str:
        if item.field_ref is not None:
            return field_value(item.field_ref, self._pod, self._place)
        if item.resource_field_ref is None:
            return ""
        nobody: Container | None = None
        return resource_value(item.resource_field_ref, self._pod, nobody, self._place)


def _checked(path: str) -> str:
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or parts[0].startswith("..") or not path.strip("/."):
        raise TerminalError(f"path {path!r} leads out of its volume", reason="FailedMount")
    return "/".join(part for part in parts if part not in ("", "."))
