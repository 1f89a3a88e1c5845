"""Control groups of lab hosts, of version 1, version 2 or both. Effect: the cgroup file systems."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

PARENT = "reconciler-lab"
_NOT_SELECTING = {"rw", "ro", "xattr", "clone_children", "noprefix", "cpuset_v2_mode"}
_EMPTYING_S = 20


class Hierarchy:
    """One mounted cgroup hierarchy: where, which file system, and the options that select it."""

    def __init__(self, path: str, kind: str, options: str) -> None:
        self.path = Path(path)
        self.kind = kind
        self.words = (path, kind, options)
        chosen = (word for word in options.split(",") if not word.startswith("release_agent"))
        words = [word for word in chosen if word not in _NOT_SELECTING]
        named = any(word.startswith("name=") for word in words)
        self.options = ",".join(["none", *words] if named and len(words) == 1 else words)


def cgroup_hierarchies() -> list[Hierarchy]:
    """Return the cgroup hierarchies that are mounted here."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ")[:3]
        root, path = before.split(" ")[3:5]
        # Elsewhere is the root of what was mounted before this cgroup namespace was entered.
        if kind in {"cgroup", "cgroup2"} and root == "/":
            found.append(Hierarchy(path, kind, options))
    return found


def make_cgroups(name: str, hierarchies: Iterable[Hierarchy]) -> None:
    """Make the group `name` (a path below that of all labs) in every hierarchy, and those above it."""
    for hierarchy in hierarchies:
        own = hierarchy.path / PARENT / name
        own.mkdir(parents=True, exist_ok=True)
        above = [one for one in reversed(own.parents) if one.is_relative_to(hierarchy.path)]
        if hierarchy.kind == "cgroup2":
            for group in above:
                delegate(group)
        for file in ("cpuset.cpus", "cpuset.mems"):
            # A version 1 cpuset starts empty and then refuses members.
            if hierarchy.kind == "cgroup" and (hierarchy.path / file).exists():
                for group in (*above[1:], own):
                    if not (group / file).read_text().strip():
                        (group / file).write_text((hierarchy.path / file).read_text())


def join_cgroups(name: str, hierarchies: Iterable[Hierarchy]) -> None:
    """Move this process into the group `name`."""
    for hierarchy in hierarchies:
        (hierarchy.path / PARENT / name / "cgroup.procs").write_text(str(os.getpid()))


def set_apart(name: str, pid: int, hierarchies: Iterable[Hierarchy]) -> None:
    """Move the process that holds a host from outside out of the host's version 2 group, so that this can delegate."""
    for hierarchy in hierarchies:
        if hierarchy.kind == "cgroup2":
            apart = hierarchy.path / PARENT / holder_of(name)
            apart.mkdir(exist_ok=True)
            (apart / "cgroup.procs").write_text(str(pid))
            # Refused as long as other processes are there: these do it once they have gone into a leaf.
            delegate(hierarchy.path / PARENT / name)


def holder_of(name: str) -> str:
    """Return the group beside `name` of the process that holds the host from outside."""
    return f"{name}-holder"


def delegate(group: Path) -> None:
    """Let the children of a version 2 group use every controller that the group itself has."""
    for controller in (group / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def has_cgroups(name: str) -> bool:
    """Whether the group `name` is in any hierarchy."""
    return any((hierarchy.path / PARENT / name).is_dir() for hierarchy in cgroup_hierarchies())


def remove_cgroups(name: str) -> None:
    """Kill the members of the group `name` and remove it, for at most 20 seconds; remove what is empty above it."""
    empty_cgroups(name)
    for hierarchy in cgroup_hierarchies():
        with contextlib.suppress(OSError):
            (hierarchy.path / PARENT).rmdir()


def empty_cgroups(name: str) -> None:
    """Kill the members of the group `name` and remove it, for at most 20 seconds."""
    deadline = time.monotonic() + _EMPTYING_S
    groups = [hierarchy.path / PARENT / name for hierarchy in cgroup_hierarchies()]
    while left := [group for group in groups if group.is_dir()]:
        for group in left:
            _empty(group)
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)


def _empty(top: Path) -> None:
    """Kill the members of a tree of cgroups and remove those that are empty, from the bottom up."""
    for path, _, _ in os.walk(top, topdown=False):
        group = Path(path)
        with contextlib.suppress(OSError):
            for member in (group / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(member), signal.SIGKILL)
        with contextlib.suppress(OSError):
            group.rmdir()
