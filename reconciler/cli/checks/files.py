"""Checks of disk, permissions and user. Effect: looks at the file system."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.checks import Finding, fail, ok, warn
from reconciler.cli.places import group_number, safe_directories
from reconciler.executors.network.rights import missing_rights

if TYPE_CHECKING:
    from reconciler.config import Settings

_MIB = 1 << 20
_FREE_MIB_FAIL = 200
_FREE_MIB_WARN = 2048
_FREE_INODES_MIN = 10_000


def check_user(_: "Settings") -> Sequence[Finding]:
    """Whether this is root: containers, links and mounts need it."""
    if os.geteuid() == 0:
        if missing := missing_rights():
            message = f"root without {' and '.join(missing)}: links and rules of Pods cannot be made"
            return [fail("user", message, "run it on the host itself, with all capabilities")]
        return [ok("user", "root")]
    return [warn("user", "not root: the daemon needs it, and some checks are left out", "sudo reconciler doctor")]


def check_places(settings: "Settings") -> Sequence[Finding]:
    """Whether `init` was run, and only the owner can read what is secret."""
    data, key = Path(settings.data_dir), settings.key_path
    if not settings.cluster_id or not data.is_dir():
        return [warn("data", f"{data} is not initialised", "reconciler init --receive")]
    found = [_private("data", data, 0o027), *disk_findings("data-disk", data)]
    if settings.server:
        # A node keeps no database, and no secret on its disk.
        return found
    if key.exists():
        found.append(_private("key", key, 0o077))
    else:
        found.append(fail("key", f"{key} is missing", "restore it from a backup; without it secrets cannot be read"))
    return found


def check_group(settings: "Settings") -> Sequence[Finding]:
    """Whether there is a group whose members may push."""
    group = settings.socket_group
    if group_number(group) is not None:
        return [ok("group", group), *_trust(settings)]
    return [warn("group", f"there is no group {group}: only root can push and look", f"groupadd --system {group}")]


def _trust(settings: "Settings") -> Sequence[Finding]:
    """Whether Git lets members of the group use a repository that is not theirs."""
    path = settings.received_path
    if not path.is_dir() or {str(path), "*"} & set(safe_directories()):
        return []
    fix = f"git config --system --add safe.directory {path}"
    return [warn("git-trust", "Git refuses the received repository to everybody but its owner", fix)]


def disk_findings(name: str, path: Path) -> Sequence[Finding]:
    """Judge the free space and file entries of the disk that holds `path`."""
    try:
        facts = os.statvfs(path)
    except OSError as error:
        return [fail(name, f"{path}: {(error.strerror or str(error)).lower()}", "check that the disk is mounted")]
    free = facts.f_bavail * facts.f_frsize // _MIB
    message = f"{free} MiB free at {path}"
    if free < _FREE_MIB_FAIL:
        return [fail(name, message, "free some space; nothing can be written soon")]
    if free < _FREE_MIB_WARN:
        return [warn(name, message, "free some space: docker image prune")]
    if facts.f_files and facts.f_favail < _FREE_INODES_MIN:
        return [warn(name, f"{facts.f_favail} file entries free at {path}", "remove small files")]
    return [ok(name, message)]


def _private(name: str, path: Path, forbidden: int) -> Finding:
    facts = path.stat()
    mode = stat.S_IMODE(facts.st_mode)
    if mode & forbidden:
        return fail(name, f"{path} has mode {mode:04o}", f"chmod {mode & ~forbidden:04o} {path}")
    if facts.st_uid not in (0, os.geteuid()):
        return fail(name, f"{path} belongs to user {facts.st_uid}", f"chown root {path}")
    return ok(name, f"{path}, mode {mode:04o}")
