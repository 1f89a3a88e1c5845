"""The control groups of this host: where they are mounted, and a group's settings as files. Effect: reads and writes.

Version 1 and 2, also mixed. Only what is mounted whole is used: part of a hierarchy tells not where its top is.
"""

import errno
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TypeVar

from reconciler.model.base import Value
from reconciler.model.granted import PERIOD_US, Granted, shares_worth, weight_of

_T = TypeVar("_T")
UNIFIED = ""
_NEEDED = ("memory", "cpu")
# The file systems of both versions; those of version 1 are mounted with the names of their controllers.
_CONTROLLERS: Mapping[str, tuple[str, ...]] = {"cgroup": (), "cgroup2": (UNIFIED,)}
_PAGE_BYTES = mmap.PAGESIZE
# What version 1 shows where nothing was set is a little less than this.
_UNLIMITED = 1 << 62


class Hierarchy(Value):
    """One mounted hierarchy: where, which part of it, and its controllers; version 2 names none at the mount."""

    point: str
    controllers: frozenset[str]
    root: str = "/"

    @property
    def is_unified(self) -> bool:
        """Whether it is of version 2."""
        return UNIFIED in self.controllers

    def folder(self, group: str) -> Path:
        """Return the directory of a group, by its path from the top."""
        return Path(self.point) / group.lstrip("/")


class Setting(Value):
    """One file of a group, and what it is to hold."""

    file: str
    value: str


def hierarchies(mountinfo: str) -> tuple[Hierarchy, ...]:
    """Return the hierarchies that are mounted whole; of several at one place the last, which is what is seen there."""
    return tuple({one.point: one for one in mounts(mountinfo) if one.root == "/"}.values())


def mounts(mountinfo: str) -> Iterator[Hierarchy]:
    """Yield every hierarchy that is mounted, whole or a part of it."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        root, point = before.split(" ")[3:5]
        kind, _, options = after.split(" ", 2)
        if kind in _CONTROLLERS:
            yield Hierarchy(point=point, controllers=frozenset(_CONTROLLERS[kind] or options.split(",")), root=root)


def holders(found: tuple[Hierarchy, ...], unified: bool) -> dict[str, Hierarchy]:
    """Return which hierarchies limit memory and processors; a controller that no one has is left out."""
    named = {name: one for one in found for name in _NEEDED if not unified and name in one.controllers}
    if unified:
        named = {name: one for one in found for name in _NEEDED if one.is_unified}
    return named


def settings(controller: str, given: Granted, *, unified: bool) -> Iterator[Setting]:
    """Yield the files of a controller that let a group use what it is given; without a limit, none of that."""
    if controller == "memory" and given.memory_bytes:
        value = str(given.memory_bytes // _PAGE_BYTES * _PAGE_BYTES)
        yield Setting(file="memory.max" if unified else "memory.limit_in_bytes", value=value)
    if controller == "cpu" and unified:
        if given.cpu_quota_us:
            yield Setting(file="cpu.max", value=f"{given.cpu_quota_us} {PERIOD_US}")
        yield Setting(file="cpu.weight", value=str(weight_of(given.cpu_shares)))
    elif controller == "cpu":
        if given.cpu_quota_us:
            yield Setting(file="cpu.cfs_period_us", value=str(PERIOD_US))
            yield Setting(file="cpu.cfs_quota_us", value=str(given.cpu_quota_us))
        yield Setting(file="cpu.shares", value=str(given.cpu_shares))


def holds(folder: Path, setting: Setting) -> bool:
    """Whether a group's file holds what it is to hold."""
    try:
        return (folder / setting.file).read_text().strip() == setting.value
    except OSError as error:
        return _otherwise(error, False)


def observed(memory: Path, cpu: Path, *, unified: bool) -> Granted | None:
    """Return what a group may use, from its directories in the two hierarchies; None: there is no such group."""
    try:
        limit = _number(memory / ("memory.max" if unified else "memory.limit_in_bytes"))
        if unified:
            quota, period = (cpu / "cpu.max").read_text().split()
            shares = shares_worth(_number(cpu / "cpu.weight"))
        else:
            quota, period = ((cpu / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
            shares = _number(cpu / "cpu.shares")
        limited = quota.isdecimal() and period.isdecimal()
        return Granted(
            cpu_shares=shares,
            cpu_quota_us=int(quota) * PERIOD_US // int(period) if limited else 0,
            memory_bytes=0 if limit >= _UNLIMITED else limit,
        )
    except OSError as error:
        return _otherwise(error, None)


def memory_used(folder: Path, *, unified: bool) -> int:
    """Return how many bytes a group uses that the kernel does not give back at once; none where there is no group."""
    try:
        used = _number(folder / ("memory.current" if unified else "memory.usage_in_bytes"))
        told = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return used - int(told.get("inactive_file" if unified else "total_inactive_file", 0))
    except OSError as error:
        return _otherwise(error, 0)


def _otherwise(error: OSError, value: _T) -> _T:
    """Return what holds of a group that has gone, also while it was read; raise everything else."""
    if error.errno not in (errno.ENOENT, errno.ENODEV):
        raise error
    return value


def _number(file: Path) -> int:
    text = file.read_text().strip()
    return int(text) if text.isdecimal() else _UNLIMITED


def delegate(hierarchy: Hierarchy, group: str) -> None:
    """Let the children of a group of version 2, and of those above it, have limits of memory and processors."""
    above = [str(path) for path in PurePosixPath(group).parents if str(path) != "/"]
    for path in ("/", *reversed(above), group):
        folder = hierarchy.folder(path)
        folder.mkdir(exist_ok=True)
        has = (folder / "cgroup.subtree_control").read_text().split()
        for controller in _NEEDED:
            if controller not in has:
                (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def groups_of(pid: int, proc: Path = Path("/proc")) -> dict[str, str]:
    """Return the group of a process in each hierarchy, by controller; nothing once it has ended."""
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    found: dict[str, str] = {}
    for line in lines:
        _, listed, group = line.split(":", 2)
        found.update(dict.fromkeys(listed.split(","), group))
    return found
