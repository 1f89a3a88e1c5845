"""Loop devices of files below a folder. Effect: the kernel's devices, which belong to the machine and outlive a host.

A device is known by the device and inode of its file: the path that the kernel shows may be one of a mount namespace
that is gone.
"""

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

_BLOCKS, _DEVICES = Path("/sys/block"), Path("/dev")
_CLR_FD, _GET_STATUS = 0x4C01, 0x4C05
_INFO_BYTES = 232
# It was detached while we looked.
_GONE = (errno.ENXIO, errno.ENOENT, errno.ENODEV)

File = tuple[int, int]


def detach_below(folder: Path) -> tuple[str, ...]:
    """Detach what is attached of a folder; return the devices. One that somebody still has open goes with its user."""
    attached = dict(_attached())
    if not attached:
        return ()
    below = set(_files(folder))
    found = tuple(device for device, file in attached.items() if file in below)
    for device in found:
        _ask(device, _CLR_FD)
    return found


def _attached() -> Iterator[tuple[str, File]]:
    """Yield every device that has a file, and the device and inode of that file."""
    for entry in sorted(_BLOCKS.glob("loop*/loop/backing_file")):
        device = str(_DEVICES / entry.parent.parent.name)
        info = _ask(device, _GET_STATUS)
        if info is not None:
            number, inode = struct.unpack_from("=QQ", info)
            yield device, (number, inode)


def _files(folder: Path) -> Iterator[File]:
    for top, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                state = Path(top, name).lstat()
                yield state.st_dev, state.st_ino


def _ask(device: str, command: int) -> bytes | None:
    """Ask the kernel something of a device; None where it has no file any more."""
    info = bytearray(_INFO_BYTES)
    try:
        opened = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(opened, command, info)
        finally:
            os.close(opened)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise
    return bytes(info)
