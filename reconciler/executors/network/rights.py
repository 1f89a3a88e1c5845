"""What this process may do to the host's network. Effect: reads /proc."""

from pathlib import Path

NEEDED = {"NET_ADMIN": 12, "SYS_ADMIN": 21}
"""The capabilities of every network action, the second to enter a Pod's namespace; with their numbers."""


def missing_rights() -> tuple[str, ...]:
    """Return those that this process has not."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:")]
    held = int(line.split()[1], 16)
    return tuple(name for name, number in NEEDED.items() if not held >> number & 1)
