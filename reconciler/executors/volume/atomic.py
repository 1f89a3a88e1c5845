"""Directories that are made in one step, and whose whole content changes in one step, laid out as kubelet does.

    name    -> ..data/name
    ..data  -> ..2026_11_21_02_52_06.417
    ..2026_11_21_02_52_06.417/name

Effect. A reader sees all files of one version or all of the next; being killed anywhere leaves the old version.
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from reconciler.executors.volume.payload import Files
from reconciler.executors.volume.removal import remove_tree

_DATA = "..data"
_NEXT = "..data_tmp"


def make_directory(directory: Path, mode: int) -> bool:
    """Make a directory that has this mode from the moment it is there; return whether it was made."""
    if os.path.lexists(directory):
        return False
    directory.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    unfinished = directory.with_name(f".{directory.name}.unfinished")
    unfinished.mkdir(exist_ok=True)
    unfinished.chmod(mode)
    unfinished.rename(directory)
    return True


def write_files(directory: Path, files: Files, group: int | None) -> bool:
    """Make `files` the content of `directory`; return whether that changed anything."""
    current = _current(directory)
    if current is not None and _same(current, files, group):
        _link_names(directory, files)
        return False
    # Leftovers of a try that was killed or found the disk full must not fill it for ever.
    _remove_others(directory, keep=current.name if current is not None else "")
    made = _write_version(directory, files, group)
    following = directory / _NEXT
    following.unlink(missing_ok=True)
    following.symlink_to(made.name)
    following.rename(directory / _DATA)
    _link_names(directory, files)
    _remove_others(directory, made.name)
    return True


def _write_version(directory: Path, files: Files, group: int | None) -> Path:
    now = datetime.now(UTC)
    made = directory / f"..{now:%Y_%m_%d_%H_%M_%S}.{now.microsecond:06d}"
    made.mkdir(mode=0o755)
    for path, file in files.items():
        target = made / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            handle.write(file.data)
            if group is not None:
                os.fchown(handle.fileno(), -1, group)
            os.fchmod(handle.fileno(), file_mode(file.mode, group))
    for inner in (made, *(each for each in made.rglob("*") if each.is_dir())):
        if group is not None:
            os.chown(inner, -1, group)
        inner.chmod(0o755 if group is None else 0o2775)
    return made


def file_mode(mode: int, group: int | None) -> int:
    """Return a file's permission bits: with an fsGroup its group can always read."""
    return mode if group is None else mode | 0o440


def _current(directory: Path) -> Path | None:
    try:
        name = (directory / _DATA).readlink().name
    except OSError:
        return None
    version = directory / name
    return version if version.is_dir() else None


def _same(version: Path, files: Files, group: int | None) -> bool:
    found = {str(each.relative_to(version)) for each in version.rglob("*") if each.is_file()}
    if found != set(files):
        return False
    for path, file in files.items():
        entry = version / path
        state = entry.lstat()
        if state.st_mode & 0o7777 != file_mode(file.mode, group) or state.st_size != len(file.data):
            return False
        if (group is not None and state.st_gid != group) or entry.read_bytes() != file.data:
            return False
    return True


def _link_names(directory: Path, files: Iterable[str]) -> None:
    """Make the visible names, and remove those that the new version does not have."""
    wanted = {path.partition("/")[0] for path in files}
    for name in sorted(wanted):
        link = directory / name
        if not link.is_symlink():
            link.symlink_to(f"{_DATA}/{name}")
    for entry in directory.iterdir():
        if not entry.name.startswith("..") and entry.name not in wanted and entry.is_symlink():
            entry.unlink()


def _remove_others(directory: Path, keep: str) -> None:
    for entry in sorted(directory.iterdir()):
        if entry.name.startswith("..2") and entry.name != keep:
            remove_tree(entry)
        elif entry.name == _NEXT:
            entry.unlink()
