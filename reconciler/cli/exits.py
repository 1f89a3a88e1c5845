"""Exit codes, the same for every command."""

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """What a command's end says."""

    DONE = 0
    ERROR = 1
    PENDING = 2
    PROBLEMS = 3
    STALE = 4
    HELD = 5
    INTERRUPTED = 130
    PIPE_CLOSED = 141


_ORDER = (Exit.ERROR, Exit.PROBLEMS, Exit.STALE, Exit.HELD, Exit.PENDING)


def strongest(codes: Iterable[Exit]) -> Exit:
    """Return the code that counts where several hold: 1, 3, 4, 5, 2, and 0 without any."""
    found = set(codes)
    return next((code for code in _ORDER if code in found), Exit.DONE)
