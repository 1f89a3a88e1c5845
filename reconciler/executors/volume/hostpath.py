"""Paths of the host that Pods ask for: checked, and made where their type says so.

Effect.
"""

import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from reconciler.executors.volume.paths import MountError
from reconciler.model.kinds import HostPathVolumeSource

_CHECKS: Mapping[str, tuple[str, Callable[[int], bool]]] = {
    "Directory": ("a directory", stat.S_ISDIR),
    "DirectoryOrCreate": ("a directory", stat.S_ISDIR),
    "File": ("a file", stat.S_ISREG),
    "FileOrCreate": ("a file", stat.S_ISREG),
    "Socket": ("a socket", stat.S_ISSOCK),
    "CharDevice": ("a character device", stat.S_ISCHR),
    "BlockDevice": ("a block device", stat.S_ISBLK),
}


def ensure_host_path(source: HostPathVolumeSource) -> None:
    """Check a path of the host; make it where asked to, or where nothing was said (as the runtime would)."""
    path = Path(source.path)
    if not path.is_absolute():
        raise MountError(f"hostPath {source.path!r} is not absolute")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        _make(source.type, path)
        return
    if source.type:
        words, is_right = _CHECKS[source.type]
        if not is_right(mode):
            raise MountError(f"hostPath {source.path} is not {words}")


def _make(kind: str, path: Path) -> None:
    match kind:
        case "DirectoryOrCreate" | "":
            path.mkdir(parents=True, exist_ok=True)
            # Said explicitly: a service's umask would take reading from the containers' users.
            path.chmod(0o755)
        case "FileOrCreate":
            try:
                path.touch(exist_ok=True)
                path.chmod(0o644)
            except FileNotFoundError as error:
                raise MountError(f"the directory of hostPath {path} does not exist") from error
        case _:
            raise MountError(f"hostPath {path} does not exist, {_CHECKS[kind][0]} is expected")
