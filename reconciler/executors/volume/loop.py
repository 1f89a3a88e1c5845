"""Files attached as block devices: the kernel's loop devices.

Effect. A device is known by the file behind it (its device and inode, as the kernel tells them), never by its number:
that is another one after every boot, and other programs attach files too.
"""

import ctypes
import errno
import fcntl
import os
import stat
from pathlib import Path

from reconciler.executors.volume.mounts import held
from reconciler.executors.volume.paths import MountError

_CONTROL = "/dev/loop-control"
_BLOCKS = Path("/sys/block")
_CTL_GET_FREE = 0x4C82
_CLR_FD, _GET_STATUS, _SET_CAPACITY, _CONFIGURE = 0x4C01, 0x4C05, 0x4C07, 0x4C0A
_TRIES = 20


class _Info(ctypes.Structure):
    """`struct loop_info64` of the kernel."""

    _fields_ = [
        ("device", ctypes.c_uint64),
        ("inode", ctypes.c_uint64),
        ("rdevice", ctypes.c_uint64),
        ("offset", ctypes.c_uint64),
        ("size_limit", ctypes.c_uint64),
        ("number", ctypes.c_uint32),
        ("encrypt_type", ctypes.c_uint32),
        ("encrypt_key_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("file_name", ctypes.c_char * 64),
        ("crypt_name", ctypes.c_char * 64),
        ("encrypt_key", ctypes.c_char * 32),
        ("init", ctypes.c_uint64 * 2),
    ]


class _Config(ctypes.Structure):
    """`struct loop_config` of the kernel."""

    _fields_ = [
        ("fd", ctypes.c_uint32),
        ("block_size", ctypes.c_uint32),
        ("info", _Info),
        ("reserved", ctypes.c_uint64 * 8),
    ]


def device_of(path: Path) -> str:
    """Return the loop device that a file is attached to; empty when it is attached to none."""
    state = path.stat()
    for device in attached_devices():
        info = _status(device)
        if info is not None and (info.inode, info.device) == (state.st_ino, state.st_dev) and not info.offset:
            return device
    return ""


def attached_devices() -> tuple[str, ...]:
    """Return every loop device that has a file."""
    names = (entry.parent.parent.name for entry in _BLOCKS.glob("loop*/loop/backing_file"))
    return tuple(f"/dev/{name}" for name in sorted(names))


def attach(path: Path) -> tuple[bool, str]:
    """Attach a file; return whether that is new, and the device. One process at a time does this for a file."""
    if known := device_of(path):
        return False, known
    with held(os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)) as file:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise MountError(f"{path} is not a file: it is not attached as a block device")
        for _ in range(_TRIES):
            device = _free_device()
            try:
                _configure(device, file, path.name)
            except OSError as error:
                # Somebody else has taken it in between.
                if error.errno != errno.EBUSY:
                    raise
            else:
                return True, device
    raise MountError(f"no loop device is left for {path}: see `losetup --list`")


def detach(path: Path) -> bool:
    """Detach a file; return whether it was attached. The kernel waits for whoever still has it open."""
    device = device_of(path)
    if not device:
        return False
    with held(os.open(device, os.O_RDONLY | os.O_CLOEXEC)) as opened:
        fcntl.ioctl(opened, _CLR_FD)
    return True


def follow_size(path: Path) -> None:
    """Let the device of a file that has grown be as large as the file."""
    if device := device_of(path):
        with held(os.open(device, os.O_RDWR | os.O_CLOEXEC)) as opened:
            fcntl.ioctl(opened, _SET_CAPACITY)


def _status(device: str) -> _Info | None:
    info = _Info()
    try:
        with held(os.open(device, os.O_RDONLY | os.O_CLOEXEC)) as opened:
            fcntl.ioctl(opened, _GET_STATUS, info)
    except OSError as error:
        # It was detached while we looked.
        if error.errno in (errno.ENXIO, errno.ENOENT):
            return None
        raise
    return info


def _free_device() -> str:
    try:
        with held(os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)) as control:
            return f"/dev/loop{fcntl.ioctl(control, _CTL_GET_FREE)}"
    except FileNotFoundError as error:
        raise MountError(
            "this node's kernel has no loop devices, which volumes with volumeMode Block need: `modprobe loop`"
        ) from error


def _configure(device: str, file: int, name: str) -> None:
    config = _Config(fd=file, info=_Info(file_name=os.fsencode(name)[:63]))
    with held(os.open(device, os.O_RDWR | os.O_CLOEXEC)) as opened:
        fcntl.ioctl(opened, _CONFIGURE, config)
