"""Directories of the local provisioner: made, and moved to the dated trash; never emptied (P29).

Effect. Only a directory that is written down as made by us is ever moved.
"""

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from reconciler.executors.volume.mounts import is_mount_point, mounts_at_or_below
from reconciler.executors.volume.paths import MountError, VolumePaths, checked_name
from reconciler.executors.volume.removal import StillMounted
from reconciler.model.base import Value
from reconciler.model.details import ProvisionVolume, TrashVolume
from reconciler.model.errors import TerminalError


class NotOurs(TerminalError):
    """A directory was not made by the local provisioner."""

    reason = "NotOurs"


def provision(paths: VolumePaths, detail: ProvisionVolume) -> bool:
    """Make the directory of a volume; return whether it is new."""
    path = Path(detail.path)
    if not path.is_absolute() or ".." in path.parts:
        raise TerminalError(f"volume {detail.name!r} has no absolute path", reason="InvalidPath")
    if detail.base and not Path(detail.base).is_dir():
        # A disk that is not mounted: its volumes must not end up on another one.
        raise MountError(f"{detail.base}, where the class of volume {detail.name!r} keeps its volumes, is not there")
    _record(paths, detail.name, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir()
    except FileExistsError:
        return False
    # Any user of a container may use it, as with other local provisioners; fsGroup narrows it.
    path.chmod(0o777)
    return True


def trash(paths: VolumePaths, detail: TrashVolume) -> bool:
    """Move the directory of a released volume to the trash; return whether it was still there."""
    path = Path(detail.path)
    if not os.path.lexists(path):
        (paths.registry / checked_name(detail.name)).unlink(missing_ok=True)
        return False
    record = _records(paths).get(detail.name)
    if record is None or record.path != detail.path or record.found:
        raise NotOurs(f"{detail.path} was not made for volume {detail.name!r}: it stays where it is")
    if path.is_symlink() or not path.is_dir():
        raise NotOurs(f"{detail.path} is not a directory any more: it stays where it is")
    if is_mount_point(path) or mounts_at_or_below(path):
        raise StillMounted(f"something is mounted in {detail.path}: it stays where it is")
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    _move(path, paths.trash, f"{stamp}_{path.name}")
    (paths.registry / detail.name).unlink(missing_ok=True)
    return True


def directories(paths: VolumePaths) -> tuple[str, ...]:
    """Return the directories that volumes have here."""
    known = (record.path for record in _records(paths).values())
    return tuple(sorted(path for path in known if Path(path).is_dir()))


class _Record(Value):
    """One line of the registry: where a volume is, and whether its directory was there before us."""

    path: str
    found: bool = False


def _records(paths: VolumePaths) -> dict[str, _Record]:
    if not paths.registry.is_dir():
        return {}
    entries = sorted(entry for entry in paths.registry.iterdir() if not entry.name.startswith("."))
    return {entry.name: msgspec.json.decode(entry.read_bytes(), type=_Record) for entry in entries}


def _record(paths: VolumePaths, name: str, path: Path) -> None:
    """Write down, before anything is made, that this directory is ours, or that it is not."""
    entry = paths.registry / checked_name(name)
    known = _records(paths).get(name)
    if known is not None and known.path == str(path):
        return
    paths.registry.mkdir(parents=True, exist_ok=True)
    unfinished = paths.registry / f".{name}"
    unfinished.write_bytes(msgspec.json.encode(_Record(path=str(path), found=os.path.lexists(path))))
    unfinished.rename(entry)


def _move(path: Path, trash: Path, name: str) -> None:
    trash.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        path.rename(trash / name)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = path.parent / ".reconciler-trash"
        beside.mkdir(mode=0o700, exist_ok=True)
        path.rename(beside / name)
