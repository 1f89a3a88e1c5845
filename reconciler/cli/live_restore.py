"""Docker's live-restore: containers go on while dockerd restarts. Effect: its settings file, a signal to it."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reconciler.model.errors import ConfigurationError, DeadlineError

SETTINGS = Path("/etc/docker/daemon.json")
PID_FILE = Path("/var/run/docker.pid")
HINT = "turn it on: reconciler init --enable-live-restore"
_RELOAD_S = 10.0


def is_on(engine: str) -> bool:
    """Whether the Engine says that live-restore is on. Raises when the Engine does not answer."""
    from reconciler.executors.engine import Engine

    door = Engine(engine)
    try:
        return door.info().live_restore
    finally:
        door.close()


def enable(is_enabled: Callable[[], bool], settings: Path = SETTINGS, pid_file: Path = PID_FILE) -> bool:
    """Turn live-restore on by a reload, keeping every other setting; return whether anything was changed.

    No container and no dockerd is restarted. Raises ConfigurationError when the settings file cannot be understood.
    """
    if is_enabled():
        return False
    content = with_live_restore(settings)
    pid = _pid_of(pid_file)
    settings.parent.mkdir(parents=True, exist_ok=True)
    temporary = settings.with_name(f".{settings.name}.{os.getpid()}")
    temporary.write_text(content, encoding="utf-8")
    if settings.exists():
        temporary.chmod(settings.stat().st_mode & 0o777)
    temporary.replace(settings)
    os.kill(pid, signal.SIGHUP)
    _await(is_enabled)
    return True


def with_live_restore(settings: Path) -> str:
    """Return the settings file's content with live-restore on and everything else kept."""
    values: Any = {}
    if settings.exists():
        try:
            values = json.loads(settings.read_text(encoding="utf-8") or "{}")
        except (ValueError, UnicodeDecodeError) as error:
            hint = 'correct it, and add "live-restore": true to it'
            raise ConfigurationError(f"{settings}: not JSON: {error}", hint=hint) from error
    if not isinstance(values, dict):
        raise ConfigurationError(f"{settings}: expected a JSON object")
    return json.dumps({**values, "live-restore": True}, indent=2) + "\n"


def _pid_of(pid_file: Path) -> int:
    try:
        pid = int(pid_file.read_text(encoding="ascii").strip())
        os.kill(pid, 0)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{pid_file}: does not name a running dockerd",
            hint='add "live-restore": true to /etc/docker/daemon.json, then: systemctl reload docker',
        ) from error
    return pid


def _await(is_enabled: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _RELOAD_S
    while not is_enabled():
        if time.monotonic() > deadline:
            hint = "a swarm excludes live-restore; see Docker's log: journalctl -u docker"
            raise DeadlineError("the Engine did not take live-restore over", hint=hint)
        time.sleep(0.1)
