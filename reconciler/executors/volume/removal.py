"""Removing directories of ours, and nothing else (P29).

Effect. No symbolic link is followed and no mount is entered: every directory is opened by the kernel inside its
parent with both forbidden, so that a claim's or the host's directory that is still mounted somewhere inside makes
the removal fail instead of being emptied.
"""

import errno
import os
from pathlib import Path

from reconciler.executors.volume.mounts import (
    RESOLVE_BENEATH,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    RESOLVE_NO_XDEV,
    held,
    mounts_at_or_below,
    open_inside,
)
from reconciler.model.errors import TransientError

_RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_DEPTH_MAX = 100


class StillMounted(TransientError):
    """Something is mounted inside what was to be removed."""

    reason = "StillMounted"


def remove_tree(path: Path) -> bool:
    """Remove a directory of ours with what is in it; return whether there was one."""
    if mounted := mounts_at_or_below(path):
        raise StillMounted(f"{mounted[0]} is still mounted: {path} is not removed")
    try:
        parent = os.open(path.parent, _FLAGS)
    except FileNotFoundError:
        return False
    with held(parent):
        return _remove(parent, path.name, str(path))


def _remove(parent: int, name: str, shown: str) -> bool:
    directory = _open_directory(parent, name, shown)
    if directory is None:
        return _unlink(parent, name)
    with held(directory):
        # What is nested too deep is brought up here, so this can need several passes.
        while _empty(directory, directory, shown, 0):
            pass
    os.rmdir(name, dir_fd=parent)
    return True


def _empty(top: int, directory: int, shown: str, depth: int) -> bool:
    """Remove the entries of `directory`; return whether some were moved to `top` instead."""
    moved = False
    for name in os.listdir(directory):
        inner = _open_directory(directory, name, f"{shown}/{name}")
        if inner is None:
            _unlink(directory, name)
            continue
        with held(inner):
            if depth >= _DEPTH_MAX:
                os.rename(name, f".deep-{os.fstat(inner).st_ino}", src_dir_fd=directory, dst_dir_fd=top)
                moved = True
                continue
            moved = _empty(top, inner, f"{shown}/{name}", depth + 1) or moved
        os.rmdir(name, dir_fd=directory)
    return moved


def _open_directory(parent: int, name: str, shown: str) -> int | None:
    """Open a directory of the same mount; None: it is something else, or gone."""
    try:
        return open_inside(parent, name, _FLAGS, _RESOLVE)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.ENOENT):
            return None
        if error.errno == errno.EXDEV:
            raise StillMounted(f"{shown} is a mount point: it is not removed") from error
        raise


def _unlink(parent: int, name: str) -> bool:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return False
    return True
