"""Slices of systemd with limits, for an Engine whose control groups systemd keeps.

Effect: asks the service manager, by the program that comes with it.
"""

import shutil
import subprocess

from reconciler.model.errors import TransientError
from reconciler.model.granted import PERIOD_US, Granted, weight_of

_CALL_S = 20.0
_SEARCHED = "/usr/local/bin:/usr/bin:/bin"


class SystemdError(TransientError):
    """The service manager did not do what it was asked for."""

    reason = "Systemd"


def set_slice(name: str, given: Granted) -> None:
    """Make a slice that lasts until the host restarts, with limits, and start it."""
    _systemctl("set-property", "--runtime", name, *properties(given))
    _systemctl("start", name)


def remove_slice(name: str) -> None:
    """Stop a slice and forget its limits."""
    _systemctl("stop", name)
    _systemctl("revert", name)


def properties(given: Granted) -> tuple[str, ...]:
    """Return limits as systemd spells them: processors in hundredths."""
    found = [f"CPUWeight={weight_of(given.cpu_shares)}"]
    if given.cpu_quota_us:
        tenths = given.cpu_quota_us * 1000 // PERIOD_US
        found.append(f"CPUQuota={tenths // 10}.{tenths % 10}%")
    if given.memory_bytes:
        found.append(f"MemoryMax={given.memory_bytes}")
    return tuple(found)


def _systemctl(*words: str) -> None:
    program = shutil.which("systemctl", path=_SEARCHED)
    if program is None:
        raise SystemdError(f"systemd keeps the Engine's control groups, and there is no systemctl in {_SEARCHED}")
    try:
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=_CALL_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise SystemdError(f"systemctl {words[0]} did not end within {_CALL_S:g} s") from error
    if done.returncode != 0:
        raise SystemdError(f"systemctl {words[0]}: {done.stderr.strip() or done.returncode}")
