"""Waking a thread that waits for descriptors. Effect: a descriptor."""

import os
import threading


class Wakeup:
    """Readable once somebody called `wake`. Safe to use from many threads, also beside and after `close`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def fileno(self) -> int:
        """Return what to wait for."""
        return self._descriptor

    def wake(self) -> None:
        """Have the thread look; never waits for it."""
        with self._lock:
            # Once closed, its number may be that of somebody else's file.
            if self._descriptor >= 0:
                os.eventfd_write(self._descriptor, 1)

    def clear(self) -> None:
        """Be not readable any more, until the next `wake`."""
        os.eventfd_read(self._descriptor)

    def close(self) -> None:
        """Free the descriptor; the thread has ended."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = -1
