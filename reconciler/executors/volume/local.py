"""Directories of the local provisioner, and files for block devices: made, and moved to the dated trash (P29).

Effect. They are never emptied and never shrunk. Only what is written down as made by us is ever moved.
"""

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from reconciler.executors.volume import loop
from reconciler.executors.volume.atomic import make_directory
from reconciler.executors.volume.mounts import held, is_mount_point, mounts_at_or_below
from reconciler.executors.volume.paths import MountError, VolumePaths, checked_name
from reconciler.executors.volume.removal import StillMounted
from reconciler.model.base import Value
from reconciler.model.details import ProvisionVolume, TrashVolume
from reconciler.model.errors import TerminalError
from reconciler.model.storage import DeviceFact


class NotOurs(TerminalError):
    """A directory was not made by the local provisioner."""

    reason = "NotOurs"


def provision(paths: VolumePaths, detail: ProvisionVolume) -> bool:
    """Make the directory or file of a volume, or let its file grow; return whether anything changed."""
    path = Path(detail.path)
    if not path.is_absolute() or ".." in path.parts:
        raise TerminalError(f"volume {detail.name!r} has no absolute path", reason="InvalidPath")
    if detail.base and not Path(detail.base).is_dir():
        # A disk that is not mounted: its volumes must not end up on another one.
        raise MountError(f"{detail.base}, where the class of volume {detail.name!r} keeps its volumes, is not there")
    _record(paths, detail.name, path, is_file=bool(detail.size))
    if detail.size:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _grow_file(path, detail.size)
    # Any user of a container may use it, as with other local provisioners; fsGroup narrows it.
    return make_directory(path, 0o777)


def _grow_file(path: Path, size: int) -> bool:
    """Make a sparse file of a size, or let it grow to that; what is attached of it grows with it."""
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with held(opened):
        grows = os.fstat(opened).st_size < size
        if grows:
            os.ftruncate(opened, size)
    if grows:
        loop.follow_size(path)
    return grows


def trash(paths: VolumePaths, detail: TrashVolume) -> bool:
    """Move the directory or file of a released volume to the trash; return whether it was still there."""
    path = Path(detail.path)
    if not os.path.lexists(path):
        (paths.registry / checked_name(detail.name)).unlink(missing_ok=True)
        return False
    record = _records(paths).get(detail.name)
    if record is None or record.path != detail.path or record.found:
        raise NotOurs(f"{detail.path} was not made for volume {detail.name!r}: it stays where it is")
    if path.is_symlink() or not (path.is_file() if record.is_file else path.is_dir()):
        what = "file" if record.is_file else "directory"
        raise NotOurs(f"{detail.path} is not a {what} any more: it stays where it is")
    if record.is_file:
        loop.detach(path)
    if is_mount_point(path) or mounts_at_or_below(path):
        raise StillMounted(f"something is mounted in {detail.path}: it stays where it is")
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    _move(path, paths.trash, f"{stamp}_{path.name}")
    (paths.registry / detail.name).unlink(missing_ok=True)
    return True


def directories(paths: VolumePaths) -> tuple[str, ...]:
    """Return the directories that volumes have here."""
    known = (record.path for record in _records(paths).values())
    return tuple(sorted(path for path in known if Path(path).is_dir() or Path(path).is_file()))


def devices(paths: VolumePaths) -> tuple[DeviceFact, ...]:
    """Return the files that hold block volumes here, with the devices they are attached as."""
    return tuple(
        DeviceFact(
            volume=name,
            path=record.path,
            size=Path(record.path).stat().st_size,
            device=loop.device_of(Path(record.path)),
        )
        for name, record in _records(paths).items()
        if record.is_file and Path(record.path).is_file()
    )


class _Record(Value):
    """One line of the registry: where a volume is, whether that was there before us, and whether it is a file."""

    path: str
    found: bool = False
    is_file: bool = False


def _records(paths: VolumePaths) -> dict[str, _Record]:
    if not paths.registry.is_dir():
        return {}
    entries = sorted(entry for entry in paths.registry.iterdir() if not entry.name.startswith("."))
    return {entry.name: msgspec.json.decode(entry.read_bytes(), type=_Record) for entry in entries}


def _record(paths: VolumePaths, name: str, path: Path, *, is_file: bool) -> None:
    """Write down, before anything is made, that this directory or file is ours, or that it is not."""
    entry = paths.registry / checked_name(name)
    known = _records(paths).get(name)
    if known is not None and known.path == str(path):
        return
    paths.registry.mkdir(parents=True, exist_ok=True)
    unfinished = paths.registry / f".{name}"
    unfinished.write_bytes(msgspec.json.encode(_Record(path=str(path), found=os.path.lexists(path), is_file=is_file)))
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
