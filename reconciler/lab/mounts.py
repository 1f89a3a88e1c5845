"""Mounts of lab hosts. Effect: the mount namespace of whoever calls."""

import contextlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from reconciler.lab.cgroups import Hierarchy, delegate


def mount(*words: str | Path) -> None:
    """Mount, with the tool's own message when that fails."""
    subprocess.run(["mount", *words], check=True, capture_output=True, text=True)


def mount_memory(path: Path | str, source: str, mode: str) -> None:
    """Mount an empty file system in memory."""
    mount("-t", "tmpfs", "-o", f"mode={mode},nosuid,nodev", source, path)


def file_system(path: Path) -> str:
    """Return the type of the file system that holds a path."""
    named = subprocess.run(["stat", "-f", "-c", "%T", path], check=True, capture_output=True, text=True)
    return named.stdout.strip()


def mounted_below(path: Path) -> list[str]:
    """Return what is mounted at or below a path, the deepest first."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    points = [Path(line.split()[4].replace("\\040", " ")) for line in lines]
    return [str(one) for one in reversed(points) if one.is_relative_to(path)]


def mount_sys(hierarchies: Sequence[Hierarchy]) -> None:
    """Mount /sys anew, because it shows the network of whoever mounted it, and this host's cgroups below."""
    mount("-t", "sysfs", "-o", "nosuid,nodev,noexec", "sysfs", "/sys")
    if any(hierarchy.kind == "cgroup" for hierarchy in hierarchies):
        mount("-t", "tmpfs", "-o", "mode=755,nosuid,nodev,noexec", "cgroup", "/sys/fs/cgroup")
    for hierarchy in hierarchies:
        hierarchy.path.mkdir(parents=True, exist_ok=True)
        chosen = ["-o", hierarchy.options] if hierarchy.kind == "cgroup" else []
        mount("-t", hierarchy.kind, *chosen, "cgroup", hierarchy.path)
        for controller in hierarchy.options.split(",") if "," in hierarchy.options else ():
            if not controller.startswith(("none", "name=")):
                link = hierarchy.path.parent / controller
                if not link.exists():
                    link.symlink_to(hierarchy.path.name)
        if hierarchy.kind == "cgroup2" and hierarchy.path == Path("/sys/fs/cgroup"):
            _leave_the_top(hierarchy.path)


def _leave_the_top(top: Path) -> None:
    """Move every process of a version 2 group into a leaf: a group that delegates may hold no process itself."""
    leaf = top / "init"
    leaf.mkdir(exist_ok=True)
    for member in (top / "cgroup.procs").read_text().split():
        with contextlib.suppress(OSError):
            (leaf / "cgroup.procs").write_text(member)
    delegate(top)
