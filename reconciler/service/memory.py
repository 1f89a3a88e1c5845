"""Keeps the process small after bursts, and its pauses short.

Effect on this process alone. The C library's allocator keeps what was freed, and more with every thread; where it is
not glibc there is nothing to do about that.
"""

import ctypes
import gc

_M_ARENA_MAX = -8
_ARENAS = 2
# A tick makes and drops thousands of values that are in no cycle: who looks less often finds them gone already.
_LOOK_AFTER = 10_000


def limit_arenas() -> None:
    """Let all threads share two arenas; to be called before they start. Few of ours allocate at the same time."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Return freed memory to the system."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(ctypes.c_size_t(0))


def settle() -> None:
    """No longer look for cycles in what is there by now, and seldom in what comes: every thread waits meanwhile."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_LOOK_AFTER)
