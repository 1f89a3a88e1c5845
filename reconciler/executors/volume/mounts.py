"""The kernel's calls about mounts that Python does not offer: mount, umount2, openat2, and the table of mounts.

Effect.
"""

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.model.base import Value

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_PRIVATE = 1, 2, 4, 8, 4096, 1 << 18
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8
RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 1, 2, 4, 8

_OPENAT2 = 437
_LIBC = ctypes.CDLL(None, use_errno=True)
_ESCAPED = re.compile(r"\\([0-7]{3})")


class Mount(Value):
    """One line of the table of mounts."""

    path: str
    type: str


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def mount_table() -> tuple[Mount, ...]:
    """Return every mount of this process's namespace, in the order they were made."""
    lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    mounts = []
    for line in lines:
        before, _, after = line.partition(" - ")
        mounts.append(Mount(path=_plain(before.split(" ")[4]), type=after.split(" ", 1)[0]))
    return tuple(mounts)


def mounts_at_or_below(path: Path) -> tuple[str, ...]:
    """Return the mount points at `path` and inside it, innermost and newest first."""
    top = os.path.realpath(path.parent) + "/" + path.name
    found = [m.path for m in mount_table() if m.path == top or m.path.startswith(top + "/")]
    found.reverse()
    return tuple(sorted(found, key=lambda each: -each.count("/")))


def is_mount_point(path: Path) -> bool:
    """Whether something is mounted exactly at `path`."""
    top = os.path.realpath(path.parent) + "/" + path.name
    return any(m.path == top for m in mount_table())


def is_in_memory(path: Path) -> bool:
    """Whether `path` (or what will hold it) is on a file system that never reaches a disk of its own accord."""
    real = os.path.realpath(path)
    best = Mount(path="", type="")
    for mount in mount_table():
        inside = real == mount.path or real.startswith(mount.path.rstrip("/") + "/")
        if inside and len(mount.path) >= len(best.path):
            best = mount
    return best.type in ("tmpfs", "ramfs")


def mount_tmpfs(path: Path, options: str) -> None:
    """Mount a new file system in memory at `path`."""
    _check(_LIBC.mount(b"tmpfs", os.fsencode(path), b"tmpfs", MS_NOSUID | MS_NODEV, options.encode()), path)


def bind(source_fd: int, target: Path) -> None:
    """Show what an open descriptor refers to at `target` as well."""
    source = f"/proc/self/fd/{source_fd}".encode()
    _check(_LIBC.mount(source, os.fsencode(target), None, MS_BIND, None), target)


def unmount(path: Path | str) -> None:
    """Detach what is mounted at `path`; nothing mounted there is fine."""
    if _LIBC.umount2(os.fsencode(path), MNT_DETACH | UMOUNT_NOFOLLOW) != 0:
        number = ctypes.get_errno()
        if number not in (22, 2):
            raise OSError(number, os.strerror(number), str(path))


def open_inside(directory: int, path: str, flags: int, resolve: int, mode: int = 0) -> int:
    """Open `path` relative to `directory` under the kernel's own restrictions on how it may be resolved."""
    how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    opened = _LIBC.syscall(_OPENAT2, directory, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
    if opened < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return int(opened)


@contextmanager
def held(descriptor: int) -> Iterator[int]:
    """Give out an open descriptor and close it in the end."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _check(result: int, path: Path) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)
