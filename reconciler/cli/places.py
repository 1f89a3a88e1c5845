"""What `init` writes: directories, key, settings. Effect: files; never overwrites what is there."""

import grp
import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from reconciler.config import Settings

KEY_BYTES = 32
_GIT_S = 10.0
_SHARED = ("objects", "refs", "logs")
_HEADER = """\
# Settings of reconciler. A flag wins over a RECONCILER_* variable, which wins over this file.
# clusterId, podCidr, serviceCidr, nodePrefix and networkBackend are fixed for the life of the cluster.
"""


def make_directory(path: Path, mode: int, group: str = "") -> bool:
    """Make a directory; return whether it was made. Members of the group may pass through, but not look."""
    if path.is_dir():
        return False
    path.mkdir(parents=True, mode=mode)
    path.chmod(mode)
    group_id = group_number(group)
    if group_id is not None and os.geteuid() == 0:
        os.chown(path, -1, group_id)
        path.chmod(mode | 0o010)
    return True


def group_number(name: str) -> int | None:
    """Return the number of a group, or None when there is no such group."""
    with suppress(KeyError):
        return grp.getgrnam(name).gr_gid if name else None
    return None


def make_key(path: Path) -> bool:
    """Make the key that encrypts secrets in the database; return whether it was made."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        _check_key(path)
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return True


def new_cluster_id() -> str:
    """Return the identity of a new cluster."""
    return str(uuid.uuid4())


def add_settings(path: Path, values: Mapping[str, Any]) -> None:
    """Add settings to a file in one step, below what is there; it may hold a password, so others cannot read it."""
    _write_below(path, path.read_text(encoding="utf-8") if path.exists() else _HEADER, values)


def put_settings(path: Path, values: Mapping[str, Any]) -> None:
    """Put plain settings in the place of those of the same name, in one step; everything else stays as it is."""
    if not values:
        return
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else _HEADER.splitlines()
    kept = [line for line in lines if line.partition(":")[0] not in values]
    _write_below(path, "\n".join(kept), values)


def _write_below(path: Path, before: str, values: Mapping[str, Any]) -> None:
    import yaml

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    if not before.endswith("\n"):
        before += "\n"
    text = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, default_flow_style=False)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(before + text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_values(path: Path) -> dict[str, Any]:
    """Return what a settings file says, as plain values; {} without a file."""
    import yaml

    if not path.exists():
        return {}
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error
    return values if isinstance(values, dict) else {}


def share_repository(path: Path, group: str) -> bool:
    """Let members of the group push to a received repository; return whether there is such a group.

    They may add objects, refs and their logs; hooks and settings of the repository stay the owner's.
    """
    from reconciler.git.command import Deadline, GitCommand

    group_id = group_number(group)
    if group_id is None or os.geteuid() != 0:
        return False
    GitCommand(path).read("config", "--local", "core.sharedRepository", "group", deadline=Deadline(_GIT_S))
    (path / "logs").mkdir(exist_ok=True)
    os.chown(path, -1, group_id)
    # Git makes its locks here; the sticky bit keeps everybody from replacing what is not theirs.
    path.chmod(0o3770)
    for shared in _SHARED:
        for folder, _, _ in os.walk(path / shared):
            os.chown(folder, -1, group_id)
            Path(folder).chmod(0o2770)
    return True


def safe_directories() -> list[str]:
    """Return the repositories of others that Git of every user of this host trusts."""
    import subprocess

    command = ["git", "config", "--system", "--get-all", "safe.directory"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_S, check=False)
    return told.stdout.splitlines()


def describe(settings: "Settings") -> dict[str, str]:
    """Return the places that a person may look for."""
    return {
        "dataDir": settings.data_dir,
        "socket": str(settings.socket_path),
        "key": str(settings.key_path),
        "receivedRepository": str(settings.received_path),
    }


def _check_key(path: Path) -> None:
    size = path.stat().st_size
    if size != KEY_BYTES:
        hint = "restore it from a backup; with another key the secrets in the database cannot be read"
        raise ConfigurationError(f"{path}: has {size} bytes instead of {KEY_BYTES}", hint=hint)
