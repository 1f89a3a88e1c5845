"""Slices of systemd with limits, for an Engine whose control groups systemd keeps.

Effect: asks the service manager, by the program that comes with it.
"""

from reconciler.executors.systemd import systemctl
from reconciler.model.granted import PERIOD_US, Granted, weight_of

_CALL_S = 20.0


def set_slice(name: str, given: Granted) -> None:
    """Make a slice that lasts until the host restarts, with limits, and start it."""
    systemctl("set-property", "--runtime", name, *properties(given), timeout_s=_CALL_S)
    systemctl("start", name, timeout_s=_CALL_S)


def remove_slice(name: str) -> None:
    """Stop a slice and forget its limits."""
    systemctl("stop", name, timeout_s=_CALL_S)
    systemctl("revert", name, timeout_s=_CALL_S)


def properties(given: Granted) -> tuple[str, ...]:
    """Return limits as systemd spells them: processors in hundredths."""
    found = [f"CPUWeight={weight_of(given.cpu_shares)}"]
    if given.cpu_quota_us:
        tenths = given.cpu_quota_us * 1000 // PERIOD_US
        found.append(f"CPUQuota={tenths // 10}.{tenths % 10}%")
    if given.memory_bytes:
        found.append(f"MemoryMax={given.memory_bytes}")
    return tuple(found)
