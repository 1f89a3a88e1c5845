"""Loop devices of files below a folder. Effect: the kernel's devices, which belong to the machine and outlive a host.

A device is known by the device and inode of its file: the path that the kernel shows may be one of a mount namespace
that is gone.
"""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

# Number of the device (major, minor) and inode.
File = tuple[int, int, int]


def detach_below(folder: Path) -> tuple[str, ...]:
    """Detach what is attached of a folder; return the devices. One that somebody still has open goes with its user."""
    attached = _attached()
    if not attached:
        return ()
    below = set(_files(folder))
    found = tuple(device for device, file in attached.items() if file in below)
    if found:
        # It fails for a device that was detached while we looked.
        subprocess.run(["losetup", "--detach", *found], capture_output=True, check=False)
    return found


def _attached() -> dict[str, File]:
    """Return every device that has a file, and the device and inode of that file."""
    command = ["losetup", "--list", "--json", "--output", "NAME,BACK-INO,BACK-MAJ:MIN"]
    told = subprocess.run(command, capture_output=True, check=True).stdout
    rows = json.loads(told)["loopdevices"] if told.strip() else []
    return {row["name"]: _file(row["back-maj:min"], row["back-ino"]) for row in rows if row["back-maj:min"]}


def _file(device: str, inode: int | str) -> File:
    major, _, minor = device.strip().partition(":")
    return int(major), int(minor), int(inode)


def _files(folder: Path) -> Iterator[File]:
    for top, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                state = Path(top, name).lstat()
                yield os.major(state.st_dev), os.minor(state.st_dev), state.st_ino
