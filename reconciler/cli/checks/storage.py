"""Checks of what volumes need besides a directory: NFS, and files as block devices. Effect: looks at /proc and /dev."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.checks import Finding, ok, warn

if TYPE_CHECKING:
    from reconciler.config import Settings

_HELPERS = "/sbin:/usr/sbin:/usr/local/sbin"


def check_nfs(_: "Settings") -> Sequence[Finding]:
    """Whether shares of NFS servers can be mounted; a host whose Pods use none does not need that."""
    if shutil.which("mount.nfs", path=_HELPERS) is None:
        return [warn("nfs", "mount.nfs is not installed: no share can be mounted", "apt-get install nfs-common")]
    if not _kernel_has({"nfs", "nfs4"}, "nfs"):
        return [warn("nfs", "this kernel has no NFS client: no share can be mounted", "modprobe nfs")]
    return [ok("nfs", "shares can be mounted")]


def check_block(_: "Settings") -> Sequence[Finding]:
    """Whether files can be block devices, which classes make for claims with volumeMode Block."""
    if not Path("/dev/loop-control").exists():
        return [warn("block", "no loop devices: classes make no volumes with volumeMode Block", "modprobe loop")]
    return [ok("block", "loop devices for volumes with volumeMode Block")]


def _kernel_has(names: set[str], module: str) -> bool:
    """Whether the kernel knows one of these file systems, or has the module that `mount` would load."""
    known = {line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines() if line.strip()}
    release = Path("/proc/sys/kernel/osrelease").read_text().strip()
    return bool(names & known) or any(Path(f"/lib/modules/{release}/kernel/fs/{module}").glob(f"{module}.ko*"))
