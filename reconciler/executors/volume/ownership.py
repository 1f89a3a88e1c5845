"""The group that a Pod's volumes belong to (`fsGroup`).

Effect. The content of a claim may be written by containers at the same time: nothing is followed, every entry is
changed through a descriptor.
"""

import os
import stat
from pathlib import Path

from reconciler.executors.volume.mounts import held

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def give_to_group(top: Path, group: int, *, only_on_mismatch: bool) -> None:
    """Make everything in `top` belong to `group`, readable and writable for it."""
    with held(os.open(top, _DIRECTORY)) as directory:
        if only_on_mismatch and _fits(os.fstat(directory), group):
            return
        for _, _, files, here in os.fwalk(dir_fd=directory, follow_symlinks=False):
            for name in files:
                _give_file(here, name, group)
            os.fchown(here, -1, group)
            os.fchmod(here, stat.S_IMODE(os.fstat(here).st_mode) | 0o2770)


def _fits(state: os.stat_result, group: int) -> bool:
    return state.st_gid == group and state.st_mode & 0o2770 == 0o2770


def _give_file(directory: int, name: str, group: int) -> None:
    try:
        os.chown(name, -1, group, dir_fd=directory, follow_symlinks=False)
        opened = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return
    with held(opened):
        state = os.fstat(opened)
        if stat.S_ISREG(state.st_mode):
            # A descriptor opened as a path only cannot be changed directly, its name in /proc can.
            Path(f"/proc/self/fd/{opened}").chmod(stat.S_IMODE(state.st_mode) | 0o660)
