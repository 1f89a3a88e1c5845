"""Parts of volumes, as containers see them (`subPath`).

Effect. A container that shares the volume could exchange a directory for a symbolic link between our look and the
Engine's; so the part is opened by the kernel strictly inside the volume, and what was opened is bound to a path of
ours that no container reaches.
"""

import errno
import os
import stat
from pathlib import Path

from reconciler.executors.volume.mounts import (
    RESOLVE_BENEATH,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    bind,
    held,
    is_mount_point,
    open_inside,
    unmount,
)
from reconciler.executors.volume.paths import MountError
from reconciler.executors.volume.removal import remove_tree

_RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


def bind_part(volume: Path, part: str, target: Path) -> Path:
    """Bind `part` of `volume` (made as a directory where it is missing) to `target` and return that."""
    if is_mount_point(target):
        return target
    try:
        with held(os.open(volume, os.O_PATH)) as root, held(_open_or_make(root, part)) as opened:
            _make_target(opened, target)
            bind(opened, target)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.ELOOP):
            raise MountError(f"subPath {part!r} leads out of its volume") from error
        raise
    return target


def release_parts(container_dir: Path, keep: str = "") -> None:
    """Unbind and forget the parts of all attempts but `keep`."""
    if not container_dir.is_dir():
        return
    for attempt in sorted(container_dir.iterdir()):
        if attempt.name != keep:
            for target in sorted(attempt.iterdir()):
                unmount(target)
            remove_tree(attempt)


def _open_or_make(root: int, part: str) -> int:
    try:
        return open_inside(root, part, os.O_PATH, _RESOLVE)
    except FileNotFoundError:
        _make_directories(root, part)
        return open_inside(root, part, os.O_PATH, _RESOLVE)


def _make_directories(root: int, part: str) -> None:
    """Make each missing directory of `part`, each inside the one before as the kernel resolved it."""
    done = "."
    for component in part.split("/"):
        with held(open_inside(root, done, _DIRECTORY, _RESOLVE)) as parent:
            _make_directory(parent, component, stat.S_IMODE(os.fstat(root).st_mode))
        done = f"{done}/{component}"


def _make_directory(parent: int, name: str, mode: int) -> None:
    try:
        os.mkdir(name, 0o750, dir_fd=parent)
    except FileExistsError:
        return
    with held(open_inside(parent, name, _DIRECTORY, _RESOLVE | RESOLVE_NO_SYMLINKS)) as made:
        os.fchmod(made, mode)


def _make_target(opened: int, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISDIR(os.fstat(opened).st_mode):
        target.mkdir(exist_ok=True)
    else:
        target.touch(exist_ok=True)
