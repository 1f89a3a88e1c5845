"""Files of volumes as nodes read them for containers.

Effect. Containers write these volumes and may put symbolic links, pipes and devices there: the kernel resolves the path
strictly inside the volume, and only a plain file is read, up to a bound.
"""

import errno
import os
import stat
from pathlib import Path

from reconciler.executors.volume.mounts import RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, held, open_inside
from reconciler.executors.volume.paths import MountError

BYTES_MAX = 1024 * 1024
_RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY


def read_inside(volume: Path, path: str) -> bytes | None:
    """Return the content of a file of a volume; None where there is none."""
    try:
        with held(os.open(volume, os.O_PATH)) as root, held(open_inside(root, path, _FLAGS, _RESOLVE)) as opened:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise MountError(f"{path!r} is no file")
            with os.fdopen(os.dup(opened), "rb") as file:
                content = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.ELOOP):
            raise MountError(f"{path!r} leads out of its volume") from error
        raise
    if len(content) > BYTES_MAX:
        raise MountError(f"{path!r} has more than {BYTES_MAX} bytes")
    return content
